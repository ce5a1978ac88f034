"""Which of several results is the best, without knowing the truth: likely to the prior, and near the 2D evidence."""

from __future__ import annotations

import torch
from torch import Tensor

from lifting.geometry.rays import reprojection_error
from lifting.prior.energy import prior_energy
from lifting.prior.network import ScoreNetwork

__all__ = ["cost"]


#: Weight of the misfit beside the energy, chosen on validation poses: results that left the 2D look likely, too.
_MISFIT = 10.0


def cost(
    network: ScoreNetwork,
    X: Tensor,
    rays: Tensor,
    confidence: Tensor,
    size_m: Tensor | float,
    noise: Tensor,
    dtype: torch.dtype,
) -> Tensor:
    """``prior_energy`` and 10 times the misfit, ``[B]``; the least is the best.

    The misfit is the mean distance of the joints in the image, in units of the size of the person there.

    Args:
        network: prior.
        X: ``[B, J, 3]`` absolute joints, camera axes.
        rays: ``[B, J, 3]`` what was seen, z = 1; finite also where nothing was.
        confidence: ``[B, J]`` in 0..1.
        size_m, noise, dtype: see ``prior_energy``.
    """
    seen, xy, far = confidence[..., None] > 0, rays[..., :2], torch.full_like(rays[..., :2], torch.inf)
    extent = torch.where(seen, xy, -far).amax(dim=1) - torch.where(seen, xy, far).amin(dim=1)
    gap = (reprojection_error(X, rays) * confidence).sum(dim=1) / confidence.sum(dim=1).clamp_min(1e-6)
    return prior_energy(network, X, size_m, noise, dtype) + _MISFIT * gap / extent.amax(dim=1).clamp_min(1e-6)
