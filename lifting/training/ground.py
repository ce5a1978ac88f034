"""Training of the ground network: people in motion, lifted with errors, and the ground they are known to stand on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detectors.layouts import H36M_17
from lifting.body.joints import ANKLES, PELVIS, THORAX
from lifting.training.engine import Objective, Pacing, RunState
from lifting.training.processes import Team
from lifting.training.variety.sampling import sampling_weights
from lifting.world.ground import WINDOW_S, GroundGuess, GroundNetwork

__all__ = ["GroundSettings", "GroundWindows", "ground_errors", "ground_loss", "ground_objective", "new_ground_network"]

#: An ankle rests below this speed, m/s, and by how much more or less it is neither.
_RESTS, _RESTS_SPREAD = 0.3, 0.05
#: Share of the directions that are wrong altogether, in the likelihood.
_STRAY = 0.05


@dataclass(frozen=True)
class GroundSettings(Pacing):
    """Settings of a training run.

    Attributes:
        hidden: width of the network.
        tilted: see ``lifting.training.variety.sampling``.
        lasting, depth, flicker: spread of the errors of joints in metres: across the line of sight and along it for as
            long as a window lasts, and of each pose anew. A window has between none and all of them.
        depth_scale: spread of the error of how far a person goes along the line of sight, relative, as of an assumed
            focal length.
        size: spread of the size of the body, relative.
        resting_weight: share of the feet in the loss.
    """

    steps: int = 5000
    batch: int = 512
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    hidden: int = 192
    tilted: float = 8.0
    lasting: float = 0.02
    depth: float = 0.05
    flicker: float = 0.006
    depth_scale: float = 0.2
    size: float = 0.08
    resting_weight: float = 2.0


@dataclass(frozen=True, eq=False)
class GroundWindows:
    """Motions of ``WINDOW_S``, and what is true of them.

    Attributes:
        motion: ``[N, 5, 17, 3]`` float32, metres, y up, pelvis in the middle of the window at the origin.
        resting: ``[N, 2]`` float32, 1 where the right and the left ankle rest in the middle of the window, in between
            where they hardly move.
    """

    motion: Tensor
    resting: Tensor

    @classmethod
    def of(cls, poses: NDArray[np.floating], clip: NDArray[np.int64], fps: float) -> GroundWindows:
        """The windows that lie within a recording.

        Args:
            poses: ``[N, 17, 3]`` metres, y up.
            clip: ``[N]`` recording of each.
            fps: poses per second.

        Raises:
            ValueError: no recording is as long as a window.
        """
        offsets = np.round(np.asarray(WINDOW_S) * fps).astype(np.int64)
        middle = np.arange(-offsets[0], len(poses) - offsets[-1])
        middle = middle[clip[middle + offsets[0]] == clip[middle + offsets[-1]]]
        if not len(middle):
            raise ValueError(f"no recording is as long as {WINDOW_S[-1] - WINDOW_S[0]:.2f} s")
        motion = np.asarray(poses, np.float32)[middle[:, None] + offsets]
        ankles = motion[:, :, ANKLES]
        speed = np.linalg.norm(np.diff(ankles, axis=1), axis=-1) * fps / np.diff(offsets)[:, None]
        # Not the mean velocity: in the highest point of a jump that is 0.
        fastest = np.maximum(speed[:, len(offsets) // 2 - 1], speed[:, len(offsets) // 2])
        resting = torch.sigmoid(torch.from_numpy((_RESTS - fastest) / _RESTS_SPREAD))
        return cls(torch.from_numpy(motion - motion[:, len(offsets) // 2, None, :1]), resting.float())

    def draw(self, rows: Tensor, settings: GroundSettings, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Windows by number as lifting would see them, and what is true: ``[B, 5, 17, 3]``, ``[B, 2]``."""

        def normal(*shape: int) -> Tensor:
            return torch.randn(len(rows), *shape, generator=generator)

        motion, resting = self.motion[rows], self.resting[rows]
        mirrored = torch.rand(len(rows), generator=generator) < 0.5
        other_side = motion[:, :, list(H36M_17.flip)] * motion.new_tensor([-1.0, 1.0, 1.0])
        motion = torch.where(mirrored[:, None, None, None], other_side, motion)
        resting = torch.where(mirrored[:, None], resting.flip(1), resting)
        backwards = torch.rand(len(rows), generator=generator) < 0.2
        motion = torch.where(backwards[:, None, None, None], motion.flip(1), motion)
        motion = motion * (settings.size * normal(1, 1, 1)).exp()
        azimuth, elevation = 2 * math.pi * torch.rand(len(rows), generator=generator), 0.35 * normal()
        sight = torch.stack(
            [azimuth.cos() * elevation.cos(), elevation.sin(), azimuth.sin() * elevation.cos()], dim=-1
        )[:, None, None]
        root = motion[:, :, :1]
        lasting = settings.lasting * normal(1, 17, 3) + settings.depth * normal(1, 17, 1) * sight
        flicker = settings.flicker * (normal(5, 17, 3) + 1.5 * normal(5, 17, 1) * sight)
        of_joints = lasting + flicker
        of_joints = of_joints - of_joints[:, :, :1]
        of_root = settings.flicker * (normal(5, 1, 3) + 5 * normal(5, 1, 1) * sight)
        stretched = (root * sight).sum(-1, keepdim=True) * sight * torch.expm1(settings.depth_scale * normal(1, 1, 1))
        much = torch.rand(len(rows), 1, 1, 1, generator=generator)
        return motion + much * (of_joints + of_root) + stretched, resting


def new_ground_network(settings: GroundSettings, device: torch.device) -> RunState:
    """The beginning of a run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = GroundNetwork(settings.hidden)
    return RunState.of(network, settings, device)


def ground_loss(guess: GroundGuess, resting: Tensor, settings: GroundSettings) -> Tensor:
    """Negative log-likelihood of up, which is +y, under a mixture of von Mises-Fisher and uniform; and of the feet."""
    kappa = guess.log_kappa.exp()
    normaliser = guess.log_kappa - math.log(2 * math.pi) - torch.log(-torch.expm1(-2 * kappa))
    near = normaliser - kappa * (1 - guess.up[:, 1]) + math.log1p(-_STRAY)
    stray = torch.full_like(near, math.log(_STRAY / (4 * math.pi)))
    feet = nn.functional.binary_cross_entropy_with_logits(guess.resting, resting)
    return settings.resting_weight * feet - torch.logaddexp(near, stray).mean()


def ground_objective(windows: GroundWindows, settings: GroundSettings) -> Objective:
    """What the training makes small; single-process, for the network is small."""
    weights = sampling_weights(windows.motion[:, windows.motion.shape[1] // 2].numpy(), settings.tilted)

    def objective(network: nn.Module, generator: torch.Generator, device: torch.device, team: Team) -> Tensor:
        rows = torch.multinomial(weights, settings.batch, replacement=True, generator=generator)
        motion, resting = (values.to(device) for values in windows.draw(rows, settings, generator))
        # Dropout draws from PyTorch's own generator: seeded per step, so that a resumed run is the same.
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        network.train()
        return ground_loss(network(motion), resting, settings)

    return objective


@torch.no_grad()
def ground_errors(network: nn.Module, motion: Tensor, resting: Tensor) -> dict[str, float]:
    """Of windows: mean angle to up in degrees, of people whose trunk is within 45 degrees of it and of all; and the
    share of feet in percent that clearly rest or move and are taken for the other."""
    network.eval()
    guess = network(motion)
    angle = torch.rad2deg(torch.arccos(guess.up[:, 1].clamp(-1, 1)))
    middle = motion[:, motion.shape[1] // 2]
    trunk = nn.functional.normalize(middle[:, THORAX] - middle[:, PELVIS], dim=-1)
    clear = (resting - 0.5).abs() > 0.3
    wrong = (guess.resting > 0) != (resting > 0.5)
    return {
        "upright_deg": float(angle[trunk[:, 1] > math.cos(math.pi / 4)].mean()),
        "all_deg": float(angle.mean()),
        "feet_percent": 100 * float(wrong[clear].float().mean()),
    }
