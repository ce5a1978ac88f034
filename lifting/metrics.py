"""The field's measures, in metres. Poses are ``[..., J, 3]``; results have the leading shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["acceleration_error", "mpjpe", "pa_mpjpe", "per_joint_error", "procrustes_align"]


def per_joint_error(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance of every joint, ``[..., J]``."""
    return np.asarray(np.linalg.norm(np.asarray(predicted, np.float64) - truth, axis=-1))


def mpjpe(predicted: NDArray[np.floating], truth: NDArray[np.floating], root: int = 0) -> NDArray[np.float64]:
    """Mean per-joint position error after moving the root joints on each other (Human3.6M protocol 1), ``[...]``."""
    return np.asarray(
        per_joint_error(predicted - predicted[..., root : root + 1, :], truth - truth[..., root : root + 1, :]).mean(
            axis=-1
        )
    )


def procrustes_align(
    predicted: NDArray[np.floating], truth: NDArray[np.floating], reflection: bool = False
) -> NDArray[np.float64]:
    """Poses moved, turned and scaled to fit the truth best, ``[..., J, 3]`` (Kabsch and Umeyama).

    Args:
        predicted, truth: ``[..., J, 3]``.
        reflection: allow mirroring, too.
    """
    p = np.asarray(predicted, np.float64)
    t = np.asarray(truth, np.float64)
    p_centre, t_centre = p.mean(axis=-2, keepdims=True), t.mean(axis=-2, keepdims=True)
    p, t = p - p_centre, t - t_centre
    U, S, Vt = np.linalg.svd(np.swapaxes(p, -1, -2) @ t)
    if not reflection:
        sign = np.sign(np.linalg.det(U @ Vt))
        Vt[..., -1, :] *= sign[..., None]
        S[..., -1] *= sign
    scale = S.sum(axis=-1) / np.maximum((p**2).sum(axis=(-2, -1)), 1e-12)
    return np.asarray(scale[..., None, None] * p @ (U @ Vt) + t_centre)


def pa_mpjpe(
    predicted: NDArray[np.floating], truth: NDArray[np.floating], reflection: bool = False
) -> NDArray[np.float64]:
    """MPJPE after Procrustes alignment (Human3.6M protocol 2), ``[...]``; no mirroring unless asked for."""
    return np.asarray(per_joint_error(procrustes_align(predicted, truth, reflection), truth).mean(axis=-1))


def acceleration_error(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean distance of second differences, ``[T, J, 3]`` -> ``[T - 2]``, metres per frame squared."""
    difference = np.diff(np.asarray(predicted, np.float64), n=2, axis=0) - np.diff(
        np.asarray(truth, np.float64), n=2, axis=0
    )
    return np.asarray(np.linalg.norm(difference, axis=-1).mean(axis=-1))
