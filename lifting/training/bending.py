"""Postures that nobody was captured in: limbs, chest and head turned at random, within the range of motion of joints.

Ranges of motion: American Academy of Orthopaedic Surgeons, Joint Motion: Method of Measuring and Recording (1965).
Hip: flexion 120, extension 30, abduction 45, adduction 30 degrees; shoulder: extension 60, horizontal adduction 45 past
straight ahead; knee 135, elbow 150; trunk 80, head 45. Dancers and captured skeletons go further: a turn is refused
only if it takes a joint out of its range, or further out.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from lifting.training.chance import Chance
from lifting.training.skeleton import BodyParts

__all__ = ["bend", "excess", "rotation_by"]

_SIDE = torch.tensor([-1.0, 1.0])  # x is to the person's left; sides come in the order right, left
_KNEE, _ELBOW, _TRUNK, _HEAD = (math.radians(angle) for angle in (135, 150, 80, 45))
_UP, _AHEAD = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])


def bend(body: BodyParts, spread: float, chance: Chance) -> BodyParts:
    """The same people with other angles at hips, knees, shoulders, elbows, waist and neck; lengths stay.

    Args:
        body: rows of windows; what is drawn holds for a whole window, so that motion stays motion.
        spread: 1 sigma of the turns about each axis, radians; the trunk turns half as much.
        chance: source of all randomness.
    """
    legs = _kept(_turned_limb(body.legs, spread, _KNEE, -_AHEAD, chance), body.legs, "legs", chance)
    arms = _kept(_turned_limb(body.arms, spread, _ELBOW, _AHEAD, chance), body.arms, "arms", chance)
    head = _turned(rotation_by(spread * chance.normal(3)), body.head)
    waist = rotation_by(0.5 * spread * chance.normal(3))
    upper = torch.einsum("nij,nj->ni", waist, body.trunk[:, 1])
    trunk = torch.stack([body.trunk[:, 0], upper], dim=1)
    straight = _as_before(_excess_trunk(trunk), _excess_trunk(body.trunk), chance)[:, None]
    nodding = _as_before(_excess_head(head), _excess_head(body.head), chance)[:, None, None]
    return replace(
        body,
        legs=legs,
        arms=arms,
        head=torch.where(nodding, head, body.head),
        trunk=torch.where(straight[..., None], trunk, body.trunk),
        chest=torch.where(straight[..., None], waist @ body.chest, body.chest),
    )


def excess(body: BodyParts) -> Tensor:
    """How far joints are beyond their range of motion, radians, ``[N, 6]``: legs, arms (right, left), waist, neck."""
    columns = [_excess_legs(body.legs), _excess_arms(body.arms)]
    return torch.cat([*columns, _excess_trunk(body.trunk)[:, None], _excess_head(body.head)[:, None]], dim=1)


def _turned_limb(limb: Tensor, spread: float, most: float, towards: Tensor, chance: Chance) -> Tensor:
    """Both limbs ``[N, 2, 2, 3]`` turned as a whole, and the lower part by the hinge between.

    ``most`` is the largest angle of the hinge; ``towards`` where it opens to if the limb is straight.
    """
    turn = rotation_by(spread * chance.normal(2, 3))
    whole = torch.einsum("nsij,nsbj->nsbi", turn, limb)
    upper, lower = whole.unbind(2)
    along = F.normalize(upper, dim=-1)
    forwards = torch.einsum("nsij,j->nsi", turn, towards)
    # What the lower part leaves the line of the upper one by; next to none if the limb is straight.
    across = lower - (lower * along).sum(-1, keepdim=True) * along + 0.01 * forwards
    across = F.normalize(across - (across * along).sum(-1, keepdim=True) * along, dim=-1)
    angle = torch.atan2((lower * across).sum(-1), (lower * along).sum(-1))
    bent = (angle + spread * chance.normal(2)).abs()
    bent = torch.minimum(bent, angle.clamp_min(most))[..., None]
    lower = lower.norm(dim=-1, keepdim=True) * (bent.cos() * along + bent.sin() * across)
    return torch.stack([upper, lower], dim=2)


def _kept(limb: Tensor, before: Tensor, kind: str, chance: Chance) -> Tensor:
    measure = _excess_legs if kind == "legs" else _excess_arms
    within = _as_before(measure(limb), measure(before), chance)
    return torch.where(within[..., None, None], limb, before)


def _as_before(after: Tensor, before: Tensor, chance: Chance) -> Tensor:
    """Whether no pose of a window went further out of range, for all of its poses."""
    fine = (after <= before + 1e-4).unflatten(0, (-1, chance.frames))
    return chance.same(fine.all(dim=1))


def _beyond(angle: Tensor, low: float, high: float) -> Tensor:
    return (math.radians(low) - angle).clamp_min(0) + (angle - math.radians(high)).clamp_min(0)


def _excess_legs(legs: Tensor) -> Tensor:
    thigh = F.normalize(legs[:, :, 0], dim=-1)
    outwards = torch.asin((thigh[..., 0] * _SIDE).clamp(-1, 1))
    # How far the thigh is ahead, measured in its own plane: next to the side that angle means little.
    forwards = torch.atan2(thigh[..., 2], (-thigh[..., 1]).clamp_min(-1))
    return _beyond(outwards, -30, 45) + _beyond(forwards, -30, 120)


def _excess_arms(arms: Tensor) -> Tensor:
    upper = F.normalize(arms[:, :, 0], dim=-1)
    outwards = torch.asin((upper[..., 0] * _SIDE).clamp(-1, 1))
    ahead = torch.asin(upper[..., 2].clamp(-1, 1))
    return _beyond(outwards, -45, 90) + _beyond(ahead, -60, 90)


def _excess_trunk(trunk: Tensor) -> Tensor:
    return (_angle(trunk[:, 0], trunk[:, 1]) - _TRUNK).clamp_min(0)


def _excess_head(head: Tensor) -> Tensor:
    return (_angle(head.sum(dim=1), _UP.expand(len(head), 3)) - _HEAD).clamp_min(0)


def _angle(a: Tensor, b: Tensor) -> Tensor:
    return torch.atan2(torch.linalg.cross(a, b).norm(dim=-1), (a * b).sum(-1))


def _turned(rotation: Tensor, vectors: Tensor) -> Tensor:
    return torch.einsum("nij,nbj->nbi", rotation, vectors)


def rotation_by(vector: Tensor) -> Tensor:
    """Rotations ``[..., 3, 3]`` about vectors ``[..., 3]`` by their lengths in radians."""
    return torch.linalg.matrix_exp(_cross(vector))


def _cross(vector: Tensor) -> Tensor:
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
