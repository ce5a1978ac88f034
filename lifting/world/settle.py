"""People in one shot put on the ground: where up is, which feet rest and where, and the path of each person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from lifting.body.joints import ANKLES
from lifting.world.floor import ANKLE_M, Floor, KnownGround, find_floor
from lifting.world.gravity import Leanings, find_up
from lifting.world.ground import GroundGuess, GroundNetwork, motion_windows
from lifting.world.walking.contacts import Stance, find_stances
from lifting.world.walking.path import Sighting, independent, ray_path

__all__ = ["Standing", "settle"]

Array = NDArray[np.float64]

#: How far from the level of a person a resting foot may be and still belong to it, metres.
_ON_LEVEL_M = 0.12
#: How far a foot that rests on its level may be from it, metres.
_FLOOR_M = 0.02
#: A resting ankle rises by no more while it rolls, metres; more within a moment, seconds, and it is off the ground,
#: where it goes at any speed, m/s.
_LIFTED_M, _MOMENT_S, _ANY_M_S = 0.12, 0.4, 2.0
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Standing:
    """What becomes of a ``Sighting``.

    Attributes:
        T: ``[N, 3]`` path of the root.
        resting: ``[N, 2]`` probability that the right and the left foot rest.
        stances: intervals in which they do.
        velocity, spread: ``[N, 2, 3]``, ``[N, 2]`` of the ankles as legs tell, and its error, m/s.
        ankles: ``[N, 2, 3]`` where the ankles are.
    """

    T: Array
    resting: Array
    stances: list[Stance]
    velocity: Array
    spread: Array
    ankles: Array


def settle(
    people: Sequence[Sighting],
    rotation: Array,
    network: GroundNetwork,
    *,
    resize: bool,
    known: KnownGround = KnownGround(),  # noqa: B008 - frozen
) -> tuple[Floor, list[Standing]]:
    """Up, floor, contacts and paths, each from what the others say, in a few rounds.

    Args:
        people: everybody in the shot.
        rotation: ``[F, 3, 3]`` of the camera in all frames of the shot, to its axes.
        network: tells leanings and contacts.
        resize: see ``find_floor``.
        known: of up and the floor beforehand.
    """
    # Before anything pulls feet to the ground: what the picture alone says of their heights.
    alone = [ray_path(seen).solve()[0] for seen in people]
    paths = alone
    floor: Floor | None = None
    standings: list[Standing] = []
    for _ in range(_ROUNDS):
        guesses = [_guess(network, seen, T) for seen, T in zip(people, paths, strict=True)]
        leanings = [
            Leanings(guess.up.numpy(), guess.log_kappa.numpy(), independent(seen.time_s))
            for guess, seen in zip(guesses, people, strict=True)
        ]
        gravity = find_up(leanings, rotation, known.up)
        standings, found = [], []
        for number, (seen, guess) in enumerate(zip(people, guesses, strict=True)):
            velocity, spread = guess.velocity.numpy(), 2 * np.exp(guess.log_spread.numpy())
            lifted = _lifted(seen.x[:, ANKLES] + alone[number][:, None], gravity.up, seen.time_s)
            p, spread = guess.resting.numpy() * (1 - lifted), spread + _ANY_M_S * lifted
            problem = ray_path(seen)
            problem.stepping(velocity, spread)
            T, ankles, _ = problem.solve()
            if floor is not None and np.isfinite(floor.level[number]):
                wanted = floor.level[number] / floor.size[number] + ANKLE_M
                off = ankles @ floor.gravity.up - wanted
                trust = p * np.exp(-0.5 * (off / _ON_LEVEL_M) ** 2) * independent(seen.time_s)[:, None]
                problem.heights(floor.gravity.up, wanted, trust / _FLOOR_M**2)
                T, ankles, _ = problem.solve()
            found.append(T)
            standings.append(Standing(T, p, find_stances(p, seen.time_s, ankles), velocity, spread, ankles))
        paths = found
        floor = find_floor(
            gravity, [standing.stances for standing in standings], resize=resize, height_m=known.height_m
        )
    assert floor is not None
    return floor, standings


def _lifted(ankles: Array, up: Array, time_s: Array) -> Array:
    """How far ankles ``[N, 2, 3]`` are surely off the ground, 0 to 1: above where they were or will be in a moment.

    The height of an ankle is well seen; whether it rests, only its posture tells, which in a jump is that of a squat.
    """
    height = ankles @ up
    reach = max(1, round(_MOMENT_S / float(np.median(np.diff(time_s))))) if len(time_s) > 1 else 1
    lowest = minimum_filter1d(height, 2 * reach + 1, axis=0, mode="nearest")
    return np.asarray(1 - np.exp(-0.5 * (np.maximum(height - lowest - _LIFTED_M, 0) / _LIFTED_M) ** 2))


@torch.no_grad()
def _guess(network: GroundNetwork, seen: Sighting, T: Array) -> GroundGuess:
    """What the network tells of N frames, in double precision; ``resting`` are probabilities."""
    joints, time_s = seen.x + T[:, None], seen.time_s
    away = T - seen.centre
    sight = torch.from_numpy(away / np.linalg.norm(away, axis=1, keepdims=True)).float()
    parts = []
    # Blocks bound the memory; windows reach over their ends.
    for first in range(0, len(joints), 4096):
        low, last = max(first - 16, 0), min(first + 4096, len(joints))
        high = min(last + 16, len(joints))
        windows = motion_windows(joints[low:high], time_s[low:high])[first - low : last - low]
        parts.append(network(torch.from_numpy(windows), sight[first:last]))
    found = {name: torch.cat([getattr(part, name) for part in parts]).double() for name in vars(parts[0])}
    return GroundGuess(**(found | {"resting": torch.sigmoid(found["resting"])}))
