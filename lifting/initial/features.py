"""What the initialiser sees of people: keypoints that do not depend on where, and which way up, a person is.

The network that looks at them is that of ``lifting.initial.network``.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from lifting.body.joints import HEAD_TOP, HIPS, NOSE, PELVIS, SHOULDERS, THORAX

__all__ = ["to_axis", "to_upright", "view_features"]

_ABOVE_HIPS = [THORAX, NOSE, HEAD_TOP, *SHOULDERS]
_LEAST_SPREAD = 1e-3  # a person whose keypoints all coincide has some size, too


def to_axis(rays: Tensor, confidence: Tensor) -> Tensor:
    """Rotations ``[B, 3, 3]`` that turn the middle of a person's rays onto the optical axis, by the shortest way.

    A person looks the same to the network wherever in the picture they stand.

    Args:
        rays: ``[B, J, 3]``, z = 1.
        confidence: ``[B, J]``.
    """
    directions = F.normalize(rays, dim=-1) * confidence[..., None]
    total = directions.sum(dim=1)
    total[:, 2] += 1e-6  # without any evidence the axis itself is the middle
    middle = F.normalize(total, dim=-1)
    # For unit vectors m and e the shortest turn of m to e is I - (m + e)(m + e)' / (1 + m'e) + 2 e m'.
    both = middle.clone()
    both[:, 2] += 1
    rotation = both[:, :, None] * (both / -both[:, 2:])[:, None]
    rotation.diagonal(dim1=1, dim2=2).add_(1)
    rotation[:, 2] += 2 * middle
    return rotation


def to_upright(plane: Tensor, confidence: Tensor) -> Tensor:
    """Rotations ``[B, 2, 2]`` of the picture after which trunk and head point upwards from the hips (to -y).

    Someone who turns a cartwheel looks the same to the network as someone who walks. Without any joint of the hips, or
    without any above them, and where both are the same point, the picture stays as it is.

    Args:
        plane: ``[B, J, 2]``, H36M-17.
        confidence: ``[B, J]``.
    """
    weight = _ends_of_the_trunk(plane.device) * confidence[:, None]
    total = weight.sum(dim=2, keepdim=True)
    hips, above = (weight @ plane / total.clamp_min(1e-6)).unbind(dim=1)
    up = above - hips
    length = up.norm(dim=1, keepdim=True)
    known = (total > 0).all(dim=1) & (length > 1e-6)
    x, y = torch.where(known, up / length.clamp_min(1e-6), _as_it_is(plane.device)).unbind(dim=1)
    return torch.stack([-y, x, -x, -y], dim=1).view(-1, 2, 2)


# They outlive the inference mode in which they may be asked for first.
@cache
@torch.inference_mode(False)
def _ends_of_the_trunk(device: torch.device) -> Tensor:
    """``[2, 17]`` 1 for the joints of H36M-17 that say where the hips are, and where what is above them."""
    ends = torch.zeros(2, 17)
    ends[0, [PELVIS, *HIPS]], ends[1, _ABOVE_HIPS] = 1.0, 1.0
    return ends.to(device)


@cache
@torch.inference_mode(False)
def _as_it_is(device: torch.device) -> Tensor:
    return torch.tensor([0.0, -1.0], device=device)


def view_features(rays: Tensor, confidence: Tensor, frames: int) -> tuple[Tensor, Tensor, Tensor]:
    """Input of the network, and the rotation into the axes of its output.

    Keypoints on the plane z = 1 of the camera turned by ``to_axis`` and ``to_upright``, centred and divided by the
    spread of the middle frame; confidences; and the logarithm of the spread, which says how strong the perspective is.
    The neighbours are turned with the middle frame and keep their distance from it, so that motion through the picture
    counts. Joints that were not seen stand at 0 with confidence 0.

    Args:
        rays: ``[B, W, J, 3]``, z = 1, the frame in question in the middle; or ``[B, 1, J, 3]``, without neighbours.
        confidence: ``[B, W, J]``; 0 for all joints of a neighbour that there is not.
        frames: W as the network wants it.

    Returns:
        x, y and confidence ``[B, frames, J, 3]``; the logarithm ``[B, 1]``; and the rotation ``[B, 3, 3]``.
    """
    middle = rays.shape[1] // 2
    rotation = to_axis(rays[:, middle], confidence[:, middle])
    turned = rays.flatten(1, 2) @ rotation.transpose(1, 2)
    plane = turned[..., :2] / turned[..., 2:].clamp_min(0.05)
    upright = to_upright(plane.unflatten(1, rays.shape[1:3])[:, middle], confidence[:, middle])
    plane = (plane @ upright.transpose(1, 2)).view(*rays.shape[:3], 2)
    rotation = torch.cat([upright @ rotation[:, :2], rotation[:, 2:]], dim=1)
    weight = confidence[..., None]
    present = weight[:, middle]
    total = present.sum(dim=1, keepdim=True).clamp_min(1e-6)
    centred = plane - ((plane[:, middle] * present).sum(dim=1, keepdim=True) / total)[:, None]
    spread = ((centred[:, middle].square().sum(-1, keepdim=True) * present).sum(dim=1, keepdim=True) / total).sqrt()
    spread = spread.clamp_min(_LEAST_SPREAD)
    placed = (centred / spread[:, None]).clamp(-10.0, 10.0) * (weight > 0)
    seen = torch.cat([placed, weight], dim=3)
    missing = (frames - rays.shape[1]) // 2
    return F.pad(seen, (0, 0, 0, 0, missing, missing)), spread[:, 0].log() + 2.0, rotation
