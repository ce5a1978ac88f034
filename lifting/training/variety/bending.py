"""Postures that nobody was captured in: limbs, chest and head turned at random, within the range of motion of joints.

Ranges of motion: American Academy of Orthopaedic Surgeons, Joint Motion: Subject of Measuring and Recording (1965), in
degrees. Hip: flexion 120, extension 30, abduction 45, adduction 30; shoulder: extension 60, horizontal adduction 45
past straight ahead; knee 135; elbow 150; trunk: flexion 80, extension and to the side 30; head: 45 to every side. An
arm that is raised overhead goes 10 degrees back. Turns of a part about its own length are not limited. Dancers and
captured skeletons go further: a turn is refused only if it takes a joint out of its range, or further out.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from lifting.training.variety.body_parts import BodyParts
from lifting.training.variety.chance import Chance

__all__ = ["bend", "excess"]

_SIDE = torch.tensor([-1.0, 1.0])  # x is to the person's left; sides come in the order right, left
_LEFT, _UP, _AHEAD = torch.eye(3)
_KNEE, _ELBOW = math.radians(135), math.radians(150)
#: Below this angle the way in which a hinge opens is that of the joint, not that of the captured pose.
_STRAIGHT = 0.1


def bend(body: BodyParts, spread: float, chance: Chance) -> BodyParts:
    """The same people with other angles at hips, knees, shoulders, elbows, waist and neck; lengths stay.

    Args:
        body: rows of windows; what is drawn holds for a whole window, so that motion stays motion.
        spread: 1 sigma of the turns about each axis, radians; the trunk turns half as much.
        chance: source of all randomness.
    """
    leg, arm, neck, waist = (
        chance.turn(spread, 2),
        chance.turn(spread, 2),
        chance.turn(spread),
        chance.turn(spread / 2),
    )
    legs = torch.einsum("nsij,nsbj->nsbi", leg, body.legs)
    arms = torch.einsum("nsij,nsbj->nsbi", arm, body.arms)
    upper = torch.einsum("nij,nj->ni", waist, body.trunk[:, 1])
    bent = replace(
        body,
        legs=_hinged(legs, _knee_opens(legs, leg), _KNEE, spread * chance.normal(2)),
        arms=_hinged(arms, _elbow_opens(arms, arm), _ELBOW, spread * chance.normal(2)),
        head=torch.einsum("nij,nbj->nbi", neck, body.head),
        trunk=torch.stack([body.trunk[:, 0], upper], dim=1),
        chest=waist @ body.chest,
    )
    further = (excess(bent) > excess(body) + 1e-4).unflatten(0, (-1, chance.frames))
    fine = chance.same(~further.any(dim=1))[..., None, None]
    of_legs, of_arms, of_waist, of_neck = fine[:, :2], fine[:, 2:4], fine[:, 4], fine[:, 5]
    return replace(
        body,
        legs=torch.where(of_legs, bent.legs, body.legs),
        arms=torch.where(of_arms, bent.arms, body.arms),
        head=torch.where(of_neck, bent.head, body.head),
        trunk=torch.where(of_waist, bent.trunk, body.trunk),
        chest=torch.where(of_waist, bent.chest, body.chest),
    )


def excess(body: BodyParts) -> Tensor:
    """How far joints are beyond their range of motion, radians, ``[N, 6]``: legs, arms (right, left), waist, neck."""
    thigh, upper_arm = F.normalize(body.legs[:, :, 0], dim=-1), F.normalize(body.arms[:, :, 0], dim=-1)
    legs = _beyond(_outwards(thigh), -30, 45) + _beyond(torch.atan2(thigh[..., 2], -thigh[..., 1]), -30, 120)
    # Hanging arms go back 60 degrees, raised ones 10.
    back = (35 - 25 * (upper_arm @ _UP)) * (math.pi / 180)
    arms = _beyond(_outwards(upper_arm), -45, 90) + (-_angle_to(upper_arm, _AHEAD) - back).clamp_min(0)
    low, high = (F.normalize(part, dim=-1) for part in body.trunk.unbind(1))
    leaning = high - (high * low).sum(-1, keepdim=True) * low
    ahead = F.normalize(leaning, dim=-1)[:, 2].clamp_min(0)
    trunk = (_between(low, high) - (30 + 50 * ahead) * (math.pi / 180)).clamp_min(0)
    head = (_between(body.head.sum(dim=1), _UP.expand(len(body), 3)) - math.radians(45)).clamp_min(0)
    return torch.cat([legs, arms, trunk[:, None], head[:, None]], dim=1)


def _hinged(limb: Tensor, opens: Tensor, most: float, change: Tensor) -> Tensor:
    """Limbs ``[N, 2, 2, 3]`` with the angle of the hinge changed by radians ``[N, 2]``.

    The hinge goes on opening the way it does; if it is nearly straight, towards ``opens [N, 2, 3]``. What it would go
    beyond straight it opens.
    """
    upper, lower = limb.unbind(2)
    along = F.normalize(upper, dim=-1)
    length = lower.norm(dim=-1, keepdim=True)
    captured = lower - (lower * along).sum(-1, keepdim=True) * along
    across = F.normalize(captured + _STRAIGHT * length * opens, dim=-1)
    angle = torch.atan2((lower * across).sum(-1), (lower * along).sum(-1))
    wanted = torch.minimum((angle + change).abs(), angle.clamp_min(most))
    axis = torch.linalg.cross(along, across)
    turn = (wanted - angle)[..., None]
    # Rodrigues: lengths stay, and so does what lies out of the plane of the hinge.
    sideways = torch.linalg.cross(axis, lower)
    lower = turn.cos() * lower + turn.sin() * sideways + (1 - turn.cos()) * (axis * lower).sum(-1, keepdim=True) * axis
    return torch.stack([upper, lower], dim=2)


def _knee_opens(legs: Tensor, turn: Tensor) -> Tensor:
    """Where the shank of a straight leg goes: back under a hanging thigh, down under one that is raised in front."""
    along = F.normalize(legs[:, :, 0], dim=-1)
    return _square(torch.linalg.cross(turn @ _LEFT, along), along)


def _elbow_opens(arms: Tensor, turn: Tensor) -> Tensor:
    """Where the forearm of a straight arm goes: ahead if it hangs or is held aside, up if ahead, back if overhead."""
    along = F.normalize(arms[:, :, 0], dim=-1)
    return _square(torch.linalg.cross(along, turn @ _LEFT) + 0.3 * (turn @ _AHEAD), along)


def _square(vectors: Tensor, along: Tensor) -> Tensor:
    """Unit vectors, perpendicular to ``along``."""
    return F.normalize(vectors - (vectors * along).sum(-1, keepdim=True) * along, dim=-1)


def _outwards(units: Tensor) -> Tensor:
    """Angle to the person's own side, for ``[N, 2, 3]`` right and left."""
    return _angle_to(units, _LEFT) * _SIDE


def _angle_to(units: Tensor, axis: Tensor) -> Tensor:
    """Angle above the plane across an axis."""
    return torch.asin((units @ axis).clamp(-1, 1))


def _beyond(angle: Tensor, low: float, high: float) -> Tensor:
    return (math.radians(low) - angle).clamp_min(0) + (angle - math.radians(high)).clamp_min(0)


def _between(a: Tensor, b: Tensor) -> Tensor:
    return torch.atan2(torch.linalg.cross(a, b).norm(dim=-1), (a * b).sum(-1))
