"""The fast preset: a batch of poses from evidence to metres, on one device from start to end."""

from __future__ import annotations

import torch
from torch import Tensor

from lifting.body.bones import BoneKeeper
from lifting.evidence import Evidence
from lifting.initial.learnt import Initialiser
from lifting.optimise.choice import cost
from lifting.optimise.loop import optimise
from lifting.optimise.schedule import Schedule
from lifting.prior.network import ScoreNetwork
from lifting.temporal.kernel import TorchKernel

__all__ = ["solve_fast"]

#: From this share of the steps on the bone lengths are held: before, poses have not found their shape.
_BONES_FROM = 0.25


def solve_fast(
    network: ScoreNetwork,
    schedule: Schedule,
    start: Initialiser,
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
        schedule: see ``lifting.optimise.schedule.fast_schedule``.
        start: where to begin.
        mean_bones_m: ``[16]`` bone lengths of the mean body.
        evidence: B rows.
        kernel: filter over the rows of a group, or None if frames have nothing to do with each other.
        hypotheses: H, 1 to 4.
        bones: share of the way to the held bone lengths per step; 0 is none.
        noise: see ``energy_noise``.
        dtype: arithmetic of the matrix products.

    Returns:
        ``[B, J, 3]`` absolute joints, metres; and ``InitialPoses.sigma_m``.
    """
    begin = start(evidence, hypotheses)
    rows = evidence.repeated(hypotheses)
    body = None if begin.body is None else begin.body.repeat(hypotheses, 1)
    keeper = BoneKeeper(mean_bones_m, rows.group, rows.groups, rows.confidence, body)
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
    price = cost(network, X, rows.rays, rows.confidence, mean_bones_m.sum(), noise, dtype)
    # One choice for all frames of a group: a person does not change from one explanation to another between two frames.
    total = torch.zeros(rows.groups, device=x.device).index_add_(0, rows.group, price)
    choice = total.view(hypotheses, evidence.groups).argmin(dim=0)[evidence.group]
    X = X.view(hypotheses, -1, *X.shape[1:])[choice, torch.arange(len(choice), device=x.device)]
    return X, begin.sigma_m
