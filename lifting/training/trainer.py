"""Denoising score matching for the prior (ZeDO, section 3.1): a loop that resumes exactly where it was killed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifting.network import ScoreNetwork
from lifting.sde import log_mean, marginal_std
from lifting.training.augment import Augmentation, draw_poses
from lifting.training.processes import Team
from lifting.training.skeleton import BodyParts, take_apart

__all__ = [
    "DataRecord",
    "FitSettings",
    "Paced",
    "TrainSettings",
    "TrainState",
    "denoising_loss",
    "drawn_from",
    "fit",
    "sampling_weights",
    "train",
    "validation_losses",
]

_VALIDATION_TIMES = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2)

#: What a run learns from and is judged by: role ("data", "validation") -> ``name`` and ``sha256`` of the file.
DataRecord = dict[str, dict[str, str]]


class Paced(Protocol):
    """Settings of any training whose rate warms up and falls."""

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""

    @property
    def warm_up(self) -> int:
        """Steps of the linear warm-up."""


@dataclass(frozen=True)
class FitSettings:
    """Settings of the optimisation; a checkpoint resumes only with the same ones (but for ``steps``).

    Attributes:
        steps: optimiser steps in all.
        batch: poses per step.
        learning_rate, weight_decay: of AdamW; the rate warms up and falls as a cosine.
        warm_up: steps of the linear warm-up.
        ema: decay of the averaged weights.
        t_low, t_high: range of diffusion times; inference never leaves it.
        poses_per_time: neighbours in the batch that share a time, which saves time layers.
        clip: bound on the norm of the gradient.
        start: SHA-256 of the prior whose weights the run started from; empty for random ones.
        seed: of everything random.
    """

    steps: int = 12_000
    batch: int = 2048
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up: int = 500
    ema: float = 0.999
    t_low: float = 0.01
    t_high: float = 0.2
    poses_per_time: int = 8
    clip: float = 1.0
    start: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"a training needs at least 1 step, not {self.steps}")
        if self.batch < self.poses_per_time or self.batch % self.poses_per_time:
            raise ValueError(f"the batch must be a multiple of {self.poses_per_time}, not {self.batch}")
        if not 0 < self.t_low < self.t_high <= 1:
            raise ValueError(f"diffusion times must lie between 0 and 1, not {self.t_low} to {self.t_high}")


@dataclass(frozen=True)
class TrainSettings(FitSettings):
    """Settings of the training of a prior.

    Attributes:
        tilted: weight of poses whose trunk is far from upright, which are rare in the data.
        hidden, embed: width of the network.
        augmentation: see there.
    """

    tilted: float = 3.0
    hidden: int = 1024
    embed: int = 512
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass
class TrainState:
    """What a checkpoint holds. Randomness is a function of seed and step, so no random state needs to be kept."""

    network: ScoreNetwork
    averaged: ScoreNetwork
    optimiser: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def new(cls, settings: TrainSettings, device: torch.device, weights: dict[str, Tensor] | None = None) -> TrainState:
        """Random weights, or those of another prior of the same width."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            network = ScoreNetwork(hidden=settings.hidden, embed=settings.embed)
        if weights is not None:
            network.load_state_dict(weights)
        return cls.of(network, settings, device)

    @classmethod
    def of(cls, network: ScoreNetwork, settings: FitSettings, device: torch.device) -> TrainState:
        """The beginning of a run that trains those parameters of a network that require gradients."""
        network.to(device)
        averaged = deepcopy(network).requires_grad_(False)
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimiser = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        return cls(network, averaged, optimiser)

    def save(self, path: Path, settings: FitSettings, data: DataRecord | None = None) -> None:
        """Write a checkpoint; the old one stays until the new one is complete."""
        record = {
            "model_state_dict": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "settings": asdict(settings),
            "data": data or {},
        }
        partial = path.with_name(path.name + ".part")
        torch.save(record, partial)
        partial.replace(path)

    def restore(self, path: Path, settings: FitSettings, data: DataRecord | None = None) -> None:
        """Go on from a checkpoint of the same settings; only the number of steps may be another: the rate follows it.

        Raises ValueError if others differ, or if the run learnt from other data. What older checkpoints do not say is
        taken to be the same.
        """
        device = next(self.network.parameters()).device
        record = torch.load(path, map_location=device, weights_only=True)
        wanted = {**asdict(settings), "steps": record["settings"].get("steps")}
        if record["settings"] != wanted:
            changed = [name for name, value in wanted.items() if record["settings"].get(name) != value]
            raise ValueError(f"{path} was trained with another {', '.join(changed)}; use the same or another folder")
        for role, file in record.get("data", {}).items():
            given = (data or {}).get(role, file)
            if given["sha256"] != file["sha256"]:
                raise ValueError(
                    f"{path} was trained with {file['name']} as {role}, and {given['name']} holds something else; "
                    "give the same file or another folder"
                )
        self.network.load_state_dict(record["model_state_dict"])
        self.averaged.load_state_dict(record["averaged"])
        self.optimiser.load_state_dict(record["optimiser"])
        self.step = record["step"]

    @classmethod
    def load(
        cls, path: Path, settings: TrainSettings, device: torch.device, data: DataRecord | None = None
    ) -> TrainState:
        """A run of ``train`` that goes on from its checkpoint; see ``restore``."""
        state = cls.new(settings, device)
        state.restore(path, settings, data)
        return state


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


def sampling_weights(poses: NDArray[np.floating], tilted: float) -> Tensor:
    """``[N]`` weight of each pose: 1 if the trunk is upright, rising to ``tilted`` from 20 to 60 degrees."""
    trunk = poses[:, 8] - poses[:, 0]
    tilt = np.degrees(np.arccos(np.clip(trunk[:, 1] / np.linalg.norm(trunk, axis=1), -1, 1)))
    return torch.from_numpy(1.0 + (tilted - 1.0) * np.clip((tilt - 20) / 40, 0, 1)).float()


@torch.no_grad()
def validation_losses(network: ScoreNetwork, poses: Tensor, seed: int = 0) -> dict[float, float]:
    """Loss per noise level on fixed poses ``[N, 17, 3]`` (camera axes) with fixed noise: diffusion time -> loss."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(poses.shape, generator=generator).to(poses.device)
    losses = {}
    for time in _VALIDATION_TIMES:
        times = torch.tensor([time], device=poses.device)
        losses[time] = float(denoising_loss(network, poses, times, noise).mean())
    return losses


def train(
    state: TrainState,
    poses: NDArray[np.floating],
    settings: TrainSettings,
    device: torch.device,
    on_step: Callable[[int, float], None],
    team: Team = Team(),  # noqa: B008 - frozen
) -> Iterator[int]:
    """Run from the state's step to the last one, yielding the number of steps done after each.

    Args:
        state: changed in place.
        poses: ``[N, 17, 3]`` metres, y up.
        settings: see there.
        device: where to train.
        on_step: called with the step and its loss.
        team: the processes that train together.
    """
    yield from fit(state, drawn_from(poses, settings), settings, device, on_step, team)


def drawn_from(poses: NDArray[np.floating], settings: TrainSettings) -> Callable[[int, torch.Generator], Tensor]:
    """Source of varied batches for ``fit`` from poses ``[N, 17, 3]``, metres, y up."""
    parts: BodyParts = take_apart(torch.from_numpy(np.asarray(poses, np.float32)))
    weights = sampling_weights(poses, settings.tilted)

    def draw(count: int, generator: torch.Generator) -> Tensor:
        return draw_poses(parts, weights, count, settings.augmentation, generator)

    return draw


def fit(
    state: TrainState,
    draw: Callable[[int, torch.Generator], Tensor],
    settings: FitSettings,
    device: torch.device,
    on_step: Callable[[int, float], None],
    team: Team = Team(),  # noqa: B008 - frozen
) -> Iterator[int]:
    """Denoising score matching on poses that ``draw`` makes; otherwise as ``train``.

    Every process draws the whole batch and works on its part, so that the result does not depend on their number.

    Args:
        draw: number of poses and source of randomness -> ``[B, J, 3]`` metres, root-centred, camera axes.
    """
    groups = settings.batch // settings.poses_per_time
    model = team.joined(state.network)
    pairs = zip(state.averaged.parameters(), state.network.parameters(), strict=True)
    averaged: list[Tensor] = []
    present: list[Tensor] = []
    for mean, parameter in pairs:
        if parameter.requires_grad:
            averaged.append(mean)
            present.append(parameter)
    while state.step < settings.steps:
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + state.step)
        batch = draw(settings.batch, generator)
        # Stratified: every batch sees the whole range of noise, which quietens the loss.
        strata = (torch.arange(groups) + torch.rand(groups, generator=generator)) / groups
        times = settings.t_low + (settings.t_high - settings.t_low) * strata
        noise = torch.randn(batch.shape, generator=generator)
        if team.size > 1:
            # Whole groups, so that neighbours go on sharing their time.
            mine = team.part(torch.arange(groups))
            rows = slice(int(mine[0]) * settings.poses_per_time, (int(mine[-1]) + 1) * settings.poses_per_time)
            batch, times, noise = batch[rows], times[mine], noise[rows]
        for group in state.optimiser.param_groups:
            group["lr"] = settings.learning_rate * rate(state.step, settings)
        with torch.autocast(device.type, torch.bfloat16):
            loss = denoising_loss(model, batch.to(device), times.to(device), noise.to(device)).mean()
        state.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(present, settings.clip)
        state.optimiser.step()
        state.step += 1
        # A young average must not remember the random start.
        decay = min(settings.ema, (1 + state.step) / (10 + state.step))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, present, 1 - decay)
        on_step(state.step, float(team.mean(loss.detach())))
        yield state.step


def rate(step: int, settings: Paced) -> float:
    """Share of the learning rate at a step: linear warm-up, then a cosine to 1 % of it."""
    if step < settings.warm_up:
        return (step + 1) / settings.warm_up
    progress = (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def describe(settings: FitSettings, poses: int, step: int, data: DataRecord | None = None) -> dict[str, Any]:
    """Record for the file of the prior after a number of steps."""
    return {"settings": asdict(settings), "poses": poses, "step": step, **(data or {})}
