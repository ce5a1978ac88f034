"""How far a joint may be from where it was put."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["joint_sigma"]

# 68.3 % of the coordinates lie within these of the truth, relative to the pelvis, metres, in H36M_17 order: sequences
# of motion capture before synthetic cameras, exact 2D and 5 px noise, other cameras than those of `zedo-video evaluate
# mocap`, which tells how well they cover.
_SEEN_M = np.array(
    [
        0.005,
        0.007,
        0.019,
        0.026,
        0.007,
        0.019,
        0.026,
        0.017,
        0.024,
        0.027,
        0.026,
        0.023,
        0.027,
        0.031,
        0.023,
        0.027,
        0.031,
    ]
)
# The same with the limb hidden, so that the prior alone placed it.
_IMPUTED_M = np.array(
    [
        0.009,
        0.009,
        0.073,
        0.109,
        0.009,
        0.073,
        0.109,
        0.022,
        0.032,
        0.044,
        0.045,
        0.033,
        0.101,
        0.133,
        0.033,
        0.101,
        0.133,
    ]
)

# Share of the error expected of the initialiser that the optimiser leaves, where it saw a joint and where it did not:
# 68.3 % of the coordinates lie within on validation motion capture (not the test sequences of `zedo-video evaluate
# mocap`) before synthetic cameras, 2D exact to 5 px off, whole or with a limb hidden.
_LEFT_OF_DOUBT = (0.65, 0.9)


def joint_sigma(
    confidence: NDArray[np.float64], imputed: NDArray[np.bool_], doubt_m: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Standard deviation of each coordinate of each joint relative to the pelvis, ``[T, 17]`` metres.

    With the initialiser, what it expects of its own pose, scaled by how much of that error the optimiser leaves. Else
    a table: joints seen with full confidence have the error measured on noisy synthetic views; the less confident, the
    closer to that of a joint that only the prior placed. A keypoint on the wrong limb is beyond both: its error is
    that of the detector.

    Args:
        confidence: ``[T, 17]``.
        imputed: ``[T, 17]``.
        doubt_m: ``[T, 17]`` metres, ``lifting.initial.learnt.InitialPoses.sigma_m``.
    """
    if doubt_m is not None:
        return np.asarray(np.where(imputed, _LEFT_OF_DOUBT[1], _LEFT_OF_DOUBT[0]) * doubt_m)
    trust = np.where(imputed, 0.0, np.clip(confidence, 0.0, 1.0))
    return np.sqrt(trust * _SEEN_M**2 + (1 - trust) * _IMPUTED_M**2)
