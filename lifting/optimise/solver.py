"""What the optimiser of a preset is to the rest of lifting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lifting.evidence import Evidence

__all__ = ["Solution", "Solver"]


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver makes of B rows.

    Attributes:
        X: ``[B, J, 3]`` absolute joints, metres, camera axes.
        sigma_m: ``[B, J]`` error of each coordinate that the initialiser expects, metres; None if it cannot tell.
    """

    X: Tensor
    sigma_m: Tensor | None = None


class Solver(Protocol):
    """From evidence to metres, on one device from start to end."""

    @property
    def steps(self) -> int:
        """Steps of the optimiser, each an evaluation of the network."""
        ...

    @property
    def alternatives(self) -> int:
        """Results for each pose among which it chooses."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Arithmetic of the matrix products."""
        ...

    @property
    def published(self) -> bool:
        """As in the paper: every frame for itself, neither bone lengths nor the size of a body held."""
        ...

    @property
    def learnt(self) -> bool:
        """Poses begin where the learnt initialiser puts them."""
        ...

    def proportions(self, evidence: Evidence) -> tuple[Tensor, Tensor] | None:
        """See ``lifting.initial.learnt.Initialiser``."""
        ...

    def solve(self, evidence: Evidence) -> Solution:
        """The likeliest poses that agree with the evidence."""
        ...
