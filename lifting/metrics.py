"""The field's measures, vectorised. Poses are ``[..., J, 3]`` in metres; results have the leading shape, in metres.

``root`` is the joint, or the joints whose middle, is moved on that of the truth; ``joints`` are the ones that are
averaged over (all if None). Alignment and centring always see all joints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EXPECTED_COVERAGE",
    "acceleration_error",
    "auc",
    "best_of",
    "bone_length_spread",
    "centred",
    "coverage",
    "mpjpe",
    "n_mpjpe",
    "pa_mpjpe",
    "pck",
    "per_joint_error",
    "procrustes_align",
]

Root = int | tuple[int, ...]

_ONE_SIGMA = 0.6827

#: What ``coverage`` should find if ``sigma_m`` is right and errors are Gaussian, by name.
EXPECTED_COVERAGE = {"coverage_1_sigma": _ONE_SIGMA, "coverage_2_sigma": 0.9545, "coverage_3d": _ONE_SIGMA}

# The ball that holds 68.27 % of a Gaussian of standard deviation 1 per coordinate in three dimensions.
_BALL = 1.8779

#: Thresholds of the area under the PCK curve of MPI-INF-3DHP: 0 to 150 mm in 31 steps, 0 included.
_AUC_THRESHOLDS_M = np.linspace(0.0, 0.15, 31)


def centred(poses: NDArray[np.floating], root: Root = 0) -> NDArray[np.float64]:
    """Poses with the root at the origin."""
    x = np.asarray(poses, np.float64)
    return x - x[..., [root] if isinstance(root, int) else list(root), :].mean(axis=-2, keepdims=True)


def per_joint_error(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance of every joint, ``[..., J]``."""
    return np.asarray(np.linalg.norm(np.asarray(predicted, np.float64) - truth, axis=-1))


def mpjpe(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    root: Root = 0,
    joints: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Mean per-joint position error after moving the roots on each other (Human3.6M protocol 1), ``[...]``."""
    return _average(per_joint_error(centred(predicted, root), centred(truth, root)), joints)


def n_mpjpe(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    root: Root = 0,
    joints: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """MPJPE of poses that are also scaled about the root to fit the truth best (Rhodin et al., 2018), ``[...]``."""
    p, t = centred(predicted, root), centred(truth, root)
    scale = (p * t).sum(axis=(-2, -1)) / np.maximum((p * p).sum(axis=(-2, -1)), 1e-12)
    return _average(per_joint_error(scale[..., None, None] * p, t), joints)


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
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    reflection: bool = False,
    joints: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """MPJPE after Procrustes alignment (Human3.6M protocol 2), ``[...]``; no mirroring unless asked for."""
    return _average(per_joint_error(procrustes_align(predicted, truth, reflection), truth), joints)


def pck(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    threshold_m: float = 0.15,
    root: Root = 0,
    joints: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Share of joints nearer to the truth than the threshold, roots on each other, ``[...]`` in 0..1."""
    near = per_joint_error(centred(predicted, root), centred(truth, root)) < threshold_m
    return _average(near.astype(np.float64), joints)


def auc(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    root: Root = 0,
    joints: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Mean PCK over thresholds of 0, 5, ... 150 mm, ``[...]`` in 0..1, as MPI-INF-3DHP defines it.

    Nothing is nearer than 0 mm, so a perfect pose has 30 / 31 = 0.968.
    """
    error = per_joint_error(centred(predicted, root), centred(truth, root))
    return _average((error[..., None] < _AUC_THRESHOLDS_M).mean(axis=-1), joints)


def best_of(errors: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The least error of several hypotheses and which one has it: ``[S, ...]`` -> ``[...]``, ``[...]``.

    Choosing needs the truth: this is the oracle with which multi-hypothesis methods are published.
    """
    errors = np.asarray(errors, np.float64)
    return errors.min(axis=0), errors.argmin(axis=0)


def acceleration_error(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean distance of second differences, ``[T, J, 3]`` -> ``[T - 2]``, metres per frame squared."""
    difference = np.diff(np.asarray(predicted, np.float64), n=2, axis=0) - np.diff(
        np.asarray(truth, np.float64), n=2, axis=0
    )
    return np.asarray(np.linalg.norm(difference, axis=-1).mean(axis=-1))


def bone_length_spread(poses: NDArray[np.floating], bones: NDArray[np.integer]) -> NDArray[np.float64]:
    """How much the bones of one person change: standard deviation of each length, ``[T, J, 3]`` -> ``[E]`` metres.

    Args:
        poses: T frames of one person.
        bones: ``[E, 2]`` joints at the ends of every bone, for example ``lifting.body.skeleton.BONES``.
    """
    x = np.asarray(poses, np.float64)
    return np.asarray(np.linalg.norm(x[:, bones[:, 1]] - x[:, bones[:, 0]], axis=-1).std(axis=0))


def coverage(
    predicted: NDArray[np.floating], truth: NDArray[np.floating], sigma_m: NDArray[np.floating]
) -> dict[str, NDArray[np.float64]]:
    """Calibration of a standard deviation per coordinate: the shares that lie within it, each ``[...]``.

    Of the joints beside the first, which is moved on that of the truth: ``coverage_1_sigma`` and ``coverage_2_sigma``
    count coordinates with |error| <= 1 or 2 sigma, ``coverage_3d`` joints whose distance is at most 1.878 sigma, the
    ball that holds 68.27 % of a Gaussian. ``EXPECTED_COVERAGE`` is what they should be.

    Args:
        predicted, truth: ``[..., J, 3]``.
        sigma_m: ``[..., J]``.
    """
    error = (centred(predicted) - centred(truth))[..., 1:, :]
    sigma = np.asarray(sigma_m, np.float64)[..., 1:]
    return {
        "coverage_1_sigma": np.asarray((np.abs(error) <= sigma[..., None]).mean(axis=(-2, -1))),
        "coverage_2_sigma": np.asarray((np.abs(error) <= 2 * sigma[..., None]).mean(axis=(-2, -1))),
        "coverage_3d": np.asarray((np.linalg.norm(error, axis=-1) <= _BALL * sigma).mean(axis=-1)),
    }


def _average(values: NDArray[np.float64], joints: Sequence[int] | None) -> NDArray[np.float64]:
    return np.asarray((values if joints is None else values[..., list(joints)]).mean(axis=-1))
