"""``zedo-video evaluate ...``: how good the lifting is, on data with known answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipeline.reports import Report

__all__ = ["command"]


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that every evaluation has."""
    for option in reversed((
        click.option("--preset", type=click.Choice(["fast", "reference"]), help="fast (default) or as published."),
        click.option("--steps", type=int, metavar="N", help="Optimiser steps; what the preset has if not given."),
        click.option("--hypotheses", type=click.IntRange(1, 4), metavar="S", help="Starts in different directions."),
        click.option("--prior", type=click.Path(path_type=Path), metavar="FILE", help="Another prior."),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where lifting runs (auto)."),
        click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Also write this."),
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
    )):  # fmt: skip
        function = option(function)
    return function


@click.group("evaluate", help="Measure the accuracy on data with known answers.")
def command() -> None:
    """Subcommands."""


@command.command("mocap")
@click.option("--data", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Test sequences (.npz).")
@click.option("--count", type=click.IntRange(min=1), default=300, show_default=True, help="Single frames.")
@click.option("--sequences", type=click.IntRange(min=1), default=16, show_default=True, help="Sequences.")
@click.option(
    "--noise-px", type=click.FloatRange(min=0, min_open=True), default=5.0, show_default=True, help="2D noise."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of cameras and noise.")
@_common
def mocap(
    data: Path, count: int, sequences: int, noise_px: float, seed: int, json_file: Path | None,
    quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Motion capture before synthetic cameras: single frames and sequences, exact and noisy 2D."""
    from pipeline.evaluation import load_measured
    from pipeline.evaluation_mocap import evaluate_mocap, load_mocap, mocap_table
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter

    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    test = load_mocap(data)
    _check(json_file)
    lifter, prior = load_measured(given)
    report = evaluate_mocap(
        test, lifter, prior, reporter, count=count, sequences=sequences, noise_px=noise_px, seed=seed
    )
    reporter.say(mocap_table(report))
    _write(json_file, report)


@command.command("multiview")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="With reference.npz and videos."
)
@click.option(
    "--camera", type=click.Choice(["calibrated", "assumed", "both"]), default="both", show_default=True,
    help="Intrinsics of the reference, or what a run without camera options takes.",
)  # fmt: skip
@click.option(
    "--detector", "detector_name", default="auto", metavar="NAME", help="2D detector: auto (default) or movenet."
)
@_common
def multiview(
    data: Path,
    camera: str,
    detector_name: str,
    json_file: Path | None,
    quiet: bool,
    **given: Any,
) -> None:
    """Real videos of one person from calibrated cameras, each lifted from file to joints."""
    from pipeline.detection import load_detector
    from pipeline.evaluation import load_measured
    from pipeline.evaluation_multiview import CAMERAS, evaluate_multiview, load_reference, multiview_table
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter

    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    reference, videos = load_reference(data)
    _check(json_file)
    lifter, prior = load_measured(given)
    cameras = CAMERAS if camera == "both" else (camera,)
    detector = load_detector(detector_name)
    report = evaluate_multiview(reference, videos, detector, lifter, prior, reporter, cameras=cameras)
    reporter.say(multiview_table(report))
    _write(json_file, report)


def _check(json_file: Path | None) -> None:
    """Known before the long part of the work, not after it."""
    from pipeline.atomic import check_writable

    if json_file is not None:
        check_writable(json_file, overwrite=True)


def _write(json_file: Path | None, report: Report) -> None:
    from pipeline.reports import write_report

    if json_file is not None:
        write_report(json_file, report)
