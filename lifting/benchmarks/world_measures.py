"""How well a motion stands in the world: measures of whole clips, in frames of reference that the two do not share.

Motions are ``[T, J, 3]`` in metres, finite, of the same joints and times as the truth. Where the field counts frames it
means 30 a second: ``at_rate`` brings a motion there. W-MPJPE, WA-MPJPE, RTE and jitter are those of the evaluation of
WHAM (Shin et al., CVPR 2024), which GVHMR (Shen et al., SIGGRAPH Asia 2024) took over, on the joints of the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.metrics import pa_mpjpe, per_joint_error

__all__ = [
    "CHUNK",
    "RATE",
    "STILL_M_S",
    "Alignment",
    "angle_errors",
    "at_rate",
    "clip_measures",
    "fit",
    "foot_slide",
    "jitter",
    "rigid_error",
    "root_trajectory_error",
    "rotated_mpjpe",
    "world_mpjpe",
]

Array = NDArray[np.float64]

#: Frames a second that per-frame measures count.
RATE = 30.0

#: Frames that are aligned together for W-MPJPE and WA-MPJPE.
CHUNK = 100

#: A foot of the truth that moves slower than this rests.
STILL_M_S = 0.15

# Frames further apart are a gap: nothing is interpolated into it.
_GAP_S = 0.1

_ANGLES = {"knee": ("hip", "knee", "ankle"), "hip": ("hip", "knee"), "elbow": ("shoulder", "elbow", "wrist")}
_SIDES = ("left", "right")


@dataclass(frozen=True)
class Alignment:
    """``x -> scale * x @ rotation + translation``, for points as rows; no mirroring."""

    scale: float
    rotation: Array
    translation: Array

    def __call__(self, points: Array) -> Array:
        """Points ``[..., 3]`` moved."""
        return np.asarray(self.scale * points @ self.rotation + self.translation)


def fit(predicted: Array, truth: Array, *, scaled: bool) -> Alignment:
    """What moves points ``[..., 3]`` onto those of the truth with the least squared distance (Umeyama, 1991)."""
    x, y = predicted.reshape(-1, 3), truth.reshape(-1, 3)
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    U, S, Vt = np.linalg.svd(a.T @ b)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    rotation = (U * signs) @ Vt
    scale = float((S * signs).sum() / max(float((a**2).sum()), 1e-12)) if scaled else 1.0
    return Alignment(scale, rotation, y.mean(axis=0) - scale * x.mean(axis=0) @ rotation)


def rotated_mpjpe(predicted: Array, truth: Array, hips: Sequence[int]) -> Array:
    """MPJPE with the middles of the hips on each other, after one rotation for all frames: ``[T]`` m."""
    p, t = (motion - motion[:, list(hips)].mean(axis=1, keepdims=True) for motion in (predicted, truth))
    return _distance(p @ fit(p, t, scaled=False).rotation, t)


def rigid_error(predicted: Array, truth: Array) -> Array:
    """MPJPE after one rigid motion, without scale, for all frames: ``[T]`` m."""
    return _distance(fit(predicted, truth, scaled=False)(predicted), truth)


def world_mpjpe(predicted: Array, truth: Array, *, first: int | None = None) -> Array:
    """MPJPE of pieces of ``CHUNK`` frames, the last one shorter, each after a similarity of its own: ``[T]`` m.

    Args:
        predicted, truth: ``[T, J, 3]`` at ``RATE``.
        first: the similarity is that of so many first frames of a piece: 2 for W-MPJPE; None, for WA-MPJPE, is all.
    """
    errors = []
    for start in range(0, len(truth), CHUNK):
        p, t = predicted[start : start + CHUNK], truth[start : start + CHUNK]
        errors.append(_distance(fit(p[:first], t[:first], scaled=True)(p), t))
    return np.concatenate(errors)


def root_trajectory_error(predicted: Array, truth: Array) -> Array:
    """Distance of roots ``[T, 3]`` after one rigid motion, as a share of the length of the true path: ``[T]``.

    Somebody who goes nowhere has a path of next to nothing, and a large share of it.
    """
    path = float(np.linalg.norm(np.diff(truth, axis=0), axis=-1).sum())
    aligned = fit(predicted, truth, scaled=False)(predicted)
    return np.asarray(np.linalg.norm(aligned - truth, axis=-1) / max(path, 1e-9))


def foot_slide(predicted: Array, truth: Array, time_s: Array) -> Array:
    """Way of feet ``[T, A, 3]`` between frames while those of the truth rest: ``[K]`` metres in 1 / ``RATE`` s.

    The way in space, not over the floor, so that it means the same where up is not known.
    """
    step = np.diff(time_s)
    near = step <= _gap(time_s)
    rests = np.linalg.norm(np.diff(truth, axis=0), axis=-1) < STILL_M_S * step[:, None]
    way = np.linalg.norm(np.diff(predicted, axis=0), axis=-1) / (step[:, None] * RATE)
    return np.asarray(way[rests & near[:, None]])


def jitter(motion: Array) -> Array:
    """Third differences of joints, ``[T, J, 3]`` at ``RATE`` -> ``[T - 3]`` in 10 m/s³, as WHAM prints them."""
    third = np.diff(motion, n=3, axis=0) * RATE**3
    return np.asarray(np.linalg.norm(third, axis=-1).mean(axis=-1) / 10)


def angle_errors(predicted: Array, truth: Array, joints: Sequence[str]) -> dict[str, Array]:
    """Errors, predicted minus true, of angles in degrees: ``knee``, ``hip`` and ``elbow``, each ``[T, sides]``.

    Knee and elbow are straight at 180. The hip is that of the thigh with the trunk, which goes from the middle of the
    hips to that of the shoulders. Angles whose joints are not there are left out.
    """
    trunk = tuple(f"{side}_{part}" for part in ("hip", "shoulder") for side in _SIDES)
    found: dict[str, list[Array]] = {}
    for side in _SIDES:
        for name, parts in _ANGLES.items():
            needed = [f"{side}_{part}" for part in parts] + (list(trunk) if name == "hip" else [])
            if set(needed) <= set(joints):
                at = [joints.index(joint) for joint in needed]
                error = _angle(predicted[:, at]) - _angle(truth[:, at])
                found.setdefault(name, []).append(np.degrees(error))
    return {name: np.stack(sides, axis=1) for name, sides in found.items()}


def at_rate(time_s: Array, *motions: Array) -> list[list[Array]]:
    """Motions ``[T, ...]`` at ``RATE`` frames a second, linearly interpolated; a list of unbroken pieces of each."""
    index = np.arange(int(np.floor((time_s[-1] - time_s[0]) * RATE + 1e-6)) + 1)
    times = np.minimum(time_s[0] + index / RATE, time_s[-1])
    after = np.clip(np.searchsorted(time_s, times - 1e-6), 1, len(time_s) - 1)
    length = time_s[after] - time_s[after - 1]
    share = np.clip((times - time_s[after - 1]) / length, 0.0, 1.0)
    # A time on the edge of a gap is that of a frame.
    there = (length <= _gap(time_s)) | (share < 1e-3) | (share > 1 - 1e-3)
    bounds = np.flatnonzero(np.diff(there.astype(int), prepend=0, append=0))
    pieces = []
    for motion in motions:
        weight = share.reshape(-1, *[1] * (motion.ndim - 1))
        whole = (1 - weight) * motion[after - 1] + weight * motion[after]
        pieces.append([whole[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True)])
    return pieces


def clip_measures(predicted: Array, truth: Array, time_s: Array, joints: Sequence[str]) -> dict[str, float]:
    """All measures of one clip by name; the unit ends the name. What cannot be measured is NaN.

    Args:
        predicted, truth: ``[T, J, 3]`` metres, each in axes of its own, T >= 3.
        time_s: ``[T]`` seconds, increasing.
        joints: names of the J joints, both hips among them.
    """
    hips = [joints.index(f"{side}_hip") for side in _SIDES]
    ankles = [joints.index(name) for side in _SIDES if (name := f"{side}_ankle") in joints]
    pieces = at_rate(time_s, predicted, truth)
    p, t = (np.concatenate(piece) for piece in pieces)
    roots = (motion[:, hips].mean(axis=1) for motion in (p, t))
    angles = {
        f"{name}_{what}_deg": _mean(value)
        for name, error in angle_errors(predicted, truth, joints).items()
        for what, value in (("error", np.abs(error)), ("bias", error))
    }
    return {
        "mpjpe_mm": 1000 * _mean(rotated_mpjpe(predicted, truth, hips)),
        "pa_mpjpe_mm": 1000 * _mean(pa_mpjpe(predicted, truth)),
        **angles,
        "w_mpjpe_mm": 1000 * _mean(world_mpjpe(p, t, first=2)),
        "wa_mpjpe_mm": 1000 * _mean(world_mpjpe(p, t)),
        "rigid_fit_mm": 1000 * _mean(rigid_error(predicted, truth)),
        "root_error_percent": 100 * _mean(root_trajectory_error(*roots)),
        "foot_slide_mm": 1000 * _mean(foot_slide(predicted[:, ankles], truth[:, ankles], time_s)),
        "jitter_10_m_s3": _mean(np.concatenate([jitter(piece) for piece in pieces[0]])),
    }


def _angle(points: Array) -> Array:
    """At the second of three points ``[T, 3, 3]``; of hip, knee, both hips and both shoulders that of the hip."""
    if points.shape[1] == 3:
        a, b = points[:, 0] - points[:, 1], points[:, 2] - points[:, 1]
    else:
        a, b = points[:, 1] - points[:, 0], points[:, 4:].mean(axis=1) - points[:, 2:4].mean(axis=1)
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray(np.arccos(np.clip((a * b).sum(axis=-1) / np.maximum(lengths, 1e-12), -1, 1)))


def _distance(predicted: Array, truth: Array) -> Array:
    return np.asarray(per_joint_error(predicted, truth).mean(axis=-1))


def _gap(time_s: Array) -> float:
    """Frames further apart than this, in seconds, are no neighbours."""
    return max(_GAP_S, 1.5 * float(np.median(np.diff(time_s))))


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
