"""Training a prior: data and settings from files, and the run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.progress import Reporter
from pipeline.train.data import load_motion, load_poses
from pipeline.train.run import Job, run_job

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lifting.initial.network import InitialNetwork
    from lifting.prior.weights import Prior
    from lifting.training.initial import InitialiserSettings
    from lifting.training.prior import TrainSettings

__all__ = ["train_initialiser", "train_prior", "validation_on"]


_REPORT_EVERY = 250  # steps between validations


def train_prior(
    data: Path,
    validation: Path,
    folder: Path,
    settings: TrainSettings,
    device_name: str,
    reporter: Reporter,
    stop_after_s: float | None = None,
    source: Prior | None = None,
) -> Path | None:
    """Train until the last step, or until the time is up; the same call goes on from the checkpoint.

    A new run starts from random weights or from those of ``source``; see ``run_job`` for what it leaves.

    Returns:
        The prior if the run is complete, else None.
    Raises:
        InputError: the data or the checkpoint cannot be used.
    """
    import torch

    from lifting.prior.weights import save_prior
    from lifting.training.prior import denoising, drawn_from, new_prior
    from lifting.training.variety.augment import Augmentation, draw_poses
    from lifting.training.variety.body_parts import take_apart

    poses, held_out = load_poses(data), load_poses(validation)
    plain = Augmentation(exchange_limb=0, size=0, bones=0, width=0, definition=0, any_orientation=0)
    seen = draw_poses(
        take_apart(torch.from_numpy(held_out)), torch.ones(len(held_out)), 2048, plain, torch.Generator().manual_seed(1)
    )
    weights = None if source is None else source.network.state_dict()
    job = Job(
        settings=settings,
        begin=lambda device: new_prior(settings, device, weights),
        objective=denoising(drawn_from(poses, settings), settings),
        validate=validation_on(seen),
        write=save_prior,
        product="prior.safetensors",
        poses=len(poses),
        files={"data": data, "validation": validation},
        report_every=_REPORT_EVERY,
    )
    return run_job(job, folder, device_name, reporter, stop_after_s)


def validation_on(poses: Tensor) -> Callable[[nn.Module, torch.device], dict[str, float]]:
    """Validation of a score network: its loss per noise level on ``[N, J, 3]`` poses, as figures named ``t0.1``."""
    from lifting.training.prior import validation_losses

    def validate(network: nn.Module, device: torch.device) -> dict[str, float]:
        return {f"t{time:g}": loss for time, loss in validation_losses(network, poses.to(device)).items()}

    return validate


def train_initialiser(
    data: Path,
    validation: Path,
    folder: Path,
    settings: InitialiserSettings,
    device_name: str,
    reporter: Reporter,
    stop_after_s: float | None = None,
    source: InitialNetwork | None = None,
) -> Path | None:
    """Train the initialiser until the last step or the time is up; see ``run_job`` for what it leaves.

    A new run starts from random weights or from those of ``source``.

    Returns:
        The network if the run is complete, else None.
    Raises:
        InputError: the data or the checkpoint cannot be used, or ``source`` has another size.
    """
    from lifting.initial.weights import save_initialiser
    from lifting.training.initial import held_out_views, initialiser_errors, initialiser_objective, new_initialiser

    poses, clip, fps = load_motion(data)
    held_out = load_motion(validation)
    held_out_by_name = {name: held_out_views(*held_out, alone) for name, alone in (("", False), ("_alone", True))}

    def validate(network: Any, device: torch.device) -> dict[str, float]:
        figures: dict[str, float] = {}
        for name, views in held_out_by_name.items():
            errors = initialiser_errors(network, *(value.to(device) for value in views))
            figures |= {f"{figure}{name}_mm": 1000 * error for figure, error in errors.items()}
        return figures

    weights = None if source is None else source.state_dict()
    sizes = ("hidden", "context", "blocks", "modes")
    if source is not None and any(getattr(source, name) != getattr(settings, name) for name in sizes):
        raise InputError(
            f"the weights to begin with have {', '.join(f'{name} = {getattr(source, name)}' for name in sizes)}; "
            "give the same sizes with --config"
        )
    product = folder / "initialiser.safetensors"
    if not product.exists():
        # What an older version called it, if there is one; of several processes another may have been first.
        with suppress(OSError):
            (folder / "start.safetensors").rename(product)
    job = Job(
        settings=settings,
        begin=lambda device: new_initialiser(settings, device, weights),
        objective=initialiser_objective(poses, clip, fps, settings),
        validate=validate,
        write=save_initialiser,
        product=product.name,
        poses=len(poses),
        files={"data": data, "validation": validation},
        report_every=2 * _REPORT_EVERY,
        figures="mean distance of joints, mm",
    )
    return run_job(job, folder, device_name, reporter, stop_after_s)
