"""``zedo-video train ...``: make the weights and template poses that lifting uses."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from pipeline.commands.options import Command, Renamed, limits_option, note
from pipeline.settings import now_called

if TYPE_CHECKING:
    from lifting.prior.weights import Prior
    from pipeline.progress import Reporter

__all__ = ["command"]


class _Trainings(click.Group):
    """The trainings below, also by the names that they had."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "start":
            note(now_called("train start", "train initialiser"))
            cmd_name = "initialiser"
        return super().get_command(ctx, cmd_name)


@click.group("train", cls=_Trainings, help="Train a prior, adapt one to infants, or compute template poses.")
def command() -> None:
    """Subcommands."""


def _training(steps: int, batch: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of ``prior`` and ``initialiser``, whose defaults differ."""
    options = [
        click.option("--data", required=True, type=click.Path(path_type=Path), help="Training poses (.npz)."),
        click.option("--validation", required=True, type=click.Path(path_type=Path), help="Poses of others (.npz)."),
        click.option(
            "--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder; a run in it resumes."
        ),
        click.option("--config", type=click.Path(path_type=Path), help="Settings of the training (.toml)."),
        click.option("--steps", type=int, help=f"Optimiser steps in all ({steps})."),
        click.option("--batch", type=int, help=f"Poses per step ({batch})."),
        click.option("--learning-rate", type=float, help="Of AdamW, at its highest (0.001)."),
        click.option("--seed", type=int, help="Of everything random (0)."),
        click.option("--minutes", type=float, help="Stop after this time; the same command goes on."),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True),
        click.option("--quiet", "-q", is_flag=True),
        limits_option,
    ]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _from(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--from", "start", cls=Renamed, formerly=("--start",), type=click.Path(path_type=Path), metavar="FILE",
        help=f"Begin with the weights of this {what}.",
    )  # fmt: skip


@command.command("prior", cls=Command)
@_training(12_000, 2048)
@_from("prior")
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
    from pipeline.train.priors import train_prior
    from pipeline.train.settings import read_train_settings

    reporter = _reporter(quiet)
    begin = None if start is None else _prior(start)
    settings = read_train_settings(config, {**given, "start": None if begin is None else begin.sha256})
    limit = None if minutes is None else minutes * 60
    finished = train_prior(data, validation, folder, settings, device, reporter, limit, begin)
    _say(reporter, finished, folder)


@command.command("initialiser", cls=Command)
@_training(20_000, 1024)
@_from("initialiser")
def initialiser(
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
    """Train the initialiser of the fast preset: from the keypoints of a frame and its neighbours to a pose."""
    from lifting.initial.weights import load_initialiser
    from pipeline.errors import as_input_error
    from pipeline.train.priors import train_initialiser
    from pipeline.train.settings import read_initialiser_settings

    reporter = _reporter(quiet)
    with as_input_error():
        begin, sha256 = (None, None) if start is None else load_initialiser(start)
    settings = read_initialiser_settings(config, {**given, "start": sha256})
    limit = None if minutes is None else minutes * 60
    finished = train_initialiser(data, validation, folder, settings, device, reporter, limit, begin)
    _say(reporter, finished, folder)


@command.command("ground", cls=Command)
@click.option("--data", "data", required=True, multiple=True, type=click.Path(path_type=Path), help="Motions (.npz).")
@click.option("--validation", required=True, type=click.Path(path_type=Path), help="Motions of others (.npz).")
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder; a run in it resumes.")
@click.option("--config", type=click.Path(path_type=Path), help="Settings of the training (.toml).")
@limits_option
@click.option("--steps", type=int, help="Optimiser steps in all (5000).")
@click.option("--seed", type=int, help="Of everything random (0).")
@click.option("--minutes", type=float, help="Stop after this time; the same command goes on.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--quiet", "-q", is_flag=True)
def ground(
    data: tuple[Path, ...],
    validation: Path,
    folder: Path,
    config: Path | None,
    minutes: float | None,
    device: str,
    quiet: bool,
    **given: Any,
) -> None:
    """Train the ground network: from poses in motion to where up is and which feet rest."""
    from lifting.training.ground import GroundSettings
    from pipeline.train.ground import train_ground
    from pipeline.train.settings import read_settings

    reporter = _reporter(quiet)
    settings = read_settings(GroundSettings, config, given)
    limit = None if minutes is None else minutes * 60
    _say(reporter, train_ground(data, validation, folder, settings, device, reporter, limit), folder)


def _adapting(function: Callable[..., None]) -> Callable[..., None]:
    """The options of ``finetune`` and ``control``."""
    options = [
        click.option("--data", required=True, type=click.Path(path_type=Path), help="A few hundred poses (.npz)."),
        click.option(
            "--validation", type=click.Path(path_type=Path), help="Poses of others (.npz); else part of --data."
        ),
        click.option(
            "--prior", "start", type=click.Path(path_type=Path), help="Prior to begin with (the shipped one)."
        ),
        click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder of the run."),
        click.option("--joints", type=click.Choice(["17", "12"]), help="12: limbs only, as SyRIP has them (17)."),
        click.option(
            "--axes", type=click.Choice(["world", "camera"]), help="Of the poses: y up, or a camera's (world)."
        ),
        click.option("--config", type=click.Path(path_type=Path), help="Settings of the training (.toml)."),
        click.option("--steps", type=int, help="Optimiser steps in all (400)."),
        click.option("--batch", type=int, help="Poses per step (256)."),
        click.option("--learning-rate", type=float, help="Of AdamW, at its highest (0.0003)."),
        click.option("--seed", type=int, help="Of everything random (0)."),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True),
        click.option("--quiet", "-q", is_flag=True),
        limits_option,
    ]
    for option in reversed(options):
        function = option(function)
    return function


@command.command("finetune")
@_adapting
def finetune(**options: Any) -> None:
    """Shift a prior to other bodies, such as infants, by a few hundred of their poses (docs/infants.md)."""
    _adapt("finetune", **options)


@command.command("control")
@_adapting
def control(**options: Any) -> None:
    """Train a control branch on a prior that stays as it is (docs/infants.md)."""
    _adapt("control", **options)


@command.command("infants")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Motion capture of adults (.npz).")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write (.npz).")
@click.option("--count", type=click.IntRange(1), default=400, show_default=True, help="Poses to learn from.")
@click.option("--held-out", type=click.IntRange(0), default=200, show_default=True, help="Poses of other people.")
@click.option("--seed", type=int, default=0, show_default=True)
@limits_option
def infants(data: Path, out: Path, count: int, held_out: int, seed: int) -> None:
    """Make poses with the proportions and postures of infants from motion capture of adults."""
    from pipeline.errors import OutputError
    from pipeline.files.atomic import check_writable
    from pipeline.train.adapt import write_infants

    if out.suffix.lower() != ".npz":
        raise OutputError(f"{out} must end in .npz")
    check_writable(out, overwrite=True)
    write_infants(data, out, count, held_out, seed)


@command.command("judge")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Poses of infants (.npz).")
@click.option("--prior", "priors", type=click.Path(path_type=Path), multiple=True, help="One or several; the shipped.")
@click.option("--joints", type=click.Choice(["17", "12"]), default="17", show_default=True)
@click.option("--axes", type=click.Choice(["world", "camera"]), default="world", show_default=True)
@click.option("--size", type=click.FloatRange(0.1, 10), default=1.0, show_default=True, help="2.8 for adults' priors.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of views and noise.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures and how they were made.")
@limits_option
def judge(
    data: Path, priors: tuple[Path, ...], joints: str, axes: str, size: float, seed: int, json_path: Path | None
) -> None:
    """How well priors know infants: denoising loss, and errors of lifting by the infant protocol (docs/infants.md).

    Poses that the file marks as held out are taken; if it marks none, all of them.
    """
    from pipeline.files.atomic import atomic_path, check_writable
    from pipeline.train.adapt import score_priors

    if json_path is not None:
        check_writable(json_path, overwrite=True)
    chosen = [("the shipped prior" if path is None else str(path), _prior(path)) for path in priors or (None,)]
    report = score_priors(data, chosen, int(joints), axes, size, seed, _reporter(quiet=False))
    if json_path is not None:
        import json

        with atomic_path(json_path) as partial:
            partial.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


@command.command("clusters")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Training poses (.npz).")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write (.npz).")
@click.option("--count", "counts", type=int, multiple=True, default=(1, 10, 50), show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@limits_option
def clusters(data: Path, out: Path, counts: tuple[int, ...], seed: int) -> None:
    """Compute the template poses of the optimiser, for S of one or several --count."""
    import numpy as np

    from lifting.initial.templates import write_templates
    from pipeline.errors import OutputError
    from pipeline.files.atomic import atomic_path, check_writable
    from pipeline.train.data import load_poses

    if out.suffix.lower() != ".npz":
        raise OutputError(f"{out} must end in .npz")
    check_writable(out, overwrite=True)
    poses = load_poses(data)
    with atomic_path(out) as partial:
        write_templates(partial, poses, counts, np.random.default_rng(seed))


@command.command("average")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE FILE...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write (.safetensors).")
@limits_option
def average(files: tuple[Path, ...], out: Path) -> None:
    """The mean of the weights of several priors, or of several initialisers, that began from the same weights."""
    from lifting.prior.averaging import average as write_mean
    from pipeline.errors import InputError, OutputError, as_input_error
    from pipeline.files.atomic import atomic_path, check_writable

    if out.suffix.lower() != ".safetensors":
        raise OutputError(f"{out} must end in .safetensors")
    if len(files) < 2:
        raise InputError("a mean needs two files or more")
    check_writable(out, overwrite=True)
    with as_input_error(), atomic_path(out) as partial:
        write_mean(files, partial)


def _adapt(
    kind: Literal["finetune", "control"],
    data: Path,
    validation: Path | None,
    start: Path | None,
    folder: Path,
    joints: str | None,
    config: Path | None,
    device: str,
    quiet: bool,
    **given: Any,
) -> None:
    from lifting.training.adapt import AdaptSettings
    from pipeline.train.adapt import adapt
    from pipeline.train.settings import read_settings

    reporter = _reporter(quiet)
    begin = _prior(start)
    given |= {"start": begin.sha256, "joints": None if joints is None else int(joints)}
    settings = read_settings(AdaptSettings, config, given)
    _say(reporter, adapt(kind, data, validation, folder, begin, settings, device, reporter), folder)


def _prior(path: Path | None) -> Prior:
    from lifting.prior.weights import load_prior
    from pipeline.errors import as_input_error

    with as_input_error():
        return load_prior(path)


def _reporter(quiet: bool) -> Reporter:
    """Of several processes that torchrun started only the first one speaks."""
    from pipeline.progress import ConsoleReporter, QuietReporter

    return QuietReporter() if quiet or os.environ.get("RANK", "0") != "0" else ConsoleReporter()


def _say(reporter: Reporter, finished: Path | None, folder: Path) -> None:
    reporter.say(f"the weights are {finished}" if finished else f"not finished; the same command goes on from {folder}")
