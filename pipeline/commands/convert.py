"""``zedo-video convert RESULT.npz --out PATH``: other files of a finished result."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands.options import Command, limits_option, run_options
from pipeline.results.exporters import FORMATS, ExportOptions, Skeleton
from pipeline.settings import load_settings
from visualize.stream import Layout, ThemeName

__all__ = ["command"]


@click.command("convert", cls=Command, help="Write a finished result (.npz) in other formats.")
@click.argument("result", type=click.Path(path_type=Path), metavar="RESULT.npz")
@click.option(
    "--out", "-o", "outputs", multiple=True, required=True, type=click.Path(path_type=Path), metavar="PATH",
    help=f"Output file, may be given several times; the extension decides: {FORMATS}. {{name}} is the name of the "
    "result, {person} makes a file for each person.",
)  # fmt: skip
@click.option(
    "--video",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the result was made of; pictures and pages show it.",
)
@run_options("person", "skeleton", "gif_width", "gif_fps", "layout", "theme")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@limits_option
def command(
    result: Path,
    outputs: tuple[Path, ...],
    video: Path | None,
    person: tuple[int, ...],
    skeleton: Skeleton | None,
    gif_width: int | None,
    gif_fps: float | None,
    layout: Layout | None,
    theme: ThemeName | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Convert one result."""
    from pipeline.convert import convert
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter

    given = {
        "person": person, "skeleton": skeleton, "gif_width": gif_width, "gif_fps": gif_fps, "layout": layout,
        "theme": theme,
    }  # fmt: skip
    settings = load_settings(None, given)
    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    files = convert(
        result,
        [Path(str(path).replace("{name}", result.stem)) for path in outputs],
        reporter,
        people=settings.person,
        video=video,
        options=ExportOptions(settings.skeleton),
        pictures=settings.picture_options(),
        overwrite=overwrite,
    )
    reporter.say(f"{result} -> {', '.join(map(str, files)) or 'nothing'}")
