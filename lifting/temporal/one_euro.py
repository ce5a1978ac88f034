"""The One-Euro filter: calm while a value rests, quick while it moves (Casiez, Roussel and Vogel, CHI 2012)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["OneEuro"]

_SPEED_HZ = 2.0  # cutoff of the filter of the speed itself


class OneEuro:
    """A low pass whose cutoff grows with speed: ``cutoff = calm_hz + quick * |d value / dt|``.

    One cutoff for each vector along the last axis, so that the filter does not depend on how the axes are turned.

    Args:
        calm_hz: cutoff at rest, Hz; lower is smoother.
        quick: Hz per unit and second; higher lags less in fast motion.
    """

    def __init__(self, calm_hz: float, quick: float) -> None:
        self._calm_hz, self._quick = calm_hz, quick
        self._value: NDArray[np.float64] | None = None
        self._speed: NDArray[np.float64] | None = None
        self._time_s = 0.0

    def __call__(self, value: NDArray[np.float64], time_s: float, opening: float = 1.0) -> NDArray[np.float64]:
        """The filtered value ``[..., D]`` at a time in seconds, later than the last; the first is kept as it is.

        ``opening`` multiplies the cutoff: there is less to smooth.
        """
        if self._value is None or self._speed is None:
            self._value, self._speed, self._time_s = value.copy(), np.zeros_like(value), time_s
            return self._value.copy()
        step_s = time_s - self._time_s
        if step_s <= 0:
            raise ValueError(f"a filter cannot go back from {self._time_s:g} s to {time_s:g} s")
        self._speed = self._speed + _share(_SPEED_HZ, step_s) * ((value - self._value) / step_s - self._speed)
        cutoff = opening * (self._calm_hz + self._quick * np.linalg.norm(self._speed, axis=-1, keepdims=True))
        self._value = self._value + _share(cutoff, step_s) * (value - self._value)
        self._time_s = time_s
        return self._value.copy()


def _share(cutoff_hz: float | NDArray[np.float64], step_s: float) -> float | NDArray[np.float64]:
    """Weight of the new value in an exponential filter of that cutoff."""
    ratio = 2 * np.pi * cutoff_hz * step_s
    return ratio / (ratio + 1)
