"""Poses and rays: the closed-form pieces of the optimiser, batched, differentiable, free of host synchronisation.

Notation: B poses, J joints; ``x`` root-centred poses ``[B, J, 3]`` in metres; ``T`` translations ``[B, 3]``;
``rays`` directions ``[B, J, 3]`` with z = 1; ``weight`` ``[B, J]`` how far a joint's 2D position is to be trusted.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["nearest_on_rays", "project_to_plane", "reprojection_error", "solve_translation"]


def project_to_plane(points: Tensor) -> Tensor:
    """Perspective projection to the plane z = 1: ``[..., 3]`` -> ``[..., 2]``. Depth is kept at least 1 cm positive."""
    return points[..., :2] / points[..., 2:].clamp_min(0.01)


def reprojection_error(points: Tensor, rays: Tensor) -> Tensor:
    """Distance on the plane z = 1 between projected points and rays, ``[..., J]``."""
    return (project_to_plane(points) - rays[..., :2]).norm(dim=-1)


def nearest_on_rays(points: Tensor, rays: Tensor) -> Tensor:
    """Orthogonal projection of points ``[..., 3]`` on their rays through the camera centre (ZeDO, section 3.3)."""
    return rays * ((points * rays).sum(-1, keepdim=True) / (rays * rays).sum(-1, keepdim=True))


def solve_translation(x: Tensor, rays: Tensor, weight: Tensor) -> Tensor:
    """Translation that brings the pose closest to its rays, by weighted linear least squares (ZeDO, section 3.3).

    Minimises ``sum_j w_j |(x_j + T)_xy - r_j (x_j + T)_z|^2``. The normal matrix is 3x3 with a known pattern, so it is
    solved by substitution: no factorisation call, no synchronisation with the device. A solution behind the camera
    (possible for a pose seen from the wrong side) is mirrored to the front.

    Args:
        x: ``[B, J, 3]``.
        rays: ``[B, J, 3]``, z = 1.
        weight: ``[B, J]``, at least two joints with positive weight.

    Returns:
        ``[B, 3]`` metres.
    """
    u, v = rays[..., 0], rays[..., 1]
    # Residual of one joint: T_xy - r T_z + c with c = x_xy - r x_z. Eliminating T_xy leaves one equation in T_z.
    cx, cy = x[..., 0] - u * x[..., 2], x[..., 1] - v * x[..., 2]
    total = weight.sum(-1, keepdim=True).clamp_min(1e-9)
    w = weight / total

    def mean(values: Tensor) -> Tensor:
        return (w * values).sum(-1, keepdim=True)

    mean_u, mean_v, mean_cx, mean_cy = mean(u), mean(v), mean(cx), mean(cy)
    du, dv = u - mean_u, v - mean_v
    depth = mean(du * (cx - mean_cx) + dv * (cy - mean_cy)) / mean(du * du + dv * dv).clamp_min(1e-12)
    T = torch.cat([mean_u * depth - mean_cx, mean_v * depth - mean_cy, depth], dim=-1)
    return torch.where(depth < 0, -T, T)
