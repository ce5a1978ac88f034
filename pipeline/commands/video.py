"""``zedo-video INPUT... --out PATH``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.errors import OutputError, UserError, unexpected
from pipeline.results.exporters import FORMATS

__all__ = ["command"]


class _Seconds(click.ParamType):
    """A number of seconds, or ``off``."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "off":
            return 0.0
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number of seconds nor off", param, ctx)


@click.command(
    "video",
    help="Find the people in videos and lift them to 3D.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@click.option(
    "--out", "-o", "outputs", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
    help=f"Output file, may be given several times; the extension decides: {FORMATS}. With several inputs it must "
    "contain {name}. Default: {name}-3d.mp4 in this folder.",
)  # fmt: skip
@click.option("--preset", type=click.Choice(["fast", "reference"]), help="Optimiser: fast (default) or as published.")
@click.option(
    "--ipo",
    type=click.Choice(["learnt", "grid"]),
    help="Start of fast: a network (default), or one pose turned to fit.",
)
@click.option("--steps", type=int, metavar="N", help="Optimiser steps (fast: 20, from the grid 40; reference: 1000).")
@click.option("--hypotheses", type=int, metavar="S", help="1 to 4 starts, of which the prior chooses (1).")
@click.option("--seed", type=int, metavar="N", help="Of the noise with which the prior judges hypotheses (0).")
@click.option(
    "--prior", type=click.Path(path_type=Path), metavar="FILE", help="Another prior (.safetensors, .pt, .pth)."
)
@click.option(
    "--templates", type=click.Path(path_type=Path), metavar="FILE", help="Of another prior (`train clusters`)."
)
@click.option("--initialiser", type=click.Path(path_type=Path), metavar="FILE", help="Of `train initialiser`.")
@click.option("--fov", type=float, metavar="DEG", help="Field of view along the longer image side (assumed: 55).")
@click.option("--focal-px", type=float, metavar="F", help="Focal length in pixels.")
@click.option("--camera", type=click.Path(path_type=Path), metavar="FILE", help="Calibration, .toml or .json.")
@click.option(
    "--person-height", type=float, metavar="M", help="Standing height of the people in metres, sets the scale."
)
@click.option(
    "--detector", metavar="NAME", help="2D detector: mmpose, movenet, or auto (default): MMPose if it can be used."
)
@click.option("--det-config", metavar="NAME|FILE", help="Person detector of MMDet (RTMDet-m).")
@click.option("--det-weights", metavar="FILE|URL", help="Its weights (those of the model zoo).")
@click.option("--pose-config", metavar="NAME|FILE", help="Keypoint model of MMPose (RTMPose-m, Halpe-26).")
@click.option("--pose-weights", metavar="FILE|URL", help="Its weights (those of the model zoo).")
@click.option("--flip-test", is_flag=True, default=None, help="Average with the mirrored picture; twice the time.")
@click.option("--runtime", type=click.Choice(["onnx", "torch"]), help="What runs MMPose's networks (onnx).")
@click.option("--offline", is_flag=True, default=None, envvar="ZEDO_OFFLINE", help="Download no weights.")
@click.option("--max-people", type=int, metavar="N", help="Keep the N people seen in most frames.")
@click.option("--person", type=int, multiple=True, metavar="ID", help="Keep this person only; may be repeated.")
@click.option("--start", type=float, metavar="S", help="Begin at this time in seconds.")
@click.option("--end", type=float, metavar="S", help="Stop at this time in seconds.")
@click.option("--smooth", type=_Seconds(), metavar="SECONDS|off", help="Smoothing over time, 1 sigma (0.05).")
@click.option("--gif-width", type=int, metavar="PX", help="Width of a GIF in pixels (640).")
@click.option("--gif-fps", type=float, metavar="FPS", help="Frames per second of a GIF, at most (15).")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where lifting runs (auto).")
@click.option("--resume/--no-resume", default=True, help="Go on where a killed run was (default), or start again.")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@click.option("--config", metavar="FILE", help="Settings in TOML, or the name of a shipped configuration (wild).")
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
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter
    from pipeline.settings import load_settings

    settings = load_settings(config, given)
    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    wanted = [str(path) for path in outputs] or ["{name}-3d.mp4"]
    if len(inputs) > 1 and any("{name}" not in path for path in wanted):
        raise OutputError(
            "several inputs cannot share one output; put {name} into --out, for example --out '{name}.gif'"
        )
    jobs = [(source, [Path(path.replace("{name}", source.stem)) for path in wanted]) for source in inputs]
    files = [path.resolve() for _, paths in jobs for path in paths]
    if clash := {source.resolve() for source in inputs} & set(files):
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
            click.echo(f"zedo-video: {sentence}", err=True)
    if failed:
        click.echo(f"zedo-video: {failed} of {len(jobs)} inputs failed", err=True)
    return 1 if failed else 0
