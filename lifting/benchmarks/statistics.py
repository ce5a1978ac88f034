"""Means with the uncertainty that comes from the choice of test material."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "bootstrap_mean"]


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % confidence interval, in the unit of what was averaged."""

    value: float
    low: float
    high: float


def bootstrap_mean(units: Sequence[NDArray[np.floating]], rng: np.random.Generator, draws: int = 2000) -> Estimate:
    """Mean over all values; the interval comes from drawing whole units again, with replacement.

    Values of one unit (the frames of a sequence) depend on each other, so they are drawn together.

    Args:
        units: values per unit, of any length.
        rng: of the draws.
        draws: number of bootstrap samples.

    Raises:
        ValueError: there is no value at all.
    """
    sums = np.array([np.sum(values, dtype=np.float64) for values in units])
    counts = np.array([np.size(values) for values in units], np.float64)
    sums, counts = sums[counts > 0], counts[counts > 0]
    if not len(counts):
        raise ValueError("there is nothing to average")
    chosen = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
    low, high = np.quantile((chosen @ sums) / (chosen @ counts), [0.025, 0.975])
    return Estimate(float(sums.sum() / counts.sum()), float(low), float(high))
