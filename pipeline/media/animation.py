"""Animated WebP as frames of a film: FFmpeg, which reads all other animations, does not decode it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from assets.untrusted import UntrustedFileError
from assets.untrusted.webp import durations_ms, pictures
from pipeline.errors import as_input_error

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

    from pipeline.media.demux import Problems

__all__ = ["animated", "animation_of"]


def animation_of(path: Path, container: InputContainer) -> tuple[int, ...]:
    """How long each picture stands, milliseconds; empty if the file is no such animation. Raises InputError."""
    if container.format.name != "webp_pipe":
        return ()
    with as_input_error():
        return durations_ms(path)


def animated(path: Path, durations: Sequence[int], problems: Problems) -> Iterator[av.VideoFrame]:
    """The pictures with their times; a file that is cut off gives those that it has."""
    import av

    time_ms = 0
    try:
        for image, duration in zip(pictures(path), durations, strict=False):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.duration, frame.time_base = time_ms, duration, Fraction(1, 1000)
            time_ms += duration
            yield frame
    except UntrustedFileError:
        problems.broken_off = True
