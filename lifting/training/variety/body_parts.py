"""Poses taken apart into pelvis, chest and limbs, so that parts can be varied and exchanged, and put together again."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from lifting.body.joints import ANKLES, ELBOWS, HEAD_TOP, HIPS, KNEES, NOSE, PELVIS, SHOULDERS, SPINE, THORAX, WRISTS

__all__ = ["BodyParts", "assemble", "take_apart"]


@dataclass(frozen=True)
class BodyParts:
    """Poses as vectors from joint to joint, each in the frame of the part of the body that carries it, metres.

    Frames are right-handed with x to the person's left, y up the trunk, z ahead. Sides are in the order right, left.

    Attributes:
        pelvis: ``[N, 3, 3]`` pelvis frame to world.
        chest: ``[N, 3, 3]`` chest frame to pelvis frame.
        hips: ``[N, 2, 3]`` pelvis to hips, in the pelvis frame.
        legs: ``[N, 2, 2, 3]`` (side, thigh and shank), in the pelvis frame.
        trunk: ``[N, 2, 3]`` pelvis to spine, spine to thorax, in the pelvis frame.
        head: ``[N, 2, 3]`` thorax to nose, nose to head top, in the chest frame.
        shoulders: ``[N, 2, 3]`` thorax to shoulders, in the chest frame.
        arms: ``[N, 2, 2, 3]`` (side, upper arm and forearm), in the chest frame.
    """

    pelvis: Tensor
    chest: Tensor
    hips: Tensor
    legs: Tensor
    trunk: Tensor
    head: Tensor
    shoulders: Tensor
    arms: Tensor

    def __len__(self) -> int:
        return len(self.pelvis)

    def take(self, index: Tensor) -> BodyParts:
        """The poses at an index ``[B]``."""
        return BodyParts(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def take_apart(poses: Tensor) -> BodyParts:
    """Body parts of poses ``[N, 17, 3]`` (metres, a right-handed world with y up)."""
    pelvis = _frame(poses[:, HIPS[1]] - poses[:, HIPS[0]], poses[:, SPINE] - poses[:, PELVIS])
    chest = _frame(poses[:, SHOULDERS[1]] - poses[:, SHOULDERS[0]], poses[:, THORAX] - poses[:, SPINE])

    def in_pelvis(vectors: Tensor) -> Tensor:
        return torch.einsum("nji,n...j->n...i", pelvis, vectors)

    def in_chest(vectors: Tensor) -> Tensor:
        return torch.einsum("nji,n...j->n...i", chest, vectors)

    hips, knees, ankles = poses[:, HIPS], poses[:, KNEES], poses[:, ANKLES]
    shoulders, elbows, wrists = poses[:, SHOULDERS], poses[:, ELBOWS], poses[:, WRISTS]
    root, spine, thorax = poses[:, PELVIS], poses[:, SPINE], poses[:, THORAX]
    return BodyParts(
        pelvis=pelvis,
        chest=pelvis.transpose(1, 2) @ chest,
        hips=in_pelvis(hips - root[:, None]),
        legs=in_pelvis(torch.stack([knees - hips, ankles - knees], dim=2)),
        trunk=in_pelvis(torch.stack([spine - root, thorax - spine], dim=1)),
        head=in_chest(torch.stack([poses[:, NOSE] - thorax, poses[:, HEAD_TOP] - poses[:, NOSE]], dim=1)),
        shoulders=in_chest(shoulders - thorax[:, None]),
        arms=in_chest(torch.stack([elbows - shoulders, wrists - elbows], dim=2)),
    )


def assemble(parts: BodyParts) -> Tensor:
    """Root-centred poses ``[N, 17, 3]`` in the world of ``parts.pelvis``; the inverse of ``take_apart``."""
    chest = parts.pelvis @ parts.chest

    def from_pelvis(vectors: Tensor) -> Tensor:
        return torch.einsum("nij,n...j->n...i", parts.pelvis, vectors)

    def from_chest(vectors: Tensor) -> Tensor:
        return torch.einsum("nij,n...j->n...i", chest, vectors)

    trunk = from_pelvis(parts.trunk).cumsum(dim=1)
    thorax = trunk[:, 1]
    hips = from_pelvis(parts.hips)
    legs = hips[:, :, None] + from_pelvis(parts.legs).cumsum(dim=2)
    head = thorax[:, None] + from_chest(parts.head).cumsum(dim=1)
    shoulders = thorax[:, None] + from_chest(parts.shoulders)
    arms = shoulders[:, :, None] + from_chest(parts.arms).cumsum(dim=2)
    poses = torch.zeros(len(parts), 17, 3, dtype=hips.dtype, device=hips.device)
    poses[:, HIPS], poses[:, KNEES], poses[:, ANKLES] = hips, legs[:, :, 0], legs[:, :, 1]
    poses[:, SPINE], poses[:, THORAX] = trunk[:, 0], thorax
    poses[:, NOSE], poses[:, HEAD_TOP] = head[:, 0], head[:, 1]
    poses[:, SHOULDERS], poses[:, ELBOWS], poses[:, WRISTS] = shoulders, arms[:, :, 0], arms[:, :, 1]
    return poses


def _frame(left: Tensor, up: Tensor) -> Tensor:
    """Rotation ``[N, 3, 3]`` whose columns are x along ``left``, y as near to ``up`` as that allows, z ahead."""
    x = torch.nn.functional.normalize(left, dim=-1)
    y = torch.nn.functional.normalize(up - (up * x).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)
