"""``zedo-video evaluate ...``: how good the lifting is, on data with known answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from pipeline.commands.options import Command, Renamed, limits_option, note, run_options
from pipeline.settings import SETTINGS, RunSettings, load_settings, now_called

if TYPE_CHECKING:
    from lifting.benchmarks.datasets.contract import Dataset, Keypoints
    from pipeline.evaluate.report import Report
    from pipeline.evaluate.subject import Subject

__all__ = ["command"]

# What is drawn, and of whom, is not what is judged; a part of a video is a video.
_NOT_JUDGED = {"gif_width", "gif_fps", "layout", "theme", "start", "end", "person", "max_people"}


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the evaluations that lift as a run does."""
    for option in reversed((
        click.option(
            "--hypotheses", cls=Renamed, formerly=("--starting-poses",), type=click.IntRange(min=1), metavar="S",
            help="Also lift from each of S template poses, 10 or 50, and show our choice among them and the oracle.",
        ),
        run_options("preset", "steps", "alternatives", "prior", "initialiser", "device"),
        click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Also write this."),
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
        limits_option,
    )):  # fmt: skip
        function = option(function)
    return function


class _Evaluations(click.Group):
    """The evaluations below, and one for each data set of ``lifting.benchmarks.datasets``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from lifting.benchmarks.datasets import DATASETS

        return [*DATASETS, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        from lifting.benchmarks.datasets import DATASETS

        return _dataset_command(DATASETS[cmd_name]) if cmd_name in DATASETS else None


@click.group("evaluate", cls=_Evaluations, help="Measure the accuracy on data with known answers.")
def command() -> None:
    """Subcommands."""


@command.command("mocap", cls=Command)
@click.option("--data", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Test sequences (.npz).")
@click.option("--count", type=click.IntRange(min=1), default=300, show_default=True, help="Single frames.")
@click.option("--sequences", type=click.IntRange(min=1), default=16, show_default=True, help="Sequences.")
@click.option(
    "--noise-px", type=click.FloatRange(min=0, min_open=True), default=5.0, show_default=True, help="2D noise."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of cameras and noise.")
@click.option("--live", is_flag=True, help="Also lift the sequences as webcam does, from the past alone.")
@click.option("--world", is_flag=True, help="Also before cameras that stand, turn, zoom and travel, in the world.")
@_common
def mocap(
    data: Path, count: int, sequences: int, noise_px: float, seed: int, live: bool, world: bool, hypotheses: int | None,
    json_file: Path | None, quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Motion capture before synthetic cameras: single frames and sequences, exact and noisy 2D."""
    from pipeline.evaluate.mocap import evaluate_mocap, load_mocap, mocap_table
    from pipeline.evaluate.world import evaluate_world, with_world, world_table
    from pipeline.load import load_lifter, load_live_lifter
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter

    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    test = load_mocap(data)
    _check(json_file)
    settings, hypotheses = _asked(given, hypotheses)
    lifter, prior = load_lifter(settings)
    report = evaluate_mocap(
        test, lifter, prior, reporter, count=count, sequences=sequences, noise_px=noise_px, seed=seed,
        many=_many(settings, hypotheses), live=load_live_lifter(settings)[0] if live else None,
    )  # fmt: skip
    reporter.say(mocap_table(report))
    if world:
        groups = evaluate_world(test, lifter, reporter, sequences=sequences, noise_px=noise_px, seed=seed)
        report = with_world(report, groups)
        reporter.say("\n" + world_table(report))
    _write(json_file, report)


@command.command("multiview", cls=Command)
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="With reference.npz and videos."
)
@click.option(
    "--camera", type=click.Choice(["calibrated", "assumed", "both"]), default="both", show_default=True,
    help="Intrinsics of the reference, or what a run without camera options takes.",
)  # fmt: skip
@click.option(
    "--detector",
    "detector_name",
    default=SETTINGS["detector"].default,
    show_default=True,
    metavar="NAME",
    help="2D detector, as of a run.",
)
@_common
def multiview(
    data: Path, camera: str, detector_name: str, hypotheses: int | None, json_file: Path | None, quiet: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Real videos of one person from calibrated cameras, each lifted from file to joints."""
    from pipeline.evaluate.multiview import CAMERAS, evaluate_multiview, load_reference, multiview_table
    from pipeline.load import load_detector, load_lifter
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter

    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    reference, videos = load_reference(data)
    _check(json_file)
    settings, hypotheses = _asked(given, hypotheses)
    lifter, prior = load_lifter(settings)
    cameras = CAMERAS if camera == "both" else (camera,)
    detector = load_detector(detector_name, reporter=reporter)
    if hypotheses is not None and lifter.solver.published:
        raise click.UsageError("--hypotheses goes with --preset fast here: tracks are lifted, not single frames")
    many = _many(settings, hypotheses)
    report = evaluate_multiview(reference, videos, detector, lifter, prior, reporter, cameras=cameras, many=many)
    reporter.say(multiview_table(report))
    _write(json_file, report)


@command.command("video", cls=Command)
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="With video.mp4 and truth.npz, or with such folders.",
)
@run_options(*(name for name in SETTINGS if name not in _NOT_JUDGED))
@click.option("--config", metavar="NAME|FILE", help="Settings of a run from a TOML file.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Also write this.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@limits_option
def video(data: Path, config: str | None, json_file: Path | None, quiet: bool, **given: Any) -> None:
    """Real videos with the true motion in a world frame, each lifted from file to joints as by a run."""
    from pipeline.evaluate.video import evaluate_video, load_clips, video_table
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter

    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    settings = load_settings(config, given, note)
    clips = load_clips(data)
    _check(json_file)
    report = evaluate_video(clips, settings, reporter)
    reporter.say(video_table(report))
    _write(json_file, report)


@command.command("compare")
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="JSON...")
@limits_option
def compare(reports: tuple[Path, ...]) -> None:
    """Figures of several runs on one data set in one table, with what differs in their protocols."""
    from pipeline.evaluate.tables import figure_table, stored_rows
    from pipeline.progress import ConsoleReporter

    ConsoleReporter().say(figure_table("", [row for path in reports for row in stored_rows(path)]))


def _dataset_command(dataset: Dataset) -> click.Command:
    """``zedo-video evaluate <name>``."""
    options = (
        click.option(
            "--data", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help=f"With {dataset.files}."
        ),
        click.option("--hypotheses", type=click.IntRange(min=1), default=1, show_default=True, metavar="S",
                     help="Template poses, 1, 10 or 50: ours and the oracle are shown."),
        click.option("--joints", type=int, metavar="N", help=f"Averaged over: {_either(dataset.judged)}."),
        click.option("--keypoints", type=click.Choice(["gt", "detected"]), default="gt", show_default=True,
                     help=f"2D; it has {_either(dataset.keypoints)}."),
        click.option("--stride", type=click.IntRange(min=1), metavar="N", help="Every N-th frame, not as published."),
        click.option("--mirroring", is_flag=True, help="PA-MPJPE may mirror, as in the public evaluation of ZeDO."),
        click.option("--preset", type=click.Choice(SETTINGS["preset"].choices),
                     help="Optimiser: fast (of infants: reference), or as published."),
        run_options("steps", "prior", "initialiser", "device"),
        click.option("--weights", type=click.Choice(["ema", "raw"]), default="ema", show_default=True,
                     help="Of a checkpoint that has both."),
        click.option("--control", is_flag=True, help="Use the control branch of the prior."),
        click.option("--predictions", type=click.Path(path_type=Path), metavar="FILE",
                     help="Measure joints_m [S, N, J, 3] of this .npz, and lift nothing."),
        click.option("--seed", type=click.IntRange(min=0), default=0, help="Of intervals and of our choice."),
        click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE",
                     help="Also write this; a killed run goes on."),
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
        limits_option,
    )  # fmt: skip

    def run(**given: Any) -> None:
        _evaluate(dataset.name, **given)

    for option in reversed(options):
        run = option(run)
    return click.command(
        dataset.name, cls=Command, help=f"{dataset.title}: single frames, beside the published figures."
    )(run)


def _evaluate(
    name: str, *, data: Path, joints: int | None, keypoints: Keypoints, stride: int | None, mirroring: bool, seed: int,
    predictions: Path | None, json_file: Path | None, quiet: bool, hypotheses: int, weights: str, control: bool,
    preset: Literal["fast", "reference"] | None, **given: Any,
) -> None:  # fmt: skip
    from pipeline.evaluate.dataset import (
        evaluate_dataset,
        given_blocks,
        load_dataset,
        load_predictions,
        measure,
        restricted,
    )
    from pipeline.evaluate.subject import load_subject
    from pipeline.evaluate.tables import dataset_table
    from pipeline.load import load_models
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter

    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    measured = load_dataset(name, data, keypoints=keypoints, joints=joints, stride=stride)
    if predictions is not None:
        protocol = {"preset": "predictions", "steps": None, "weights": None, "prior": predictions.name}
        blocks = given_blocks(load_predictions(predictions, measured))
        _check(json_file)
        report = evaluate_dataset(measured, blocks, protocol, {}, reflection=mirroring, seed=seed)
        _write(json_file, report)
    else:
        settings = load_settings(None, given)
        models = load_models(settings, ema=weights == "ema", control=control)
        subject = load_subject(
            measured.benchmark.ipo, models, hypotheses=hypotheses, preset=preset, steps=settings.steps, seed=seed
        )
        _check(json_file)
        measured = restricted(measured, subject.joints)
        report = measure(measured, subject, reporter, reflection=mirroring, seed=seed, json_file=json_file)
    reporter.say(dataset_table(report))


def _asked(given: dict[str, Any], hypotheses: int | None) -> tuple[RunSettings, int | None]:
    """The settings of lifting, and from how many template poses to lift as well."""
    if hypotheses is not None and hypotheses <= (SETTINGS["alternatives"].option.most or 0):
        # In older versions so few were explanations of one result.
        note(now_called("--hypotheses", "--alternatives"))
        given, hypotheses = {**given, "alternatives": given["alternatives"] or hypotheses}, None
    return load_settings(None, given), hypotheses


def _many(settings: RunSettings, hypotheses: int | None) -> Subject | None:
    """The prior and preset of an evaluation from each of many template poses; None if none were asked for."""
    from lifting.optimise.reference import PublishedIPO
    from pipeline.evaluate.subject import load_subject
    from pipeline.load import load_models

    if hypotheses is None:
        return None
    models = load_models(settings, control=False)
    return load_subject(PublishedIPO(), models, hypotheses=hypotheses, preset=settings.preset, steps=settings.steps)


def _either(values: Iterable[object]) -> str:
    return " or ".join(map(str, values))


def _check(json_file: Path | None) -> None:
    """Known before the long part of the work, not after it."""
    from pipeline.files.atomic import check_writable

    if json_file is not None:
        check_writable(json_file, overwrite=True)


def _write(json_file: Path | None, report: Report) -> None:
    from pipeline.evaluate.report import write_report

    if json_file is not None:
        write_report(json_file, report)
