"""``zedo-video report``: a finished result in numbers and plain words."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands.options import Command, limits_option, run_options

__all__ = ["command"]


@click.command("report", cls=Command, help="Say in numbers and plain words what is in a result (.npz).")
@click.argument("result", type=click.Path(path_type=Path), metavar="RESULT.npz")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the numbers, too.")
@click.option("--png", "png_file", type=click.Path(path_type=Path), metavar="FILE", help="Draw one page, too.")
@run_options("person")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@limits_option
def command(
    result: Path,
    json_file: Path | None,
    png_file: Path | None,
    person: tuple[int, ...],
    overwrite: bool,
    quiet: bool,
) -> None:
    """Report on one result."""
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter
    from pipeline.report.files import report_files

    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    reporter.say(report_files(result, person, json_file=json_file, png_file=png_file, overwrite=overwrite))
