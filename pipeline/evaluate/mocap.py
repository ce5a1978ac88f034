"""``zedo-video evaluate mocap``: motion capture before synthetic cameras, where every answer is known."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.benchmarks.datasets import PoseSet
from lifting.benchmarks.mocap import Outcome, joint_errors, lift_alone, lift_frames, lift_sequences, scores
from lifting.benchmarks.scoring import chosen, figures, hypothesis_errors, oracle
from lifting.benchmarks.statistics import Estimate
from lifting.benchmarks.synthetic import FOCAL_PX, IMAGE_SIZE, STRIDE, SyntheticView, sequence_views, single_frame_views
from lifting.lifter import Lifter
from lifting.live.lifter import LiveLifter
from lifting.metrics import EXPECTED_COVERAGE
from lifting.prior.weights import Prior
from pipeline.errors import InputError
from pipeline.evaluate.live import lift_sequences_live
from pipeline.evaluate.report import Report, describe_lifting, describe_method, table_text
from pipeline.evaluate.subject import Subject
from pipeline.machine import describe_machine
from pipeline.progress import Reporter
from pipeline.train.data import frame_rate, load_people

__all__ = ["MocapData", "evaluate_mocap", "frame_views", "load_mocap", "mocap_table"]


@dataclass(frozen=True)
class MocapData:
    """Sequences of poses.

    Attributes:
        file: its name.
        poses: ``[N, 17, 3]`` metres, y up.
        start, length: ``[C]`` first frame and number of frames of each clip.
        names: of the clips.
        fps: frames per second.
        timed: every frame that was recorded is there; otherwise people who stood still were left out, and times count
            the poses.
    """

    file: str
    poses: NDArray[np.float32]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    names: list[str]
    fps: float
    timed: bool = True


def load_mocap(path: Path) -> MocapData:
    """Read test sequences: the arrays ``poses``, ``start``, ``length``, ``clip_name``, ``fps`` (30 if it is missing).

    Poses to train on, as ``zedo-video prepare`` writes them, are read as well: their clips of 3 poses and more.

    Raises:
        InputError: the file is missing, damaged or of another form.
    """
    arrays = load_people(path)
    poses = arrays["poses"]
    timed = "start" in arrays or "clip_index" not in arrays
    if not timed:
        arrays |= _clips(arrays["clip_index"], arrays.get("clip_name"), len(poses), path)
    missing = [name for name in ("start", "length", "clip_name") if name not in arrays]
    if missing:
        raise InputError(f"{path} has no array {missing[0]}; give test sequences or prepared poses, not single ones")
    start, length, names = (np.atleast_1d(arrays[name]) for name in ("start", "length", "clip_name"))
    whole = start.dtype.kind in "iu" and length.dtype.kind in "iu" and start.shape == length.shape == names.shape
    if not whole or start.ndim != 1 or not len(start):
        raise InputError(f"start, length and clip_name in {path} must be lists of equal length, one entry per clip")
    if start.min() < 0 or length.min() < 3 or (start + length).max() > len(poses):
        raise InputError(f"the clips in {path} must have at least 3 frames and lie within its {len(poses)} poses")
    fps = frame_rate(arrays, path)
    if not 1 <= fps <= 1000:
        raise InputError(f"{path} says {fps:g} frames per second; that is no frame rate")
    return MocapData(
        path.name, poses, start.astype(np.int64), length.astype(np.int64), names.astype(str).tolist(), fps, timed
    )


def _clips(clip: NDArray[Any], names: NDArray[Any] | None, poses: int, path: Path) -> dict[str, NDArray[Any]]:
    """``start``, ``length`` and ``clip_name`` of the clips of 3 poses and more."""
    if clip.shape != (poses,) or clip.dtype.kind not in "iu":
        raise InputError(f"clip_index in {path} must be whole numbers, one for each of its {poses} poses")
    start = np.flatnonzero(np.append(True, np.diff(clip) != 0))
    length = np.diff(np.append(start, poses))
    start, length = start[length >= 3], length[length >= 3]
    if not len(start):
        raise InputError(f"{path} has no clip of 3 poses or more; give recordings, not single poses")
    known = names is not None and names.ndim == 1 and clip.min() >= 0 and clip.max() < len(names)
    called = names[clip[start]] if names is not None and known else clip[start]
    return {"start": start, "length": length, "clip_name": called.astype(str)}


def evaluate_mocap(
    data: MocapData,
    lifter: Lifter,
    prior: Prior,
    reporter: Reporter,
    *,
    count: int,
    sequences: int,
    noise_px: float,
    seed: int,
    many: Subject | None = None,
    live: LiveLifter | None = None,
) -> Report:
    """Lift single frames and sequences from exact and from noisy 2D.

    Args:
        data: test sequences.
        lifter, prior: what lifts them.
        reporter: gets the progress.
        count: number of single frames.
        sequences: number of sequences.
        noise_px: standard deviation of the noise on each coordinate.
        seed: of cameras, noise and confidence intervals.
        many: several hypotheses for the single frames, of which our choice and the oracle are shown.
        live: lifts the sequences frame by frame as well, from the past alone.

    Raises:
        InputError: the file holds less than was asked for.
    """
    frames = frame_views(data, count=count, noise_px=noise_px, seed=seed)
    if sequences > len(data.start):
        raise InputError(f"{data.file} has {len(data.start)} clips; give --sequences {len(data.start)} or less")
    began = time.perf_counter()
    clips = [
        sequence_views(
            data.poses, data.start, data.length, data.names, fps=data.fps, noise_px=noise, count=sequences, seed=seed
        )
        for noise in (0.0, noise_px)
    ]
    lift_frames(lifter, single_frame_views(data.poses, noise_px=0.0, count=1, seed=seed))  # the first call is slower
    length = sum(len(view.joints_m) for view in clips[0])
    # The published optimiser knows no neighbours: its sequences are frames alone already.
    alone = not lifter.solver.published
    outcomes: list[Outcome] = []
    chosen_frames: list[dict[str, Any]] = []
    rng = np.random.default_rng(seed)
    done = 0
    hypotheses = 0 if many is None else many.hypotheses.count
    passes = (4 if alone else 2) + (2 if live is not None else 0)
    with reporter.stage("lift", 2 * count * (1 + hypotheses) + passes * length) as advance:

        def lifted(new: tuple[Outcome, ...], poses: int) -> None:
            nonlocal done
            outcomes.extend(new)
            done += poses
            advance(done)

        for view in frames:
            lifted((lift_frames(lifter, view),), count)
            if many is not None:
                chosen_frames += _from_many(view, many, rng)
                lifted((), count * hypotheses)
        for views in clips:
            if alone:
                lifted((lift_alone(lifter, views),), length)
            lifted(lift_sequences(lifter, views), length)
        headline = len(outcomes) - 1
        if live is not None:
            for views in clips:
                lifted(lift_sequences_live(live, views), length)
    groups = [*chosen_frames, *(_group(outcome, rng) for outcome in outcomes)]
    handed_on = groups[len(chosen_frames) + headline]
    metrics = {name: value["value"] for name, value in handed_on["metrics"].items()}
    return Report(
        protocol=_protocol(
            data, lifter, frames=count, clips=[len(view.joints_m) for view in clips[0]], noise_px=noise_px
        )
        | {"headline": f"{handed_on['name']}, noise {noise_px:g} px", "seed": seed}
        | ({} if many is None else {"from_templates": {"hypotheses": hypotheses, **many.protocol}})
        | ({} if live is None else {"live": live.describe()}),
        metrics=metrics if live is None else metrics | _live_metrics(groups),
        per_group=groups,
        time={"seconds": time.perf_counter() - began, **describe_machine()},
        provenance=describe_lifting(lifter, prior),
    )


def frame_views(data: MocapData, *, count: int, noise_px: float, seed: int) -> list[SyntheticView]:
    """Single frames with exact and with noisy 2D, before the same cameras. Raises InputError if there are too few."""
    available = -(-len(data.poses) // STRIDE)
    if count > available:
        raise InputError(f"{data.file} is enough for {available} single frames; give --count {available} or less")
    return [single_frame_views(data.poses, noise_px=noise, count=count, seed=seed) for noise in (0.0, noise_px)]


def _from_many(view: SyntheticView, many: Subject, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Single frames from every template pose: what we choose without truth, and the oracle."""
    count = len(view.joints_m)
    poses = PoseSet(
        joints=H36M_17.joints,
        keypoints_px=view.keypoints_px,
        confidence=np.ones(view.keypoints_px.shape[:2]),
        K=np.tile(view.camera.K, (count, 1, 1)),
        truth_m=view.joints_m,
        absolute=True,
        group=(view.name,) * count,
        sequence=tuple(map(str, range(count))),
        frame=None,
        evidence="projected truth",
        camera=view.camera.source,
        frames_in_file=count,
    )
    began = time.perf_counter()
    lifted = [many.hypotheses.lift(which, poses.rays(), poses.confidence) for which in range(many.hypotheses.count)]
    predicted = np.stack(lifted)
    errors = hypothesis_errors(predicted, poses, slice(None), range(len(H36M_17)), reflection=False)
    rows = {"oracle": oracle(errors)}
    if many.chooser is not None:
        cost = np.stack([many.chooser.cost(joints, poses.rays(), poses.confidence) for joints in predicted])
        rows = {"our choice": chosen(errors, cost.argmin(axis=0)), **rows}
    ms = (time.perf_counter() - began) / count * 1000
    return [
        {
            "name": f"single frames, {len(predicted)} template poses, {choice}",
            "noise_px": view.noise_px,
            "poses": count,
            "units": count,
            "metrics": {name: asdict(value) for name, value in figures(of, poses, False, rng).values.items()},
            "ms_per_pose": ms,
        }
        for choice, of in rows.items()
    ]


def _group(outcome: Outcome, rng: np.random.Generator) -> dict[str, Any]:
    group: dict[str, Any] = {
        "name": outcome.name,
        "noise_px": outcome.noise_px,
        "poses": outcome.poses,
        "units": len(outcome.units),
        "metrics": {name: asdict(estimate) for name, estimate in scores(outcome, rng).items()},
        "ms_per_pose": None if outcome.seconds is None else outcome.seconds / outcome.poses * 1000,
        "joints": joint_errors(outcome),
    }
    if outcome.poses > len(outcome.units):
        group["clips"] = [
            {"name": name, "poses": len(truth), **{key: value.value for key, value in scores(one, rng).items()}}
            for name, truth, one in _single_units(outcome)
        ]
    return group


def _live_metrics(groups: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What it costs not to know the future: live against as a track of a video, with exact and with noisy 2D."""
    found = {}
    values = {
        (group["name"], bool(group["noise_px"])): {name: value["value"] for name, value in group["metrics"].items()}
        for group in groups
    }
    for noisy, which in ((False, "exact"), (True, "noisy")):
        live, track = values["sequences, live", noisy], values["sequences", noisy]
        found[f"live_{which}_pa_mpjpe_mm"] = live["pa_mpjpe_mm"]
        found[f"live_{which}_more_pa_mpjpe_mm"] = live["pa_mpjpe_mm"] - track["pa_mpjpe_mm"]
        found[f"live_{which}_acceleration_ratio"] = live["acceleration_error_mm"] / track["acceleration_error_mm"]
    return found


def _single_units(outcome: Outcome) -> list[tuple[str, NDArray[np.float64], Outcome]]:
    units = zip(outcome.units, outcome.predicted, outcome.truth, strict=True)
    return [
        (name, truth, Outcome(name, outcome.noise_px, (name,), [predicted], [truth], None, None))
        for name, predicted, truth in units
    ]


def _protocol(data: MocapData, lifter: Lifter, *, frames: int, clips: list[int], noise_px: float) -> dict[str, Any]:
    return {
        "name": "mocap",
        "data": data.file,
        "evidence_2d": f"projected truth, exact and with Gaussian noise of {noise_px:g} px per coordinate, all seen",
        "camera": {
            "focal_px": FOCAL_PX,
            "image_size": IMAGE_SIZE,
            "known": True,
            "placed": "3 to 6 m away, any yaw, pitch -3 to 20 degrees; one per single frame, one per sequence",
        },
        "frames": frames,
        "sequences": len(clips),
        "sequence_poses": sum(clips),
        "fps": data.fps,
        "times": "as recorded" if data.timed else "nominal: poses in which nobody moved were left out of the file",
        "joints": 17,
        **describe_method(lifter),
        "mpjpe": "pelvis on pelvis, no scaling",
        "pa_mpjpe": "after similarity alignment per frame, without mirroring",
        "acceleration_error": "of root-relative joints, mm per frame squared",
        "coverage": {
            "definition": "root-relative errors of the 16 joints beside the pelvis: coverage_1_sigma and "
            "coverage_2_sigma are the shares of coordinates with |error| <= 1 or 2 sigma_m, coverage_3d that of joints "
            "with distance <= 1.878 sigma_m, the ball that holds 68.27 % of a Gaussian",
            "expected": EXPECTED_COVERAGE,
        },
        "interval": "95 % bootstrap, 2000 draws of frames or of whole sequences",
    }


def mocap_table(report: Report) -> str:
    """The report for people."""
    rows = [
        [
            group["name"],
            f"{group['noise_px']:g} px" if group["noise_px"] else "exact",
            str(group["poses"]),
            *(_cell(group, name) for name in ("mpjpe_mm", "pa_mpjpe_mm", "acceleration_error_mm")),
            "" if group["ms_per_pose"] is None else f"{group['ms_per_pose']:.2f}",
        ]
        for group in report.per_group
    ]
    protocol, machine = report.protocol, report.time
    notes = [
        f"sigma, {_noise(group)}: {_share(group, 'coverage_1_sigma')} of the coordinates within 1 sigma (68 % "
        f"expected), {_share(group, 'coverage_2_sigma')} within 2 (95 %), {_share(group, 'coverage_3d')} of the joints "
        f"within the 68 % ball; joint angles: {_share(group, 'angle_coverage_1_sigma')} within 1, "
        f"{_share(group, 'angle_coverage_2_sigma')} within 2"
        for group in report.per_group
        if "coverage_1_sigma" in group["metrics"]
    ]
    notes += [
        f"live against sequences, {which} 2D: PA-MPJPE {report.metrics[f'live_{which}_more_pa_mpjpe_mm']:+.1f} mm, "
        f"acceleration error x {report.metrics[f'live_{which}_acceleration_ratio']:.2f}"
        for which in ("exact", "noisy")
        if f"live_{which}_pa_mpjpe_mm" in report.metrics
    ]
    notes.append(
        f"{protocol['preset']}, {protocol['steps']} steps, alternatives: {protocol['alternatives']}, prior "
        f"{report.provenance['prior']['name']}; {protocol['data']}, {protocol['fps']:g} fps, 17 joints, K known"
    )
    if protocol["times"] != "as recorded":
        notes.append(f"times are {protocol['times']}; single frames are what this file tells")
    notes.append(
        f"[95 % intervals over frames or sequences]; {machine['cpu']}, {machine['threads']} threads, load "
        f"{machine['load_average']}"
    )
    columns = ["mocap", "2D", "poses", "MPJPE mm", "PA-MPJPE mm", "acceleration mm/frame²", "ms/pose"]
    return table_text("Motion capture before synthetic cameras", columns, rows, notes)


def _noise(group: Mapping[str, Any]) -> str:
    return f"{group['name']}, {group['noise_px']:g} px noise" if group["noise_px"] else f"{group['name']}, exact 2D"


def _share(group: Any, name: str) -> str:
    return f"{group['metrics'][name]['value'] * 100:.0f} %"


def _cell(group: Any, name: str) -> str:
    if name not in group["metrics"]:
        return ""
    estimate = Estimate(**group["metrics"][name])
    return f"{estimate.value:.1f} [{estimate.low:.1f}, {estimate.high:.1f}]"
