"""Poses and rays: the closed-form pieces of the optimiser, batched, differentiable, free of host synchronisation.

Notation: B poses, J joints; ``x`` root-centred poses ``[B, J, 3]`` in metres; ``T`` translations ``[B, 3]``;
``rays`` directions ``[B, J, 3]`` with z = 1; ``weight`` ``[B, J]`` how far a joint's 2D position is to be trusted.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["TranslationSolver", "nearest_on_rays", "project_to_plane", "reprojection_error", "solve_translation"]


def project_to_plane(points: Tensor) -> Tensor:
    """Perspective projection to the plane z = 1: ``[..., 3]`` -> ``[..., 2]``. Depth is kept at least 1 cm positive."""
    return points[..., :2] / points[..., 2:].clamp_min(0.01)


def reprojection_error(points: Tensor, rays: Tensor) -> Tensor:
    """Distance on the plane z = 1 between projected points and rays, ``[..., J]``."""
    return (project_to_plane(points) - rays[..., :2]).norm(dim=-1)


def nearest_on_rays(points: Tensor, directions: Tensor) -> Tensor:
    """Orthogonal projection of points ``[..., 3]`` on their rays through the camera centre (ZeDO, section 3.3).

    ``directions`` of the rays have length 1.
    """
    return directions * (points * directions).sum(-1, keepdim=True)


class TranslationSolver:
    """Translations that bring poses closest to their rays, by weighted linear least squares (ZeDO, section 3.3).

    Minimises ``sum_j w_j |(x_j + T)_xy - r_j (x_j + T)_z|^2``. The normal matrix is 3x3 with a known pattern, so it is
    solved by substitution: no factorisation call, no synchronisation with the device. What depends on the rays alone is
    computed once.

    Args:
        rays: ``[..., J, 3]``, z = 1.
        weight: ``[..., J]``, at least two joints with positive weight.
    """

    def __init__(self, rays: Tensor, weight: Tensor) -> None:
        self._rays = rays[..., :2]
        self._weight = (weight / weight.sum(-1, keepdim=True).clamp_min(1e-9))[..., None]
        self._mean = (self._weight * self._rays).sum(-2, keepdim=True)
        away = self._rays - self._mean
        spread = (self._weight * away * away).sum((-2, -1), keepdim=True)
        self._slope = self._weight * away / spread.clamp_min(1e-12)

    def __call__(self, x: Tensor) -> Tensor:
        """``[..., 3]`` metres for poses ``[..., J, 3]``.

        A solution behind the camera (possible for a pose seen from the wrong side) is mirrored to the front.
        """
        # Residual of one joint: T_xy - r T_z + c with c = x_xy - r x_z. Eliminating T_xy leaves one equation in T_z, in
        # which the mean of c counts for nothing, since the slopes sum to 0.
        c = x[..., :2] - self._rays * x[..., 2:]
        depth = (self._slope * c).sum((-2, -1), keepdim=True)
        across = self._mean * depth - (self._weight * c).sum(-2, keepdim=True)
        T = torch.cat([across, depth], dim=-1)[..., 0, :]
        return torch.where(T[..., 2:] < 0, -T, T)


def solve_translation(x: Tensor, rays: Tensor, weight: Tensor) -> Tensor:
    """``TranslationSolver`` for one time, ``[..., J, 3]``, ``[..., J, 3]``, ``[..., J]`` -> ``[..., 3]``."""
    return TranslationSolver(rays, weight)(x)
