"""Where the toes are: nobody saw them, so they follow the shank in the air and lie on the floor while a foot rests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton.frames import frame, turned, unit

__all__ = ["foot"]

Array = NDArray[np.float64]

_SIDE = np.array([1.0, 0.0, 0.0])
_FORWARD = np.array([0.0, 0.0, 1.0])
#: Height of the ball of a foot that stands, metres.
_BALL_M = 0.02


def foot(shank: Array, ankle: Array, bone: Array, rests: Array) -> tuple[Array, Array]:
    """Global rotations of foot and toes, each ``[T, 3, 3]``.

    In the air the ankle is as in the T-pose. While the foot rests its ball is on the floor, before the ankle as the
    shank faces, and the toes are level; in between it is in between. The ball is never below the floor.

    Args:
        shank: ``[T, 3, 3]`` global rotation.
        ankle: ``[T, 3]`` in the world, the floor at y = 0, metres.
        bone: ``[3]`` from the ankle to the ball in the T-pose, metres.
        rests: ``[T]`` in 0..1, probability that the foot rests.
    """
    length = float(np.linalg.norm(bone))
    free = turned(shank, bone / length)
    level = turned(shank, _FORWARD) * [1.0, 0.0, 1.0]
    # A shank that lies faces up or down: what its foot points to is as good then.
    level = unit(level + 1e-3 * free * [1.0, 0.0, 1.0])
    drop = (ankle[:, 1] - _BALL_M) / length
    # Of an ankle that is elsewhere, on a step or below a floor that is another's, the height says nothing.
    here = (drop > -0.3) & (drop < 0.9)
    drop = np.where(here, drop, -bone[1] / length)
    flat = np.sqrt(1 - drop**2)[:, None] * level - drop[:, None] * np.array([0.0, 1.0, 0.0])
    share = rests[:, None]
    along = unit((1 - share) * free + share * flat)
    # Where it would go through the floor.
    low = along[:, 1] < -drop
    flat_there = unit(along * [1.0, 0.0, 1.0] + 1e-6 * level)
    above = np.sqrt(1 - drop**2)[:, None] * flat_there - drop[:, None] * np.array([0.0, 1.0, 0.0])
    along = np.where((low & here)[:, None], above, along)
    hinge = turned(shank, _SIDE)
    turn = frame(bone / length, _SIDE, along, hinge)
    toes = unit((1 - share) * turned(turn, _FORWARD) + share * level)
    return turn, frame(_FORWARD, _SIDE, toes, hinge)
