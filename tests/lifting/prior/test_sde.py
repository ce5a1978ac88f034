"""The SDE against the differential equations of its moments, solved numerically."""

from __future__ import annotations

import math

import pytest
import torch

from lifting.optimise.schedule import reference_schedule
from lifting.prior.sde import beta, diffusion_squared, log_mean, marginal_std

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


def test_steps_of_the_published_schedule_follow_the_reverse_flow_of_a_gaussian() -> None:
    # For a Gaussian of standard deviation 1 the score is known. With the full score and no noise x grows as
    # d ln x = (beta / 2 - g^2 / v) dt: compare with the sum of that.
    schedule = reference_schedule(1000)
    t = schedule.times
    variance = (2 * log_mean(t)).exp() + marginal_std(t) ** 2
    x = 1.0
    for drift, denoise, std, v in zip(schedule.drift, schedule.denoise, marginal_std(t), variance, strict=True):
        x = float(x + drift * x - denoise * std * x / v)
    flow = (0.5 * beta(t) - diffusion_squared(t) / variance).sum() / 1000
    assert x == pytest.approx(math.exp(flow), rel=1e-3)
