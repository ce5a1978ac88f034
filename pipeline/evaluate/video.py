"""``zedo-video evaluate video``: videos beside the true motion in a world frame, from file to joints."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.arrays import load_npz
from detectors.layouts import H36M_17
from lifting.benchmarks.multiview import LIMBS
from lifting.benchmarks.world_measures import CHUNK, RATE, STILL_M_S, clip_measures
from lifting.tracks import Track3D
from pipeline.errors import InputError, as_input_error
from pipeline.evaluate.report import Report, table_text
from pipeline.machine import describe_machine
from pipeline.media.decode import VideoInfo, probe
from pipeline.progress import Reporter
from pipeline.results.result import Result
from pipeline.run import run_video
from pipeline.settings import RunSettings

__all__ = ["OURS", "TRUTH", "Clip", "evaluate_video", "load_clips", "video_table"]

Array = NDArray[np.float64]

#: Whose motion a row is about; other names are those of the file.
OURS, TRUTH = "zedo-video", "truth"

#: Names of OpenSim's bodies, whose origins are joints, before the side.
_OPENSIM = {
    "femur": "hip", "tibia": "knee", "talus": "ankle", "humerus": "shoulder", "ulna": "elbow", "hand": "wrist"
}  # fmt: skip
_JOINTS = {
    **{name: name for name in LIMBS},
    **{f"{body}_{side[0]}": f"{side}_{joint}" for body, joint in _OPENSIM.items() for side in ("left", "right")},
}

_FARTHEST_M = 1e4
_MOST_RIVALS = 16
_LEAST_FRAMES = 10

_MEASURES = {
    "mpjpe_mm": "MPJPE", "pa_mpjpe_mm": "PA", "knee": "knee (bias)", "hip": "hip (bias)", "elbow": "elbow (bias)",
    "w_mpjpe_mm": "W", "wa_mpjpe_mm": "WA", "rigid_fit_mm": "rigid fit", "root_error_percent": "RTE %",
    "foot_slide_mm": "slide", "jitter_10_m_s3": "jitter",
}  # fmt: skip


@dataclass(frozen=True)
class Motion:
    """Somebody's joints over time: ``time_s [T]`` seconds from the first frame of the video, ``joints_m [T, J, 3]``."""

    time_s: Array
    joints_m: Array

    def at(self, time_s: Array) -> Array:
        """``[N, J, 3]``, linearly interpolated at times within the motion's."""
        after = np.clip(np.searchsorted(self.time_s, time_s), 1, len(self.time_s) - 1)
        before = after - 1
        share = (time_s - self.time_s[before]) / (self.time_s[after] - self.time_s[before])
        return np.asarray(self.joints_m[before] + share[:, None, None] * (self.joints_m[after] - self.joints_m[before]))

    def covers(self, time_s: Array) -> NDArray[np.bool_]:
        """``[N]`` which times lie within it."""
        return np.asarray((time_s >= self.time_s[0]) & (time_s <= self.time_s[-1]))


@dataclass(frozen=True)
class Clip:
    """A video and what is known of the person in it.

    Attributes:
        name: of its folder.
        video: the file.
        joints: names of the J joints, of ``LIMBS``.
        truth: of the person, world axes.
        rivals: what others made of the same video, by name.
    """

    name: str
    video: VideoInfo
    joints: tuple[str, ...]
    truth: Motion
    rivals: Mapping[str, Motion]


def load_clips(folder: Path) -> list[Clip]:
    """The clip in a folder, ``video.mp4`` and ``truth.npz``, or those in the folders in it.

    Raises:
        InputError: there is none, a video cannot be decoded, or a truth is damaged or of another form.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give one with video.mp4 and truth.npz, or with such folders in it")
    folders = (
        [folder] if (folder / "truth.npz").exists() else sorted(path.parent for path in folder.glob("*/truth.npz"))
    )
    if not folders:
        raise InputError(f"{folder} has no truth.npz, nor has a folder in it; give one with video.mp4 and truth.npz")
    return [_load_clip(path) for path in folders]


def _load_clip(folder: Path) -> Clip:
    path, video = folder / "truth.npz", folder / "video.mp4"
    with as_input_error():
        arrays = load_npz(path)
    if "joints" not in arrays:
        raise InputError(f"{path} has no array joints; see docs/evaluation.md for what it must hold")
    names = arrays["joints"]
    if names.ndim != 1 or names.dtype.kind != "U" or not 2 <= len(names) <= 1000:
        raise InputError(f"joints in {path} must be a list of names")
    known = {_JOINTS[name]: index for index, name in enumerate(names.tolist()) if name in _JOINTS}
    if not {"left_hip", "right_hip"} <= known.keys() or len(known) < 4:
        raise InputError(f"{path} needs both hips and at least two more of {', '.join(LIMBS)} (or OpenSim's names)")
    joints = tuple(name for name in LIMBS if name in known)
    places = [known[name] for name in joints]
    truth = _motion(arrays, "mocap", len(names), places, path)
    others = [name for name in arrays if f"{name}_time" in arrays and name != "mocap"]
    if len(others) > _MOST_RIVALS:
        raise InputError(f"{path} has the motions of {len(others)} others; give at most {_MOST_RIVALS}")
    rivals = {name: _motion(arrays, name, len(names), places, path) for name in others}
    info = probe(video)
    if info.duration_s is not None and truth.time_s[0] > info.duration_s - _LEAST_FRAMES / info.fps:
        raise InputError(
            f"{path} begins {truth.time_s[0]:g} s after the first frame of a video of {info.duration_s:g} s; its times "
            "must be seconds from that frame"
        )
    return Clip(folder.resolve().name, info, joints, truth, rivals)


def _motion(arrays: Mapping[str, NDArray[Any]], name: str, joints: int, places: list[int], path: Path) -> Motion:
    missing = [array for array in (name, f"{name}_time") if array not in arrays]
    if missing:
        raise InputError(f"{path} has no array {missing[0]}; see docs/evaluation.md for what it must hold")
    times, values = arrays[f"{name}_time"], arrays[name]
    if times.ndim != 1 or len(times) < 2 or values.shape != (len(times), joints, 3):
        raise InputError(
            f"{name} in {path} must be [T, {joints}, 3] and {name}_time [T], not {list(values.shape)} and "
            f"{list(times.shape)}"
        )
    if times.dtype.kind not in "fiu" or values.dtype.kind not in "fiu":
        raise InputError(f"{name} and {name}_time in {path} must be numbers")
    times, values = times.astype(np.float64), values[:, places].astype(np.float64)
    if not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        raise InputError(f"{name}_time in {path} must be seconds that increase")
    if not np.isfinite(values).all() or np.abs(values).max() > _FARTHEST_M:
        raise InputError(f"{name} in {path} must be finite and in metres")
    return Motion(times, values)


def evaluate_video(clips: Sequence[Clip], settings: RunSettings, reporter: Reporter) -> Report:
    """Run every video as ``zedo-video VIDEO`` would, and judge the person that is seen most.

    Args:
        clips: see ``load_clips``.
        settings: of the runs.
        reporter: gets the progress.

    Raises:
        UserError: a video or a setting cannot be used.
    """
    began = time.perf_counter()
    groups: list[dict[str, Any]] = []
    seconds: dict[str, float] = {}
    metadata: Mapping[str, Any] = {}
    for clip in clips:
        run = run_video(clip.video.path, [], settings, reporter)
        metadata = run.result.metadata
        for stage, spent in run.seconds.items():
            seconds[stage] = seconds.get(stage, 0.0) + spent
        times = _frame_times(clip, run.result, run.frames)
        groups += [_our_group(clip, run.result, times), *_other_groups(clip, times)]
    averages = {who: _average([group for group in groups if group["who"] == who]) for who in _whose(groups)}
    return Report(
        protocol=_protocol(clips, metadata),
        metrics={**averages[OURS], "others": {who: values for who, values in averages.items() if who != OURS}},
        per_group=groups,
        time={"seconds": time.perf_counter() - began, "stages": seconds, **describe_machine()},
        provenance={name: metadata[name] for name in ("versions", "prior", "detector", "settings")},
    )


def _our_group(clip: Clip, result: Result, times: Array) -> dict[str, Any]:
    group = {"clip": clip.name, "who": OURS, "axes": "", "people": len(result.tracks), "frames": len(times)}
    track = _most_seen(clip, result)
    if track is None:
        return group | {"frames_found": 0, "found": 0.0}
    joints, axes = _joints(result, track)
    rows = clip.truth.covers(track.time_s) & np.isfinite(joints).all(axis=(1, 2))
    group |= {"axes": axes, "track_id": track.track_id, "camera": result.camera.source}
    group |= {"frames_found": int(rows.sum()), "found": float(rows.sum()) / max(len(times), 1)}
    if rows.sum() < _LEAST_FRAMES:
        return group
    predicted = joints[rows][:, H36M_17.indices(clip.joints)]
    at = track.time_s[rows]
    return group | clip_measures(predicted, clip.truth.at(at), at, clip.joints)


def _joints(result: Result, track: Track3D) -> tuple[Array, str]:
    """``[T, 17, 3]`` in the world if all of it is known, else in the axes of each frame's camera; and which."""
    there = result.world_joints(track)
    known = np.isfinite(there).all(axis=(1, 2)) == np.isfinite(track.joints_m).all(axis=(1, 2))
    return (there, "world") if known.all() else (track.joints_m, "camera")


def _most_seen(clip: Clip, result: Result) -> Track3D | None:
    """The track with most frames in the time of the truth; of equals, the first."""

    def seen(track: Track3D) -> int:
        return int((clip.truth.covers(track.time_s) & np.isfinite(track.joints_m).all(axis=(1, 2))).sum())

    return max(result.tracks, key=seen, default=None)


def _other_groups(clip: Clip, times: Array) -> list[dict[str, Any]]:
    """What others made of the video, at the times of its frames; and the truth, which has feet that slide, too."""
    groups = []
    for who, motion in {**clip.rivals, TRUTH: clip.truth}.items():
        at = times[motion.covers(times)]
        found = {"frames_found": len(at), "found": len(at) / max(len(times), 1)}
        group = {"clip": clip.name, "who": who, "axes": "world", "frames": len(times), **found}
        if len(at) >= _LEAST_FRAMES:
            measures = clip_measures(motion.at(at), clip.truth.at(at), at, clip.joints)
            own = ("foot_slide_mm", "jitter_10_m_s3")
            group |= measures if who != TRUTH else {name: measures[name] for name in own}
        groups.append(group)
    return groups


def _frame_times(clip: Clip, result: Result, frames: int) -> Array:
    """Of the frames that the truth covers: as the rows of people have them, nominal in frames without people."""
    times = np.arange(frames) / clip.video.fps
    for track in result.tracks:
        times[track.frame_index] = track.time_s
    return times[clip.truth.covers(times)]


def _whose(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(group["who"] for group in groups))


def _average(groups: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Over clips; a clip without the person leaves the average undefined."""
    left_out = {"frames", "frames_found", "people", "track_id"}
    names = [
        name
        for name in dict.fromkeys(name for group in groups for name in group)
        if name not in left_out and not any(isinstance(group.get(name), str) for group in groups)
    ]
    return {"clips": len(groups)} | {
        name: float(np.mean([group.get(name, np.nan) for group in groups])) for name in names
    }


def _protocol(clips: Sequence[Clip], metadata: Mapping[str, Any]) -> dict[str, Any]:
    settings = metadata["settings"]
    return {
        "name": "video",
        "clips": [clip.name for clip in clips],
        "evidence_2d": "this program's own detector and tracker on the videos",
        "person": "the track with most frames in the time of the truth",
        "joints": {clip.name: clip.joints for clip in clips},
        "frames": "of the video, the truth interpolated at their times; those in which the person was found",
        "axes": "world where the result has a world for all frames of the person, else those of the camera",
        "mpjpe": "middle of the hips on middle of the hips, after one rotation for the whole clip, no scaling",
        "pa_mpjpe": "similarity alignment per frame, without mirroring",
        "angles": "mean absolute error, and bias: predicted minus true; knee and elbow between three joints, hip "
        "between thigh and trunk (middle of the hips to middle of the shoulders)",
        "w_mpjpe": f"as WHAM and GVHMR: {RATE:g} fps, chunks of {CHUNK} frames, each by a similarity of its first 2",
        "wa_mpjpe": "likewise, each by a similarity of all its frames",
        "rigid_fit": "MPJPE after one rigid motion, without scale, for the whole clip",
        "root_error": "distance of the middles of the hips after one rigid motion for the clip, in % of the length "
        f"of the true path, {RATE:g} fps (RTE of WHAM)",
        "foot_slide": f"way of the ankles in space between frames of the video while the truth's move below "
        f"{STILL_M_S:g} m/s, mm in 1/{RATE:g} s",
        "jitter": f"third differences at {RATE:g} fps, in 10 m/s³",
        "average": "mean over clips",
        "preset": settings["preset"],
        "steps": settings["lifting"]["steps"],
        "alternatives": settings["alternatives"],
    }


def video_table(report: Report) -> str:
    """The report for people."""
    rows = [
        [group["clip"], group["who"], group["axes"], f"{group['found'] * 100:.0f} %", *_cells(group)]
        for group in report.per_group
    ]
    clips = len(report.protocol["clips"])
    if clips > 1:
        averages = {OURS: report.metrics, **report.metrics["others"]}
        for who, values in averages.items():
            whole = "average" if values["clips"] == clips else f"of {values['clips']}"
            rows.append([whole, who, "", f"{values['found'] * 100:.0f} %", *_cells(values)])
    protocol, machine = report.protocol, report.time
    cameras = dict.fromkeys(group["camera"] for group in report.per_group if "camera" in group)
    notes = [
        f"mm; angles in degrees; person: {protocol['person']}; found: share of the frames that the truth covers",
        f"MPJPE: {protocol['mpjpe']}; rigid fit: {protocol['rigid_fit']}",
        f"W, WA: {protocol['w_mpjpe']}, WA of all",
        f"RTE: {protocol['root_error']}",
        f"slide: {protocol['foot_slide']}; jitter: {protocol['jitter']}",
        f"K: {'; '.join(cameras) or 'nobody was found'}",
        f"{protocol['preset']}, {protocol['steps']} steps, alternatives: {protocol['alternatives']}, prior "
        f"{report.provenance['prior']['name']}, detector {report.provenance['detector']['name']}; "
        f"{machine['seconds']:.0f} s on {machine['cpu']}, {machine['threads']} threads, load {machine['load_average']}",
    ]
    columns = ["clip", "who", "axes", "found", *_MEASURES.values()]
    return table_text("Real videos against the true motion", columns, rows, notes, left=3)


def _cells(record: Mapping[str, Any]) -> list[str]:
    cells = []
    for name in _MEASURES:
        value = record.get(name, record.get(f"{name}_error_deg", math.nan))
        bias = record.get(f"{name}_bias_deg", math.nan)
        text = "" if math.isnan(value) else f"{value:.1f}"
        cells.append(text if math.isnan(bias) else f"{text} ({bias:+.1f})")
    return cells
