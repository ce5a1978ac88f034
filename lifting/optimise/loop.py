"""OIL, the optimiser in the loop (ZeDO, section 3.3, algorithm 1): evidence and prior take turns."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lifting.geometry.rays import TranslationSolver, nearest_on_rays
from lifting.optimise.schedule import Schedule
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork

__all__ = ["optimise"]


@torch.no_grad()
def optimise(
    network: ScoreNetwork,
    schedule: Schedule,
    x: Tensor,
    T: Tensor,
    rays: Tensor,
    confidence: Tensor,
    *,
    couple: Callable[[int, Tensor], Tensor] | None = None,
    on_step: Callable[[int], None] | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """Poses that agree with their rays and with the prior.

    Each step solves the translation in closed form, moves every joint towards the nearest point of its ray and takes
    one step of the reverse SDE without noise. All poses share the diffusion time; nothing leaves the device.

    Args:
        network: prior, on the device of the state.
        schedule: steps of the preset.
        x: ``[B, J, 3]`` initial root-centred poses, metres, camera axes (see ``lifting.initial.grid``).
        T: ``[B, 3]`` initial translations, metres.
        rays: ``[B, J, 3]`` directions with z = 1.
        confidence: ``[B, J]`` in 0..1, how far the 2D evidence is trusted; 0 leaves the joint to the prior.
        couple: called with the index of the step and x after each one and gives the x to go on with: what frames know
            of each other.
        on_step: called with the number of steps done.
        dtype: arithmetic of the matrix products; the state stays float32.

    Returns:
        ``x [B, J, 3]`` and ``T [B, 3]``; the absolute pose is ``x + T``. x is not centred on the pelvis to the last
        millimetre: the loop leaves the joints where evidence and prior put them.
    """
    noise = FoldedScoreNetwork(network, schedule.times.to(x.device, torch.float32), dtype)
    drift, denoise = schedule.drift.tolist(), schedule.denoise.tolist()
    share = confidence if schedule.weighted else (confidence > 0).to(x.dtype)
    pull = schedule.relax * share[..., None]
    # Squared twice: the joints that were hardly seen must not tilt the depth of all others.
    translation = TranslationSolver(rays, confidence**4)
    directions = torch.nn.functional.normalize(rays, dim=-1)
    for i in range(len(schedule)):
        if i >= schedule.frozen:
            T = translation(x)
        X = x + T[:, None]
        x = torch.addcmul(x, pull, nearest_on_rays(X, directions) - X)
        moved = x + drift[i] * x if drift[i] else x
        x = moved.sub(noise(x, i), alpha=denoise[i])
        if couple is not None:
            x = couple(i, x)
        if on_step is not None:
            on_step(i + 1)
    return x, T
