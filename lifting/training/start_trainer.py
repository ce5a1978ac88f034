"""Training of the learnt start: poses before random cameras, 2D in, 3D out. Resumes exactly where it was killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.start_network import OFFSETS_S, StartGuess, StartNetwork, view_features
from lifting.training.augment import Augmentation, Windows, draw_windows
from lifting.training.skeleton import take_apart
from lifting.training.trainer import rate, sampling_weights
from lifting.training.views import Views, draw_views

__all__ = ["StartSettings", "StartState", "pose_offsets", "start_errors", "start_loss", "train_start"]


@dataclass(frozen=True)
class StartSettings:
    """Settings of a training run; a checkpoint resumes only with the same ones (but for ``steps``).

    Attributes:
        steps: optimiser steps in all.
        batch: poses per step.
        learning_rate, weight_decay: of AdamW; the rate warms up and falls as a cosine.
        warm_up: steps of the linear warm-up.
        ema: decay of the averaged weights.
        clip: bound on the norm of the gradient.
        tilted: weight of poses whose trunk is far from upright, which are rare in the data.
        modes_weight, scale_weight, choice_weight: shares in the loss of the other explanations, the error, the choice.
        hidden, blocks, modes: size of the network.
        seed: of everything random.
        augmentation, views: see there.
    """

    steps: int = 24_000
    batch: int = 1024
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up: int = 500
    ema: float = 0.999
    clip: float = 1.0
    tilted: float = 3.0
    modes_weight: float = 0.2
    scale_weight: float = 0.02
    choice_weight: float = 0.02
    hidden: int = 1024
    blocks: int = 2
    modes: int = 4
    seed: int = 0
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(pitch=0.6, roll=0.15))
    views: Views = field(default_factory=Views)


@dataclass
class StartState:
    """What a checkpoint holds. Randomness is a function of seed and step, so no random state needs to be kept."""

    network: StartNetwork
    averaged: StartNetwork
    optimiser: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def new(cls, settings: StartSettings, device: torch.device) -> StartState:
        """Random weights."""

        def build() -> StartNetwork:
            return StartNetwork(hidden=settings.hidden, blocks=settings.blocks, modes=settings.modes)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            network = build().to(device)
        averaged = build().to(device).requires_grad_(False)
        averaged.load_state_dict(network.state_dict())
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        return cls(network, averaged, optimiser)

    def save(self, path: Path, settings: StartSettings) -> None:
        """Write a checkpoint; the old one stays until the new one is complete."""
        record = {
            "model_state_dict": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "settings": asdict(settings),
        }
        partial = path.with_name(path.name + ".part")
        torch.save(record, partial)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path, settings: StartSettings, device: torch.device) -> StartState:
        """Read a checkpoint of the same settings; ``steps`` may be another. Raises ValueError if others differ."""
        record = torch.load(path, map_location=device, weights_only=True)
        wanted = {**asdict(settings), "steps": record["settings"].get("steps")}
        if record["settings"] != wanted:
            changed = [name for name, value in wanted.items() if record["settings"].get(name) != value]
            raise ValueError(f"{path} was trained with another {', '.join(changed)}; use the same or another folder")
        state = cls.new(settings, device)
        state.network.load_state_dict(record["model_state_dict"])
        state.averaged.load_state_dict(record["averaged"])
        state.optimiser.load_state_dict(record["optimiser"])
        state.step = record["step"]
        return state


def start_loss(guess: StartGuess, poses: Tensor, settings: StartSettings) -> Tensor:
    """Loss of guesses for poses ``[B, J, 3]`` in the same axes, ``[]``.

    The distance of the pose; the distance of the mode that is nearest to the truth (winner takes all) and the choice of
    it; and the likelihood of the error under a Laplace distribution in space, whose pose is held fixed.
    """
    distance = (guess.pose - poses).norm(dim=-1)
    of_modes = (guess.modes - poses[:, None]).norm(dim=-1).mean(dim=2)
    best, winner = of_modes.min(dim=1)
    # A mode that never wins would never learn: all of them are drawn a little.
    modes = 0.95 * best + 0.05 * of_modes.mean(dim=1)
    likelihood = distance.detach() * (-guess.log_scale).exp() + 3 * guess.log_scale
    choice = torch.nn.functional.cross_entropy(guess.logits, winner)
    return (
        distance.mean()
        + settings.modes_weight * modes.mean()
        + settings.scale_weight * likelihood.mean()
        + settings.choice_weight * choice
    )


def pose_offsets(fps: float) -> list[int]:
    """``OFFSETS_S`` in poses of recordings with so many poses per second."""
    return [round(offset * fps) for offset in OFFSETS_S]


@torch.no_grad()
def start_errors(network: StartNetwork, motion: Tensor, rays: Tensor, confidence: Tensor) -> dict[str, float]:
    """Mean distances in metres on held-out views: of the pose, of the best mode, and of the likeliest."""
    features, rotation = view_features(rays, confidence, network.frames)
    truth = torch.einsum("bij,bnj->bni", rotation, motion[:, motion.shape[1] // 2])
    guess = network(features)
    of_modes = (guess.modes - truth[:, None]).norm(dim=-1).mean(dim=2)
    chosen = of_modes.gather(1, guess.logits.argmax(dim=1, keepdim=True))
    return {
        "pose": float((guess.pose - truth).norm(dim=-1).mean()),
        "best_mode": float(of_modes.min(dim=1).values.mean()),
        "likeliest_mode": float(chosen.mean()),
    }


def train_start(
    state: StartState,
    poses: NDArray[np.floating],
    clip: NDArray[np.integer],
    fps: float,
    settings: StartSettings,
    device: torch.device,
    on_step: Callable[[int, float], None],
) -> Iterator[int]:
    """Run from the state's step to the last one, yielding the number of steps done after each.

    Args:
        state: changed in place.
        poses: ``[N, 17, 3]`` metres, y up, in the order of time.
        clip: ``[N]`` which recording each belongs to.
        fps: of the recordings.
        settings: see there.
        device: where to train.
        on_step: called with the step and its loss.
    """
    world = torch.from_numpy(np.asarray(poses, np.float32))
    parts = take_apart(world)
    windows = Windows.around(world[:, 0], torch.from_numpy(np.asarray(clip)), pose_offsets(fps))
    weights = sampling_weights(poses, settings.tilted)
    while state.step < settings.steps:
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + state.step)
        motion, present = draw_windows(parts, windows, weights, settings.batch, settings.augmentation, generator)
        rays, confidence = draw_views(motion, present, settings.views, generator)
        features, rotation = view_features(rays.to(device), confidence.to(device), rays.shape[1])
        truth = torch.einsum("bij,bnj->bni", rotation, motion[:, motion.shape[1] // 2].to(device))
        for group in state.optimiser.param_groups:
            group["lr"] = settings.learning_rate * rate(state.step, settings)
        with torch.autocast(device.type, torch.bfloat16):
            guess = state.network(features)
        guess = StartGuess(*(value.float() for value in vars(guess).values()))
        loss = start_loss(guess, truth, settings)
        state.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip)
        state.optimiser.step()
        state.step += 1
        decay = min(settings.ema, (1 + state.step) / (10 + state.step))
        with torch.no_grad():
            averaged: list[Tensor] = list(state.averaged.parameters())
            latest: list[Tensor] = list(state.network.parameters())
            torch._foreach_lerp_(averaged, latest, 1 - decay)
        on_step(state.step, float(loss.detach()))
        yield state.step
