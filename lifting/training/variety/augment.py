"""Variety that the motion capture lacks: bodies, joint definitions, limbs, cameras. All on batches, all optional."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lifting.geometry.rotations import rotation_by, rotation_matrix
from lifting.training.variety.bending import bend
from lifting.training.variety.body_parts import BodyParts, assemble
from lifting.training.variety.chance import Chance

__all__ = ["Augmentation", "Windows", "draw_poses", "draw_windows"]


@dataclass(frozen=True)
class Augmentation:
    """How strongly training poses are varied. Shares are probabilities per pose, spreads are 1 sigma.

    Attributes:
        mirror: exchange left and right.
        exchange_limb: each arm, each leg and the head come from another pose.
        bend: spread of the turns of limbs, waist and neck within their range of motion, radians.
        size: spread of the body size, relative.
        bones: spread of each bone length, relative; the same left and right.
        width: share of poses whose hips and shoulders get another width: half hips 6 to 15 cm, half shoulders 14 to
            20 cm.
        definition: spread of where spine, thorax, nose and head top are taken to be, metres.
        pitch, roll: of the camera, radians; pitch is drawn from -``pitch`` / 2 to ``pitch``.
        any_orientation: share of poses in an arbitrary orientation: lying, upside down, cartwheels.
        spin: spread of the speed of half of the people who turn as a whole while they move, about any axis, radians
            per second; the others do what they were captured at. Single poses do not move.
        backwards: share of motions in which time runs backwards.
    """

    mirror: float = 0.5
    exchange_limb: float = 0.15
    bend: float = 0.0
    size: float = 0.07
    bones: float = 0.05
    width: float = 0.7
    definition: float = 0.015
    pitch: float = 0.5
    roll: float = 0.1
    any_orientation: float = 0.12
    spin: float = 0.0
    backwards: float = 0.0


@dataclass(frozen=True)
class Windows:
    """Which poses follow each other, so that a person can be drawn as they move.

    Attributes:
        index: ``[N, W]`` int64 poses around each of N, the pose itself where there is none.
        present: ``[N, W]`` False where there is none.
        root: ``[N, 3]`` position of the pelvis in the world, metres, y up.
        time_s: ``[W]`` when, from the middle pose, seconds.
    """

    index: Tensor
    present: Tensor
    root: Tensor
    time_s: Tensor

    @classmethod
    def around(cls, root: Tensor, clip: Tensor, offsets: Sequence[int], fps: float) -> Windows:
        """Windows at ``offsets`` in poses within the same clip, for pelvis positions ``[N, 3]`` and clips ``[N]``."""
        centre = torch.arange(len(clip))
        index = centre[:, None] + torch.tensor(offsets)
        inside = (index >= 0) & (index < len(clip))
        index = index.clamp(0, len(clip) - 1)
        present = inside & (clip[index] == clip[:, None])
        return cls(torch.where(present, index, centre[:, None]), present, root, torch.tensor(offsets) / fps)


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
    alone = torch.arange(len(parts))[:, None]
    windows = Windows(alone, torch.ones_like(alone, dtype=torch.bool), torch.zeros(len(parts), 3), torch.zeros(1))
    return draw_windows(parts, windows, weights, count, augmentation, generator)[0][:, 0]


def draw_windows(
    parts: BodyParts,
    windows: Windows,
    weights: Tensor,
    count: int,
    augmentation: Augmentation,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """People in motion before a camera that stands still: ``draw_poses``, the same person in all poses of a window.

    Returns:
        ``[count, W, 17, 3]`` metres, camera axes, the origin at the pelvis of the middle pose; and ``[count, W]``,
        False for poses that do not exist.
    """
    a = augmentation
    frames = windows.index.shape[1]
    chance = Chance(count, frames, generator)
    centre = torch.multinomial(weights, count, replacement=True, generator=generator)
    rows, present = windows.index[centre], windows.present[centre]
    if a.backwards > 0 and frames > 1:
        # The same for all poses of a window, whose times lie symmetrically about the middle.
        turned_back = chance.uniform().unflatten(0, (count, frames)) < a.backwards
        rows, present = (torch.where(turned_back, value.flip(1), value) for value in (rows, present))
    index = rows.flatten()
    body = parts.take(index)
    if a.exchange_limb > 0:
        body = _exchange_limbs(parts, body, index, windows, a.exchange_limb, chance)
    if a.bend > 0:
        body = bend(body, a.bend, chance)
    size = (a.size * chance.normal(1)).exp()
    body = _other_body(body, a, size, chance)
    way = (windows.root[index] - windows.root[centre].repeat_interleave(frames, dim=0)) * size
    if a.mirror > 0:
        mirrored = chance.uniform() < a.mirror
        body = _mirror(body, mirrored)
        way = torch.where(mirrored[:, None], way * torch.tensor([-1.0, 1.0, 1.0]), way)
    poses = assemble(body) + way[:, None]
    rotation = _camera_rotation(a, chance)
    if a.spin > 0 and frames > 1:
        speed = a.spin * chance.normal(3) * (chance.uniform(1) < 0.5)
        rotation = rotation @ rotation_by(speed * windows.time_s.repeat(count)[:, None])
    flip = torch.tensor([1.0, -1.0, -1.0])
    turned = torch.einsum("nij,nkj->nki", rotation, poses) * flip
    return turned.unflatten(0, (count, frames)), present


def _exchange_limbs(
    parts: BodyParts, body: BodyParts, index: Tensor, windows: Windows, share: float, chance: Chance
) -> BodyParts:
    def other() -> Tensor:
        """Index of the donor, who moves on forwards: the pose itself for most."""
        donor = windows.index[chance.choice(len(parts))].flatten()
        return torch.where(chance.uniform() < share, donor, index)

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


def _other_body(body: BodyParts, a: Augmentation, size: Tensor, chance: Chance) -> BodyParts:
    def factor(*shape: int) -> Tensor:
        """Lengths multiply, so their logarithm is what is normally distributed."""
        return (a.bones * chance.normal(*shape)).exp()[..., None]

    def widened(vectors: Tensor, low: float, high: float) -> Tensor:
        wanted = low + (high - low) * chance.uniform(1, 1)
        change = chance.uniform(1, 1) < a.width
        present = vectors.norm(dim=-1, keepdim=True).mean(dim=1, keepdim=True).clamp_min(1e-6)
        return torch.where(change, vectors * (wanted / present), vectors)

    size = size[..., None]
    shift = a.definition * chance.normal(3, 3)
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


def _camera_rotation(a: Augmentation, chance: Chance) -> Tensor:
    """Any yaw, some pitch and roll, and for a share of the poses any orientation at all: ``[B, 3, 3]``."""
    yaw = chance.uniform() * (2 * math.pi)
    pitch = (chance.uniform() * 1.5 - 0.5) * a.pitch
    roll = chance.normal() * a.roll
    rotation = rotation_matrix("z", roll) @ rotation_matrix("x", pitch) @ rotation_matrix("y", yaw)
    return torch.where((chance.uniform() < a.any_orientation)[:, None, None], chance.rotation(), rotation)
