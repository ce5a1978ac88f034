"""Angles about axes, one after the other, that do not jump."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

__all__ = ["angles"]

Array = NDArray[np.float64]


def angles(rotations: Array, order: Literal["ZXY", "ZYX"]) -> Array:
    """Degrees ``[T, J, 3]`` of rotations ``[T, J, 3, 3]`` about the turned axes in this order, such as "ZXY".

    Each rotation has two triples, ``(a, b, c)`` and ``(a + 180, 180 - b, c + 180)``, and each angle any number of full
    turns; of these the ones nearest to those of the frame before are taken.
    """
    with warnings.catch_warnings():
        # With the middle angle at 90 degrees the other two are one: scipy says that it sets one of them to 0.
        warnings.simplefilter("ignore", UserWarning)
        first = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_euler(order, degrees=True)
    first = first.reshape(*rotations.shape[:-2], 3)
    other = first * [1.0, -1.0, 1.0] + 180.0
    both = np.stack([first, other])
    result = np.empty_like(first)
    before = np.zeros_like(first[0])
    pick = np.arange(first.shape[1])
    for frame in range(len(first)):
        near = both[:, frame] + 360.0 * np.round((before - both[:, frame]) / 360.0)
        before = near[np.abs(near - before).sum(axis=-1).argmin(axis=0), pick]
        result[frame] = before
    return result
