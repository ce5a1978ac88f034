"""Rotations from directions, ``[T, 3, 3]`` from ``[T, 3]``, and quaternions (real part first)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

__all__ = ["as_quaternions", "continuous", "frame", "matrices", "swing", "turned", "unit"]

Array = NDArray[np.float64]

_TINY = 1e-9


def unit(vectors: Array) -> Array:
    """Vectors ``[..., 3]`` of length 1; those without a length stay 0."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _TINY))


def turned(rotations: Array, vectors: Array) -> Array:
    """``R v``: ``[T, 3, 3]`` and ``[3]`` or ``[T, 3]`` give ``[T, 3]``."""
    return np.asarray(np.einsum("tij,...tj->ti" if vectors.ndim > 1 else "tij,j->ti", rotations, vectors))


def swing(start: Array, end: Array) -> Array:
    """The smallest rotations that take directions to directions, both ``[T, 3]`` of length 1 (Rodrigues).

    With ``c = start . end`` and ``v = start x end`` it is ``c I + [v] + v v^T / (1 + c)``; where the two are opposite,
    any half turn.
    """
    start, end = np.broadcast_arrays(start, end)
    cos = np.einsum("ti,ti->t", start, end)
    axis = np.cross(start, end)
    cross = np.zeros((len(cos), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= cross.transpose(0, 2, 1)
    result = cos[:, None, None] * np.eye(3) + cross
    result += axis[:, :, None] * axis[:, None, :] / np.maximum(1 + cos, _TINY)[:, None, None]
    opposite = cos < -1 + 1e-9
    if opposite.any():
        across = unit(np.cross(start[opposite], np.eye(3)[np.abs(start[opposite]).argmin(axis=1)]))
        result[opposite] = 2 * across[:, :, None] * across[:, None, :] - np.eye(3)
    return result


def frame(bone: Array, side: Array, along: Array, towards: Array) -> Array:
    """Rotations that take ``bone`` exactly to ``along``, and ``side`` as near to ``towards`` as that allows.

    Args:
        bone, side: ``[3]`` of length 1, orthogonal, in the rest pose.
        along, towards: ``[T, 3]``, not parallel.
    """
    first = unit(along)
    second = unit(towards - np.einsum("ti,ti->t", towards, first)[:, None] * first)
    world = np.stack([first, second, np.cross(first, second)], axis=-1)
    rest = np.stack([bone, side, np.cross(bone, side)], axis=-1)
    return np.asarray(world @ rest.T)


def as_quaternions(rotations: Array) -> Array:
    """``[..., 4]`` of ``[..., 3, 3]``, real part first, of either sign.

    What is no rotation, because joints in one place have no directions, is taken as none at all.
    """
    matrix = rotations.reshape(-1, 3, 3)
    fine = np.abs(np.linalg.det(matrix) - 1) < 1e-3
    flat = Rotation.from_matrix(np.where(fine[:, None, None], matrix, np.eye(3))).as_quat(scalar_first=True)
    return np.asarray(flat.reshape(*rotations.shape[:-2], 4))


def matrices(quaternions: Array) -> Array:
    """``[..., 3, 3]`` of ``[..., 4]``."""
    flat = Rotation.from_quat(quaternions.reshape(-1, 4), scalar_first=True).as_matrix()
    return np.asarray(flat.reshape(*quaternions.shape[:-1], 3, 3))


def continuous(quaternions: Array) -> Array:
    """Quaternions ``[T, ..., 4]`` each in the hemisphere of the one before, so that none goes the long way round."""
    flips = np.where((quaternions[1:] * quaternions[:-1]).sum(axis=-1) < 0, -1.0, 1.0)
    signs = np.concatenate([np.ones((1, *quaternions.shape[1:-1])), flips]).cumprod(axis=0)
    return np.asarray(quaternions * signs[..., None])
