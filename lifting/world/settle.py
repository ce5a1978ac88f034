"""People in one shot put on the ground: where up is, which feet rest and where, and the path of each person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lifting.body.joints import ANKLES
from lifting.world.contacts import Stance, find_stances
from lifting.world.floor import ANKLE_M, Floor, find_floor
from lifting.world.gravity import Leanings, find_up
from lifting.world.ground import GroundNetwork, motion_windows
from lifting.world.path import Sighting, independent, ray_path

__all__ = ["Standing", "settle"]

Array = NDArray[np.float64]

#: How far from the level of a person a resting foot may be and still belong to it, metres.
_ON_LEVEL_M = 0.12
#: How far a foot that rests on its level may be from it, metres.
_FLOOR_M = 0.02
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Standing:
    """What becomes of a ``Sighting``.

    Attributes:
        T: ``[N, 3]`` path of the root.
        resting: ``[N, 2]`` probability that the right and the left foot rest.
        stances: intervals in which they do.
    """

    T: Array
    resting: Array
    stances: list[Stance]


def settle(
    people: Sequence[Sighting], rotation: Array, network: GroundNetwork, *, resize: bool, up: Array | None = None
) -> tuple[Floor, list[Standing]]:
    """Up, floor, contacts and paths, each from what the others say, in a few rounds.

    Args:
        people: everybody in the shot.
        rotation: ``[F, 3, 3]`` of the camera in all frames of the shot, to its axes.
        network: tells leanings and contacts.
        resize: see ``find_floor``.
        up: ``[3]`` if it is known.
    """
    paths = [ray_path(seen).solve()[0] for seen in people]
    floor: Floor | None = None
    standings: list[Standing] = []
    for _ in range(_ROUNDS):
        leanings, resting = [], []
        for seen, T in zip(people, paths, strict=True):
            guess = _guess(network, seen.x + T[:, None], seen.time_s)
            leanings.append(Leanings(guess[0], guess[1], independent(seen.time_s)))
            resting.append(guess[2])
        gravity = find_up(leanings, rotation, up)
        standings, paths = [], []
        for number, (seen, p) in enumerate(zip(people, resting, strict=True)):
            feet = seen.x[:, ANKLES]
            problem = ray_path(seen)
            problem.resting(feet, p)
            if floor is not None and np.isfinite(floor.level[number]):
                wanted = floor.level[number] / floor.size[number] + ANKLE_M
                T, _ = problem.solve()
                off = (feet + T[:, None]) @ floor.gravity.up - wanted
                trust = p * np.exp(-0.5 * (off / _ON_LEVEL_M) ** 2) * independent(seen.time_s)[:, None]
                problem.heights(feet, floor.gravity.up, np.full(p.shape, wanted), trust / _FLOOR_M**2)
            T, _ = problem.solve()
            paths.append(T)
            standings.append(Standing(T, p, find_stances(p, seen.time_s, feet + T[:, None])))
        floor = find_floor(gravity, [standing.stances for standing in standings], resize=resize)
    assert floor is not None
    return floor, standings


@torch.no_grad()
def _guess(network: GroundNetwork, joints: Array, time_s: Array) -> tuple[Array, Array, Array]:
    """Up ``[N, 3]``, its log-concentration ``[N]`` and the probability of resting ``[N, 2]``."""
    parts = []
    # Blocks bound the memory; windows reach over their ends.
    for first in range(0, len(joints), 4096):
        low, last = max(first - 16, 0), min(first + 4096, len(joints))
        high = min(last + 16, len(joints))
        windows = motion_windows(joints[low:high], time_s[low:high])[first - low : last - low]
        guess = network(torch.from_numpy(windows))
        parts.append((guess.up, guess.log_kappa, torch.sigmoid(guess.resting)))
    up, log_kappa, resting = (torch.cat(values).double().numpy() for values in zip(*parts, strict=True))
    return up, log_kappa, resting
