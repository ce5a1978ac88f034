"""Which optimiser a preset is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from lifting.device import matmul_dtype
from lifting.initial.learnt import GridInitialiser, Initialiser, LearntInitialiser
from lifting.initial.weights import Templates
from lifting.optimise.fast import FastSolver
from lifting.optimise.reference import PublishedIPO, ReferenceSolver
from lifting.optimise.schedule import fast_schedule, refining_schedule
from lifting.optimise.solver import Solver
from lifting.prior.energy import energy_noise
from lifting.prior.network import ScoreNetwork
from lifting.settings import LiftSettings

__all__ = ["make_solver"]


def make_solver(
    settings: LiftSettings, network: ScoreNetwork, templates: Templates, device: torch.device, batch_rows: int
) -> Solver:
    """The optimiser of the preset.

    Args:
        settings: see ``LiftSettings``.
        network: prior of 17 joints, on the device.
        templates: template poses, mean body and initialiser.
        device: where it runs.
        batch_rows: most poses at once.

    Raises:
        ValueError: the settings ask for the initialiser or for a template pose, and ``templates`` has none.
    """
    return _PRESETS[settings.preset](settings, network, templates, device, batch_rows)


def _fast(
    settings: LiftSettings, network: ScoreNetwork, templates: Templates, device: torch.device, batch_rows: int
) -> Solver:
    dtype = matmul_dtype(device)
    initialiser: Initialiser
    if settings.ipo == "learnt":
        initialiser = LearntInitialiser(templates.network_on(device, dtype))
        schedule = refining_schedule(settings.optimiser_steps)
    else:
        initialiser = GridInitialiser(torch.from_numpy(templates.single()).to(device))
        schedule = fast_schedule(settings.optimiser_steps)
    return FastSolver(
        network=network,
        schedule=schedule,
        initialiser=initialiser,
        mean_bones_m=torch.from_numpy(templates.bone_lengths_m).to(device, torch.float32),
        alternatives=settings.alternatives,
        bones=settings.bones,
        noise=energy_noise(torch.Generator().manual_seed(settings.seed)).to(device),
        dtype=dtype,
    )


def _reference(
    settings: LiftSettings, network: ScoreNetwork, templates: Templates, device: torch.device, batch_rows: int
) -> Solver:
    """The protocol that was published for pictures taken in the wild, that of 3DPW, from one template pose."""
    template = torch.from_numpy(templates.single()[0]).to(device)
    return ReferenceSolver(network, PublishedIPO(), template, settings.optimiser_steps, batch_rows)


_PRESETS: dict[
    Literal["fast", "reference"], Callable[[LiftSettings, ScoreNetwork, Templates, torch.device, int], Solver]
] = {"fast": _fast, "reference": _reference}
