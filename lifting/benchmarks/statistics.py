"""Means with the uncertainty that comes from the choice of test material."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "bootstrap_mean", "bootstrap_mean_of_groups"]

Units = Sequence[NDArray[np.floating]]


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % confidence interval, in the unit of what was averaged."""

    value: float
    low: float
    high: float


def bootstrap_mean(units: Units, rng: np.random.Generator, draws: int = 2000) -> Estimate:
    """Mean over all values; the interval comes from drawing whole units again, with replacement.

    Values of one unit (the frames of a sequence) depend on each other, so they are drawn together. Where there is only
    one unit, its values are drawn, which makes the interval too narrow but not nothing.

    Args:
        units: values per unit, of any length.
        rng: of the draws.
        draws: number of bootstrap samples.

    Raises:
        ValueError: there is no value at all.
    """
    return bootstrap_mean_of_groups([units], rng, draws)


def bootstrap_mean_of_groups(groups: Sequence[Units], rng: np.random.Generator, draws: int = 2000) -> Estimate:
    """Mean over groups of the mean over all values of each, as action-wise figures are; units are drawn within groups.

    Args:
        groups: the units of each group, see ``bootstrap_mean``; groups without values do not count.
        rng: of the draws.
        draws: number of bootstrap samples.

    Raises:
        ValueError: there is no value at all.
    """
    means, drawn = [], []
    for units in groups:
        drawn_together = list(np.ravel(units[0])) if len(units) == 1 else units
        sums = np.array([np.sum(values, dtype=np.float64) for values in drawn_together])
        counts = np.array([np.size(values) for values in drawn_together], np.float64)
        sums, counts = sums[counts > 0], counts[counts > 0]
        if len(counts):
            chosen = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
            means.append(sums.sum() / counts.sum())
            drawn.append((chosen @ sums) / (chosen @ counts))
    if not means:
        raise ValueError("there is nothing to average")
    low, high = np.quantile(np.mean(drawn, axis=0), [0.025, 0.975])
    return Estimate(float(np.mean(means)), float(low), float(high))
