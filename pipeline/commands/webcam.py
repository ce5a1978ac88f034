"""``zedo-video webcam``: live 3D from a camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.commands.options import Command, limits_option, run_options
from pipeline.errors import printable
from pipeline.results.exporters import FORMATS
from pipeline.settings import LIVE_PEOPLE, load_settings

__all__ = ["command"]

_PORT = 8765


@click.command("webcam", cls=Command, help="Show the people before a camera in 3D while they move.")
@click.option(
    "--source", default="0", show_default=True, metavar="0|FILE|URL",
    help="Number of a camera, a video file or pictures at their own pace, or an RTSP or HTTP address.",
)  # fmt: skip
@click.option("--loop", is_flag=True, help="Begin a file again at its end.")
@click.option("--headless", is_flag=True, help="Open no window.")
@click.option(
    "--serve", is_flag=False, flag_value=_PORT, default=None, type=click.IntRange(0, 65535), metavar="[PORT]",
    help=f"Show the picture in a browser page instead of a window ({_PORT}; 0 is any free port).",
)  # fmt: skip
@click.option(
    "--host", default=None, metavar="ADDRESS",
    help="Serve the page on this address in place of this machine alone; the address printed then holds a token.",
)  # fmt: skip
@click.option(
    "--record", "records", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
    help=f"Record from the beginning: {FORMATS}; may be repeated.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace recordings that exist.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="End by itself after N s.")
@click.option("--mirror/--no-mirror", default=False, help="As in a mirror (key m).")
@click.option(
    "--max-people", type=click.IntRange(min=1), default=LIVE_PEOPLE, show_default=True, metavar="N",
    help="Look for N people.",
)  # fmt: skip
@run_options("fps", "fov", "focal_px", "camera", "person_height", "prior", "initialiser")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors, and the address of the page.")
@limits_option
def command(
    source: str, loop: bool, headless: bool, serve: int | None, host: str | None, records: tuple[Path, ...],
    overwrite: bool, seconds: float | None, mirror: bool, max_people: int, quiet: bool, **given: Any,
) -> int:  # fmt: skip
    """Run until q, the end of the source, Ctrl-C, or --seconds."""
    from pipeline.live.webcam import Wanted, run_webcam

    if headless and (serve is not None or host is not None):
        raise click.UsageError("--headless shows nothing; --serve alone opens no window either")
    wanted = Wanted(
        source=source, loop=loop, window=not headless and serve is None and host is None,
        port=_PORT if serve is None and host is not None else serve, host=host or "127.0.0.1", records=records,
        overwrite=overwrite, seconds=seconds, mirrored=mirror, max_people=max_people,
    )  # fmt: skip
    say = _nothing if quiet else _line
    return run_webcam(wanted, load_settings(None, given), say, _line)


def _line(text: str) -> None:
    click.echo(printable(text, lines=True))


def _nothing(text: str) -> None:
    pass
