"""Where the root of a person is over time: one banded least-squares problem for a whole track.

A frame alone says well where a person is across the picture and badly how far away: the depth of one frame is off by a
few percent, which is decimetres. What ties frames together is physics: bodies do not jump, and feet that rest stay.

For root translations T of N frames, with root-centred joints x, the minimum of

    sum_i sum_j  w_ij | (I - d_ij d_ij') (x_ij + T_i - o_i) |^2            rays from the camera centre o_i
  + sum_i        | second difference of T at i |^2 / q_i                   accelerations
  + sum_i sum_f  s_if | (x_f + T)_(i+1) - (x_f + T)_i |^2                  feet f that rest
  + sum_i sum_f  a_if | x_f + T_i - p_if |^2                               feet at known places p
  + sum_i sum_f  h_if ( u'(x_f + T_i) - y_if )^2                           feet on a floor
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

__all__ = ["FOOT_M", "PathProblem", "Sighting", "independent", "ray_path"]

Array = NDArray[np.float64]

#: Spread of the acceleration of a pelvis about its mean, m/s^2, and how long one lasts, seconds.
_ACCELERATION, _LASTS_S = 1.5, 0.1
#: By so much a resting ankle seems to wander in a second, metres: it rolls over the foot, and how far it is lifted from
#: the root is wrong by another amount in every posture.
_WANDER_M = 0.06
#: Errors of a lifted joint, metres, and of a sure keypoint, radians.
_POSE_M, _RAY = 0.035, 0.004
#: Errors of frames that are nearer to each other than 1 / rate are the same.
_RATE_HZ = 2.0
#: What a picture says of the distance is wrong for longer than of the place in it, and by the same share while the
#: focal length is assumed: it counts by so much less.
_LASTING = 0.125
#: By so much lifting may be wrong about where a resting foot is from the root, metres.
FOOT_M = 0.06


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
    """What a person's path owes to the picture and to physics, without feet."""
    weight = seen.confidence**2 / ((seen.distance[:, None] * _RAY) ** 2 + _POSE_M**2)
    problem = PathProblem(seen.time_s)
    problem.rays(seen.x, seen.directions, weight * independent(seen.time_s)[:, None], seen.centre, _LASTING)
    problem.smooth()
    return problem


@dataclass
class PathProblem:
    """The normal equations ``A T = b``, three unknowns a frame, and the constant of the cost.

    Terms are added one after the other; ``solve`` may be called again after more of them.

    Attributes:
        time_s: ``[N]`` increasing seconds.
    """

    time_s: Array
    _blocks: tuple[Array, Array, Array] = field(init=False)
    _right: Array = field(init=False)
    _constant: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        count = len(self.time_s)
        # Blocks on the diagonal, and those that couple a frame with the next and the one after it.
        self._blocks = (np.zeros((count, 3, 3)), np.zeros((count, 3, 3)), np.zeros((count, 3, 3)))
        self._right = np.zeros((count, 3))

    def rays(self, joints: Array, directions: Array, weight: Array, centre: Array, lasting: float = 1.0) -> None:
        """Joints ``[N, J, 3]`` lie on rays of unit ``directions`` from centres ``[N, 3]``; weights ``[N, J]``.

        ``lasting``: what they say of the distance counts by this factor: its errors last longer than others.
        """
        off = joints - centre[:, None]
        # (I - d d') summed over joints, without making one matrix for each.
        across = weight.sum(1)[:, None, None] * np.eye(3) - np.einsum("nj,nja,njb->nab", weight, directions, directions)
        along = (directions * off).sum(-1, keepdims=True)
        pulled = ((off - along * directions) * weight[..., None]).sum(1)
        constant = (weight * ((off**2).sum(-1) - along[..., 0] ** 2)).sum(1)
        if lasting != 1.0:
            sight = (directions * weight[..., None]).sum(1)
            sight /= np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 1e-9)
            # Where the rays alone would put the root: about it the cost is a quadratic form, of which one axis shrinks.
            alone = np.linalg.solve(across + 1e-6 * np.eye(3), pulled[..., None])[..., 0]
            constant = constant - (alone * pulled).sum(1)
            shrink = np.eye(3) - (1 - np.sqrt(lasting)) * sight[:, :, None] * sight[:, None, :]
            across = shrink @ across @ shrink
            pulled = np.einsum("nab,nb->na", across, alone)
            constant = constant + (alone * pulled).sum(1)
        self._blocks[0][...] += across
        self._right -= pulled
        self._constant += float(constant.sum())

    def smooth(self, width: float = 1.0) -> None:
        """Accelerations are small: white noise of ``_ACCELERATION`` for ``_LASTS_S``, times ``width``."""
        step = np.diff(self.time_s)
        if len(step) < 2:
            return
        before, after = step[:-1], step[1:]
        middle = (before + after) / 2
        part = np.stack([1 / before, -1 / before - 1 / after, 1 / after], axis=1) / middle[:, None]
        weight = middle / (_ACCELERATION**2 * _LASTS_S * width)
        for i in range(3):
            for j in range(i, 3):
                block = self._blocks[j - i][i : i + len(weight)]
                block += (weight * part[:, i] * part[:, j])[:, None, None] * np.eye(3)

    def resting(self, feet: Array, share: Array) -> None:
        """Feet ``[N, F, 3]``, relative to the root, stay from frame to frame as far as ``share [N, F]`` says."""
        step = np.diff(self.time_s)
        weight = share[:-1] * share[1:] / (_WANDER_M**2 * step[:, None])
        moved = np.diff(feet, axis=0)
        total = weight.sum(1)[:, None, None] * np.eye(3)
        self._blocks[0][:-1] += total
        self._blocks[0][1:] += total
        self._blocks[1][:-1] -= total
        pull = (weight[..., None] * moved).sum(1)
        self._right[:-1] += pull
        self._right[1:] -= pull
        self._constant += float((weight[..., None] * moved**2).sum())

    def at(self, feet: Array, places: Array, weight: Array) -> None:
        """Feet ``[N, F, 3]``, relative to the root, are at ``places [N, F, 3]``; weights ``[N, F]`` in 1/m^2."""
        off = np.where(weight[..., None] > 0, feet - places, 0.0)
        self._blocks[0][...] += weight.sum(1)[:, None, None] * np.eye(3)
        self._right -= (weight[..., None] * off).sum(1)
        self._constant += float((weight[..., None] * off**2).sum())

    def heights(self, feet: Array, up: Array, height: Array, weight: Array) -> None:
        """Feet ``[N, F, 3]``, relative to the root, are at heights ``[N, F]`` along ``up [3]``; weights ``[N, F]``."""
        off = np.where(weight > 0, feet @ up - height, 0.0)
        self._blocks[0][...] += weight.sum(1)[:, None, None] * np.outer(up, up)
        self._right -= (weight * off).sum(1)[:, None] * up
        self._constant += float((weight * off**2).sum())

    def solve(self) -> tuple[Array, float]:
        """Translations ``[N, 3]`` and the cost at the minimum."""
        count = len(self.time_s)
        bands = np.zeros((9, 3 * count))
        for apart, blocks in enumerate(self._blocks):
            columns = 3 * np.arange(count - apart)
            for row in range(3):
                for column in range(3):
                    band = 3 * apart + row - column
                    if band >= 0:
                        bands[band, columns + column] = blocks[: count - apart, column, row]
        # A frame in which hardly anything is seen is held by its neighbours; alone it stays where it was put.
        bands[0] += 1e-6
        path = solveh_banded(bands, self._right.reshape(-1), lower=True, overwrite_ab=True, check_finite=False)
        return path.reshape(count, 3), self._constant - float(path @ self._right.reshape(-1))
