"""Where a person goes, how fast, how high: from joints in a world with y up and the floor at 0, metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.body.joints import ANKLES, HEAD_TOP, PELVIS

__all__ = ["Jump", "Path", "jumps", "path_of"]

Array = NDArray[np.float64]

#: Frames further apart are a gap, seconds: nothing has a speed across it.
_GAP_S = 0.25
#: Speed is that over so many seconds before and after.
_HALF_S = 0.1
#: Both ankles of who jumps are so far above where they were when both feet last rested, metres; for so long, seconds.
_CLEAR_M, _FLIGHT_S = 0.06, 0.1
#: A foot rests above this probability.
_RESTS = 0.5


@dataclass(frozen=True, eq=False)
class Path:
    """The way of a person; NaN in gaps.

    Attributes:
        root_m: ``[T, 3]`` pelvis, metres.
        speed_m_s: ``[T]`` of the pelvis over the floor.
        head_m, pelvis_m: ``[T]`` heights of the top of the head and of the pelvis.
        ankles_m: ``[T, 2]`` heights of the right and the left ankle.
    """

    root_m: Array
    speed_m_s: Array
    head_m: Array
    pelvis_m: Array
    ankles_m: Array


@dataclass(frozen=True)
class Jump:
    """A flight: its first and last row of the track, and how far the pelvis rose after the feet left, metres."""

    first: int
    last: int
    height_m: float


def path_of(joints_m: Array, time_s: Array) -> Path:
    """The way of a person with joints ``[T, 17, 3]`` at times ``[T]``."""
    root = joints_m[:, PELVIS]
    return Path(root, _speed(root[:, [0, 2]], time_s), joints_m[:, HEAD_TOP, 1], root[:, 1], joints_m[:, ANKLES, 1])


def jumps(joints_m: Array, time_s: Array, contacts: Array) -> list[Jump]:
    """Every flight of 0.1 s and more: no foot rests, and both ankles are higher than when feet last rested.

    Args:
        joints_m: ``[T, 17, 3]`` metres, y up.
        time_s: ``[T]`` seconds.
        contacts: ``[T, 2]`` probability that a foot rests.
    """
    found = []
    pelvis, ankles = joints_m[:, PELVIS, 1], joints_m[:, ANKLES, 1].min(axis=1)
    free = (np.nan_to_num(contacts) < _RESTS).all(axis=1) & np.isfinite(pelvis)
    for first, last in _runs(free):
        # Somebody who comes into the picture, or leaves it, in the air did so from nowhere.
        if first == 0 or last == len(free) - 1 or not np.isfinite(pelvis[[first - 1, last + 1]]).all():
            continue
        inside = slice(first, last + 1)
        high = ankles[inside].max() - ankles[first - 1] >= _CLEAR_M
        if high and time_s[last] - time_s[first] >= _FLIGHT_S:
            found.append(Jump(first, last, float(pelvis[inside].max() - pelvis[first - 1])))
    return found


def _speed(points: Array, time_s: Array) -> Array:
    """``[T]`` distance over time from 0.1 s before to 0.1 s after, or as far as there is no gap."""
    speed = np.full(len(points), np.nan)
    for first, last in _runs(np.asarray(np.isfinite(points).all(axis=1)), time_s):
        if time_s[last] <= time_s[first]:
            continue
        rows = slice(first, last + 1)
        times = time_s[rows]
        ends = np.clip([times - _HALF_S, times + _HALF_S], times[0], times[-1])
        way = [np.stack([np.interp(end, times, axis) for axis in points[rows].T], axis=1) for end in ends]
        speed[rows] = np.linalg.norm(way[1] - way[0], axis=1) / (ends[1] - ends[0])
    return speed


def _runs(flags: NDArray[np.bool_], time_s: Array | None = None) -> list[tuple[int, int]]:
    """First and last row of everything that is true without a break."""
    rows = np.flatnonzero(flags)
    if not len(rows):
        return []
    apart = np.diff(rows) > 1
    if time_s is not None:
        apart |= np.diff(time_s[rows]) > _GAP_S
    breaks = np.flatnonzero(apart)
    return list(
        zip(rows[np.append(0, breaks + 1)].tolist(), rows[np.append(breaks, len(rows) - 1)].tolist(), strict=True)
    )
