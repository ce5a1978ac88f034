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
        tilted: how much more often motions are drawn whose trunk is far from upright.
        lasting, depth, flicker: spread of the errors of joints in metres: across the line of sight and along it for as
            long as a window lasts, and of each pose anew. A window has between none and all of them.
        depth_scale: spread of the error of how far a person goes along the line of sight, relative, as of an assumed
            focal length.
        size: spread of the size of the body, relative.
        resting_weight, velocity_weight: shares in the loss of which feet rest, and of how fast they go.
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
    velocity_weight: float = 0.2


@dataclass(frozen=True, eq=False)
class GroundWindows:
    """Motions of ``WINDOW_S``, and what is true of them; all in the same axes.

    Attributes:
        motion: ``[N, 5, 17, 3]`` float32, metres, pelvis in the middle of the window at the origin.
        up: ``[N, 3]`` float32, unit vectors.
        resting: ``[N, 2]`` float32, 1 where the right and the left ankle rest in the middle of the window, in between
            where they hardly move.
        velocity: ``[N, 2, 3]`` float32, of the ankles there, m/s.
        sight: ``[N, 3]`` float32, unit vectors from the camera to the person; NaN for motion as captured, which no
            camera has seen.
    """

    motion: Tensor
    up: Tensor
    resting: Tensor
    velocity: Tensor
    sight: Tensor

    @classmethod
    def of(
        cls,
        truth: NDArray[np.floating],
        clip: NDArray[np.int64],
        fps: float,
        up: NDArray[np.floating],
        lifted: NDArray[np.floating] | None = None,
    ) -> GroundWindows:
        """The windows that lie within a recording.

        Args:
            truth: ``[N, 17, 3]`` metres.
            clip: ``[N]`` recording of each.
            fps: poses per second.
            up: ``[N, 3]`` in the same axes.
            lifted: ``[N, 17, 3]`` the same people as lifted, with the camera at the origin; None is motion as captured.

        Raises:
            ValueError: no recording is as long as a window.
        """
        offsets = np.round(np.asarray(WINDOW_S) * fps).astype(np.int64)
        middle = np.arange(-offsets[0], len(truth) - offsets[-1])
        middle = middle[clip[middle + offsets[0]] == clip[middle + offsets[-1]]]
        if not len(middle):
            raise ValueError(f"no recording is as long as {WINDOW_S[-1] - WINDOW_S[0]:.2f} s")
        around = middle[:, None] + offsets
        ankles = np.asarray(truth, np.float32)[around][:, :, ANKLES]
        steps = np.diff(offsets)[:, None] / fps
        speed = np.linalg.norm(np.diff(ankles, axis=1), axis=-1) / steps
        centre = len(offsets) // 2
        # Not the mean velocity: in the highest point of a jump that is 0.
        fastest = np.maximum(speed[:, centre - 1], speed[:, centre])
        resting = torch.sigmoid(torch.from_numpy((_RESTS - fastest) / _RESTS_SPREAD))
        gone = ankles[:, centre + 1] - ankles[:, centre - 1]
        velocity = gone * fps / (offsets[centre + 1] - offsets[centre - 1])
        shown = np.asarray(truth if lifted is None else lifted, np.float32)
        root = shown[middle, 0]
        sight = np.full_like(root, np.nan) if lifted is None else root / np.linalg.norm(root, axis=1, keepdims=True)
        return cls(
            torch.from_numpy(shown[around] - root[:, None, None]),
            torch.from_numpy(np.asarray(up, np.float32)[middle]),
            resting.float(),
            torch.from_numpy(velocity),
            torch.from_numpy(sight),
        )

    def draw(self, rows: Tensor, settings: GroundSettings, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Windows by number, those of captured motion with errors as if lifted, and what is true of them.

        Returns:
            Motion ``[B, 5, 17, 3]``, sight ``[B, 3]``; up ``[B, 3]``, which feet rest ``[B, 2]``, and their velocities
            ``[B, 2, 3]``.
        """

        def normal(*shape: int) -> Tensor:
            return torch.randn(len(rows), *shape, generator=generator)

        motion, up, resting, velocity, sight = (
            value[rows] for value in (self.motion, self.up, self.resting, self.velocity, self.sight)
        )
        captured = sight.isnan().any(dim=1)
        drawn = nn.functional.normalize(normal(3) * (1 - 0.65 * up.abs()), dim=-1)
        sight = torch.where(captured[:, None], drawn, sight)
        # A mirror across any axis will do: left becomes right.
        mirrored = torch.rand(len(rows), generator=generator) < 0.5
        side = motion.new_tensor([-1.0, 1.0, 1.0])
        motion = torch.where(mirrored[:, None, None, None], motion[:, :, list(H36M_17.flip)] * side, motion)
        resting = torch.where(mirrored[:, None], resting.flip(1), resting)
        velocity = torch.where(mirrored[:, None, None], velocity.flip(1) * side, velocity)
        up, sight = (torch.where(mirrored[:, None], value * side, value) for value in (up, sight))
        size = (settings.size * normal(1, 1, 1)).exp()
        motion, velocity = motion * size, velocity * size[:, 0]
        line = sight[:, None, None]
        root = motion[:, :, :1]
        lasting = settings.lasting * normal(1, 17, 3) + settings.depth * normal(1, 17, 1) * line
        flicker = settings.flicker * (normal(5, 17, 3) + 1.5 * normal(5, 17, 1) * line)
        of_joints = lasting + flicker
        of_joints = of_joints - of_joints[:, :, :1]
        of_root = settings.flicker * (normal(5, 1, 3) + 5 * normal(5, 1, 1) * line)
        much = torch.rand(len(rows), 1, 1, 1, generator=generator) * captured[:, None, None, None]
        stretched = (root * line).sum(-1, keepdim=True) * line * torch.expm1(settings.depth_scale * normal(1, 1, 1))
        return motion + much * (of_joints + of_root) + stretched, sight, up, resting, velocity


def new_ground_network(settings: GroundSettings, device: torch.device) -> RunState:
    """The beginning of a run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = GroundNetwork(settings.hidden)
    return RunState.of(network, settings, device)


def ground_loss(guess: GroundGuess, up: Tensor, resting: Tensor, velocity: Tensor, settings: GroundSettings) -> Tensor:
    """Negative log-likelihood of up under a mixture of von Mises-Fisher and uniform; of which feet rest; and of their
    velocities under a Laplace distribution in space."""
    kappa = guess.log_kappa.exp()
    normaliser = guess.log_kappa - math.log(2 * math.pi) - torch.log(-torch.expm1(-2 * kappa))
    near = normaliser - kappa * (1 - (guess.up * up).sum(-1)) + math.log1p(-_STRAY)
    stray = torch.full_like(near, math.log(_STRAY / (4 * math.pi)))
    feet = nn.functional.binary_cross_entropy_with_logits(guess.resting, resting)
    off = (guess.velocity - velocity).norm(dim=-1)
    speeds = (off * (-guess.log_spread).exp() + 3 * guess.log_spread).mean()
    return settings.resting_weight * feet + settings.velocity_weight * speeds - torch.logaddexp(near, stray).mean()


def ground_objective(windows: GroundWindows, settings: GroundSettings) -> Objective:
    """What the training makes small; single-process, for the network is small."""
    middle = windows.motion[:, windows.motion.shape[1] // 2]
    trunk = nn.functional.normalize(middle[:, THORAX] - middle[:, PELVIS], dim=-1)
    tilt = torch.rad2deg(torch.arccos((trunk * windows.up).sum(-1).clamp(-1, 1)))
    weights = 1 + (settings.tilted - 1) * ((tilt - 20) / 40).clamp(0, 1)

    def objective(network: nn.Module, generator: torch.Generator, device: torch.device, team: Team) -> Tensor:
        rows = torch.multinomial(weights, settings.batch, replacement=True, generator=generator)
        motion, sight, *true = (values.to(device) for values in windows.draw(rows, settings, generator))
        # Dropout draws from PyTorch's own generator: seeded per step, so that a resumed run is the same.
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        network.train()
        return ground_loss(network(motion, sight), true[0], true[1], true[2], settings)

    return objective


@torch.no_grad()
def ground_errors(
    network: nn.Module, motion: Tensor, sight: Tensor, up: Tensor, resting: Tensor, velocity: Tensor
) -> dict[str, float]:
    """Of windows: mean angle to up in degrees, of people whose trunk is within 45 degrees of it and of all; the share
    of feet in percent that clearly rest or move and are taken for the other; and the error of the velocity of those
    that rest, cm/s."""
    network.eval()
    guess = network(motion, sight)
    angle = torch.rad2deg(torch.arccos((guess.up * up).sum(-1).clamp(-1, 1)))
    middle = motion[:, motion.shape[1] // 2]
    trunk = nn.functional.normalize(middle[:, THORAX] - middle[:, PELVIS], dim=-1)
    clear = (resting - 0.5).abs() > 0.3
    wrong = (guess.resting > 0) != (resting > 0.5)
    return {
        "upright_deg": float(angle[(trunk * up).sum(-1) > math.cos(math.pi / 4)].mean()),
        "all_deg": float(angle.mean()),
        "feet_percent": 100 * float(wrong[clear].float().mean()),
        "resting_cm_s": 100 * float((guess.velocity - velocity).norm(dim=-1)[resting > 0.8].mean()),
    }
