"""Recordings of 17 joints brought to metres with y up, and the frames of them that are worth training on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lifting.body.joints import ANKLES, HEAD_TOP, HIPS, KNEES, PELVIS, SPINE, THORAX

__all__ = ["UNITS", "body_size", "find_units", "find_up", "pieces", "select_frames", "y_up"]

#: Metres per unit. ASF is the unit of the CMU database: an inch divided by 0.45.
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "asf": 0.0254 / 0.45}

#: Size (see ``body_size``) of a person whose units are not told. The widest range in which inches and ASF units cannot
#: be taken for each other: people of 1.25 to 2.5 m.
_ADULT = (1.15, 2.3)
#: Size of a person whose units are told: from newborn to giant.
_ANYONE = (0.35, 2.4)
#: A joint that moves faster than this against the pelvis does not: the recording jumps.
_JUMP = 18.0
#: What lies between jumps and is shorter than this is none of the motion (CMU files begin with one frame of T pose).
_SHORTEST_S = 0.1


def body_size(poses: NDArray[np.float64]) -> float:
    """Leg, trunk and head of ``[T, 17, 3]`` along the bones, whatever the pose: about 0.91 of the stature."""

    def length(a: int, b: int) -> float:
        return float(np.median(np.linalg.norm(poses[:, a] - poses[:, b], axis=1)))

    legs = sum(length(a, b) for leg in zip(HIPS, KNEES, ANKLES, strict=True) for a, b in pairwise(leg)) / 2
    return legs + length(PELVIS, SPINE) + length(SPINE, THORAX) + length(THORAX, HEAD_TOP)


def find_units(poses: NDArray[np.float64], told: str | None = None) -> tuple[str, float]:
    """The units of poses ``[T, 17, 3]`` and metres per unit: as told (a name or a number), or from the body size.

    Raises:
        ValueError: the people would be of no human size; the message says of which.
    """
    size = body_size(poses)
    if told is not None:
        factor = UNITS.get(told) or float(told)
        if not _ANYONE[0] < size * factor < _ANYONE[1]:
            raise ValueError(
                f"has people of about {size * factor / 0.91:.2g} m in the units {told}; give the right units with "
                "--units"
            )
        return told, factor
    fitting = [name for name, factor in UNITS.items() if _ADULT[0] < size * factor < _ADULT[1]]
    if len(fitting) != 1:
        raise ValueError(
            f"has people of about {size / 0.91:.3g} units, which is no adult in any of {', '.join(UNITS)}; give the "
            "units or metres per unit with --units"
        )
    return fitting[0], UNITS[fitting[0]]


def find_up(poses: NDArray[np.float64], rest_up: NDArray[np.float64] | None) -> str:
    """The axis (``y`` or ``z``) that points up, from the trunk in most frames and from the rest pose.

    Args:
        poses: ``[T, 17, 3]``.
        rest_up: ``[3]`` the trunk of the rest pose, if that stands.

    Raises:
        ValueError: it is not clear, as when someone lies all the time.
    """
    trunk = poses[:, THORAX] - poses[:, PELVIS]
    trunk = np.abs(trunk / np.maximum(np.linalg.norm(trunk, axis=1, keepdims=True), 1e-9))
    shares = (trunk > np.sqrt(0.5)).mean(0)
    in_frames = "xyz"[int(shares.argmax())] if shares.max() > 0.5 else ""
    in_rest = "xyz"[int(np.abs(rest_up).argmax())] if rest_up is not None and np.abs(rest_up).max() > 0.9 else ""
    found = {axis for axis in (in_frames, in_rest) if axis}
    if len(found) != 1 or not found <= {"y", "z"}:
        seen = f"the trunk is mostly along {in_frames or 'no axis'}, in the rest pose along {in_rest or 'none'}"
        raise ValueError(f"does not show which axis points up ({seen}); say it with --up y or --up z")
    return found.pop()


def y_up(points: NDArray[np.float64], up: str) -> NDArray[np.float64]:
    """Points ``[..., 3]`` turned (never mirrored) so that the axis ``up``, y or z, becomes y."""
    return points if up == "y" else np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def pieces(
    poses: NDArray[np.float64], fps: float | None, good: NDArray[np.bool_] | None = None
) -> list[NDArray[np.int64]]:
    """Frames of one clip ``[T, 17, 3]`` (metres) that follow each other: cut where it jumps and where poses drop out.

    Args:
        poses: of the clip.
        fps: frames per second; None: without times, when nothing is a jump and no piece too short.
        good: ``[T]`` whether to keep the pose; None: all.
    """
    good = np.ones(len(poses), dtype=np.bool_) if good is None else good
    ends = good[1:] != good[:-1]
    if fps is not None:
        centred = poses - poses[:, :1]
        ends |= np.linalg.norm(np.diff(centred, axis=0), axis=-1).max(-1) * fps > _JUMP
    parts = np.split(np.arange(len(poses)), np.flatnonzero(ends) + 1)
    shortest = 0.0 if fps is None or len(parts) == 1 else _SHORTEST_S * fps
    return [part for part in parts if good[part[0]] and len(part) >= shortest]


def select_frames(
    poses: NDArray[np.float64], fps: float | None, wanted_fps: float, least_move: float
) -> NDArray[np.int64]:
    """Indices of the frames of one clip ``[T, 17, 3]`` (metres) to keep.

    Of a recording of ``fps`` frames per second those nearest to the times of ``wanted_fps``; of these, and of poses
    without times, those in which some joint moved ``least_move`` metres against the pelvis since the last one kept.
    """
    steps = 1.0 if fps is None else max(1.0, fps / wanted_fps)
    times = np.round(np.arange(0, len(poses) - 0.5, steps)).astype(np.int64)
    centred = poses - poses[:, :1]
    kept = [0]
    for frame in times[1:].tolist():
        if np.linalg.norm(centred[frame] - centred[kept[-1]], axis=-1).max() >= least_move:
            kept.append(frame)
    return np.array(kept, dtype=np.int64)
