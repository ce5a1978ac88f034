"""What a body in motion tells of the ground: which way is up, which feet rest, and how fast the others go.

Nobody films with a level, but people carry one: how they stand, walk, sit or lie says where up is, with an error that
depends on the posture. How legs move says where the feet go: an ankle that rests still rolls over its foot, and how far
is a matter of the gait. A small network has learnt it from motion capture, poses with errors like those of lifting.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assets.integrity import asset_path
from assets.untrusted import UntrustedFileError
from lifting.body.joints import HIPS, PELVIS, THORAX
from lifting.prior.weights import made_of, read_safetensors, sha256_of

__all__ = ["WINDOW_S", "GroundGuess", "GroundNetwork", "load_ground_network", "motion_windows", "save_ground_network"]

#: When the poses are that the network looks at, seconds from the one in question.
WINDOW_S = (-2 / 12, -1 / 12, 0.0, 1 / 12, 2 / 12)
_MIDDLE = len(WINDOW_S) // 2
_ROW = len(WINDOW_S) * (17 + 1) * 3 + 3
#: Up, its concentration, two feet that rest, their velocities and the errors of these.
_OUTPUTS = 3 + 1 + 2 + 6 + 2
#: What poses in metres are multiplied by, so that inputs are about 1.
_UNIT = 3.0
_SHIPPED = "ground.safetensors"


@dataclass(frozen=True, eq=False)
class GroundGuess:
    """What B windows of motion tell.

    Attributes:
        up: ``[B, 3]`` unit vectors, in the axes of the poses.
        log_kappa: ``[B]`` logarithm of the concentration of a von Mises-Fisher distribution about ``up``: an error of
            about ``exp(-log_kappa / 2)`` radians along each axis.
        resting: ``[B, 2]`` logits that the right and the left ankle rest.
        velocity: ``[B, 2, 3]`` of the right and the left ankle in the world, m/s, in the axes of the poses.
        log_spread: ``[B, 2]`` logarithm of the scale of a Laplace distribution in space of its error, m/s.
    """

    up: Tensor
    log_kappa: Tensor
    resting: Tensor
    velocity: Tensor
    log_spread: Tensor


class GroundNetwork(nn.Module):
    """A multilayer perceptron over windows of poses in the axes of the body in the middle of the window.

    In these axes (x to the right hip, y up the trunk) it makes no difference how the camera was held.

    Args:
        hidden: width.

    Attributes:
        sha256: of the file of the weights; empty if they come from none.
    """

    sha256: str = ""

    def __init__(self, hidden: int = 192) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(_ROW, hidden),
            nn.SiLU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, _OUTPUTS),
        )

    def forward(self, motion: Tensor, sight: Tensor) -> GroundGuess:
        """What motions tell.

        Args:
            motion: ``[B, 5, 17, 3]`` absolute poses at ``WINDOW_S``, metres, in any axes at rest.
            sight: ``[B, 3]`` unit vectors from the camera to the person, in these axes: along them what is lifted is
                less sure, and shorter.
        """
        axes = body_axes(motion[:, _MIDDLE])
        root = motion[:, :, :1]
        seen = torch.cat([motion - root, root - root[:, _MIDDLE : _MIDDLE + 1]], dim=2)
        seen = (_UNIT * torch.einsum("bij,btkj->btki", axes, seen)).flatten(1)
        found = self.layers(torch.cat([seen, torch.einsum("bij,bj->bi", axes, sight)], dim=1))
        # Up the trunk, unless the network says otherwise.
        tilted = nn.functional.normalize(found[:, :3] + found.new_tensor([0.0, 1.0, 0.0]), dim=-1)
        return GroundGuess(
            up=torch.einsum("bij,bi->bj", axes, tilted),
            log_kappa=found[:, 3].clamp(-3.0, 8.0) + 3.0,
            resting=found[:, 4:6],
            velocity=torch.einsum("bij,bfi->bfj", axes, found[:, 6:12].reshape(-1, 2, 3)),
            log_spread=found[:, 12:14].clamp(-5.0, 2.0) - 1.0,
        )


def body_axes(poses: Tensor) -> Tensor:
    """``[B, 3, 3]`` of poses ``[B, 17, 3]``: the rows are to the right hip, up the trunk, and forward x cross y."""
    trunk = nn.functional.normalize(poses[:, THORAX] - poses[:, PELVIS], dim=-1)
    across = poses[:, HIPS[0]] - poses[:, HIPS[1]]
    across = nn.functional.normalize(across - (across * trunk).sum(-1, keepdim=True) * trunk, dim=-1)
    return torch.stack([across, trunk, torch.linalg.cross(across, trunk)], dim=1)


def motion_windows(joints: NDArray[np.float64], time_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Poses ``[T, 5, 17, 3]`` at ``WINDOW_S`` from each of the frames ``[T, 17, 3]``, interpolated between them.

    Beyond both ends the person stays as in the last frame.

    Args:
        joints: absolute, in axes at rest.
        time_s: ``[T]`` increasing.
    """
    wanted = (time_s[:, None] + np.asarray(WINDOW_S)).clip(time_s[0], time_s[-1])
    after = np.searchsorted(time_s, wanted - 1e-9).clip(1 if len(time_s) > 1 else 0, len(time_s) - 1)
    before = (after - 1).clip(0)
    gap = time_s[after] - time_s[before]
    share = np.where(gap > 0, (wanted - time_s[before]) / np.where(gap > 0, gap, 1.0), 0.0)[..., None, None]
    return np.asarray(joints[before] * (1 - share) + joints[after] * share, np.float32)


def load_ground_network(path: str | Path | None = None) -> GroundNetwork:
    """The shipped network, or the one in a file.

    Raises:
        UntrustedFileError: the file is missing, damaged or holds something else.
    """
    path = asset_path(_SHIPPED) if path is None else Path(path)
    weights, _, _ = read_safetensors(path)
    try:
        network = made_of(weights, lambda: GroundNetwork(len(weights["layers.0.bias"])))
    except (KeyError, RuntimeError, ValueError) as error:
        raise UntrustedFileError(
            f"{path} does not hold the weights of a ground network; train them with `zedo-video train ground`"
        ) from error
    network.sha256 = sha256_of(path)
    return network


def save_ground_network(path: str | Path, network: GroundNetwork, training: dict[str, Any]) -> None:
    """Write weights as safetensors in half precision."""
    from safetensors.torch import save_file

    tensors = {
        name: value.detach().to("cpu", torch.float16).contiguous() for name, value in network.state_dict().items()
    }
    save_file(tensors, str(path), metadata={"format": "zedo-ground", "training": json.dumps(training, sort_keys=True)})
