"""From evidence to metres: what the prior finds likely, which alternative stays, and frames that repair each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.layouts import H36M_17
from lifting.body.skeleton import bone_lengths
from lifting.evidence import Evidence
from lifting.geometry.rotations import rotation_matrix
from lifting.initial.learnt import GridInitialiser, Initialiser, InitialPoses
from lifting.initial.weights import Templates
from lifting.optimise import fast as solve
from lifting.optimise.fast import FastSolver
from lifting.optimise.loop import State
from lifting.optimise.schedule import fast_schedule
from lifting.prior.energy import energy_noise, prior_energy
from lifting.prior.network import ScoreNetwork
from lifting.prior.weights import Prior
from lifting.temporal.kernel import TorchKernel, time_kernel

KNEE, ANKLE = H36M_17.index("right_knee"), H36M_17.index("right_ankle")
LEGS = [H36M_17.index(f"{side}_{part}") for side in ("right", "left") for part in ("hip", "knee", "ankle")]
AROUND = torch.tensor([-1.0, 1.0, -1.0])  # half a turn about the vertical

Solve = Callable[..., Tensor]


@pytest.fixture(scope="module")
def trained(prior: Prior, device: torch.device) -> ScoreNetwork:
    """The shipped network, on the device, in memory of its own."""
    network = ScoreNetwork()
    network.load_state_dict(prior.network.state_dict())
    return network.eval().requires_grad_(False).to(device)


@pytest.fixture
def poses(motion: NDArray[np.float64], device: torch.device) -> Tensor:
    """``[20, 17, 3]`` real poses that face the camera, in its axes."""
    return torch.from_numpy(motion[::6] * [1.0, -1.0, -1.0]).float().to(device)


@pytest.fixture
def energy(trained: ScoreNetwork, templates: Templates, device: torch.device) -> Callable[[Tensor], Tensor]:
    noise = energy_noise(torch.Generator().manual_seed(0)).to(device)
    return lambda X: prior_energy(trained, X, templates.size_m, noise, torch.float32)


@pytest.fixture
def grid(templates: Templates, device: torch.device) -> GridInitialiser:
    return GridInitialiser(torch.from_numpy(templates.poses[1]).to(device))


@pytest.fixture
def run(trained: ScoreNetwork, templates: Templates, grid: GridInitialiser, device: torch.device) -> Solve:
    """``FastSolver`` in float32 with everything that the files hold."""

    def solved(
        evidence: Evidence,
        kernel: TorchKernel | None,
        *,
        steps: int = 12,
        alternatives: int = 1,
        bones: float = 0.4,
        start: Initialiser = grid,
    ) -> Tensor:
        solver = FastSolver(
            network=trained,
            schedule=fast_schedule(steps),
            initialiser=start,
            mean_bones_m=torch.from_numpy(templates.bone_lengths_m).float().to(device),
            alternatives=alternatives,
            bones=bones,
            noise=energy_noise(torch.Generator().manual_seed(0)).to(device),
            dtype=torch.float32,
        )
        return solver.solve(replace(evidence, kernel=kernel)).X

    return solved


def turned(motion: NDArray[np.float64], degrees: float) -> Tensor:
    """``[T, 17, 3]`` somebody 4 m before the camera, turned about the vertical."""
    turn = rotation_matrix("y", torch.deg2rad(torch.tensor(degrees)))
    return torch.from_numpy(motion * [1.0, -1.0, -1.0]).float() @ turn.T + torch.tensor([0.2, 0.0, 4.0])


def evidence_of(*tracks: Tensor, device: torch.device) -> Evidence:
    joints = torch.cat(tracks)
    group = torch.arange(len(tracks)).repeat_interleave(torch.tensor([len(track) for track in tracks]))
    rays = (joints / joints[..., 2:]).to(device)
    return Evidence(rays, torch.full(joints.shape[:2], 0.9, device=device), group.to(device), len(tracks))


def kernel_of(evidence: Evidence) -> TorchKernel:
    """Neighbours within a group at 30 fps, as wide as by default."""
    group = evidence.group.cpu().numpy()
    time_s = np.concatenate([np.arange(n) for n in np.bincount(group)]) / 30
    return time_kernel(time_s, group, 2 / 30, degree=2).on(evidence.rays.device)


def shin(poses: Tensor, forwards: float) -> Tensor:
    """Poses with the right knee bent by 53 degrees, the foot ahead of the body (1) or behind it (-1)."""
    up = poses[:, H36M_17.index("thorax")] - poses[:, 0]
    up = torch.nn.functional.normalize(up, dim=-1)
    left = poses[:, H36M_17.index("left_hip")] - poses[:, H36M_17.index("right_hip")]
    ahead = torch.nn.functional.normalize(torch.linalg.cross(left, up), dim=-1)
    length = (poses[:, ANKLE] - poses[:, KNEE]).norm(dim=-1, keepdim=True)
    bent = poses.clone()
    bent[:, ANKLE] = poses[:, KNEE] + length * (0.8 * forwards * ahead - 0.6 * up)
    return bent


def test_the_prior_finds_impossible_people_less_likely(poses: Tensor, energy: Callable[[Tensor], Tensor]) -> None:
    real = energy(poses)
    assert real.shape == (20,) and torch.all(real > 0) and real.mean() < 0.6
    wrong_knee = energy(shin(poses, 1.0))
    assert torch.all(wrong_knee > real) and wrong_knee.mean() > 1.2 * real.mean()
    # a knee that bends the way knees do is no harm
    assert torch.all(energy(shin(poses, -1.0)) < wrong_knee)
    swapped = poses.clone()
    swapped[:, LEGS] = poses[:, LEGS[3:] + LEGS[:3]]
    assert torch.all(energy(swapped) > 1.2 * real)


def test_energy_does_not_depend_on_place_size_or_chance(
    trained: ScoreNetwork, poses: Tensor, energy: Callable[[Tensor], Tensor]
) -> None:
    once = energy(poses)
    torch.rand(3)
    assert torch.allclose(energy(poses), once, atol=1e-6)
    assert torch.allclose(energy(poses * 1.7 + torch.tensor([0.5, -1.0, 6.0], device=poses.device)), once, atol=1e-4)
    assert torch.allclose(energy(poses[7:8]), once[7:8], atol=1e-4)
    other = energy_noise(torch.Generator().manual_seed(1)).to(poses.device)
    assert not torch.allclose(prior_energy(trained, poses, 4.0, other, torch.float32), once, atol=1e-4)


def test_energy_is_the_loss_of_denoising(network: ScoreNetwork) -> None:
    X = torch.randn(3, 17, 3, generator=torch.Generator().manual_seed(0)) + 2.0
    noise = energy_noise(torch.Generator().manual_seed(2))
    assert noise.shape == (2, 8, 17, 3)
    sizes = torch.from_numpy(bone_lengths(X.numpy()).sum(axis=1)).float()
    x = (X - X[:, :1]) * (4.0 / sizes)[:, None, None]
    total = torch.zeros(3)
    for t, draws in zip((0.05, 0.1), noise, strict=True):
        integral = 0.1 * t + 19.9 * t * t / 2
        for draw in draws:
            noised = float(np.exp(-integral / 2)) * x + float(1 - np.exp(-integral)) * draw
            total += (network(noised, torch.full((3,), t)) - draw).square().mean(dim=(1, 2))
    assert torch.allclose(prior_energy(network, X, 4.0, noise, torch.float32), total / 16, rtol=1e-4)


def test_repeated_evidence_is_of_other_groups(motion: NDArray[np.float64], device: torch.device) -> None:
    evidence = evidence_of(turned(motion[:2], 0.0), turned(motion[5:8], 0.0), device=device)
    evidence.confidence[1, 3] = 0.2
    three = evidence.repeated(3)
    assert three.groups == 6
    assert three.group.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5]
    for copy in range(3):
        rows = slice(5 * copy, 5 * copy + 5)
        assert torch.equal(three.rays[rows], evidence.rays)
        assert torch.equal(three.confidence[rows], evidence.confidence)


@pytest.mark.slow
@pytest.mark.parametrize("alternatives", [1, 2])
def test_groups_are_solved_as_if_alone(
    motion: NDArray[np.float64], run: Solve, device: torch.device, alternatives: int
) -> None:
    tracks = [turned(motion[:7], 0.0), turned(motion[40:41], 70.0), turned(motion[60:72], 200.0)]
    together = evidence_of(*tracks, device=device)
    X = run(together, kernel_of(together), alternatives=alternatives)
    for number, track in enumerate(tracks):
        single = evidence_of(track, device=device)
        mine = X[together.group == number]
        assert torch.allclose(mine, run(single, kernel_of(single), alternatives=alternatives), atol=1e-4)


@pytest.mark.parametrize("bones", [1.0, 0.0])
def test_bones_are_held_in_the_loop(
    motion: NDArray[np.float64], run: Solve, device: torch.device, bones: float
) -> None:
    evidence = evidence_of(turned(motion[:10], 20.0), turned(motion[50:60], 20.0), device=device)
    lengths = bone_lengths(run(evidence, kernel_of(evidence), bones=bones).cpu().numpy())
    spread = [lengths[rows].std(axis=0).max() for rows in (slice(0, 10), slice(10, 20))]
    assert max(spread) < 1e-5 if bones else min(spread) > 1e-3
    assert not np.allclose(lengths[0], lengths[10], atol=1e-3)


def reversed_starts(start: Initialiser, group: Tensor, mixed: int) -> Initialiser:
    """Starts with the alternatives in reversed order in one of the groups."""

    def start_elsewhere(evidence: Evidence, alternatives: int) -> InitialPoses:
        found = start(evidence, alternatives)
        there = group == mixed
        for value in (found.x, found.T):
            value[:, there] = value[:, there].flip(0)
        return found

    return start_elsewhere


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What the optimiser found, all alternatives one after the other, call by call."""
    results: list[Tensor] = []
    optimise = solve.optimise

    def listening(*args: Any, **options: Any) -> State:
        state = optimise(*args, **options)
        results.append(state.X)
        return state

    monkeypatch.setattr(solve, "optimise", listening)
    return results


def test_a_track_does_not_change_its_alternative(
    motion: NDArray[np.float64],
    run: Solve,
    found: list[Tensor],
    device: torch.device,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evidence = evidence_of(turned(motion[:8], 90.0), turned(motion[50:58], 90.0), device=device)
    judged = torch.rand(64, generator=torch.Generator().manual_seed(4))
    monkeypatch.setattr(solve, "cost", lambda *args: judged.to(device))
    X = run(evidence, None, steps=2, alternatives=4)
    by_frame = judged.view(4, 2, 8)
    assert all(len(set(best.tolist())) > 1 for best in by_frame.argmin(dim=0))
    best = by_frame.sum(dim=2).argmin(dim=0).tolist()
    assert best[0] != best[1]
    for number in (0, 1):
        assert torch.equal(X[evidence.group == number], found[0].view(4, 2, 8, 17, 3)[best[number], number])


@pytest.mark.slow
def test_each_track_gets_its_likeliest_alternative(
    motion: NDArray[np.float64],
    run: Solve,
    energy: Callable[[Tensor], Tensor],
    found: list[Tensor],
    grid: GridInitialiser,
    device: torch.device,
) -> None:
    evidence = evidence_of(*(turned(motion[rows], 90.0) for rows in (slice(0, 8), slice(50, 58))), device=device)
    X = run(evidence, kernel_of(evidence), alternatives=4, start=reversed_starts(grid, evidence.group, 1))
    alternatives = found[0].view(4, 16, 17, 3)
    energies = torch.stack([energy(one) for one in alternatives])
    chosen = []
    for number in (0, 1):
        rows = evidence.group == number
        best = int(energies[:, rows].sum(dim=1).argmin())
        assert torch.equal(X[rows], alternatives[best, rows])
        chosen.append(best)
    assert chosen[0] != chosen[1]

    first = run(evidence, kernel_of(evidence), alternatives=1)
    for number in (0, 1):
        rows = evidence.group == number
        assert energy(X)[rows].mean() < energy(first)[rows].mean() + 1e-4


def flipped_starts(start: Initialiser, flipped: Tensor) -> Initialiser:
    """Starts of which some frames face the other way."""

    def start_backwards(evidence: Evidence, alternatives: int) -> InitialPoses:
        found = start(evidence, alternatives)
        return replace(found, x=torch.where(flipped[:, None, None], found.x * AROUND.to(found.x.device), found.x))

    return start_backwards


def test_frames_that_start_backwards_are_turned_by_their_neighbours(
    motion: NDArray[np.float64], run: Solve, grid: GridInitialiser, device: torch.device
) -> None:
    truth = turned(motion[:60], 90.0)
    evidence = evidence_of(truth, device=device)
    flipped = torch.arange(60) % 5 == 2
    backwards = flipped_starts(grid, flipped.to(device))

    def errors(kernel: TorchKernel | None) -> tuple[Tensor, Tensor]:
        """Mean distance of the joints seen from the pelvis, of the flipped frames and the others."""
        X = run(evidence, kernel, start=backwards).cpu()
        distance = ((X - X[:, :1]) - (truth - truth[:, :1])).norm(dim=-1).mean(dim=1)
        return distance[flipped], distance[~flipped]

    coupled, others = errors(kernel_of(evidence))
    assert coupled.mean() < 1.05 * others.mean() and coupled.max() < 1.05 * others.max()
    assert others.mean() < 0.12
    alone, others = errors(None)
    assert alone.mean() > 2 * others.mean()
