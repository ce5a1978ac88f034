"""Which feet rest, when, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stance", "find_stances"]

Array = NDArray[np.float64]

#: A foot begins to rest above the first probability and ends below the second.
_BEGIN, _END = 0.6, 0.35
#: Shorter rests are none, seconds.
_SHORTEST_S = 0.06


@dataclass(frozen=True, eq=False)
class Stance:
    """One foot that rests in one place for a while.

    Attributes:
        foot: 0 right, 1 left.
        rows: of the track, from first to last.
        place: ``[3]`` where the ankle is meanwhile, metres, axes of the shot.
        seconds: how long.
    """

    foot: int
    rows: slice
    place: Array
    seconds: float


def find_stances(probability: Array, time_s: Array, ankles: Array) -> list[Stance]:
    """Intervals in which a foot rests, by hysteresis.

    Args:
        probability: ``[N, 2]`` that the right and the left foot rest.
        time_s: ``[N]`` increasing.
        ankles: ``[N, 2, 3]`` metres, in axes at rest.
    """
    stances = []
    for foot in range(2):
        p = probability[:, foot]
        for first, last in _runs(p > _END):
            if p[first:last].max() < _BEGIN:
                continue
            seconds = float(time_s[last - 1] - time_s[first])
            if seconds < _SHORTEST_S:
                continue
            rows = slice(first, last)
            weight = p[rows, None] ** 2
            place = (weight * ankles[rows, foot]).sum(0) / weight.sum()
            stances.append(Stance(foot, rows, place, seconds))
    return stances


def _runs(true: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past the last row of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
