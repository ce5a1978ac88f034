"""Training of the initialiser: people in motion before random cameras, 2D in, 3D out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifting.body.proportions import PROPORTIONS, log_proportions
from lifting.device import mixed_precision
from lifting.initial.features import view_features
from lifting.initial.network import InitialGuess, InitialNetwork
from lifting.temporal.neighbours import OFFSETS_S
from lifting.training.engine import Objective, Pacing, RunState
from lifting.training.processes import Team
from lifting.training.variety.augment import Augmentation, Windows, draw_windows
from lifting.training.variety.body_parts import take_apart
from lifting.training.variety.sampling import sampling_weights
from lifting.training.variety.views import Views, draw_views

__all__ = [
    "InitialiserSettings",
    "held_out_views",
    "initialiser_errors",
    "initialiser_loss",
    "initialiser_objective",
    "new_initialiser",
    "pose_offsets",
]


@dataclass(frozen=True)
class InitialiserSettings(Pacing):
    """Settings of a training run.

    Attributes:
        tilted, rare: how much more often poses are drawn whose trunk is far from upright, and those that few others
            resemble; see ``lifting.training.variety.sampling``.
        modes_weight, scale_weight, choice_weight, body_weight: shares in the loss of the other explanations, the error,
            the choice, the proportions of the body.
        told: share of people whose proportions are told to the network.
        told_error: largest standard deviation of what is told, of the logarithms.
        hidden, context, blocks, modes: size of the network.
        augmentation, views: see there.
    """

    steps: int = 20_000
    batch: int = 1024
    tilted: float = 3.0
    rare: float = 0.0
    modes_weight: float = 0.2
    scale_weight: float = 0.02
    choice_weight: float = 0.02
    body_weight: float = 0.005
    told: float = 0.5
    told_error: float = 0.06
    hidden: int = 320
    context: int = 96
    blocks: int = 2
    modes: int = 4
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(pitch=0.6, roll=0.15))
    views: Views = field(default_factory=Views)


def new_initialiser(
    settings: InitialiserSettings, device: torch.device, weights: dict[str, Tensor] | None = None
) -> RunState:
    """The beginning of a run: random weights, or those of another network of the same size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = InitialNetwork(
            hidden=settings.hidden, context=settings.context, blocks=settings.blocks, modes=settings.modes
        )
    if weights is not None:
        network.load_state_dict(weights)
    return RunState.of(network, settings, device)


def initialiser_loss(guess: InitialGuess, poses: Tensor, told: Tensor, settings: InitialiserSettings) -> Tensor:
    """Loss of guesses for poses ``[B, J, 3]`` in the same axes, ``[]``; ``told [B, 1]``: who was told the proportions.

    The distance of the pose; the distance of the mode that is nearest to the truth (winner takes all) and the choice of
    it; the likelihood of the error under a Laplace distribution in space, whose pose is held fixed; and that of the
    proportions, each under a Laplace distribution, of people of whom they were not told.
    """
    distance = (guess.pose - poses).norm(dim=-1)
    of_modes = (guess.modes - poses[:, None]).norm(dim=-1).mean(dim=2)
    best, winner = of_modes.min(dim=1)
    # A mode that never wins would never learn: all of them are drawn a little.
    modes = 0.95 * best + 0.05 * of_modes.mean(dim=1)
    likelihood = distance.detach() * (-guess.log_scale).exp() + 3 * guess.log_scale
    choice = torch.nn.functional.cross_entropy(guess.logits, winner)
    off = (guess.body - log_proportions(poses)).abs()
    of_body = (off * (-guess.body_log_scale).exp() + guess.body_log_scale) * ~told
    return (
        distance.mean()
        + settings.modes_weight * modes.mean()
        + settings.scale_weight * likelihood.mean()
        + settings.choice_weight * choice
        + settings.body_weight * of_body.mean()
    )


def pose_offsets(fps: float) -> list[int]:
    """``OFFSETS_S`` in poses of recordings with so many poses per second."""
    return [round(offset * fps) for offset in OFFSETS_S]


@torch.no_grad()
def initialiser_errors(network: InitialNetwork, motion: Tensor, rays: Tensor, confidence: Tensor) -> dict[str, float]:
    """Mean distances in metres on held-out views: of the pose, without and with the true proportions of the body told;
    of the best mode, and of the likeliest."""
    *features, rotation = view_features(rays, confidence, network.frames)
    truth = torch.einsum("bij,bnj->bni", rotation, motion[:, motion.shape[1] // 2])
    guess = network(*features)
    told = network(*features, log_proportions(truth), explain=False)
    of_modes = (guess.modes - truth[:, None]).norm(dim=-1).mean(dim=2)
    chosen = of_modes.gather(1, guess.logits.argmax(dim=1, keepdim=True))
    return {
        "pose": float((guess.pose - truth).norm(dim=-1).mean()),
        "told_body": float((told.pose - truth).norm(dim=-1).mean()),
        "best_mode": float(of_modes.min(dim=1).values.mean()),
        "likeliest_mode": float(chosen.mean()),
    }


def initialiser_objective(
    poses: NDArray[np.floating], clip: NDArray[np.integer], fps: float, settings: InitialiserSettings
) -> Objective:
    """What the training makes small: errors of guesses from random views of people in motion.

    Args:
        poses: ``[N, 17, 3]`` metres, y up, in the order of time.
        clip: ``[N]`` which recording each belongs to.
        fps: of the recordings.
        settings: see there.
    """
    world = torch.from_numpy(np.asarray(poses, np.float32))
    parts = take_apart(world)
    windows = Windows.around(world[:, 0], torch.from_numpy(np.asarray(clip)), pose_offsets(fps), fps)
    weights = sampling_weights(poses, settings.tilted, settings.rare)

    def objective(model: nn.Module, generator: torch.Generator, device: torch.device, team: Team) -> Tensor:
        motion, present = draw_windows(parts, windows, weights, settings.batch, settings.augmentation, generator)
        rays, confidence, motion = draw_views(motion, present, settings.views, generator)
        told = torch.rand(settings.batch, 1, generator=generator) < settings.told
        sigma = torch.rand(settings.batch, 1, generator=generator) * settings.told_error
        wrong = sigma * torch.randn(settings.batch, len(PROPORTIONS), generator=generator)
        mine = team.part(torch.arange(settings.batch))
        motion, rays, confidence, told, wrong = (
            value[mine].to(device) for value in (motion, rays, confidence, told, wrong)
        )
        *features, rotation = view_features(rays, confidence, rays.shape[1])
        truth = torch.einsum("bij,bnj->bni", rotation, motion[:, motion.shape[1] // 2])
        body = torch.where(told, log_proportions(truth) + wrong, math.nan)
        with mixed_precision(device):
            guess = model(*features, body)
        return initialiser_loss(InitialGuess(*(value.float() for value in vars(guess).values())), truth, told, settings)

    return objective


def held_out_views(
    poses: NDArray[np.floating], clip: NDArray[np.integer], fps: float, alone: bool, count: int = 2048
) -> tuple[Tensor, Tensor, Tensor]:
    """Motion, rays, confidences to validate on: bodies as they are, little noise, nothing hidden, always the same."""
    world = torch.from_numpy(np.asarray(poses, np.float32))
    windows = Windows.around(world[:, 0], torch.from_numpy(np.asarray(clip)), pose_offsets(fps), fps)
    plain = Augmentation(exchange_limb=0, size=0, bones=0, width=0, definition=0, any_orientation=0)
    generator = torch.Generator().manual_seed(1)
    motion, present = draw_windows(take_apart(world), windows, torch.ones(len(world)), count, plain, generator)
    views = Views(hidden=0, doubtful=0, noise_m=0.02, alone=float(alone))
    rays, confidence, shown = draw_views(motion, present, views, generator)
    return shown, rays, confidence
