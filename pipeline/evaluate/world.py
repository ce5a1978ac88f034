"""``zedo-video evaluate mocap --world``: the motion in the world, before cameras that stand, turn, zoom and travel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from detectors.people import PersonTrack2D
from lifting.benchmarks.ground import FEET, jump_rise, jumps, precision_recall, resting_feet
from lifting.benchmarks.moving_cameras import FOCAL_PX, IMAGE_SIZE, LASTS_S, MOTIONS, WorldView, world_view
from lifting.benchmarks.world_measures import clip_measures
from lifting.lifter import Lifter
from lifting.world.camera.solve import solve_camera_motion
from pipeline.errors import InputError
from pipeline.evaluate.mocap import MocapData
from pipeline.evaluate.report import Report, table_text
from pipeline.progress import Reporter

__all__ = ["InWorld", "evaluate_world", "with_world", "world_groups", "world_table"]

Array = NDArray[np.float64]

# Whoever goes no further than this has next to no path to be wrong by a share of.
_WALKS_M = 2.0

_CONTACT = 0.5
_FEET = H36M_17.indices(FEET)

_MEASURES = {
    "up_error_deg": "up °", "floor_error_mm": "floor mm", "camera_rotation_deg": "camera °",
    "camera_ms_per_frame": "camera ms", "w_mpjpe_mm": "W mm",
    "wa_mpjpe_mm": "WA mm", "root_error_percent": "RTE %", "foot_slide_mm": "slide mm", "contact_precision": "contacts",
    "contact_recall": "found", "jump_error_mm": "jump mm", "pa_mpjpe_mm": "PA mm",
}  # fmt: skip
_SHARES = ("contact_precision", "contact_recall")


@dataclass(frozen=True)
class InWorld:
    """What lifting made of a view.

    Attributes:
        joints_m: ``[T, 17, 3]`` metres, in world axes (y up, floor at y = 0) if ``up`` is known, else in camera axes.
        up: ``[T, 3]`` direction of the world's y axis in the axes of each frame's camera; None if there is no world.
        contacts: ``[T, 2]`` probability that the right and the left foot rest; None if not known.
        camera_kind: what the camera was found to do, of ``lifting.world.motion.KINDS``, or "several" shots; "" if that
            was not looked for.
        camera_rotation: ``[F, 3, 3]`` axes of a frame's camera to those of the first one; None if not known.
        camera_seconds: how long the motion of the camera took.
    """

    joints_m: Array
    up: Array | None = None
    contacts: Array | None = None
    camera_kind: str = ""
    camera_rotation: Array | None = None
    camera_seconds: float = 0.0


def evaluate_world(
    data: MocapData, lifter: Lifter, reporter: Reporter, *, sequences: int, noise_px: float, seed: int
) -> list[dict[str, Any]]:
    """A record per motion of the camera, with one per clip in it.

    Args:
        data: test sequences.
        lifter: what lifts them.
        reporter: gets the progress.
        sequences: how many, half of them of people who go 2 m or further as far as there are such.
        noise_px: standard deviation of the noise on each coordinate of the 2D.
        seed: of cameras, background and noise.

    Raises:
        InputError: the file holds less than was asked for, or its times mean nothing.
    """
    if not data.timed:
        raise InputError(f"{data.file} leaves out poses in which nobody moved; give test sequences for --world")
    clips = _clips(data, sequences)
    groups, done = [], 0
    with reporter.stage("world", len(MOTIONS) * len(clips)) as advance:
        for motion in MOTIONS:
            records = []
            for clip in clips:
                poses = data.poses[data.start[clip] : data.start[clip] + data.length[clip]]
                rng = np.random.default_rng([seed, clip])
                view = world_view(data.names[clip], poses, motion, rng, fps=data.fps, noise_px=noise_px)
                began = time.perf_counter()
                found = lift_in_world(lifter, view)
                seconds = time.perf_counter() - began
                records.append({"name": view.name, **world_errors(view, found), "seconds": seconds})
                done += 1
                advance(done)
            groups.append(_group(motion, noise_px, records))
    return groups


def lift_in_world(lifter: Lifter, view: WorldView) -> InWorld:
    """A view as a run would lift it: how the camera moved, from the background, then the person."""
    began = time.perf_counter()
    motion = solve_camera_motion(view.points, view.camera)
    seconds = time.perf_counter() - began
    kind = motion.kind[0] if len(motion.kind) == 1 else "several"
    rotation = None if "unknown" in motion.kind else motion.rotation
    people = len(view.joints_m)
    track = PersonTrack2D(
        track_id=1,
        frame_index=np.arange(people, dtype=np.int64),
        time_s=view.time_s[:people],
        keypoints_px=view.keypoints_px.astype(np.float32),
        confidence=view.confidence.astype(np.float32),
        layout=H36M_17.name,
    )
    lifted = lifter.lift([track], view.camera, motion=motion)
    (person,), world = lifted.tracks, lifted.world
    found = InWorld(
        person.joints_m,
        contacts=person.contacts,
        camera_kind=kind,
        camera_rotation=rotation,
        camera_seconds=seconds,
    )
    if world is None or not world.known:
        return found
    up = world.world_from_camera[world.rows(person.frame_index)][:, 1, :3]
    return replace(found, joints_m=world(person.joints_m, person.frame_index), up=up)


def world_errors(view: WorldView, found: InWorld) -> dict[str, Any]:
    """The measures of one clip by name; those that do not apply, or for which nothing was found, are not there."""
    people = len(view.joints_m)
    time_s = view.time_s[:people]
    rows = np.asarray(np.isfinite(found.joints_m).all(axis=(1, 2)))
    truth, predicted, at = view.joints_m[rows], found.joints_m[rows], time_s[rows]
    path_m = float(np.linalg.norm(np.diff(view.joints_m[:, 0, [0, 2]], axis=0), axis=-1).sum())
    errors: dict[str, Any] = {
        "frames": int(rows.sum()), "path_m": path_m, "world": found.up is not None, "camera": found.camera_kind
    }  # fmt: skip
    names = ("pa_mpjpe_mm", "w_mpjpe_mm", "wa_mpjpe_mm", "root_error_percent", "foot_slide_mm", "jitter_10_m_s3")
    measures = clip_measures(predicted, truth, at, H36M_17.joints)
    errors |= {name: measures[name] for name in names if name != "root_error_percent" or path_m >= _WALKS_M}
    rests = resting_feet(view.joints_m, time_s)
    if found.contacts is not None and rests.any():
        errors |= dict(zip(_SHARES, precision_recall(found.contacts > _CONTACT, rests), strict=True))
    if found.camera_rotation is not None:
        errors["camera_ms_per_frame"] = 1000 * found.camera_seconds / len(view.time_s)
        errors["camera_rotation_deg"] = float(_angle(found.camera_rotation, view.from_first()).max())
    if found.up is None:
        return errors
    up = view.rotation[:people, 1]  # the world's y axis in camera axes: a row, since columns are the camera's axes
    cosine = (up * found.up).sum(axis=-1) / np.maximum(np.linalg.norm(found.up, axis=-1), 1e-12)
    errors["up_error_deg"] = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())
    if (standing := rests & rows[:, None]).any():
        height = found.joints_m[:, _FEET, 1] - view.joints_m[:, _FEET, 1]
        errors["floor_error_mm"] = 1000 * abs(float(height[standing].mean()))
    rises = [
        abs(jump_rise(found.joints_m[:, 0, 1], jump) - jump_rise(view.joints_m[:, 0, 1], jump))
        for jump in jumps(view.joints_m, time_s)
        if rows[jump.before : jump.after + 1].all()
    ]
    return errors | ({"jump_error_mm": 1000 * float(np.mean(rises))} if rises else {})


def with_world(report: Report, groups: Sequence[Mapping[str, Any]]) -> Report:
    """The report of ``evaluate mocap`` with these groups behind its own."""
    protocol = {
        "cameras": {
            "motions": MOTIONS, "seconds": LASTS_S, "focal_px": FOCAL_PX, "image_size": IMAGE_SIZE,
            "placed": "any yaw, pitch -10 to 35 degrees, roll -5 to 5, 3 to 6 m away or further where the way is long",
        },
        "up_error": "angle between the direction found and the true one in camera axes, mean over frames",
        "floor_error": "height above the floor of feet that rest, found minus true, absolute mean of a clip",
        "camera_rotation": f"angle between the rotation found and the true one since the first frame, worst of "
        f"{LASTS_S:g} s",
        "w_mpjpe, wa_mpjpe, root_error, foot_slide": "as evaluate video; 17 joints, root error of those who go "
        f"{_WALKS_M:g} m or further",
        "contacts": "share of the feet found resting that rest, and share of those that rest that was found; in truth "
        "those rest that move below 0.15 m/s not more than 6 cm above the lowest",
        "jump_error": "rise of the pelvis from where the feet leave the floor to its peak",
        "average": "mean over the clips that have the measure",
    }  # fmt: skip
    values = {group["name"].removeprefix("world, "): group["world"] for group in groups}
    return replace(
        report,
        protocol={**report.protocol, "world": protocol},
        metrics={**report.metrics, "world": values},
        per_group=[*report.per_group, *groups],
    )


def world_groups(report: Report) -> list[Mapping[str, Any]]:
    """Those of ``with_world``."""
    return [group for group in report.per_group if "world" in group]


def world_table(report: Report) -> str:
    """The groups of ``with_world`` for people."""
    rows = []
    for group in world_groups(report):
        values = group["world"]
        kinds = ", ".join(f"{kind} {count}" for kind, count in group["cameras_found"].items() if kind)
        cells = [_cell(name, values.get(name, float("nan"))) for name in _MEASURES]
        counts = [str(len(group["clips"])), f"{values['world_share'] * 100:.0f} %"]
        rows.append([group["name"].removeprefix("world, "), *counts, *cells, kinds])
    words = report.protocol["world"]
    notes = [f"{name.replace('_', ' ')}: {words[name]}" for name in ("up_error", "floor_error", "camera_rotation")]
    notes += [f"jump: {words['jump_error']}; RTE: of those who go {_WALKS_M:g} m or further; {words['average']}"]
    columns = ["camera", "clips", "with world", *_MEASURES.values(), "camera found to be"]
    return table_text("The same person in the world", columns, rows, notes)


def _clips(data: MocapData, count: int) -> list[int]:
    """Numbers of clips: half of people who go far, half of the others, each evenly drawn."""
    if count > len(data.start):
        raise InputError(f"{data.file} has {len(data.start)} clips; give --sequences {len(data.start)} or less")
    longest = round(LASTS_S * data.fps)
    paths = []
    for start, length in zip(data.start, data.length, strict=True):
        root = data.poses[start : start + min(int(length), longest), 0][:, [0, 2]]
        paths.append(float(np.linalg.norm(np.diff(root, axis=0), axis=-1).sum()))
    far = np.flatnonzero(np.array(paths) >= _WALKS_M)
    near = np.flatnonzero(np.array(paths) < _WALKS_M)
    walkers = min(len(far), max(count - len(near), (count + 1) // 2))
    drawn = ((far, walkers), (near, count - walkers))
    return sorted(int(clip) for of, n in drawn if n for clip in of[np.linspace(0, len(of) - 1, n).round().astype(int)])


def _group(motion: str, noise_px: float, records: list[dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, float] = {"world_share": float(np.mean([record["world"] for record in records]))}
    for name in dict.fromkeys(name for record in records for name in record):
        if name not in ("name", "frames", "path_m", "world", "camera", "seconds"):
            numbers = [record[name] for record in records if np.isfinite(record.get(name, np.nan))]
            values[name] = float(np.mean(numbers)) if numbers else float("nan")
    kinds = [record["camera"] for record in records]
    return {
        "name": f"world, {motion}",
        "noise_px": noise_px,
        "cameras_found": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
        "world": values,
        "clips": records,
        "seconds": sum(record["seconds"] for record in records),
    }


def _angle(a: Array, b: Array) -> Array:
    """Degrees between rotations ``[F, 3, 3]``."""
    cosine = (np.einsum("fij,fij->f", a, b) - 1) / 2
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _cell(name: str, value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value * 100:.0f} %" if name in _SHARES else f"{value:.1f}"
