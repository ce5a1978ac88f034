"""How often each recorded pose is drawn: what people do rarely is what a network meets too seldom."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.body.joints import PELVIS, THORAX
from lifting.training.variety.body_parts import BodyParts, take_apart

__all__ = ["rarity", "sampling_weights"]

_SAMPLE, _NEIGHBOURS, _CHUNK = 5000, 12, 2000


def sampling_weights(poses: NDArray[np.floating], tilted: float, rare: float = 0.0) -> Tensor:
    """``[N]`` relative frequency of each pose ``[N, 17, 3]`` (metres, y up).

    Args:
        poses: the recorded poses.
        tilted: factor for a trunk 60 degrees and more from upright; 1 up to 20 degrees.
        rare: exponent of ``rarity``; 0 draws common and rare postures alike.
    """
    trunk = poses[:, THORAX] - poses[:, PELVIS]
    tilt = np.degrees(np.arccos(np.clip(trunk[:, 1] / np.linalg.norm(trunk, axis=1), -1, 1)))
    weights = torch.from_numpy(1.0 + (tilted - 1.0) * np.clip((tilt - 20) / 40, 0, 1)).float()
    if rare == 0:
        return weights
    parts = take_apart(torch.from_numpy(np.asarray(poses, np.float32)))
    return weights * rarity(parts, torch.Generator().manual_seed(0)) ** rare


def rarity(parts: BodyParts, generator: torch.Generator) -> Tensor:
    """``[N]`` how far away the postures most like each one are, 1 on average; the way a person faces does not count.

    The distance is that to the twelfth nearest of 5,000 of them, in the space of limbs, trunk and head in the axes of
    the pelvis: where poses are dense it is short.
    """
    posture = _posture(parts)
    some = posture[torch.randperm(len(posture), generator=generator)[:_SAMPLE]]
    near = min(_NEIGHBOURS, len(some))
    distance = torch.cat(
        [torch.cdist(chunk, some).kthvalue(near, dim=1).values for chunk in posture.split(_CHUNK)]
    ).clamp_min(1e-6)
    return distance / distance.mean()


def _posture(parts: BodyParts) -> Tensor:
    """``[N, 33]`` vectors of legs, trunk, head and arms, metres, in the axes of the pelvis."""
    head = torch.einsum("nij,nj->ni", parts.chest, parts.head[:, 1])
    arms = torch.einsum("nij,nsbj->nsbi", parts.chest, parts.arms)
    return torch.cat([value.flatten(1) for value in (parts.legs, parts.trunk, head, arms)], dim=1)
