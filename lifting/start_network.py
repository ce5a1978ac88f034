"""A learnt IPO: one look at the 2D keypoints gives a pose to start from, its likely error, and other guesses.

Not in the paper. The published start turns one mean pose until it fits; this network has seen what poses project to
which keypoints, for any camera, so the optimiser begins near the end and at a low noise level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lifting.few_rows import FewRowsLinear

__all__ = ["OFFSETS_S", "StartGuess", "StartNetwork", "to_axis", "to_upright", "view_features"]

#: When the frames are that the network looks at, seconds from the one in question.
OFFSETS_S = (-4 / 12, -2 / 12, -1 / 12, 0.0, 1 / 12, 2 / 12, 4 / 12)
_HIPS, _ABOVE_HIPS = [0, 1, 4], [8, 9, 10, 11, 14]  # H36M-17; above: thorax, nose, head top, shoulders
_LEAST_SPREAD = 1e-3  # a person whose keypoints all coincide has some size, too


@dataclass(frozen=True)
class StartGuess:
    """What the network makes of B frames, in axes turned as ``to_axis`` says.

    Attributes:
        pose: ``[B, J, 3]`` root-centred, metres: for each joint about the median of what it may be.
        log_scale: ``[B, J]`` logarithm of a third of the expected distance error in metres (the Laplace scale in 3D).
        modes: ``[B, M, J, 3]`` different explanations of the same keypoints.
        logits: ``[B, M]`` how likely each of them is.
    """

    pose: Tensor
    log_scale: Tensor
    modes: Tensor
    logits: Tensor


class StartNetwork(nn.Module):
    """A residual MLP from the normalised rays of a frame and its neighbours to the pose in that frame.

    Args:
        joints: number of joints J.
        frames: number W of frames that are looked at, the one in the middle and those ``OFFSETS_S`` away.
        hidden: width of the trunk.
        blocks: residual blocks of two dense layers.
        modes: number M of alternative explanations.
    """

    def __init__(
        self, joints: int = 17, frames: int = len(OFFSETS_S), hidden: int = 1024, blocks: int = 2, modes: int = 4
    ) -> None:
        super().__init__()
        self.joints, self.frames, self.hidden, self.blocks, self.modes = joints, frames, hidden, blocks, modes
        self.pre = nn.Linear(frames * joints * 3 + 1, hidden)
        self.pre_norm = nn.LayerNorm(hidden)
        self.dense = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(2 * blocks))
        self.norm = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(2 * blocks))
        self.pose = nn.Linear(hidden, joints * 3)
        self.scale = nn.Linear(hidden, joints)
        self.other = nn.Linear(hidden, modes * joints * 3)
        self.logits = nn.Linear(hidden, modes)

    @classmethod
    def like(cls, weights: Mapping[str, Tensor]) -> StartNetwork:
        """A network of the size that the weights in a file need. Raises KeyError or ValueError if they are others."""
        hidden, inputs = weights["pre.weight"].shape
        joints, modes = weights["scale.weight"].shape[0], weights["logits.weight"].shape[0]
        blocks = sum(name.startswith("dense.") for name in weights) // 4
        if (inputs - 1) % (3 * joints):
            raise ValueError("the input of the network is no whole number of frames")
        return cls(joints, (inputs - 1) // (3 * joints), hidden, blocks, modes)

    def calculating_in(self, dtype: torch.dtype, *, few_rows: bool = False) -> StartNetwork:
        """This network, with the matrix products of its trunk in another arithmetic.

        ``few_rows``: it will see a handful of frames at a time (see ``lifting.few_rows``), and will not be trained.
        """
        for part in (self.pre, self.pre_norm, self.dense, self.norm):
            part.to(dtype)
        if few_rows:
            for parent in (self, self.dense):
                for name, dense in list(parent.named_children()):
                    if isinstance(dense, nn.Linear):
                        setattr(parent, name, FewRowsLinear(dense))
        return self

    def trunk(self, features: Tensor) -> Tensor:
        """``[B, 3 W J + 1]`` -> ``[B, hidden]``."""
        h = F.silu(self.pre_norm(self.pre(features)))
        for first in range(0, len(self.dense), 2):
            inner = F.silu(self.norm[first](self.dense[first](h)))
            h = h + F.silu(self.norm[first + 1](self.dense[first + 1](inner)))
        return h

    def forward(self, features: Tensor) -> StartGuess:
        """Guesses for ``view_features``."""
        # What leaves the trunk is metres: half precision would round them to several millimetres.
        h = self.trunk(features.to(self.pre_norm.weight.dtype)).to(features.dtype)
        # The error is judged by what is there, and must not change what the pose is made from.
        seen = h.detach()
        return StartGuess(
            pose=self.pose(h).unflatten(1, (self.joints, 3)),
            log_scale=self.scale(seen),
            modes=self.other(h).unflatten(1, (self.modes, self.joints, 3)),
            logits=self.logits(seen),
        )


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
    ends[0, _HIPS], ends[1, _ABOVE_HIPS] = 1.0, 1.0
    return ends.to(device)


@cache
@torch.inference_mode(False)
def _as_it_is(device: torch.device) -> Tensor:
    return torch.tensor([0.0, -1.0], device=device)


def view_features(rays: Tensor, confidence: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Input of the network ``[B, 3 W J + 1]``, and the rotation ``[B, 3, 3]`` into the axes of its output.

    Keypoints on the plane z = 1 of the camera turned by ``to_axis`` and ``to_upright``, centred and divided by the
    spread of the middle frame; confidences; and the logarithm of the spread, which says how strong the perspective is.
    The neighbours are turned with the middle frame and keep their distance from it, so that motion through the picture
    counts. Joints that were not seen stand at 0 with confidence 0.

    Args:
        rays: ``[B, W, J, 3]``, z = 1, the frame in question in the middle; or ``[B, 1, J, 3]``, without neighbours.
        confidence: ``[B, W, J]``; 0 for all joints of a neighbour that there is not.
        frames: W as the network wants it.
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
    seen = torch.cat([placed.flatten(2), confidence], dim=2)
    neighbours = torch.cat([seen[:, :middle], seen[:, middle + 1 :]], dim=1).flatten(1)
    found = torch.cat([seen[:, middle], spread[:, 0].log() + 2.0, neighbours], dim=1)
    missing = (frames - rays.shape[1]) * seen.shape[2]
    return F.pad(found, (0, missing)), rotation
