"""Axes of pelvis, trunk and head, and angles between them, as torch computes them so that they can be differentiated.

Axes are those of ISB (Wu et al., 2002 and 2005): X forwards, Y up, Z to the right of the person, right-handed.
Directions are ``[..., 3]``, frames ``[..., 3, 3]`` with the axes X, Y, Z as rows, so that ``frame @ v`` has the
components of ``v``.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["between", "frame", "frame_across", "inside", "turn_about", "unit"]

#: Keeps derivatives finite where a direction vanishes, square metres.
_LEAST = 1e-12


def unit(vector: Tensor) -> Tensor:
    """Vectors of length 1."""
    return vector / (vector.square().sum(-1, keepdim=True) + _LEAST).sqrt()


def frame(up: Tensor, right: Tensor) -> Tensor:
    """The axes of a segment: Y along ``up``, Z to where ``right`` points as far as that is at a right angle to Y."""
    y = unit(up)
    x = unit(torch.linalg.cross(y, right))
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-2)


def frame_across(right: Tensor, up: Tensor) -> Tensor:
    """The same with Z along ``right``, and Y to where ``up`` points as far as that is at a right angle to Z."""
    z = unit(right)
    x = unit(torch.linalg.cross(up, z))
    return torch.stack([x, torch.linalg.cross(z, x), z], dim=-2)


def inside(axes: Tensor, vector: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The components of a direction along X, Y, Z of a frame, each ``[...]``; together of length 1."""
    x, y, z = (axes @ unit(vector)[..., None])[..., 0].unbind(-1)
    return x, y, z


def between(a: Tensor, b: Tensor) -> Tensor:
    """The angle from 0 to pi between two vectors, ``[...]`` radians."""
    across = torch.linalg.cross(a, b)
    return torch.atan2((across.square().sum(-1) + _LEAST**2).sqrt(), (a * b).sum(-1))


def turn_about(axis: Tensor, begin: Tensor, end: Tensor) -> Tensor:
    """The angle by which ``begin`` is turned about a unit ``axis`` to come to ``end``, -pi to pi, ``[...]`` radians."""
    return torch.atan2((axis * torch.linalg.cross(begin, end)).sum(-1), _flat(axis, begin, end))


def _flat(axis: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The product of what of two vectors is at a right angle to an axis."""
    return (a * b).sum(-1) - (axis * a).sum(-1) * (axis * b).sum(-1)
