"""``zedo-video train ...``: make the weights and starting poses that lifting uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipeline.progress import Reporter

__all__ = ["command"]


@click.group("train", help="Train a prior, or compute starting poses.")
def command() -> None:
    """Subcommands."""


@command.command("prior")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Training poses (.npz).")
@click.option("--validation", required=True, type=click.Path(path_type=Path), help="Poses of other people (.npz).")
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder; a run in it resumes.")
@click.option("--config", type=click.Path(path_type=Path), help="Settings of the training (.toml).")
@click.option("--start", type=click.Path(path_type=Path), help="Begin with the weights of this prior.")
@click.option("--steps", type=int, help="Optimiser steps in all (12000).")
@click.option("--batch", type=int, help="Poses per step (2048).")
@click.option("--learning-rate", type=float, help="Of AdamW, at its highest (0.001).")
@click.option("--seed", type=int, help="Of everything random (0).")
@click.option("--minutes", type=float, help="Stop after this time; the same command goes on.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--quiet", "-q", is_flag=True)
def prior(
    data: Path,
    validation: Path,
    folder: Path,
    config: Path | None,
    start: Path | None,
    minutes: float | None,
    device: str,
    quiet: bool,
    **given: Any,
) -> None:
    """Train the score network on poses in metres, y up, H36M-17 order."""
    from lifting.prior import PriorError, load_prior
    from pipeline.errors import InputError
    from pipeline.training import read_train_settings, train_prior

    reporter = _reporter(quiet)
    try:
        begin = None if start is None else load_prior(start)
    except PriorError as error:
        raise InputError(str(error)) from error
    settings = read_train_settings(config, {**given, "start": None if begin is None else begin.sha256})
    limit = None if minutes is None else minutes * 60
    finished = train_prior(data, validation, folder, settings, device, reporter, limit, begin)
    _say(reporter, finished, folder)


@command.command("clusters")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Training poses (.npz).")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write (.npz).")
@click.option("--count", "counts", type=int, multiple=True, default=(1, 10, 50), show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def clusters(data: Path, out: Path, counts: tuple[int, ...], seed: int) -> None:
    """Compute the starting poses of the optimiser, for S of one or several --count."""
    import numpy as np

    from lifting.clusters import write_starting_poses
    from pipeline.atomic import atomic_path, check_writable
    from pipeline.errors import OutputError
    from pipeline.training import load_poses

    if out.suffix.lower() != ".npz":
        raise OutputError(f"{out} must end in .npz")
    check_writable(out, overwrite=True)
    poses = load_poses(data)
    with atomic_path(out) as partial:
        write_starting_poses(partial, poses, counts, np.random.default_rng(seed))


def _reporter(quiet: bool) -> Reporter:
    """Of several processes that torchrun started only the first one speaks."""
    from pipeline.progress import ConsoleReporter, QuietReporter

    return QuietReporter() if quiet or os.environ.get("RANK", "0") != "0" else ConsoleReporter()


def _say(reporter: Reporter, finished: Path | None, folder: Path) -> None:
    reporter.say(f"the prior is {finished}" if finished else f"not finished; the same command goes on from {folder}")
