"""What the poses of a track have in common beside evidence and prior: neighbours in time, and one body."""

from __future__ import annotations

from torch import Tensor

from lifting.body.bones import BoneKeeper
from lifting.optimise.loop import Constraint
from lifting.temporal.kernel import TorchKernel

__all__ = ["held_bones", "steadied"]


def steadied(kernel: TorchKernel) -> Constraint:
    """Every pose becomes what its neighbours in time make of it."""
    return lambda x, step: kernel(x)


def held_bones(keeper: BoneKeeper, share: float, from_step: int) -> Constraint:
    """Poses go ``share`` of the way to the bone lengths of their track, from a step on: before, they have no shape."""

    def constraint(x: Tensor, step: int) -> Tensor:
        return keeper(x, share) if step >= from_step else x

    return constraint
