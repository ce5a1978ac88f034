"""The sub-VP SDE (Song et al., ICLR 2021, "Score-based generative modeling through SDEs", section 3.4 and appendix B).

All functions take diffusion times ``t`` as a tensor of any shape and return tensors of that shape.
beta(t) is linear between ``BETA_MIN`` and ``BETA_MAX``.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["BETA_MAX", "BETA_MIN", "beta", "diffusion_squared", "log_mean", "marginal_std"]

BETA_MIN = 0.1
BETA_MAX = 20.0


def beta(t: Tensor) -> Tensor:
    """beta(t) = beta_min + t (beta_max - beta_min)."""
    return BETA_MIN + t * (BETA_MAX - BETA_MIN)


def log_mean(t: Tensor) -> Tensor:
    """Logarithm of the factor by which the clean pose is scaled at time t: -1/2 of the integral of beta from 0 to t."""
    return -0.25 * t**2 * (BETA_MAX - BETA_MIN) - 0.5 * t * BETA_MIN


def marginal_std(t: Tensor) -> Tensor:
    """Standard deviation of x(t) given x(0): 1 - exp(2 log_mean), metres for poses in metres."""
    return -torch.expm1(2.0 * log_mean(t))


def diffusion_squared(t: Tensor) -> Tensor:
    """g(t)^2 = beta (1 - exp(-2 * integral of beta))."""
    return beta(t) * -torch.expm1(4.0 * log_mean(t))
