"""How far a joint may be from where it was put."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["joint_sigma"]

# Root mean square error per coordinate and joint after moving the pelvis on the truth, metres, in H36M_17 order:
# measured by `zedo-video evaluate mocap --noise-px 5` on single frames.
_SEEN_M = np.array(
    [0.03, 0.03, 0.05, 0.08, 0.03, 0.05, 0.08, 0.03, 0.04, 0.05, 0.06, 0.05, 0.06, 0.08, 0.05, 0.06, 0.08]
)
_IMPUTED_M = 2.5 * _SEEN_M


def joint_sigma(confidence: NDArray[np.float64], imputed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Standard deviation of each coordinate of each joint relative to the pelvis, ``[T, 17]`` metres.

    Joints seen with full confidence have the error measured on noisy synthetic views; the less confident, the closer to
    that of a joint that only the prior placed.
    """
    trust = np.where(imputed, 0.0, np.clip(confidence, 0.0, 1.0))
    return np.sqrt(trust * _SEEN_M**2 + (1 - trust) * _IMPUTED_M**2)
