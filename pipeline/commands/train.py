"""``zedo-video train ...``: make the weights and starting poses that lifting uses."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.group("train", help="Train a prior, or compute starting poses.")
def command() -> None:
    """Subcommands."""


@command.command("prior")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Training poses (.npz).")
@click.option("--validation", required=True, type=click.Path(path_type=Path), help="Poses of other people (.npz).")
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder; a run in it resumes.")
@click.option("--steps", type=int, default=12_000, show_default=True)
@click.option("--batch", type=int, default=2048, show_default=True)
@click.option("--learning-rate", type=float, default=1e-3, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--minutes", type=float, help="Stop after this time; the same command goes on.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--quiet", "-q", is_flag=True)
def prior(
    data: Path, validation: Path, folder: Path, steps: int, batch: int, learning_rate: float, seed: int,
    minutes: float | None, device: str, quiet: bool,
) -> None:  # fmt: skip
    """Train the score network on poses in metres, y up, H36M-17 order."""
    from lifting.training.trainer import TrainSettings
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter
    from pipeline.training import train_prior

    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    settings = TrainSettings(steps=steps, batch=batch, learning_rate=learning_rate, seed=seed)
    limit = None if minutes is None else minutes * 60
    finished = train_prior(data, validation, folder, settings, device, reporter, limit)
    reporter.say(f"the prior is {finished}" if finished else f"not finished; the same command goes on from {folder}")


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
    from pipeline.training import load_poses

    check_writable(out, overwrite=True)
    poses = load_poses(data)
    with atomic_path(out) as partial:
        write_starting_poses(partial, poses, counts, np.random.default_rng(seed))
