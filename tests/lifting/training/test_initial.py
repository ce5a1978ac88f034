"""Training of the initialiser: what it makes small, and that it learns."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.body.proportions import log_proportions
from lifting.initial.network import InitialGuess
from lifting.temporal.neighbours import OFFSETS_S
from lifting.training.engine import fit
from lifting.training.initial import (
    InitialiserSettings,
    held_out_views,
    initialiser_errors,
    initialiser_loss,
    initialiser_objective,
    new_initialiser,
    pose_offsets,
)

CPU = torch.device("cpu")
SMALL = InitialiserSettings(steps=60, batch=64, learning_rate=3e-3, warm_up=5, hidden=64, blocks=1, ema=0.9)
ALONE = replace(SMALL, modes_weight=0.0, scale_weight=0.0, choice_weight=0.0, body_weight=0.0)


@pytest.fixture
def clip(motion: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.zeros(len(motion), np.int64)


def guess_of(pose: Tensor, modes: Tensor, log_scale: float = 0.0, logits: Tensor | None = None) -> InitialGuess:
    return InitialGuess(
        pose,
        torch.full(pose.shape[:2], log_scale),
        modes,
        torch.zeros(modes.shape[:2]) if logits is None else logits,
        torch.zeros(len(pose), 8),
        torch.zeros(len(pose), 8),
    )


def told(count: int, *, everybody: bool = True) -> Tensor:
    return torch.full((count, 1), everybody)


def test_the_loss_is_the_distance_of_the_pose() -> None:
    truth = torch.zeros(2, 17, 3)
    pose = torch.zeros(2, 17, 3)
    pose[0, :, 0], pose[1, :, 2] = 0.3, -0.1
    guess = guess_of(pose, torch.zeros(2, 4, 17, 3))
    assert float(initialiser_loss(guess, truth, told(2), ALONE)) == pytest.approx(0.2)


def test_the_nearest_mode_learns_and_is_the_one_to_choose() -> None:
    truth = torch.zeros(1, 17, 3)
    modes = torch.stack([torch.full((1, 17, 3), far / math.sqrt(3)) for far in (0.4, 0.1, 0.8)], dim=1)
    guess = guess_of(truth, modes)
    weighed = float(initialiser_loss(guess, truth, told(1), replace(ALONE, modes_weight=1.0)))
    assert weighed == pytest.approx(0.95 * 0.1 + 0.05 * (0.4 + 0.1 + 0.8) / 3)
    right, wrong = (
        float(
            initialiser_loss(
                guess_of(truth, modes, logits=torch.tensor([row])), truth, told(1), replace(ALONE, choice_weight=1.0)
            )
        )
        for row in ([0.0, 5.0, 0.0], [5.0, 0.0, 0.0])
    )
    assert right < 0.05 and wrong > 4


def test_the_scale_that_fits_the_errors_is_the_likeliest() -> None:
    # distances of a Laplace distribution in space with scale b follow Gamma(3, b)
    distance = torch.from_numpy(np.random.default_rng(0).gamma(3.0, 0.05, (500, 17))).float()
    pose = torch.stack([distance, torch.zeros_like(distance), torch.zeros_like(distance)], dim=-1)
    settings = replace(ALONE, scale_weight=1.0)
    losses = {
        b: float(
            initialiser_loss(guess_of(pose, pose[:, None], math.log(b)), torch.zeros_like(pose), told(500), settings)
        )
        for b in (0.03, 0.05, 0.08)
    }
    assert min(losses, key=lambda b: losses[b]) == 0.05


def test_proportions_are_learnt_of_those_to_whom_they_were_not_told(people: Tensor) -> None:
    settings = replace(ALONE, body_weight=1.0)
    right = replace(guess_of(people, people[:, None]), body=log_proportions(people))
    wrong = replace(right, body=right.body + 0.1)
    losses = [float(initialiser_loss(guess, people, told(12, everybody=False), settings)) for guess in (right, wrong)]
    assert losses == pytest.approx([0.0, 0.1], abs=1e-6)
    sure = replace(wrong, body_log_scale=torch.full((12, 8), math.log(0.1)))
    assert float(initialiser_loss(sure, people, told(12, everybody=False), settings)) == pytest.approx(
        1 + math.log(0.1)
    )
    assert float(initialiser_loss(wrong, people, told(12), settings)) == pytest.approx(0.0, abs=1e-6)


def test_offsets_are_the_same_time_at_any_rate() -> None:
    assert pose_offsets(12) == [-4, -2, -1, 0, 1, 2, 4]
    assert [offset / 60 for offset in pose_offsets(60)] == pytest.approx(OFFSETS_S)


@pytest.mark.slow
def test_it_learns_and_knows_how_well(motion: NDArray[np.float64], clip: NDArray[np.int64]) -> None:
    state = new_initialiser(SMALL, CPU)
    views = held_out_views(motion, clip, 12.0, alone=True, count=256)
    before = initialiser_errors(state.averaged, *views)  # type: ignore[arg-type]
    losses: list[float] = []
    steps = fit(
        state, initialiser_objective(motion, clip, 12.0, SMALL), SMALL, CPU, lambda step, loss: losses.append(loss)
    )
    assert list(steps) == list(range(1, 61))
    after = initialiser_errors(state.averaged, *views)  # type: ignore[arg-type]
    assert after["pose"] < 0.6 * before["pose"] and np.mean(losses[-5:]) < 0.6 * losses[0]
    assert after["best_mode"] < after["likeliest_mode"]
    assert after["told_body"] != after["pose"] and after["told_body"] < 0.6 * before["told_body"]


def test_the_same_seed_gives_the_same_training(motion: NDArray[np.float64], clip: NDArray[np.int64]) -> None:
    def trained(seed: int) -> Tensor:
        settings = replace(SMALL, steps=2, seed=seed)
        state = new_initialiser(settings, CPU)
        list(fit(state, initialiser_objective(motion, clip, 12.0, settings), settings, CPU, lambda step, loss: None))
        return state.network.get_parameter("trunk_pose.weight").detach()

    assert torch.equal(trained(0), trained(0)) and not torch.allclose(trained(0), trained(1))


def test_held_out_views_are_always_the_same(motion: NDArray[np.float64], clip: NDArray[np.int64]) -> None:
    once, again = (held_out_views(motion, clip, 12.0, alone=False, count=32) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    _, _, lonely = held_out_views(motion, clip, 12.0, alone=True, count=32)
    assert not lonely[:, [0, 1, 2, 4, 5, 6]].any() and once[2][:, 4].any()
