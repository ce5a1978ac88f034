"""The fast preset: few over-relaxed steps from a good beginning, with coupled frames and held bones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from lifting.body.bones import BoneKeeper
from lifting.evidence import Evidence
from lifting.initial.learnt import Initialiser, LearntInitialiser
from lifting.optimise.choice import cost
from lifting.optimise.constraints import held_bones, steadied
from lifting.optimise.loop import Constraint, Denoiser, State, optimise
from lifting.optimise.schedule import Schedule
from lifting.optimise.solver import Solution
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork

__all__ = ["FastSolver"]

#: From this share of the steps on the bone lengths are held: before, poses have not found their shape.
_BONES_FROM = 0.25


@dataclass(frozen=True, eq=False)
class FastSolver:
    """H beginnings, few over-relaxed steps, and the likeliest result; see ``lifting.optimise.solver.Solver``.

    Attributes:
        network: prior.
        schedule: see ``lifting.optimise.schedule.fast_schedule``.
        initialiser: where poses begin.
        mean_bones_m: ``[16]`` bone lengths of the mean body.
        alternatives: H, 1 to 4.
        bones: share of the way to the held bone lengths per step; 0 is none.
        noise: see ``lifting.prior.energy.energy_noise``.
        dtype: arithmetic of the matrix products.
    """

    network: ScoreNetwork
    schedule: Schedule
    initialiser: Initialiser
    mean_bones_m: Tensor
    alternatives: int
    bones: float
    noise: Tensor
    dtype: torch.dtype
    published: ClassVar[bool] = False

    @property
    def steps(self) -> int:
        """See ``Solver``."""
        return len(self.schedule)

    @property
    def learnt(self) -> bool:
        """See ``Solver``."""
        return isinstance(self.initialiser, LearntInitialiser)

    def proportions(self, evidence: Evidence) -> tuple[Tensor, Tensor] | None:
        """See ``Solver``."""
        return self.initialiser.proportions(evidence)

    @cached_property
    def _denoise(self) -> Denoiser:
        return FoldedScoreNetwork(self.network, self.schedule.times, self.dtype)

    @torch.no_grad()
    def solve(self, evidence: Evidence) -> Solution:
        """See ``Solver``."""
        initial = self.initialiser(evidence, self.alternatives)
        rows = evidence.repeated(self.alternatives)
        constraints: list[Constraint] = []
        if rows.kernel is not None:
            constraints.append(steadied(rows.kernel))
        if self.bones > 0:
            keeper = BoneKeeper(self.mean_bones_m, rows.group, rows.groups, rows.confidence, rows.body)
            constraints.append(held_bones(keeper, self.bones, from_step=round(_BONES_FROM * self.steps)))
        begin = State(initial.x.flatten(0, 1), initial.T.flatten(0, 1))
        X = optimise(self._denoise, self.schedule, begin, rows, constraints).X
        return Solution(X if self.alternatives == 1 else self._likeliest(X, rows, evidence), initial.sigma_m)

    def _likeliest(self, X: Tensor, rows: Evidence, evidence: Evidence) -> Tensor:
        """Of H results one after the other the best of each group, ``[B, J, 3]``.

        One choice for all frames of a group: a person does not change from one explanation to another between frames.
        """
        price = cost(
            self.network, X, rows.rays, rows.confidence, self.mean_bones_m.sum(), self.noise, self.dtype
        )  # fmt: skip
        total = torch.zeros(rows.groups, device=X.device).index_add_(0, rows.group, price)
        choice = total.view(self.alternatives, evidence.groups).argmin(dim=0)[evidence.group]
        each = X.view(self.alternatives, -1, *X.shape[1:])
        return each[choice, torch.arange(len(choice), device=X.device)]
