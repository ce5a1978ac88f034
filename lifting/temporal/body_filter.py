"""Smoothing of a person while they move, from the past alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lifting.body.bones import ancestors
from lifting.body.skeleton import BONES
from lifting.temporal.one_euro import OneEuro

__all__ = ["BodyFilter"]

_PATHS = ancestors()
#: How far the filter opens at most where keypoints do not tremble.
_MOST_OPEN = 20.0


class BodyFilter:
    """One-Euro filters for bones, direction and distance: the distance is the least certain and changes slowly.

    Bones and not joints, because the noise of the pelvis and of every joint on the way would open the filter of a
    joint; their lengths stay.

    Args:
        calm_hz, quick, noise_m: see ``lifting.live.lifter.LiveSettings``.
    """

    def __init__(self, calm_hz: float, quick: float, noise_m: float) -> None:
        self._turn, self._place = OneEuro(calm_hz, quick), OneEuro(calm_hz, quick)
        self._depth = OneEuro(calm_hz / 3, quick / 3)
        self._noise_m = noise_m

    def __call__(self, joints: NDArray[np.float64], time_s: float, jitter_m: float) -> NDArray[np.float64]:
        """Absolute joints ``[17, 3]`` in metres, smoothed.

        Args:
            joints: of the newest frame.
            time_s: later than that of the frame before.
            jitter_m: of the keypoints at the person's depth; NaN if it is not known yet.
        """
        # Until it is known how much they tremble, keypoints are taken to tremble much.
        known = math.isfinite(jitter_m) and jitter_m >= 0
        opening = float(np.clip(self._noise_m / max(jitter_m, 1e-6), 1.0, _MOST_OPEN)) if known else 1.0
        root = joints[:1]
        distance = np.linalg.norm(root, axis=-1, keepdims=True)
        direction = self._place(root / distance, time_s, opening)
        far = np.exp(self._depth(np.log(distance), time_s, opening))
        bones = joints[BONES[:, 1]] - joints[BONES[:, 0]]
        turned = self._turn(bones, time_s, opening)
        lengths = [np.linalg.norm(sticks, axis=-1, keepdims=True) for sticks in (bones, turned)]
        return np.asarray(_PATHS @ (turned * (lengths[0] / np.maximum(lengths[1], 1e-6))) + direction * far)
