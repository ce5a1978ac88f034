"""Denoising score matching for the prior (ZeDO, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifting.device import mixed_precision
from lifting.prior.network import ScoreNetwork
from lifting.prior.sde import log_mean, marginal_std
from lifting.training.engine import Objective, Pacing, RunState
from lifting.training.processes import Team
from lifting.training.variety.augment import Augmentation, draw_poses
from lifting.training.variety.body_parts import BodyParts, take_apart
from lifting.training.variety.sampling import sampling_weights

__all__ = [
    "FitSettings",
    "TrainSettings",
    "denoising",
    "denoising_loss",
    "drawn_from",
    "new_prior",
    "validation_losses",
]

_VALIDATION_TIMES = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2)


@dataclass(frozen=True)
class FitSettings(Pacing):
    """Settings of denoising score matching.

    Attributes:
        t_low, t_high: range of diffusion times; inference never leaves it.
        poses_per_time: neighbours in the batch that share a time, which saves time layers.
    """

    t_low: float = 0.01
    t_high: float = 0.2
    poses_per_time: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch < self.poses_per_time or self.batch % self.poses_per_time:
            raise ValueError(f"the batch must be a multiple of {self.poses_per_time}, not {self.batch}")
        if not 0 < self.t_low < self.t_high <= 1:
            raise ValueError(f"diffusion times must lie between 0 and 1, not {self.t_low} to {self.t_high}")

    @property
    def together(self) -> int:
        """Poses that share a time."""
        return self.poses_per_time


@dataclass(frozen=True)
class TrainSettings(FitSettings):
    """Settings of the training of a prior.

    Attributes:
        tilted, rare: how much more often poses are drawn whose trunk is far from upright, and those that few others
            resemble; see ``lifting.training.variety.sampling``.
        hidden, embed: width of the network.
        body_axes: see ``ScoreNetwork``.
        augmentation: see there.
    """

    tilted: float = 3.0
    rare: float = 0.0
    hidden: int = 1024
    embed: int = 512
    body_axes: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)


def new_prior(settings: TrainSettings, device: torch.device, weights: dict[str, Tensor] | None = None) -> RunState:
    """The beginning of a run: random weights, or those of another prior of the same width, whichever axes it sees."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = ScoreNetwork(hidden=settings.hidden, embed=settings.embed, body_axes=settings.body_axes)
    if weights is not None:
        network.load_state_dict({name: weights.get(name, value) for name, value in network.state_dict().items()})
    return RunState.of(network, settings, device)


def denoising_loss(network: nn.Module, poses: Tensor, times: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error of the predicted noise, ``[B]``.

    Args:
        network: a score network, alone or joined with those of other processes.
        poses: ``[B, J, 3]`` clean.
        times: ``[G]`` diffusion times, shared by B / G neighbours each.
        noise: ``[B, J, 3]`` standard normal.
    """
    t = times.repeat_interleave(len(poses) // len(times))[:, None, None]
    noisy = log_mean(t).exp() * poses + marginal_std(t) * noise
    error: Tensor = network(noisy, times) - noise
    return error.square().mean(dim=(1, 2))


@torch.no_grad()
def validation_losses(network: nn.Module, poses: Tensor, seed: int = 0) -> dict[float, float]:
    """Loss per noise level on fixed poses ``[N, 17, 3]`` (camera axes) with fixed noise: diffusion time -> loss."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(poses.shape, generator=generator).to(poses.device)
    losses = {}
    for time in _VALIDATION_TIMES:
        times = torch.tensor([time], device=poses.device)
        losses[time] = float(denoising_loss(network, poses, times, noise).mean())
    return losses


def drawn_from(poses: NDArray[np.floating], settings: TrainSettings) -> Callable[[int, torch.Generator], Tensor]:
    """Source of varied batches for ``fit`` from poses ``[N, 17, 3]``, metres, y up."""
    parts: BodyParts = take_apart(torch.from_numpy(np.asarray(poses, np.float32)))
    weights = sampling_weights(poses, settings.tilted, settings.rare)

    def draw(count: int, generator: torch.Generator) -> Tensor:
        return draw_poses(parts, weights, count, settings.augmentation, generator)

    return draw


def denoising(draw: Callable[[int, torch.Generator], Tensor], settings: FitSettings) -> Objective:
    """Denoising score matching on poses that ``draw`` makes.

    Args:
        draw: number of poses and source of randomness -> ``[B, J, 3]`` metres, root-centred, camera axes.
        settings: batch and diffusion times.
    """
    groups = settings.batch // settings.poses_per_time

    def objective(model: nn.Module, generator: torch.Generator, device: torch.device, team: Team) -> Tensor:
        batch = draw(settings.batch, generator)
        # Stratified: every batch sees the whole range of noise, which quietens the loss.
        strata = (torch.arange(groups) + torch.rand(groups, generator=generator)) / groups
        times = settings.t_low + (settings.t_high - settings.t_low) * strata
        noise = torch.randn(batch.shape, generator=generator)
        # Whole groups, so that neighbours go on sharing their time.
        mine = team.part(torch.arange(groups))
        rows = slice(int(mine[0]) * settings.poses_per_time, (int(mine[-1]) + 1) * settings.poses_per_time)
        with mixed_precision(device):
            return denoising_loss(model, batch[rows].to(device), times[mine].to(device), noise[rows].to(device)).mean()

    return objective
