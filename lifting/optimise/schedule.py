"""How the optimiser walks down the noise levels: one table of coefficients per preset."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lifting.prior.sde import beta, diffusion_squared, marginal_std

__all__ = ["Schedule", "fast_schedule", "reference_schedule", "refining_schedule"]


@dataclass(frozen=True)
class Schedule:
    """Coefficients of the N steps; step i is ``x <- x + drift_i x - denoise_i noise(x, t_i)`` after the ray step.

    Attributes:
        times: ``[N]`` diffusion times.
        drift: ``[N]`` share of x that is added.
        denoise: ``[N]`` metres of the predicted unit noise that are taken away.
        relax: share of the way to the ray that a fully trusted joint goes; above 1 is over-relaxation.
        frozen: number of first steps during which the translation stays as initialised.
        weighted: the step to the ray is weighed by the confidence; the published one goes all the way for every joint
            that was seen, and weighs only the translation.
    """

    times: Tensor
    drift: Tensor
    denoise: Tensor
    relax: float
    frozen: int
    weighted: bool

    def __len__(self) -> int:
        return len(self.times)


def reference_schedule(steps: int, frozen: float = 0.2) -> Schedule:
    """The published optimiser (ZeDO, section 3.3 and 4.1): t from 0.1 to 0.01, dt = 1 / steps.

    The step of the reverse SDE is ``x += (beta x / 2 + g^2 score) dt`` with ``score = -noise / std``.

    Args:
        steps: number of network evaluations.
        frozen: share of the steps with fixed translation, rounded down as published: a fifth of 14 steps are 2.
    """
    t = torch.linspace(0.1, 0.01, steps, dtype=torch.float64)
    dt = 1.0 / steps
    denoise = diffusion_squared(t) / marginal_std(t) * dt
    return Schedule(t, 0.5 * beta(t) * dt, denoise, relax=1.0, frozen=math.floor(frozen * steps + 1e-9), weighted=False)


def fast_schedule(
    steps: int, *, t_high: float = 0.1, t_low: float = 0.03, relax: float = 1.8, frozen: float = 0.2
) -> Schedule:
    """Few, over-relaxed steps with the accuracy of a thousand.

    Each step takes the share of the noise that the SDE would take over ``1 / steps`` of diffusion time, at most all of
    it. The drift is left out: its only effect on the result is a growing scale, which the body size decides instead
    (``lifting.body.skeleton``).

    Args:
        steps: number of network evaluations.
        t_high, t_low: first and last diffusion time; the last one should match the error of the 2D evidence.
        relax: over-relaxation of the step to the rays.
        frozen: share of the steps with fixed translation.
    """
    t = torch.linspace(t_high, t_low, steps, dtype=torch.float64)
    std = marginal_std(t)
    denoise = (diffusion_squared(t) / std**2 / steps).clamp_max(1.0) * std
    return Schedule(t, torch.zeros_like(t), denoise, relax=relax, frozen=round(frozen * steps), weighted=True)


def refining_schedule(steps: int) -> Schedule:
    """``fast_schedule`` from the initialiser: what is nearly right must not be taken back to the noise of t = 0.1."""
    return fast_schedule(steps, t_high=0.05)
