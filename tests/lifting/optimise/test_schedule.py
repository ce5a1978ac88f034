"""Coefficients of the presets, by hand."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
import torch

from lifting.initial.weights import Templates
from lifting.optimise.fast import FastSolver
from lifting.optimise.presets import make_solver
from lifting.optimise.schedule import Schedule, fast_schedule, reference_schedule, refining_schedule
from lifting.prior.sde import marginal_std
from lifting.prior.weights import Prior
from lifting.settings import LiftSettings


def by_hand(t: float) -> tuple[float, float, float]:
    """beta, g^2 and standard deviation."""
    beta, integral = 0.1 + 19.9 * t, 0.1 * t + 19.9 * t * t / 2
    return beta, beta * (1 - math.exp(-2 * integral)), 1 - math.exp(-integral)


@pytest.mark.parametrize(("step", "time"), [(0, 0.1), (999, 0.01)])
def test_reference_coefficients(step: int, time: float) -> None:
    schedule = reference_schedule(1000)
    beta, g2, std = by_hand(time)
    assert schedule.times[step].item() == pytest.approx(time, rel=1e-12)
    assert schedule.drift[step].item() == pytest.approx(beta / 2 / 1000, rel=1e-9)
    assert schedule.denoise[step].item() == pytest.approx(g2 / std / 1000, rel=1e-9)


def test_reference_schedule_by_the_numbers() -> None:
    schedule = reference_schedule(1000)
    assert len(schedule) == 1000 and schedule.frozen == 200 and schedule.relax == 1.0
    assert schedule.drift[0].item() == pytest.approx(0.001045, rel=1e-9)
    assert schedule.denoise[0].item() == pytest.approx(0.00396323, rel=1e-5)
    assert torch.all(schedule.times.diff() < 0)


def test_fewer_reference_steps_are_longer() -> None:
    whole, tenth = reference_schedule(1000), reference_schedule(100)
    assert tenth.frozen == 20
    assert tenth.drift[0].item() == pytest.approx(10 * whole.drift[0].item())


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 50, 400])
def test_fast_schedule_never_takes_more_than_the_whole_noise(steps: int) -> None:
    schedule = fast_schedule(steps)
    assert len(schedule) == steps
    share = schedule.denoise / marginal_std(schedule.times)
    assert torch.all(share > 0) and torch.all(share <= 1 + 1e-12)
    assert torch.all(schedule.drift == 0)


def test_fast_share_by_hand() -> None:
    schedule = fast_schedule(400, t_high=0.1, t_low=0.05)
    for step, time in ((0, 0.1), (-1, 0.05)):
        _, g2, std = by_hand(time)
        assert g2 / std**2 / 400 < 1
        assert schedule.denoise[step].item() == pytest.approx(g2 / std / 400, rel=1e-9)


def test_few_fast_steps_take_all_the_noise() -> None:
    schedule = fast_schedule(5)
    assert torch.allclose(schedule.denoise, marginal_std(schedule.times))


def test_options_of_the_fast_schedule() -> None:
    schedule = fast_schedule(20, t_high=0.08, t_low=0.02, relax=1.2, frozen=0.25)
    assert schedule.times[[0, -1]].tolist() == pytest.approx([0.08, 0.02])
    assert schedule.relax == 1.2 and schedule.frozen == 5


def test_presets_differ_in_the_step_to_the_ray() -> None:
    fast, reference = fast_schedule(40), reference_schedule(1000)
    assert fast.weighted and fast.relax == 1.8 and len(fast) == 40 and fast.frozen == 8
    assert fast.times[[0, -1]].tolist() == pytest.approx([0.1, 0.03])
    assert not reference.weighted and reference.relax == 1.0


def test_settings_choose_the_schedule(prior: Prior, templates: Templates) -> None:
    def schedule(**settings: Any) -> Schedule:
        solver = make_solver(LiftSettings(**settings), prior.network, templates, torch.device("cpu"), 300)
        return solver.schedule if isinstance(solver, FastSolver) else reference_schedule(solver.steps)

    fast, grid, reference = schedule(), schedule(ipo="grid"), schedule(preset="reference")
    assert (len(fast), len(grid), len(reference)) == (14, 40, 1000)
    assert fast.weighted and grid.weighted
    # what is nearly right already must not be made noisy again
    assert fast.times[0] < grid.times[0] and fast.times[-1] == grid.times[-1]
    assert torch.equal(fast.denoise, refining_schedule(14).denoise)
    for steps in (1, 7):
        assert len(schedule(steps=steps)) == len(schedule(preset="reference", steps=steps)) == steps


@pytest.mark.parametrize("steps", [0, -3])
@pytest.mark.parametrize("preset", ["fast", "reference"])
def test_an_optimiser_without_steps_is_refused(preset: Literal["fast", "reference"], steps: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 step, not {steps}"):
        LiftSettings(preset=preset, steps=steps)


@pytest.mark.parametrize(("window", "overlap"), [(300, 0), (300, -1), (20, 20), (20, 60)])
def test_windows_that_cannot_overlap_are_refused(window: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"windows of {window} frames cannot overlap by {overlap}"):
        LiftSettings(window=window, overlap=overlap)
    assert LiftSettings(window=20, overlap=19).overlap == 19
