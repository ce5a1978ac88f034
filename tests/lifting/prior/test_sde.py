"""The SDE against the differential equations of its moments, solved numerically."""

from __future__ import annotations

import math

import pytest
import torch

from lifting.prior.sde import beta, diffusion_squared, log_mean, marginal_std, reverse_step

TIMES = torch.tensor([0.0, 0.01, 0.03, 0.1, 0.2, 0.5, 1.0], dtype=torch.float64)


def test_beta_is_linear_from_a_tenth_to_twenty() -> None:
    assert beta(TIMES).tolist() == pytest.approx([0.1 + 19.9 * t for t in TIMES.tolist()])


@pytest.mark.parametrize("time", TIMES.tolist())
def test_moments_solve_their_differential_equations(time: float) -> None:
    # dx = -beta/2 x dt + g dw: the mean follows m' = -beta/2 m, the variance v' = -beta v + g^2 (midpoint rule)
    steps = 20_000
    dt = time / steps
    middles = (torch.arange(steps, dtype=torch.float64) + 0.5) * dt
    mean, variance = 1.0, 0.0
    for b, g2 in zip(beta(middles).tolist(), diffusion_squared(middles).tolist(), strict=True):
        mean *= math.exp(-0.5 * b * dt)
        half = variance + 0.5 * dt * (g2 - b * variance)
        variance += dt * (g2 - b * half)
    t = torch.tensor(time, dtype=torch.float64)
    assert log_mean(t).exp().item() == pytest.approx(mean, rel=1e-8)
    assert marginal_std(t).item() == pytest.approx(math.sqrt(variance), rel=1e-5, abs=1e-9)


def test_diffusion_at_a_tenth_by_hand() -> None:
    # beta = 2.09 and its integral 0.01 + 0.0995 = 0.1095
    t = torch.tensor(0.1, dtype=torch.float64)
    assert diffusion_squared(t).item() == pytest.approx(2.09 * (1 - math.exp(-0.219)), rel=1e-12)
    assert diffusion_squared(TIMES[0]).item() == 0.0


def test_small_times_keep_their_digits_in_single_precision() -> None:
    t = torch.tensor(1e-6)
    # to first order the integral of beta is beta(0) t
    assert marginal_std(t).item() == pytest.approx(1e-7, rel=1e-3)


def test_reverse_step_by_hand() -> None:
    x, score = torch.tensor([[[2.0, 0.0, -1.0]]]).double(), torch.tensor([[[0.5, -1.0, 0.0]]]).double()
    moved = reverse_step(x, score, torch.tensor(0.1, dtype=torch.float64), 0.01)
    g2 = 2.09 * (1 - math.exp(-0.219))
    expected = [2.0 + (1.045 * 2.0 + g2 * 0.5) * 0.01, -g2 * 0.01, -1.0 - 1.045 * 0.01]
    assert moved.flatten().tolist() == pytest.approx(expected, rel=1e-12)


def test_reverse_flow_brings_a_gaussian_home() -> None:
    # For a Gaussian of standard deviation 1 the score is known. With the full score and no noise the steps contract
    # as d ln x / dt = -(beta/2 - g^2 / v): compare with the integral of that.
    sigma2 = 1.0

    def variance(t: torch.Tensor) -> torch.Tensor:
        return sigma2 * (2 * log_mean(t)).exp() + marginal_std(t) ** 2

    steps = 1000
    dt = 0.09 / steps
    x = torch.ones(1, 1, 3, dtype=torch.float64)
    exponent = 0.0
    for i in range(steps):
        t = torch.tensor(0.1 - i * dt, dtype=torch.float64)
        x = reverse_step(x, -x / variance(t), t, dt)
        middle = t - dt / 2
        exponent += float(0.5 * beta(middle) - diffusion_squared(middle) / variance(middle)) * dt
    assert x.flatten().tolist() == pytest.approx([math.exp(exponent)] * 3, rel=1e-3)
