"""How much the keypoints of a person tremble, told from the keypoints themselves while they come in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Jitter"]

_FRAMES = 4  # what three differences need
_MEMORY = 10.0  # frames over which the estimate is averaged
_RAYLEIGH_MEDIAN = math.sqrt(2 * math.log(2))  # of the length of a vector with two coordinates of variance 1


class Jitter:
    """Standard deviation of the noise on each coordinate of a person's keypoints, in their units.

    Third differences of the last four frames take away all motion with constant acceleration; what is left is noise,
    but for the joints that are jerked most, which the median over joints leaves out. It is the noise that changes from
    frame to frame: an error that lasts is motion to a filter as well.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[float, NDArray[np.float64], NDArray[np.bool_]]] = []
        self._sigma = math.nan
        self._count = 0

    def __call__(self, keypoints: NDArray[np.float64], seen: NDArray[np.bool_], time_s: float) -> float:
        """The estimate after another frame; NaN until enough frames have come.

        Args:
            keypoints: ``[J, 2]``, anything where they are not ``seen [J]``.
            time_s: later than that of the frame before.
        """
        self._seen = [*self._seen[-_FRAMES + 1 :], (time_s, keypoints, seen)]
        if len(self._seen) < _FRAMES:
            return self._sigma
        times = np.array([time for time, _, _ in self._seen])
        present = np.logical_and.reduce([there for _, _, there in self._seen])
        if not present.any():
            return self._sigma
        apart = times[:, None] - times + np.eye(_FRAMES)
        weights = 1 / apart.prod(axis=1)
        weights /= np.linalg.norm(weights)
        left = sum(w * points[present] for w, (_, points, _) in zip(weights, self._seen, strict=True))
        now = float(np.median(np.linalg.norm(left, axis=-1))) / _RAYLEIGH_MEDIAN
        self._count += 1
        share = max(1 / self._count, 1 / _MEMORY)
        self._sigma = now if self._count == 1 else self._sigma + share * (now - self._sigma)
        return self._sigma
