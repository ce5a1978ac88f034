"""How well a prior knows infants: its denoising loss, and what lifting with it makes of their keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lifting.body.infants import root_of, typical_infant
from lifting.evidence import Evidence
from lifting.metrics import pa_mpjpe, per_joint_error
from lifting.optimise.reference import PublishedIPO, ReferenceSolver
from lifting.prior.network import ScoreNetwork
from lifting.training.adapt import AdaptSettings, seen
from lifting.training.prior import validation_losses

__all__ = ["FOCAL_PX", "infant_scores"]

#: Of the camera that looks at the infants: about that of MINI-RGBD.
FOCAL_PX = 590.0
#: How far away the infants are, metres, and how far from the middle of the picture.
_DISTANCE_M = (0.85, 1.15)
_ASIDE_M = 0.1


def infant_scores(
    network: ScoreNetwork,
    poses: Tensor,
    settings: AdaptSettings,
    noise_px: Sequence[float] = (0.0, 5.0),
    *,
    seed: int = 0,
    ipo: PublishedIPO,
    steps: int = 1000,
    size: float = 1.0,
    dtype: torch.dtype = torch.float32,
) -> dict[str, float]:
    """Mean loss over the noise levels, and MPJPE and PA-MPJPE in mm for each noise of the keypoints.

    Args:
        network: prior of J joints.
        poses: ``[N, J, 3]`` infants, metres.
        settings: how they are seen (``axes``, ``joints``, the camera); mirroring and size are left out.
        noise_px: standard deviations of the keypoints, pixels of a camera with ``FOCAL_PX``.
        seed: of views and noise.
        ipo: how the optimiser begins; that of a data set of infants (``configs``).
        steps: of the optimiser.
        size: how many times larger the bodies that the prior knows are.
        dtype: arithmetic of lifting.

    Returns:
        ``{"loss": .., "mpjpe_mm_0px": .., "pa_mpjpe_mm_0px": .., ...}``
    """
    generator = torch.Generator().manual_seed(seed)
    x = seen(poses, AdaptSettings(joints=settings.joints, axes=settings.axes, mirror=0.0, size=0.0), generator)
    result = {"loss": float(np.mean(list(validation_losses(network, size * x).values())))}
    low, high = torch.tensor([-_ASIDE_M, -_ASIDE_M, _DISTANCE_M[0]]), torch.tensor([_ASIDE_M, _ASIDE_M, _DISTANCE_M[1]])
    X = x + low + (high - low) * torch.rand(len(x), 1, 3, generator=generator)
    template = torch.from_numpy(typical_infant(settings.joints))
    solver = ReferenceSolver(network, ipo, template, steps, size=size, dtype=dtype)
    for sigma in noise_px:
        plane = X[..., :2] / X[..., 2:] + sigma / FOCAL_PX * torch.randn(*X.shape[:2], 2, generator=generator)
        rays = torch.cat([plane, torch.ones_like(plane[..., :1])], dim=-1)
        found = solver.solve(Evidence.apart(rays, torch.ones(X.shape[:2]))).X
        ours, truth = (found - root_of(found)).double().numpy(), x.double().numpy()
        result[f"mpjpe_mm_{sigma:g}px"] = 1000 * float(per_joint_error(ours, truth).mean())
        result[f"pa_mpjpe_mm_{sigma:g}px"] = 1000 * float(pa_mpjpe(ours, truth).mean())
    return result
