"""``zedo-video prepare``: motion capture to training poses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.commands.options import limits_option

__all__ = ["command"]


class _Units(click.ParamType):
    """The name of a unit, or metres per unit."""

    name = "units"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from lifting.training.mocap.motion import UNITS

        try:
            valid = value in UNITS or 0 < float(value) < float("inf")
        except ValueError:
            valid = False
        if not valid:
            self.fail(f"{value!r} is neither one of {', '.join(UNITS)} nor a number of metres per unit", param, ctx)
        return str(value)


@click.command(
    "prepare",
    help="Make training poses of motion capture: BVH files, pose files (.npz), folders of them.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), metavar="FILE", help="To write (.npz).")
@click.option(
    "--skeleton", metavar="NAME|FILE",
    help="cmu, mixamo, human, xsens, bandai, or a map of your own (.toml). Default: by the names of the joints.",
)  # fmt: skip
@click.option(
    "--units", type=_Units(), metavar="UNIT|NUMBER",
    help="m, cm, mm, inch, asf, or metres per unit. Default: by the size of the body.",
)  # fmt: skip
@click.option("--up", "up_axis", type=click.Choice(["y", "z"]), help="Axis that points up. Default: by the trunk.")
@click.option(
    "--fps", type=click.FloatRange(0, min_open=True), default=12.0, show_default=True, help="Poses per second to keep."
)
@click.option(
    "--least-move", type=click.FloatRange(0), metavar="M",
    help="Drop poses in which no joint moved this far (metres, against the pelvis) since the last one kept. "
    "Default: 0.02; 0 for what was prepared at the same --fps before.",
)  # fmt: skip
@click.option(
    "--only", multiple=True, metavar="PATTERN",
    help="Use only clips whose source/subject/name matches, such as 'HDM05/*' or '*dance*' (may be repeated).",
)  # fmt: skip
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Leave out clips whose source/subject/name matches, likewise."
)
@click.option("--source", metavar="NAME", help="What these recordings are called. Default: the folder given.")
@click.option(
    "--validation", type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="SHARE",
    help="Share of poses for --validation-out (0.05).",
)  # fmt: skip
@click.option("--validation-out", type=click.Path(path_type=Path), metavar="FILE", help="Second file to write (.npz).")
@click.option(
    "--split-by", type=click.Choice(["clip", "subject"]), default="clip", show_default=True,
    help="What is never divided; the subject is the folder of a file.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but what is left out and errors.")
@limits_option
def command(
    inputs: tuple[Path, ...],
    out: Path,
    validation: float | None,
    validation_out: Path | None,
    overwrite: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Read, check, thin out, split, write."""
    from pipeline.errors import printable
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter
    from pipeline.train.pose_files import PrepareSettings
    from pipeline.train.prepare import prepare

    class OnlyRefusals(QuietReporter):
        def warn(self, text: str) -> None:
            click.echo(f"warning: {printable(text)}", err=True)

    if validation is not None and validation_out is None:
        raise click.UsageError("--validation needs --validation-out FILE")
    share = 0.0 if validation_out is None else validation or 0.05
    reporter: Reporter = OnlyRefusals() if quiet else ConsoleReporter()
    settings = PrepareSettings(**given, validation=share)
    prepare(inputs, out, validation_out, settings, reporter, overwrite=overwrite)
