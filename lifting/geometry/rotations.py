"""Rotations about axes, by quaternions and by vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["quaternion_matrix", "rotation_by", "rotation_matrix"]


def rotation_matrix(axis: str, angle: Tensor) -> Tensor:
    """Rotation about a camera axis, ``"x"``, ``"y"``, ``"z"``: ``[...]`` radians -> ``[..., 3, 3]``, as ``R p``."""
    cos, sin, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    rows = {
        "x": (one, zero, zero, zero, cos, -sin, zero, sin, cos),
        "y": (cos, zero, sin, zero, one, zero, -sin, zero, cos),
        "z": (cos, -sin, zero, sin, cos, zero, zero, zero, one),
    }[axis]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def quaternion_matrix(quaternion: Tensor) -> Tensor:
    """Rotations ``[..., 3, 3]`` of quaternions ``[..., 4]`` (real part first, any length)."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def rotation_by(vector: Tensor) -> Tensor:
    """Rotations ``[..., 3, 3]`` about vectors ``[..., 3]`` by their lengths in radians."""
    angle = vector.norm(dim=-1, keepdim=True)
    return quaternion_matrix(torch.cat([(angle / 2).cos(), 0.5 * torch.sinc(angle / (2 * math.pi)) * vector], dim=-1))
