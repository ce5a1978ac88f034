"""The floor: through the places where feet rest, shared by all who stand on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.world.gravity import Gravity, settled
from lifting.world.walking.contacts import Stance

__all__ = ["ANKLE_M", "Floor", "KnownGround", "find_floor"]

Array = NDArray[np.float64]

#: Height of the ankle joint above the floor under a standing person, metres.
ANKLE_M = 0.085
#: Error of the height of a resting ankle, and how far off it may be and still belong to a level, metres.
_SPREAD, _SAME_LEVEL = 0.04, 0.15
#: Levels of two people that differ by less are one floor, seen with errors of their sizes, relative to the distance
#: below the camera: the spread of the height of adults is 0.06.
_SAME_FLOOR = 0.12
#: The floor is the lowest level with this share of all resting: who is on a roof, a stage or stairs stands above it.
_LEAST_SHARE = 0.2
#: A stance counts for so many seconds at most: who waits tells no more of the floor than who walks over it.
_LONGEST_S = 1.0


@dataclass(frozen=True, eq=False)
class KnownGround:
    """What is known beforehand of the first shot.

    Attributes:
        up: ``[3]`` unit vector in the axes of the first camera; None is to be found.
        height_m: of that camera above the floor, metres; None is to be found.
    """

    up: Array | None = None
    height_m: float | None = None


@dataclass(frozen=True, eq=False)
class Floor:
    """The levels of P people in the axes of a shot.

    Attributes:
        gravity: up, refined by the places where feet rest: all are on planes across it.
        level: ``[P]`` height along up of the floor under each person, metres from the camera (negative: below); NaN
            for somebody whose feet are never seen to rest.
        height: of the floor: the lowest level on which a fair share of all resting is; NaN if nobody's feet rest.
        size: ``[P]`` factor about the camera that brings each person who shares the floor down or up to it.
        given: the height was known beforehand.
    """

    gravity: Gravity
    level: Array
    height: float
    size: Array
    given: bool = False


def find_floor(gravity: Gravity, people: list[list[Stance]], *, resize: bool, height_m: float | None = None) -> Floor:
    """Levels and tilt from stances of each person; ``resize``: sizes of people are not known better;
    ``height_m``: of the camera above the floor, if it is known.

    The tilt is that of ``gravity`` unless stances spread wide enough to tell; each person's level is where most of
    their stances are, so that somebody who climbs stairs, jumps on a box or sits keeps a level of the floor they
    began on or stay on longest.
    """
    weights = [np.array([min(stance.seconds, _LONGEST_S) for stance in stances]) for stances in people]
    places = [np.array([stance.place for stance in stances]).reshape(-1, 3) for stances in people]
    up, quadratic = gravity.up, gravity.precision
    level: Array = np.full(len(people), np.nan)
    for _ in range(3):
        total = quadratic.copy()
        for person, (place, weight) in enumerate(zip(places, weights, strict=True)):
            if not len(place):
                continue
            heights = place @ up
            level[person] = _mode(heights, weight)
            near = weight * (np.abs(heights - level[person]) < _SAME_LEVEL)
            away = place - (near[:, None] * place).sum(0) / near.sum()
            # Steps of one walk err together: by their number they would count for more than they tell.
            total += np.einsum("k,ka,kb->ab", near / near.sum() * min(len(place), 8), away, away) / _SPREAD**2
        up = settled(gravity.up, total, quadratic @ gravity.up)
    for person, (place, weight) in enumerate(zip(places, weights, strict=True)):
        if len(place):
            level[person] = _mode(place @ up, weight) - ANKLE_M
    found = Gravity(up, quadratic, gravity.source)
    known = np.flatnonzero(np.isfinite(level))
    size = np.ones(len(people))
    if height_m is not None:
        same = known[np.abs(np.log(np.minimum(level[known], -0.01) / -height_m)) < _SAME_FLOOR]
        if resize:
            size[same] = -height_m / level[same]
            level[same] = -height_m
        return Floor(found, level, -height_m, size, given=True)
    if not len(known):
        return Floor(found, level, float("nan"), size)
    support = np.array([weights[person].sum() for person in known])
    height = _lowest(level[known], support)
    if height < -0.3:
        same = known[np.abs(np.log(np.minimum(level[known], -0.1) / height)) < _SAME_FLOOR]
        share = np.array([weights[person].sum() for person in same])
        height = -float(np.exp((share * np.log(-level[same])).sum() / share.sum()))
        if resize:
            size[same] = height / level[same]
            level[same] = height
    return Floor(found, level, height, size)


def _mode(height: Array, weight: Array) -> float:
    """The mean of the heights about the one near which most of them are, the lower of equals."""
    near = np.abs(height[:, None] - height) < _SAME_LEVEL / 2
    support = near @ weight
    best = height[support >= 0.99 * support.max()].min()
    chosen = np.abs(height - best) < _SAME_LEVEL / 2
    return float((weight * height)[chosen].sum() / weight[chosen].sum())


def _lowest(level: Array, support: Array) -> float:
    """The lowest level of which those near it have a fair share of the support; otherwise that with most."""
    near = np.abs(np.log(np.minimum(level[:, None], -0.1) / np.minimum(level, -0.1))) < _SAME_FLOOR
    share = near @ support / support.sum()
    fair = level[share >= _LEAST_SHARE]
    return float(fair.min() if len(fair) else level[int(share.argmax())])
