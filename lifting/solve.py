"""A batch of poses from evidence to metres, on one device from start to end: the two presets."""

from __future__ import annotations

import torch
from torch import Tensor

from lifting.body import BONES
from lifting.bones import BoneKeeper
from lifting.evidence import Evidence
from lifting.ipo import adam_start
from lifting.network import FoldedScoreNetwork, ScoreNetwork
from lifting.oil import optimise
from lifting.schedule import Schedule
from lifting.sde import log_mean, marginal_std
from lifting.starts import Start
from lifting.temporal import TorchKernel

__all__ = ["judging_noise", "prior_energy", "solve_fast", "solve_reference"]

_JUDGING_TIMES = (0.05, 0.1)
_JUDGING_DRAWS = 8
#: From this share of the steps on the bone lengths are held: before, poses have not found their shape.
_BONES_FROM = 0.25


def solve_reference(network: ScoreNetwork, schedule: Schedule, poses: Tensor, evidence: Evidence) -> Tensor:
    """The published optimiser with its protocol for 3DPW: S = 1, all joints, rotation about z, start 8 m away.

    Returns:
        ``[B, J, 3]`` absolute joints, metres.
    """
    x, T = adam_start(
        poses[:1], evidence.rays, evidence.confidence,
        joints=tuple(range(poses.shape[1])), axes="z", distance_m=8.0, distance_scale=(0.2, 2.0),
    )  # fmt: skip
    x, T = optimise(network, schedule, x, T, evidence.rays, evidence.confidence)
    return x + T[:, None]


def solve_fast(
    network: ScoreNetwork,
    schedule: Schedule,
    start: Start,
    mean_bones_m: Tensor,
    evidence: Evidence,
    kernel: TorchKernel | None,
    *,
    hypotheses: int,
    bones: float,
    noise: Tensor,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor | None]:
    """H starts, few over-relaxed steps with held bones and coupled frames, and the likeliest result.

    Args:
        network: prior.
        schedule: see ``lifting.schedule.fast_schedule``.
        start: where to begin.
        mean_bones_m: ``[16]`` bone lengths of the mean body.
        evidence: B rows.
        kernel: filter over the rows of a group, or None if frames have nothing to do with each other.
        hypotheses: H, 1 to 4.
        bones: share of the way to the held bone lengths per step; 0 is none.
        noise: see ``judging_noise``.
        dtype: arithmetic of the matrix products.

    Returns:
        ``[B, J, 3]`` absolute joints, metres; and ``Starts.sigma_m``.
    """
    begin = start(evidence, hypotheses)
    rows = evidence.repeated(hypotheses)
    keeper = BoneKeeper(mean_bones_m, rows.group, rows.groups, rows.confidence)
    hold_from = round(_BONES_FROM * len(schedule))
    neighbours = None if kernel is None else kernel.repeated(hypotheses)

    def couple(step: int, x: Tensor) -> Tensor:
        if neighbours is not None:
            x = neighbours(x)
        return keeper(x, bones) if bones > 0 and step >= hold_from else x

    x, T = begin.x.flatten(0, 1), begin.T.flatten(0, 1)
    x, T = optimise(network, schedule, x, T, rows.rays, rows.confidence, couple=couple, dtype=dtype)
    X = x + T[:, None]
    if hypotheses == 1:
        return X, begin.sigma_m
    energy = prior_energy(network, X, mean_bones_m.sum(), noise, dtype)
    # One choice for all frames of a group: a person does not change from one explanation to another between two frames.
    total = torch.zeros(rows.groups, device=x.device).index_add_(0, rows.group, energy)
    choice = total.view(hypotheses, evidence.groups).argmin(dim=0)[evidence.group]
    X = X.view(hypotheses, -1, *X.shape[1:])[choice, torch.arange(len(choice), device=x.device)]
    return X, begin.sigma_m


def judging_noise(generator: torch.Generator, joints: int = 17) -> Tensor:
    """Noise ``[2, 8, J, 3]`` with which all hypotheses are judged alike: common random numbers."""
    return torch.randn(len(_JUDGING_TIMES), _JUDGING_DRAWS, joints, 3, generator=generator)


@torch.no_grad()
def prior_energy(network: ScoreNetwork, X: Tensor, size_m: Tensor | float, noise: Tensor, dtype: torch.dtype) -> Tensor:
    """How unlikely the prior finds poses, ``[B]``: the mean squared error with which it sees through added noise.

    This is the denoising score matching loss of a pose, a bound on its negative log-likelihood (Song et al., NeurIPS
    2021, "Maximum likelihood training of score-based diffusion models") at the noise levels of the optimiser.

    Args:
        network: prior.
        X: ``[B, J, 3]`` poses, anywhere and of any size.
        size_m: sum of the bone lengths to which poses are scaled before they are judged.
        noise: see ``judging_noise``.
        dtype: arithmetic of the matrix products.
    """
    x = X - X[:, :1]
    ends = torch.from_numpy(BONES).to(x.device)
    size = (x[:, ends[:, 1]] - x[:, ends[:, 0]]).norm(dim=-1).sum(dim=1)
    x = x * (size_m / size)[:, None, None]
    times = torch.tensor(_JUDGING_TIMES, device=x.device)
    predict = FoldedScoreNetwork(network, times, dtype)
    energy = torch.zeros(len(x), device=x.device)
    for i in range(len(_JUDGING_TIMES)):
        clean = log_mean(times[i]).exp() * x
        for draw in noise[i]:
            error = predict(clean + marginal_std(times[i]) * draw, i) - draw
            energy = energy + error.square().mean(dim=(1, 2))
    return energy / noise.shape[:2].numel()
