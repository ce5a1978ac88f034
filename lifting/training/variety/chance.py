"""Random numbers for windows of poses: what is drawn for a person holds in all frames of the window."""

from __future__ import annotations

import torch
from torch import Tensor

from lifting.geometry.rotations import quaternion_matrix, rotation_by

__all__ = ["Chance", "random_rotation"]


class Chance:
    """Draws for ``count`` windows of ``frames`` poses each; rows of a window follow each other and are equal.

    Args:
        count: number of windows.
        frames: poses in each.
        generator: source of all randomness.
    """

    def __init__(self, count: int, frames: int, generator: torch.Generator) -> None:
        self._count, self.frames, self._generator = count, frames, generator

    def uniform(self, *shape: int) -> Tensor:
        """Between 0 and 1, ``[count x frames, *shape]``."""
        return self.same(torch.rand(self._count, *shape, generator=self._generator))

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, cut at 2.5, ``[count x frames, *shape]``."""
        return self.same(self._normal(*shape))

    def turn(self, spread: float, *shape: int) -> Tensor:
        """Rotations by ``spread`` radians (1 sigma) about each axis, ``[count x frames, *shape, 3, 3]``."""
        return self.same(rotation_by(spread * self._normal(*shape, 3)))

    def choice(self, among: int) -> Tensor:
        """One of ``among`` for each window, not repeated: ``[count]``."""
        return torch.randint(among, (self._count,), generator=self._generator)

    def rotation(self) -> Tensor:
        """Uniformly distributed rotations ``[count x frames, 3, 3]``."""
        return self.same(random_rotation(self._count, self._generator))

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(self._count, *shape, generator=self._generator).clamp(-2.5, 2.5)

    def same(self, values: Tensor) -> Tensor:
        """Values of windows ``[count, ...]``, repeated for their poses."""
        return values.repeat_interleave(self.frames, dim=0) if self.frames > 1 else values


def random_rotation(count: int, generator: torch.Generator) -> Tensor:
    """Uniformly distributed rotations ``[count, 3, 3]``, from unit quaternions."""
    return quaternion_matrix(torch.randn(count, 4, generator=generator))
