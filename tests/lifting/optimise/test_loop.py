"""The optimiser in the loop against the published algorithm, written once more in numpy."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.evidence import Evidence
from lifting.optimise.loop import Constraint, State, optimise
from lifting.optimise.schedule import Schedule, fast_schedule, reference_schedule
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork


@pytest.fixture
def case() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Poses, translations, rays that do not quite fit, confidences with some joints unseen."""
    generator = torch.Generator().manual_seed(0)
    x = 0.3 * torch.randn(4, 17, 3, generator=generator)
    T = torch.tensor([0.2, -0.1, 4.0]) + 0.3 * torch.randn(4, 3, generator=generator)
    X = x + T[:, None] + 0.05 * torch.randn(x.shape, generator=generator)
    confidence = torch.rand(4, 17, generator=generator)
    confidence[:, [3, 13]] = 0.0
    return x, T, X / X[..., 2:], confidence


def optimised(
    network: ScoreNetwork, schedule: Schedule, x: Tensor, T: Tensor, rays: Tensor, confidence: Tensor,
    constraints: Sequence[Constraint] = (),
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """x and T after the loop, in float32."""
    denoise = FoldedScoreNetwork(network, schedule.times, torch.float32)
    found = optimise(denoise, schedule, State(x, T), Evidence.apart(rays, confidence), constraints)
    return found.x, found.T


def step_by_the_book(
    network: ScoreNetwork,
    x: NDArray[np.float64],
    T: NDArray[np.float64],
    rays: NDArray[np.float64],
    confidence: NDArray[np.float64],
    t: float,
    dt: float,
    frozen: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pose by pose and joint by joint, in float64."""
    beta, integral = 0.1 + 19.9 * t, 0.1 * t + 19.9 * t * t / 2
    g2, std = beta * (1 - np.exp(-2 * integral)), 1 - np.exp(-integral)
    x, T = x.copy(), T.copy()
    for b in range(len(x)):
        if not frozen:
            rows, right = [], []
            for joint, (u, v, _), c in zip(x[b], rays[b], confidence[b], strict=True):
                # trust c^4 in the sum of squares: every row times c^2
                rows += [[c**2, 0, -(c**2) * u], [0, c**2, -(c**2) * v]]
                right += [c**2 * (u * joint[2] - joint[0]), c**2 * (v * joint[2] - joint[1])]
            T[b] = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
        for j in range(x.shape[1]):
            ray = rays[b, j] / np.linalg.norm(rays[b, j])
            X = x[b, j] + T[b]
            x[b, j] += (confidence[b, j] > 0) * (ray * (X @ ray) - X)
    noise = network(torch.from_numpy(x), torch.full((len(x),), t, dtype=torch.float64)).numpy()
    return x + (0.5 * beta * x + g2 * (-noise / std)) * dt, T


def by_the_book(
    network: ScoreNetwork, steps: int, frozen: int, case: tuple[Tensor, Tensor, Tensor, Tensor]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    exact = copy.deepcopy(network).double()
    x, T, rays, confidence = (value.double().numpy() for value in case)
    for i, t in enumerate(np.linspace(0.1, 0.01, steps)):
        x, T = step_by_the_book(exact, x, T, rays, confidence, float(t), 1 / steps, i < frozen)
    return x, T


@pytest.mark.parametrize(("steps", "frozen"), [(1, 0), (1, 1), (10, 10), (10, 2)])
def test_reference_steps_follow_the_paper(
    network: ScoreNetwork, case: tuple[Tensor, Tensor, Tensor, Tensor], steps: int, frozen: int
) -> None:
    # fewer steps are longer ones, so that every term of a step counts
    schedule = replace(reference_schedule(steps), frozen=frozen)
    x, T = optimised(network, schedule, *case)
    expected_x, expected_T = by_the_book(network, steps, frozen, case)
    assert np.allclose(x.numpy(), expected_x, atol=2e-5)
    assert np.allclose(T.numpy(), expected_T, atol=1e-4)
    assert (np.abs(expected_x - case[0].numpy()).max() > 1e-2) and (frozen < steps) != torch.equal(T, case[1])


def test_over_relaxed_step_goes_beyond_the_ray(
    network: ScoreNetwork, case: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    x, T, rays, confidence = case
    schedule = replace(fast_schedule(1, relax=1.5), denoise=torch.zeros(1), frozen=1)
    moved, _ = optimised(network, schedule, x, T, rays, torch.ones_like(confidence))
    before = torch.linalg.cross(x + T[:, None], rays)
    assert torch.allclose(torch.linalg.cross(moved + T[:, None], rays), -0.5 * before, atol=1e-5)


def test_fast_step_to_the_ray_is_weighed_by_confidence(
    network: ScoreNetwork, case: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    x, T, rays, confidence = case
    schedule = replace(fast_schedule(1, relax=1.5), denoise=torch.zeros(1), frozen=1)
    moved, _ = optimised(network, schedule, x, T, rays, confidence)
    before = torch.linalg.cross(x + T[:, None], rays)
    rest = (1 - 1.5 * confidence)[..., None]
    assert torch.allclose(torch.linalg.cross(moved + T[:, None], rays), rest * before, atol=1e-5)


def test_rays_without_confidence_change_nothing(
    network: ScoreNetwork, case: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    x, T, rays, confidence = case
    other = rays.clone()
    other[confidence == 0] += torch.tensor([3.0, -2.0, 0.0])
    first, second = (optimised(network, fast_schedule(6), x, T, r, confidence) for r in (rays, other))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


def test_without_the_prior_seen_joints_reach_their_rays_and_unseen_ones_stay(
    network: ScoreNetwork, case: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    x, T, rays, confidence = case
    seen = confidence > 0
    schedule = replace(fast_schedule(1, relax=1.0), denoise=torch.zeros(1), frozen=1)
    moved, _ = optimised(network, schedule, x, T, rays, seen.float())
    assert torch.equal(moved[~seen], x[~seen])
    X = (moved + T[:, None])[seen]
    assert torch.allclose(X / X[:, 2:], rays[seen], atol=1e-6)


def test_constraints_follow_every_step_one_after_the_other(
    network: ScoreNetwork, case: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    seen: list[Tensor] = []
    steps: list[int] = []

    def first(x: Tensor, step: int) -> Tensor:
        steps.append(step)
        seen.append(x)
        return torch.full_like(x, float(len(seen)))

    def second(x: Tensor, step: int) -> Tensor:
        return 10 * x

    x, _ = optimised(network, fast_schedule(4), *case, constraints=[first, second])
    assert steps == [0, 1, 2, 3]
    assert torch.equal(x, torch.full_like(x, 40.0))
    # what the constraints made is what the next step started from, and each step moved it
    assert all(not torch.equal(after, torch.full_like(x, 10.0 * i)) for i, after in enumerate(seen))


def test_poses_of_a_batch_do_not_mix_and_inputs_stay(
    network: ScoreNetwork, case: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    kept = [value.clone() for value in case]
    x, T = optimised(network, fast_schedule(8), *case)
    alone_x, alone_T = optimised(network, fast_schedule(8), *(value[2:3] for value in case))
    assert torch.allclose(x[2:3], alone_x, atol=1e-4) and torch.allclose(T[2:3], alone_T, atol=1e-3)
    assert all(torch.equal(value, before) for value, before in zip(case, kept, strict=True))
