"""``zedo-video evaluate multiview``: real videos of one person from calibrated cameras, end to end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.arrays import load_npz
from detectors.base import PoseDetector
from detectors.people import PersonTrack2D
from detectors.tracking.link import track_people
from lifting.benchmarks.hypotheses import FastHypotheses
from lifting.benchmarks.multiview import LIMBS, Reference, main_person, view_errors
from lifting.evidence import known_rays
from lifting.geometry.camera import Camera
from lifting.lifter import Lifter
from lifting.prior.weights import Prior
from pipeline.errors import InputError, as_input_error
from pipeline.evaluate.report import Report, describe_lifting, describe_method, table_text, versions
from pipeline.evaluate.subject import Subject
from pipeline.files.workspace import Workspace
from pipeline.machine import describe_machine
from pipeline.media.decode import VideoInfo, probe
from pipeline.progress import Reporter
from pipeline.settings import RunSettings
from pipeline.stages.camera import choose_camera
from pipeline.stages.detect import detect_people, stored_people

__all__ = ["CAMERAS", "RELIABLE_PX", "evaluate_multiview", "load_reference", "multiview_table"]

#: Where the intrinsics come from.
CAMERAS = ("calibrated", "assumed")

#: Frames are judged whose worst limb joint was triangulated to better than this.
RELIABLE_PX = 25.0

# What several hypotheses add, by the name of the choice.
_OF_MANY = {"our_choice_pa_mpjpe_mm": "ours", "oracle_pa_mpjpe_mm": "oracle"}

_ARRAYS = {
    "frames": "frames", "joints_m": "x3d", "reprojection_px": "reproj", "K": "K", "distortion": "D", "R": "R", "T": "T"
}  # fmt: skip


def load_reference(folder: Path) -> tuple[Reference, list[Path]]:
    """The truth and the video of each camera, ``cam*.mp4`` in alphabetical order.

    Raises:
        InputError: the folder lacks ``reference.npz`` or videos, or the reference is of another form.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give one with reference.npz and a video cam*.mp4 per camera")
    path = folder / "reference.npz"
    if not path.exists():
        raise InputError(f"{folder} has no reference.npz; give a folder with one and a video cam*.mp4 per camera")
    with as_input_error():
        arrays = load_npz(path)
    missing = [name for name in _ARRAYS.values() if name not in arrays]
    if missing:
        raise InputError(f"{path} has no array {missing[0]}; see docs/evaluation.md for what it must hold")
    try:
        reference = Reference(**{field: arrays[name] for field, name in _ARRAYS.items()})
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be used: {error}") from error
    videos = sorted(folder.glob("cam*.mp4"))
    if len(videos) != len(reference.K):
        raise InputError(
            f"{folder} has {len(videos)} videos cam*.mp4 for {len(reference.K)} cameras in its reference.npz"
        )
    if not reference.reliable(RELIABLE_PX).any():
        raise InputError(f"{path} has no frame whose limbs were triangulated to better than {RELIABLE_PX:g} px")
    return reference, videos


def evaluate_multiview(
    reference: Reference,
    videos: Sequence[Path],
    detector: PoseDetector,
    lifter: Lifter,
    prior: Prior,
    reporter: Reporter,
    *,
    cameras: Sequence[str] = CAMERAS,
    many: Subject | None = None,
) -> Report:
    """Run every video from the file to joints, as ``zedo-video VIDEO`` would, and judge the main person.

    Args:
        reference, videos: see ``load_reference``.
        detector, lifter, prior: what a run uses.
        reporter: gets the progress.
        cameras: which intrinsics to lift with, of ``CAMERAS``; the first one gives the headline.
        many: several hypotheses for the main person, of which our choice and the oracle are shown.

    Raises:
        InputError: a video cannot be used.
    """
    began = time.perf_counter()
    infos = [probe(video) for video in videos]
    reliable = reference.reliable(RELIABLE_PX)
    groups: list[dict[str, Any]] = []
    for number, info in enumerate(infos):
        size = (info.width, info.height)
        calibrated = reference.camera(number, size)
        limbs = reference.limbs(number)
        with reporter.stage(info.path.name, info.frame_count) as advance:
            tracks = _people(info, detector, advance)
        person = main_person(tracks, reference.frames, calibrated.project(limbs))
        for kind in cameras:
            camera = calibrated if kind == "calibrated" else choose_camera(RunSettings(), info)
            lifted, seconds = _lift(lifter, tracks, person, camera)
            group: dict[str, Any] = {
                "camera": kind,
                "source": camera.source,
                "video": info.path.name,
                "people": len(tracks),
                "frames": int(reliable.sum()),
            }
            smoothed, plain = (values[reliable] * 1000 for values in view_errors(lifted, reference.frames, limbs))
            raw, _ = (v[reliable] * 1000 for v in view_errors(lifted, reference.frames, limbs, smoothed=False))
            found = np.isfinite(smoothed)
            group |= {
                "frames_found": int(found.sum()),
                "found": float(found.mean()),
                "pa_mpjpe_mm": _median(smoothed),
                "unsmoothed_pa_mpjpe_mm": _median(raw),
                "mpjpe_mm": _median(plain),
                "lift_seconds": seconds,
            }
            if many is not None and person is not None:
                group |= _from_many(many, person, camera, reference, limbs, reliable)
            groups.append(group)
    averages = {kind: _average([group for group in groups if group["camera"] == kind]) for kind in cameras}
    return Report(
        protocol=_protocol(videos, reference, lifter, int(reliable.sum()))
        | {"headline": f"{cameras[0]} camera"}
        | ({} if many is None else {"from_templates": {"hypotheses": many.hypotheses.count, **many.protocol}}),
        metrics={**averages[cameras[0]], "cameras": averages},
        per_group=groups,
        time={"seconds": time.perf_counter() - began, **describe_machine()},
        provenance=describe_lifting(lifter, prior)
        | {"detector": detector.describe(), "runtime": versions("onnxruntime", "av", "trackers")},
    )


def _people(info: VideoInfo, detector: PoseDetector, advance: Any) -> list[PersonTrack2D]:
    # A workspace of its own: what another run found must not be judged again.
    with TemporaryDirectory(prefix="zedo-video-") as scratch:
        workspace = Workspace(Path(scratch) / "people", {})
        detect_people(info.path, detector, workspace, start_s=None, end_s=None, on_progress=advance)
        return track_people([(frame.frame_index, frame.time_s, frame.people) for frame in stored_people(workspace)])


def _lift(
    lifter: Lifter, tracks: list[PersonTrack2D], person: PersonTrack2D | None, camera: Camera
) -> tuple[Any, float]:
    """The main person in 3D; everybody is lifted, as in a run."""
    began = time.perf_counter()
    lifted = {track.track_id: track for track in lifter.lift(tracks, camera).tracks}
    seconds = time.perf_counter() - began
    return (None if person is None else lifted.get(person.track_id)), seconds


def _from_many(
    many: Subject,
    person: PersonTrack2D,
    camera: Camera,
    reference: Reference,
    limbs: NDArray[np.float64],
    reliable: NDArray[np.bool_],
) -> dict[str, float]:
    """The main person from every template pose: our choice among the tracks, and the best pose of each frame."""
    assert isinstance(many.hypotheses, FastHypotheses) and many.chooser is not None
    errors, costs = [], []
    for which in range(many.hypotheses.count):
        (track,) = many.hypotheses.lifter(which).lift([person], camera).tracks
        errors.append(view_errors(track, reference.frames, limbs)[0][reliable] * 1000)
        rows = np.isfinite(track.raw_joints_m).all(axis=(1, 2))
        rays = known_rays(camera.rays(track.keypoints_px[rows]), track.confidence[rows])
        costs.append(many.chooser.cost(track.raw_joints_m[rows], rays, track.confidence[rows]).mean())
    return {
        "our_choice_pa_mpjpe_mm": _median(errors[int(np.argmin(costs))]),
        "oracle_pa_mpjpe_mm": _median(np.min(errors, axis=0)),
    }


def _median(values: Any) -> float:
    """Of the frames in which the person was found; NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")


def _average(groups: list[dict[str, Any]]) -> dict[str, float]:
    """Over cameras; a view without the person leaves the average undefined."""
    names = ("pa_mpjpe_mm", "unsmoothed_pa_mpjpe_mm", "mpjpe_mm", "found", *_OF_MANY)
    shared = [name for name in names if any(name in group for group in groups)]
    return {name: float(np.mean([group.get(name, np.nan) for group in groups])) for name in shared}


def _protocol(videos: Sequence[Path], reference: Reference, lifter: Lifter, reliable: int) -> dict[str, Any]:
    return {
        "name": "multiview",
        "data": videos[0].resolve().parent.name,
        "evidence_2d": "this program's own detector and tracker on the videos",
        "camera": "calibrated: K and distortion of the reference; assumed: what a run without camera options takes",
        "person": "the track with most frames near the projected reference",
        "frames": f"{reliable} of {len(reference.frames)}: worst limb joint triangulated within {RELIABLE_PX:g} px",
        "joints": LIMBS,
        "pa_mpjpe": "similarity alignment per frame on the 12 joints, without mirroring; median over the frames in "
        "which the person was found, mean over cameras",
        "mpjpe": "middle of the hips on middle of the hips, no scaling; median and mean likewise",
        **describe_method(lifter),
    }


def multiview_table(report: Report) -> str:
    """The report for people."""
    rows = []
    protocol = report.protocol
    hypotheses = protocol.get("from_templates", {}).get("hypotheses")
    measures = {"pa_mpjpe_mm": "PA-MPJPE mm", "unsmoothed_pa_mpjpe_mm": "before smoothing", "mpjpe_mm": "MPJPE mm"}
    if hypotheses is not None:
        measures |= {name: f"PA, S = {hypotheses}, {choice}" for name, choice in _OF_MANY.items()}
    for kind, average in report.metrics["cameras"].items():
        groups = [group for group in report.per_group if group["camera"] == kind]
        for group in groups:
            count = f"{group['frames_found']} / {group['frames']}"
            rows.append([f"{kind} K", group["video"], str(group["people"]), count, *_numbers(group, measures)])
        rows.append([f"{kind} K", "average", "", f"{average['found'] * 100:.0f} %", *_numbers(average, measures)])
    machine = report.time
    sources = dict.fromkeys(group["source"] for group in report.per_group)
    notes = [
        f"medians over frames, 12 limb joints; frames judged: {protocol['frames']}",
        f"K: {'; '.join(sources)}",
        f"{protocol['preset']}, {protocol['steps']} steps, alternatives: {protocol['alternatives']}, prior "
        f"{report.provenance['prior']['name']}, detector {report.provenance['detector']['name']}; "
        f"{machine['seconds']:.0f} s on {machine['cpu']}, {machine['threads']} threads, load {machine['load_average']}",
    ]
    columns = ["camera", "video", "people", "found", *measures.values()]
    return table_text(f"Real videos against triangulation: {protocol['data']}", columns, rows, notes)


def _numbers(record: Mapping[str, Any], measures: Iterable[str]) -> list[str]:
    found = [record.get(name, np.nan) for name in measures]
    return ["not found" if np.isnan(value) else f"{value:.1f}" for value in found]
