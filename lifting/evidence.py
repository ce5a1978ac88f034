"""What the camera saw of a batch of people, ready for the optimiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.temporal.kernel import TorchKernel
from lifting.temporal.neighbours import OFFSETS_S, NeighbourRows, neighbour_rows

__all__ = ["Evidence", "known_rays"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the camera saw of B rows, and what they know of each other.

    Attributes:
        rays: ``[B, J, 3]`` directions, z = 1; finite also where nothing was seen.
        confidence: ``[B, J]`` in 0..1.
        group: ``[B]`` int64: which track a row belongs to, 0 to ``groups`` - 1; rows of a group stand together.
        groups: number of groups.
        neighbours: where in the same group to find what was seen ``OFFSETS_S`` from each row; None if rows have nothing
            to do with each other.
        kernel: filter over the rows of a group, by which poses steady each other; None likewise.
        body: ``[B, 8]`` proportions (``lifting.body.proportions``) of the people, as other frames have shown them; None
            if they are not known.
    """

    rays: Tensor
    confidence: Tensor
    group: Tensor
    groups: int
    neighbours: NeighbourRows | None = None
    kernel: TorchKernel | None = None
    body: Tensor | None = None

    @classmethod
    def of(
        cls,
        rays: NDArray[np.float64],
        confidence: NDArray[np.float64],
        group: NDArray[np.int64],
        device: torch.device,
        time_s: NDArray[np.float64] | None = None,
    ) -> Evidence:
        """Arrays brought to a device.

        Args:
            rays: ``[B, J, 3]`` with z = 1; anything where the confidence is 0.
            confidence: ``[B, J]``.
            group: ``[B]``, at least one row.
            device: where the optimiser runs.
            time_s: ``[B]`` increasing seconds within a group; None leaves every row without neighbours.
        """
        groups = int(group[-1]) + 1
        near = None
        if time_s is not None and len(group) > groups:
            near = neighbour_rows(time_s, group, OFFSETS_S, device)
        return cls(
            rays=torch.from_numpy(known_rays(rays, confidence)).to(device, torch.float32),
            confidence=torch.from_numpy(confidence).to(device, torch.float32),
            group=torch.from_numpy(group).to(device),
            groups=groups,
            neighbours=near,
        )

    @classmethod
    def apart(cls, rays: Tensor, confidence: Tensor) -> Evidence:
        """Rows ``[B, J, 3]`` and ``[B, J]`` that have nothing to do with each other; rays finite throughout."""
        return cls(rays, confidence, torch.arange(len(rays), device=rays.device), len(rays))

    def repeated(self, count: int) -> Evidence:
        """The same evidence ``count`` times, as different groups; neighbours are left out."""
        shift = torch.arange(count, device=self.group.device).repeat_interleave(len(self.group)) * self.groups
        return Evidence(
            self.rays.repeat(count, 1, 1),
            self.confidence.repeat(count, 1),
            self.group.repeat(count) + shift,
            self.groups * count,
            kernel=None if self.kernel is None else self.kernel.repeated(count),
            body=None if self.body is None else self.body.repeat(count, 1),
        )


def known_rays(rays: NDArray[np.float64], confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rays ``[B, J, 3]`` with those of joints that were not seen in the middle of those that were, or straight ahead.

    A joint without evidence is not pulled anywhere, but poses that begin flat on their rays (infants) need a place for
    it, and NaN times 0 would be NaN.
    """
    seen = confidence[..., None] > 0
    count = seen.sum(axis=1, keepdims=True)
    middle = np.where(seen, rays, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    return np.where(seen, rays, np.where(count > 0, middle, [0.0, 0.0, 1.0]))
