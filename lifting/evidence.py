"""What the camera saw of a batch of people, ready for the optimiser."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Evidence"]


@dataclass(frozen=True)
class Evidence:
    """What the camera saw, ready for the optimiser.

    Attributes:
        rays: ``[B, J, 3]`` directions, z = 1; finite also where nothing was seen.
        confidence: ``[B, J]`` in 0..1.
        group: ``[B]`` int64: which track a row belongs to, 0 to ``groups`` - 1; rows of a group stand together.
        groups: number of groups.
    """

    rays: Tensor
    confidence: Tensor
    group: Tensor
    groups: int

    def repeated(self, count: int) -> Evidence:
        """The same evidence ``count`` times, as different groups."""
        shift = torch.arange(count, device=self.group.device).repeat_interleave(len(self.group)) * self.groups
        return Evidence(
            self.rays.repeat(count, 1, 1),
            self.confidence.repeat(count, 1),
            self.group.repeat(count) + shift,
            self.groups * count,
        )
