"""What is true of somebody's feet and the floor: rests, the level of the floor, jumps; and how well they were found.

Joints are ``[T, 17, 3]`` (``detectors.layouts.H36M_17``) in metres, y up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.benchmarks.world_measures import STILL_M_S

__all__ = ["FEET", "Jump", "floor_level", "jump_rise", "jumps", "precision_recall", "resting_feet"]

Array = NDArray[np.float64]

#: Names of the feet, in the order of every ``[T, 2]`` here.
FEET = ("right_ankle", "left_ankle")
_FEET = H36M_17.indices(FEET)

# Ankles that rest may be this far above the lowest resting ones: on the ball of the foot.
_RESTS_WITHIN_M = 0.06

# In the air are both ankles that are this far above the floor's, for this long, at rest on it before and after.
_CLEAR_M = 0.1
_LEAST_AIR_S = 0.1
_STANDS_WITHIN_S = 0.5


@dataclass(frozen=True)
class Jump:
    """Frames of a flight: the last before the feet left, the first after, and all between."""

    before: int
    after: int


def floor_level(joints_m: Array, time_s: Array) -> float:
    """Height of the ankles of the lowest resting feet: the 10th percentile of those that are slow."""
    height, slow = joints_m[:, _FEET, 1], _slow(joints_m, time_s)
    # Somebody who runs rests nowhere for long; the lowest ankles are what there is.
    resting = height[slow] if slow.sum() >= 10 else height.min(axis=1)
    return float(np.percentile(resting, 10))


def resting_feet(joints_m: Array, time_s: Array) -> NDArray[np.bool_]:
    """``[T, 2]`` which feet rest on the floor: slower than 0.15 m/s, not more than 6 cm above its level."""
    low = joints_m[:, _FEET, 1] < floor_level(joints_m, time_s) + _RESTS_WITHIN_M
    return np.asarray(_slow(joints_m, time_s) & low)


def jumps(joints_m: Array, time_s: Array) -> list[Jump]:
    """Flights that begin and end on the floor within the clip."""
    low = joints_m[:, _FEET, 1].min(axis=1) - floor_level(joints_m, time_s)
    bounds = np.flatnonzero(np.diff((low > _CLEAR_M).astype(int), prepend=0, append=0))
    step = float(np.median(np.diff(time_s)))
    found = []
    for first, end in zip(bounds[::2].tolist(), bounds[1::2].tolist(), strict=True):
        near = round(_STANDS_WITHIN_S / step)
        stands = low < _RESTS_WITHIN_M
        whole = first > 0 and end < len(low) and stands[max(0, first - near) : first].any()
        if whole and stands[end : end + near].any() and (end - first) * step >= _LEAST_AIR_S:
            before = first - 1 - int(np.argmax(stands[first - 1 :: -1]))
            after = end + int(np.argmax(stands[end:]))
            found.append(Jump(before, after))
    return found


def jump_rise(up_m: Array, jump: Jump) -> float:
    """How far a height ``[T]``, say that of the pelvis, rises from where the feet leave the floor to its peak."""
    return float(up_m[jump.before : jump.after + 1].max() - up_m[jump.before])


def precision_recall(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Of what was found how much is true, and of what is true how much was found; NaN where there is none."""
    both = float((found & truth).sum())
    precision, recall = (both / float(of.sum()) if of.any() else float("nan") for of in (found, truth))
    return precision, recall


def _slow(joints_m: Array, time_s: Array) -> NDArray[np.bool_]:
    """``[T, 2]`` ankles whose speed, of central differences, is below that of a resting foot."""
    velocity = np.gradient(joints_m[:, _FEET], time_s, axis=0)
    return np.asarray(np.linalg.norm(velocity, axis=-1) < STILL_M_S)
