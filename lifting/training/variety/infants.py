"""Infant-proportioned poses from motion capture of adults: the limbs of adults, bent, on an infant's body, lying down.

There is no open 3D motion capture of infants to ship or to learn from. These poses have the bodies and postures of
infants, not their movements: enough to show that a prior adapts, not to replace data.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from lifting.body.infants import INFANT_PROPORTIONS
from lifting.body.joints import ENDS, TRUNK
from lifting.geometry.rotations import rotation_matrix
from lifting.training.variety.body_parts import BodyParts, assemble, take_apart

__all__ = ["LENGTH_M", "infant_poses"]

#: Body length from birth to one year, metres.
LENGTH_M = (0.50, 0.75)

#: Share of infants on their back, on a side, on their front.
_POSTURES = (0.6, 0.2, 0.2)
_BONE_SPREAD = 0.06
_TRIES = 30
#: No joint of a limb lies deeper than this below the lowest joint of the trunk: the floor is there.
_FLOOR_M = 0.03
_MOST_BENT = math.radians(150)


def infant_poses(poses: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Root-centred poses ``[count, 17, 3]``, metres, in a world with y up and a floor under the infant.

    Args:
        poses: ``[N, 17, 3]`` motion capture, metres, y up.
        count: number of infants.
        generator: source of all randomness.

    Raises:
        ValueError: the poses cannot be made into infants; nearly all end under the floor or with broken joints.
    """
    parts = take_apart(poses.float())
    # Postures are filled one by one: on a side most draws have an arm in the floor.
    wanted = [round(count * share) for share in _POSTURES[1:]]
    wanted = [count - sum(wanted), *wanted]
    made = torch.cat([_lying(parts, posture, number, generator) for posture, number in enumerate(wanted)])
    return made[torch.randperm(count, generator=generator)]


def _lying(parts: BodyParts, posture: int, count: int, generator: torch.Generator) -> Tensor:
    """``count`` plausible infants in one posture (0 on the back, 1 on a side, 2 on the front)."""
    kept: list[Tensor] = [torch.zeros(0, 17, 3)]
    for _ in range(_TRIES):
        if sum(map(len, kept)) >= count:
            return torch.cat(kept)[:count]
        made, plausible = _candidates(parts, posture, 8 * count, generator)
        kept.append(made[plausible])
    raise ValueError("the motion capture does not give enough plausible infants; are its poses in metres with y up?")


def _candidates(parts: BodyParts, posture: int, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Poses ``[count, 17, 3]`` and whether they are plausible ``[count]``."""

    def between(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    def donor() -> Tensor:
        return torch.randint(len(parts), (count,), generator=generator)

    free = 0.3 if posture == 2 else 1.0  # on the front there is the floor ahead
    outward = torch.tensor([-1.0, 1.0])

    # A limb is turned as a whole, outward about the axis ahead and then forward about the axis to the left; after that
    # its lower part is bent about the same axis, which went along.
    leg = _turn(outward * between(0.1, 0.7, 2), free * between(0.4, 1.5, 2))
    arm = _turn(outward * between(0.2, 1.6, 2), free * between(-0.2, 0.8, 2))
    legs = torch.stack([parts.legs[donor(), side] for side in (0, 1)], dim=1)
    arms = torch.stack([parts.arms[donor(), side] for side in (0, 1)], dim=1)
    legs = _bent(legs, leg, between(0.2, 1.4, 2))
    arms = _bent(arms, arm, -between(0.2, 1.6, 2))
    carried = replace(parts.take(donor()), head=parts.head[donor()], legs=legs, arms=arms)

    # x to the person's left, y up the trunk, z ahead: on the back, z is up
    on_back = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    side = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    roll = 0.5 * math.pi * posture * side + 0.25 * torch.randn(count, generator=generator)
    tilt = 0.12 * torch.randn(count, generator=generator)
    lying = on_back @ rotation_matrix("y", roll) @ rotation_matrix("x", tilt)
    yaw = rotation_matrix("y", between(0, 2 * math.pi))
    made = assemble(replace(_sized(carried, between(*LENGTH_M), generator), pelvis=yaw @ lying))

    above = made[:, ENDS, 1].amin(dim=1) > made[:, TRUNK, 1].amin(dim=1) - _FLOOR_M
    straight = torch.cat([_angle(legs), _angle(arms)], dim=1).amax(dim=1) < _MOST_BENT
    return made, above & straight


def _sized(body: BodyParts, length_m: Tensor, generator: torch.Generator) -> BodyParts:
    """The same directions with the bones of infants of given lengths ``[N]``, alike on both sides."""
    grown = ((length_m - LENGTH_M[0]) / (LENGTH_M[1] - LENGTH_M[0]))[:, None]

    def bones(*names: str) -> Tensor:
        young, old = torch.tensor([INFANT_PROPORTIONS[name] for name in names]).T
        spread = _BONE_SPREAD * torch.randn(len(length_m), len(names), generator=generator).clamp(-2.5, 2.5)
        return ((young + grown * (old - young)) * length_m[:, None] * spread.exp())[..., None]

    def unit(vectors: Tensor) -> Tensor:
        return torch.nn.functional.normalize(vectors, dim=-1)

    return replace(
        body,
        hips=unit(body.hips) * bones("half_hips"),
        legs=unit(body.legs) * bones("thigh", "shank")[:, None],
        trunk=unit(body.trunk) * bones("pelvis_spine", "spine_thorax"),
        head=unit(body.head) * bones("thorax_nose", "nose_head_top"),
        shoulders=unit(body.shoulders) * bones("half_shoulders"),
        arms=unit(body.arms) * bones("upper_arm", "forearm")[:, None],
    )


def _turn(outward: Tensor, forward: Tensor) -> Tensor:
    """Rotations ``[N, 2, 3, 3]`` of limbs, angles ``[N, 2]`` in radians."""
    return rotation_matrix("x", -forward) @ rotation_matrix("z", outward)


def _bent(limbs: Tensor, turn: Tensor, bend: Tensor) -> Tensor:
    """Unit vectors of limbs ``[N, 2, 2, 3]`` (side, upper and lower), turned, with the lower one bent in addition."""
    unit = torch.nn.functional.normalize(limbs, dim=-1)
    lower = turn @ rotation_matrix("x", bend)
    return torch.stack(
        [torch.einsum("nsij,nsj->nsi", turn, unit[:, :, 0]), torch.einsum("nsij,nsj->nsi", lower, unit[:, :, 1])], dim=2
    )


def _angle(limbs: Tensor) -> Tensor:
    """Between the parts of limbs ``[N, 2, 2, 3]``: ``[N, 2]`` radians, 0 is straight."""
    return (limbs[:, :, 0] * limbs[:, :, 1]).sum(-1).clamp(-1, 1).arccos()
