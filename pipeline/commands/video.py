"""``zedo-video INPUT... --out PATH``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.options import Command, limits_option, note, run_options
from pipeline.errors import InputError, OutputError, UserError, printable, unexpected
from pipeline.results.exporters import FORMATS
from pipeline.settings import DEFAULT_CONFIG, SETTINGS, RunSettings, load_settings

if TYPE_CHECKING:
    from pipeline.progress import Reporter

__all__ = ["command"]


@click.command(
    "video",
    cls=Command,
    help="Find the people in videos and lift them to 3D.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.argument("inputs", nargs=-1, type=click.Path(path_type=Path), metavar="INPUT...")
@click.option(
    "--out", "-o", "outputs", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
    help=f"Output file, may be given several times; the extension decides: {FORMATS}. With several inputs it must "
    "contain {name}; {person} makes a file for each person. Default: {name}-3d.mp4 in this folder.",
)  # fmt: skip
@run_options(*SETTINGS)
@click.option("--resume/--no-resume", default=True, help="Go on where a killed run was (default), or start again.")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@click.option(
    "--config", metavar="FILE", help=f"Settings in TOML, or the name of a shipped configuration ({DEFAULT_CONFIG})."
)
@limits_option
def command(
    inputs: tuple[Path, ...],
    outputs: tuple[Path, ...],
    resume: bool,
    overwrite: bool,
    quiet: bool,
    config: str | None,
    **given: Any,
) -> int:
    """Run every input; one that fails does not stop the others."""
    from pipeline.files.atomic import real_path
    from pipeline.media.pictures import film_name
    from pipeline.progress import ConsoleReporter, QuietReporter

    settings = load_settings(config, given, note)
    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    if not inputs:
        return _keypoints_alone(outputs, settings, reporter, overwrite=overwrite)
    if len(inputs) > 1 and settings.keypoints is not None:
        raise InputError("--keypoints are those of one video; run several inputs one after the other")
    wanted = [str(path) for path in outputs] or ["{name}-3d.mp4"]
    if len(inputs) > 1 and any("{name}" not in path for path in wanted):
        raise OutputError(
            "several inputs cannot share one output; put {name} into --out, for example --out '{name}.gif'"
        )
    jobs = [(source, [Path(path.replace("{name}", film_name(source))) for path in wanted]) for source in inputs]
    files = [real_path(path) for _, paths in jobs for path in paths]
    if clash := {real_path(source) for source in inputs} & set(files):
        raise OutputError(f"{min(clash)} is an input; choose another name for the output")
    if len(inputs) > 1 and len(set(files)) < len(files):
        raise OutputError("two inputs have the same name and would write the same file; run them one after the other")

    from pipeline.run import run_video

    failed = 0
    for source, paths in jobs:
        try:
            summary = run_video(source, paths, settings, reporter, overwrite=overwrite, resume=resume)
            reporter.say(str(summary))
        except Exception as error:
            if len(jobs) == 1:
                raise
            # Whatever is wrong with this one, the others have a right to be looked at.
            failed += 1
            sentence = str(error) if isinstance(error, UserError) else f"{source} failed: {unexpected(error)}"
            click.echo(f"zedo-video: {printable(sentence)}", err=True)
    if failed:
        click.echo(f"zedo-video: {failed} of {len(jobs)} inputs failed", err=True)
    return 1 if failed else 0


def _keypoints_alone(outputs: tuple[Path, ...], settings: RunSettings, reporter: Reporter, *, overwrite: bool) -> int:
    """Lift keypoints of a file, without the video that they are of."""
    if settings.keypoints is None:
        raise click.UsageError("Missing argument 'INPUT...'.")
    from pipeline.lift_file import lift_file

    name = settings.keypoints.name.split(".")[0]
    wanted = [Path(str(path).replace("{name}", name)) for path in outputs] or [Path(f"{name}-3d.npz")]
    reporter.say(str(lift_file(settings.keypoints, wanted, settings, reporter, overwrite=overwrite)))
    return 0
