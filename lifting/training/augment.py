"""Variety that the motion capture lacks: bodies, joint definitions, limbs, cameras. All on batches, all optional."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lifting.ipo import quaternion_matrix, rotation_matrix
from lifting.training.skeleton import BodyParts, assemble

__all__ = ["Augmentation", "draw_poses", "random_rotation"]


@dataclass(frozen=True)
class Augmentation:
    """How strongly training poses are varied. Shares are probabilities per pose, spreads are 1 sigma.

    Attributes:
        mirror: exchange left and right.
        exchange_limb: each arm, each leg and the head come from another pose.
        size: spread of the body size, relative.
        bones: spread of each bone length, relative; the same left and right.
        width: share of poses whose hips and shoulders get another width: half hips 6 to 15 cm, half shoulders 14 to
            20 cm.
        definition: spread of where spine, thorax, nose and head top are taken to be, metres.
        pitch, roll: of the camera, radians; pitch is drawn from -``pitch`` / 2 to ``pitch``.
        any_orientation: share of poses in an arbitrary orientation: lying, upside down, cartwheels.
    """

    mirror: float = 0.5
    exchange_limb: float = 0.15
    size: float = 0.07
    bones: float = 0.05
    width: float = 0.7
    definition: float = 0.015
    pitch: float = 0.5
    roll: float = 0.1
    any_orientation: float = 0.12


def draw_poses(
    parts: BodyParts, weights: Tensor, count: int, augmentation: Augmentation, generator: torch.Generator
) -> Tensor:
    """A batch of training poses, ``[count, 17, 3]`` metres, root-centred, camera axes (x right, y down, z forward).

    Args:
        parts: the training poses, taken apart.
        weights: ``[N]`` how often each is drawn.
        count: size of the batch.
        augmentation: how strongly they are varied.
        generator: source of all randomness.
    """
    a = augmentation
    index = torch.multinomial(weights, count, replacement=True, generator=generator)
    body = parts.take(index)
    if a.exchange_limb > 0:
        body = _exchange_limbs(parts, body, index, a.exchange_limb, generator)
    body = _other_body(body, a, generator)
    if a.mirror > 0:
        body = _mirror(body, torch.rand(count, generator=generator) < a.mirror)
    poses = assemble(body)
    rotation = _camera_rotation(count, a, generator)
    flip = torch.tensor([1.0, -1.0, -1.0])
    return torch.einsum("nij,nkj->nki", rotation, poses) * flip


def random_rotation(count: int, generator: torch.Generator) -> Tensor:
    """Uniformly distributed rotations ``[count, 3, 3]``, from unit quaternions."""
    return quaternion_matrix(torch.randn(count, 4, generator=generator))


def _exchange_limbs(
    parts: BodyParts, body: BodyParts, index: Tensor, share: float, generator: torch.Generator
) -> BodyParts:
    count = len(index)

    def other() -> Tensor:
        """Index of the donor: the pose itself for most."""
        donor = torch.randint(len(parts), (count,), generator=generator)
        return torch.where(torch.rand(count, generator=generator) < share, donor, index)

    legs = torch.stack([parts.legs[other(), side] for side in (0, 1)], dim=1)
    arms = torch.stack([parts.arms[other(), side] for side in (0, 1)], dim=1)
    # A donor's limb has the length of the donor's; the recipient's own length keeps left and right equal.
    return replace(
        body,
        legs=_with_length(legs, body.legs),
        arms=_with_length(arms, body.arms),
        head=_with_length(parts.head[other()], body.head),
    )


def _with_length(vectors: Tensor, like: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1) * like.norm(dim=-1, keepdim=True)


def _other_body(body: BodyParts, a: Augmentation, generator: torch.Generator) -> BodyParts:
    count = len(body)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator).clamp(-2.5, 2.5)

    def factor(*shape: int) -> Tensor:
        """Lengths multiply, so their logarithm is what is normally distributed."""
        return (a.bones * normal(*shape)).exp()[..., None]

    def widened(vectors: Tensor, low: float, high: float) -> Tensor:
        wanted = low + (high - low) * torch.rand(count, 1, 1, generator=generator)
        change = torch.rand(count, 1, 1, generator=generator) < a.width
        present = vectors.norm(dim=-1, keepdim=True).mean(dim=1, keepdim=True).clamp_min(1e-6)
        return torch.where(change, vectors * (wanted / present), vectors)

    size = (a.size * normal(1)).exp()[..., None]
    shift = a.definition * normal(3, 3)
    trunk, head = body.trunk * factor(2), body.head * factor(2)
    # Moving a joint moves the end of one vector and the start of the next; the thorax stays for the shoulders' sake.
    trunk = torch.stack([trunk[:, 0] + shift[:, 0], trunk[:, 1] - shift[:, 0]], dim=1)
    head = torch.stack([head[:, 0] + shift[:, 1], head[:, 1] - shift[:, 1] + shift[:, 2]], dim=1)
    return replace(
        body,
        hips=widened(body.hips, 0.06, 0.15) * size,
        legs=body.legs * factor(1, 2) * size[..., None],
        trunk=trunk * size,
        head=head * size,
        shoulders=widened(body.shoulders, 0.14, 0.20) * size,
        arms=body.arms * factor(1, 2) * size[..., None],
    )


def _mirror(body: BodyParts, chosen: Tensor) -> BodyParts:
    """Left and right exchanged where ``chosen [N]``."""
    sign = torch.tensor([-1.0, 1.0, 1.0])
    turn = sign[:, None] * sign[None]

    def where(mirrored: Tensor, original: Tensor) -> Tensor:
        return torch.where(chosen.view(-1, *[1] * (original.dim() - 1)), mirrored, original)

    return BodyParts(
        pelvis=where(body.pelvis * turn, body.pelvis),
        chest=where(body.chest * turn, body.chest),
        hips=where(body.hips.flip(1) * sign, body.hips),
        legs=where(body.legs.flip(1) * sign, body.legs),
        trunk=where(body.trunk * sign, body.trunk),
        head=where(body.head * sign, body.head),
        shoulders=where(body.shoulders.flip(1) * sign, body.shoulders),
        arms=where(body.arms.flip(1) * sign, body.arms),
    )


def _camera_rotation(count: int, a: Augmentation, generator: torch.Generator) -> Tensor:
    """Any yaw, some pitch and roll, and for a share of the poses any orientation at all: ``[count, 3, 3]``."""
    yaw = torch.rand(count, generator=generator) * (2 * math.pi)
    pitch = (torch.rand(count, generator=generator) * 1.5 - 0.5) * a.pitch
    roll = torch.randn(count, generator=generator) * a.roll
    rotation = rotation_matrix("z", roll) @ rotation_matrix("x", pitch) @ rotation_matrix("y", yaw)
    free = torch.rand(count, generator=generator) < a.any_orientation
    return torch.where(free[:, None, None], random_rotation(count, generator), rotation)
