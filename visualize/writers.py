"""Which writer makes which file: the registry by extension. Importing it is cheap; encoders load when used.

A new format is one new subclass of ``FrameWriter`` and one line in ``WRITERS``.
"""

from __future__ import annotations

from pathlib import Path

from visualize.gif import GifWriter
from visualize.movie import Mp4Writer, WebmWriter
from visualize.stream import FrameWriter

__all__ = ["WRITERS", "FrameWriter", "open_writer"]

WRITERS: dict[str, type[FrameWriter]] = {".mp4": Mp4Writer, ".webm": WebmWriter, ".gif": GifWriter}


def open_writer(target: Path, *, gif_width: int = 640, gif_fps: float = 15.0) -> FrameWriter:
    """The writer for a path, chosen by its extension (any case).

    Args:
        target: the path to write to.
        gif_width, gif_fps: see ``GifWriter``; other formats ignore them.

    Raises:
        ValueError: for an extension without a writer or GIF settings out of range.
    """
    kind = WRITERS.get(target.suffix.lower())
    if kind is None:
        raise ValueError(f"no video format for {target.name}: use one of {', '.join(sorted(WRITERS))}")
    if kind is GifWriter:
        return GifWriter(target, gif_width=gif_width, gif_fps=gif_fps)
    return kind(target)
