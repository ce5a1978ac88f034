"""Adapting a prior to a few hundred poses of another kind of body: what is drawn for it, and priors of 12 joints."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from detectors.layouts import H36M_17
from lifting.body.infants import root_of
from lifting.body.joints import HEAD_TOP, IN_LIMBS_12, LIMBS_12, NOSE, SHOULDERS, SPINE, THORAX
from lifting.geometry.rotations import rotation_matrix
from lifting.prior.network import ScoreNetwork
from lifting.training.prior import FitSettings

__all__ = ["AdaptSettings", "limb_network", "seen", "views"]


@dataclass(frozen=True)
class AdaptSettings(FitSettings):
    """Settings of ``train finetune`` and ``train control``.

    Attributes:
        joints: 17, or the 12 of ``lifting.body.joints.LIMBS_12``.
        axes: ``"world"`` for poses with y up over a floor, seen from any side; ``"camera"`` for poses as a camera saw
            them (x right, y down, z forward), which are turned about its axis alone.
        mirror: share of poses with left and right exchanged.
        size: spread of the body size, relative, 1 sigma.
        down_low, down_high: how far the camera looks down on the floor, degrees.
        roll: of the camera over a floor, degrees, 1 sigma.
    """

    steps: int = 400
    batch: int = 256
    learning_rate: float = 3e-4
    warm_up: int = 40
    ema: float = 0.99
    joints: int = 17
    axes: str = "world"
    mirror: float = 0.5
    size: float = 0.05
    down_low: float = 20.0
    down_high: float = 90.0
    roll: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.joints not in (len(H36M_17), len(LIMBS_12)):
            raise ValueError(f"a prior can be adapted to 17 or 12 joints, not {self.joints}")
        if self.axes not in ("world", "camera"):
            raise ValueError(f"axes must be world or camera, not {self.axes!r}")


def views(poses: Tensor, settings: AdaptSettings) -> Callable[[int, torch.Generator], Tensor]:
    """Source of batches for ``fit``: poses ``[N, J, 3]`` drawn at random, mirrored, resized and seen by a camera."""

    def draw(count: int, generator: torch.Generator) -> Tensor:
        return seen(poses[torch.randint(len(poses), (count,), generator=generator)], settings, generator)

    return draw


def seen(poses: Tensor, settings: AdaptSettings, generator: torch.Generator) -> Tensor:
    """Every one of the poses ``[B, J, 3]`` once, varied and in camera axes, root-centred, metres."""
    count = len(poses)
    layout = LIMBS_12 if settings.joints == len(LIMBS_12) else H36M_17
    mirrored = poses[:, layout.flip] * torch.tensor([-1.0, 1.0, 1.0])
    chosen = torch.rand(count, generator=generator) < settings.mirror
    poses = torch.where(chosen[:, None, None], mirrored, poses)
    poses = poses * (settings.size * torch.randn(count, 1, 1, generator=generator).clamp(-2.5, 2.5)).exp()

    def between(low: float, high: float) -> Tensor:
        return math.radians(low) + math.radians(high - low) * torch.rand(count, generator=generator)

    if settings.axes == "camera":
        rotation = rotation_matrix("z", between(0, 360))
    else:
        roll = math.radians(settings.roll) * torch.randn(count, generator=generator)
        down = between(settings.down_low, settings.down_high)
        rotation = rotation_matrix("z", roll) @ rotation_matrix("x", down) @ rotation_matrix("y", between(0, 360))
        rotation = torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ rotation
    turned = torch.einsum("nij,nkj->nki", rotation, poses)
    return turned - root_of(turned)


@torch.no_grad()
def limb_network(network: ScoreNetwork) -> ScoreNetwork:
    """A prior of the 12 limb joints from one of 17: the layers between keep their weights.

    The last layer loses the rows of the other five joints. In the first one their columns go to the joints that tell
    where they are: the thorax is taken to be between the shoulders, the spine between thorax and pelvis, nose and head
    top beyond the thorax.
    """
    kept = IN_LIMBS_12
    rows = [3 * joint + axis for joint in kept for axis in range(3)]
    shoulders = torch.zeros(len(kept))
    shoulders[[kept.index(joint) for joint in SHOULDERS]] = 0.5
    # The pelvis is the origin, so everything on the axis of the trunk is a multiple of the thorax.
    shares = {SPINE: 0.5, THORAX: 1.0, NOSE: 1.2, HEAD_TOP: 1.4}
    weight = network.pre_dense.weight.unflatten(1, (len(H36M_17), 3))
    first = weight[:, kept]
    for joint, share in shares.items():
        first = first + share * shoulders[:, None].to(weight) * weight[:, joint : joint + 1]

    limb = ScoreNetwork(len(kept), network.hidden, network.embed, body_axes=network.body_axes).to(weight.device)
    own = {name: value for name, value in network.state_dict().items() if name in limb.state_dict()}
    # Rounded as priors are stored, so that a control branch around it can be stored in half precision, too.
    own["pre_dense.weight"] = first.flatten(1).half().to(first)
    own["post_dense.weight"], own["post_dense.bias"] = network.post_dense.weight[rows], network.post_dense.bias[rows]
    limb.load_state_dict(own)
    return limb.train(network.training)
