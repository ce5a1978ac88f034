"""OIL, the optimiser in the loop (ZeDO, section 3.3, algorithm 1): evidence and prior take turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lifting.evidence import Evidence
from lifting.geometry.rays import TranslationSolver, nearest_on_rays
from lifting.optimise.schedule import Schedule

__all__ = ["Constraint", "Denoiser", "State", "optimise"]

#: The prior: the noise ``[B, J, 3]``, of unit variance, in poses ``[B, J, 3]`` at a step of the schedule.
Denoiser = Callable[[Tensor, int], Tensor]
#: What poses must fulfil beside evidence and prior: those to go on with ``[B, J, 3]``, of poses after a step.
Constraint = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True, eq=False)
class State:
    """Where B poses are.

    Attributes:
        x: ``[B, J, 3]`` root-centred, metres, camera axes. Not to the last millimetre: the loop leaves the joints
            where evidence and prior put them.
        T: ``[B, 3]`` translations, metres.
    """

    x: Tensor
    T: Tensor

    @property
    def X(self) -> Tensor:
        """``[B, J, 3]`` absolute joints, metres, camera axes."""
        return self.x + self.T[:, None]


@torch.no_grad()
def optimise(
    denoise: Denoiser, schedule: Schedule, state: State, evidence: Evidence, constraints: Sequence[Constraint] = ()
) -> State:
    """Poses that agree with their rays and with the prior.

    Each step solves the translation in closed form, moves every joint towards the nearest point of its ray and takes
    one step of the reverse SDE without noise. All poses share the diffusion time; nothing leaves the device.

    Args:
        denoise: the prior at the times of the schedule, on the device of the state.
        schedule: steps of the preset.
        state: where the poses begin (see ``lifting.initial``).
        evidence: rays, and how far they are trusted; confidence 0 leaves a joint to the prior.
        constraints: applied one after the other at the end of each step.
    """
    drift, strength = schedule.drift.tolist(), schedule.denoise.tolist()
    x, T, confidence = state.x, state.T, evidence.confidence
    share = confidence if schedule.weighted else (confidence > 0).to(x.dtype)
    pull = schedule.relax * share[..., None]
    # Squared twice: the joints that were hardly seen must not tilt the depth of all others.
    translation = TranslationSolver(evidence.rays, confidence**4)
    directions = torch.nn.functional.normalize(evidence.rays, dim=-1)
    for i in range(len(schedule)):
        if i >= schedule.frozen:
            T = translation(x)
        X = x + T[:, None]
        x = torch.addcmul(x, pull, nearest_on_rays(X, directions) - X)
        moved = x + drift[i] * x if drift[i] else x
        x = moved.sub(denoise(x, i), alpha=strength[i])
        for constraint in constraints:
            x = constraint(x, i)
    return State(x, T)
