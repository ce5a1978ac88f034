"""Where the root and the feet of a person are over time: one banded least-squares problem for a whole track.

A frame alone says well where a person is across the picture and badly how far away: the depth of one frame is off by a
few percent, which is decimetres. What ties frames together is physics: bodies do not jump, and feet that rest stay.

For root translations T and places ``a_f`` of the two ankles in N frames, with root-centred joints x, the minimum of

    sum_i sum_j  w_ij | (I - d_ij d_ij') (x_ij + T_i - o_i) |^2            rays from the camera centre o_i
  + sum_i        | second difference of T at i |^2 / q_i                   accelerations of the root
  + sum_i sum_f  (x_if + T_i - a_if)' W_i (x_if + T_i - a_if)              legs, as lifted, reach the ankles
  + sum_i sum_f  | a_(i+1)f - a_if - v_if dt_i |^2 / s_if                  ankles go at v, or rest
  + sum_i sum_f  h_if ( u'a_if - y )^2                                     and stand on the floor
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from lifting.body.joints import ANKLES

__all__ = ["PathProblem", "Sighting", "independent", "ray_path"]

Array = NDArray[np.float64]

#: Spread of the acceleration of a pelvis, m/s^2: that of somebody who jumps; and how long one lasts, seconds.
_ACCELERATION, _LASTS_S = 10.0, 0.1
#: What is wrong about the velocity of a foot stays for so long, seconds, and is never less than this, m/s.
_STEADY_S, _LEAST_SPREAD = 0.15, 0.03
#: Errors of a lifted joint, metres, and of a sure keypoint, radians.
_POSE_M, _RAY = 0.035, 0.004
#: Errors of frames that are nearer to each other than 1 / rate are the same.
_RATE_HZ = 2.0
#: By so much lifting is wrong about where an ankle is from the root, across the line of sight and along it, metres.
_ACROSS_M, _ALONG_M = 0.025, 0.07
_UNKNOWNS = 9  # of a frame: root, right and left ankle
_BANDS = 2 * _UNKNOWNS + 3


@dataclass(frozen=True, eq=False)
class Sighting:
    """One person in N frames of a shot, in its axes, at rest.

    Attributes:
        x: ``[N, 17, 3]`` root-centred joints, metres.
        distance: ``[N]`` of the person from the camera, metres, about.
        directions: ``[N, 17, 3]`` unit vectors of the rays.
        centre: ``[N, 3]`` of the camera, metres.
        confidence: ``[N, 17]`` of the rays, 0 to 1.
        time_s: ``[N]`` increasing.
    """

    x: Array
    distance: Array
    directions: Array
    centre: Array
    confidence: Array
    time_s: Array


def independent(time_s: Array) -> Array:
    """``[N]`` how many independent sightings each frame is: those of frames that follow each other err together."""
    if len(time_s) < 2:
        return np.ones(len(time_s))
    return np.minimum(_RATE_HZ * np.gradient(time_s), 1.0)


def ray_path(seen: Sighting) -> PathProblem:
    """What a person's path owes to the picture and to physics, and ankles to legs; nothing yet of how feet go."""
    counts = independent(seen.time_s)[:, None]
    problem = PathProblem(seen.time_s)
    weight = seen.confidence**2 / ((seen.distance[:, None] * _RAY) ** 2 + _POSE_M**2)
    problem.rays(seen.x, seen.directions, weight * counts, seen.centre)
    problem.smooth()
    problem.legs(seen.x[:, ANKLES], seen.directions[:, ANKLES], counts)
    return problem


@dataclass
class PathProblem:
    """The normal equations ``A z = b``, nine unknowns a frame, and the constant of the cost.

    Terms are added one after the other; ``solve`` may be called again after more of them.

    Attributes:
        time_s: ``[N]`` increasing seconds.
    """

    time_s: Array
    _here: Array = field(init=False)
    _next: Array = field(init=False)
    _roots: Array = field(init=False)
    _right: Array = field(init=False)
    _constant: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        count = len(self.time_s)
        # Blocks on the diagonal, those that couple a frame with the next, and its root with that of the one after.
        self._here = np.zeros((count, _UNKNOWNS, _UNKNOWNS))
        self._next = np.zeros((count, _UNKNOWNS, _UNKNOWNS))
        self._roots = np.zeros((count, 3, 3))
        self._right = np.zeros((count, _UNKNOWNS))

    def rays(self, joints: Array, directions: Array, weight: Array, centre: Array) -> None:
        """Joints ``[N, J, 3]`` lie on rays of unit ``directions`` from centres ``[N, 3]``; weights ``[N, J]``."""
        off = joints - centre[:, None]
        along = (directions * off).sum(-1, keepdims=True)
        # (I - d d') summed over joints, without making one matrix for each.
        self._here[:, :3, :3] += weight.sum(1)[:, None, None] * np.eye(3) - np.einsum(
            "nj,nja,njb->nab", weight, directions, directions, optimize=True
        )
        self._right[:, :3] -= ((off - along * directions) * weight[..., None]).sum(1)
        self._constant += float((weight * ((off**2).sum(-1) - along[..., 0] ** 2)).sum())

    def smooth(self) -> None:
        """Accelerations of the root are small: white noise of ``_ACCELERATION`` for ``_LASTS_S``."""
        step = np.diff(self.time_s)
        if len(step) < 2:
            return
        before, after = step[:-1], step[1:]
        middle = (before + after) / 2
        part = np.stack([1 / before, -1 / before - 1 / after, 1 / after], axis=1) / middle[:, None]
        weight = middle / (_ACCELERATION**2 * _LASTS_S)
        for i in range(3):
            for j in range(i, 3):
                blocks = (self._here, self._next, self._roots)[j - i][i : i + len(weight), :3, :3]
                blocks += (weight * part[:, i] * part[:, j])[:, None, None] * np.eye(3)

    def legs(self, feet: Array, directions: Array, counts: Array) -> None:
        """Ankles are where legs have them: ``feet [N, 2, 3]`` from the root, seen along unit ``directions``.

        ``counts [N, 1]``: how many independent sightings a frame is.
        """
        across, along = counts[:, :, None, None] / _ACROSS_M**2, counts[:, :, None, None] / _ALONG_M**2
        line = directions[..., :, None] * directions[..., None, :]
        weight = across * (np.eye(3) - line) + along * line
        pull = np.einsum("nfab,nfb->nfa", weight, feet)
        self._here[:, :3, :3] += weight.sum(1)
        self._right[:, :3] -= pull.sum(1)
        for foot in range(2):
            own = slice(3 + 3 * foot, 6 + 3 * foot)
            self._here[:, own, own] += weight[:, foot]
            self._here[:, :3, own] -= weight[:, foot]
            self._here[:, own, :3] -= weight[:, foot]
            self._right[:, own] += pull[:, foot]
        self._constant += float((feet * pull).sum())

    def stepping(self, velocity: Array, spread: Array) -> None:
        """Ankles go at velocities ``[N, 2, 3]``, m/s, give or take ``spread [N, 2]``."""
        step = np.diff(self.time_s)
        error = (spread[:-1] ** 2 + spread[1:] ** 2) / 2
        weight = 1 / (2 * _STEADY_S * step[:, None] * np.maximum(error, _LEAST_SPREAD**2))
        gone = (velocity[:-1] + velocity[1:]) / 2 * step[:, None, None]
        for foot in range(2):
            own = slice(3 + 3 * foot, 6 + 3 * foot)
            block = weight[:, foot, None, None] * np.eye(3)
            self._here[:-1, own, own] += block
            self._here[1:, own, own] += block
            self._next[:-1, own, own] -= block
            pull = weight[:, foot, None] * gone[:, foot]
            self._right[:-1, own] -= pull
            self._right[1:, own] += pull
        self._constant += float((weight[..., None] * gone**2).sum())

    def heights(self, up: Array, height: float, weight: Array) -> None:
        """Ankles are at a height along ``up [3]``, metres; weights ``[N, 2]`` in 1/m^2."""
        for foot in range(2):
            own = slice(3 + 3 * foot, 6 + 3 * foot)
            self._here[:, own, own] += weight[:, foot, None, None] * np.outer(up, up)
            self._right[:, own] += weight[:, foot, None] * height * up
        self._constant += float(weight.sum() * height**2)

    def solve(self) -> tuple[Array, Array, float]:
        """Translations ``[N, 3]``, ankles ``[N, 2, 3]``, metres, and the cost at the minimum."""
        count = len(self.time_s)
        bands = np.zeros((_BANDS, _UNKNOWNS * count))
        for apart, blocks in enumerate((self._here, self._next, self._roots)):
            first = _UNKNOWNS * np.arange(count - apart)
            size = blocks.shape[1]
            for row in range(size):
                for column in range(size):
                    band = _UNKNOWNS * apart + row - column
                    if 0 <= band < _BANDS:
                        bands[band, first + column] = blocks[: count - apart, column, row]
        # A frame in which hardly anything is seen is held by its neighbours; alone it stays where it was put.
        bands[0] += 1e-6
        found = solveh_banded(bands, self._right.reshape(-1), lower=True, overwrite_ab=True, check_finite=False)
        cost = self._constant - float(found @ self._right.reshape(-1))
        each = found.reshape(count, _UNKNOWNS)
        return each[:, :3], each[:, 3:].reshape(count, 2, 3), cost
