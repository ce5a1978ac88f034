"""Animated WebP, which FFmpeg does not decode: how long pictures stand, by the chunks, and the pictures, by Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.images import check_pixels
from assets.untrusted.limits import UntrustedFileError, damage, limits_in_force, opened

__all__ = ["durations_ms", "pictures"]

_MOST_CHUNKS = 1_000_000
#: What browsers take for a picture that states no time, or hardly any.
_LEAST_MS, _USUAL_MS = 11, 100


def durations_ms(path: Path) -> tuple[int, ...]:
    """How long each picture stands; empty if the file is no animation.

    Raises:
        UntrustedFileError: it cannot be read, or has more parts than any.
    """
    found: list[int] = []
    with opened(path, limits_in_force().file_bytes) as (stream, _):
        head = stream.read(21)
        # Of an animation this flag of the first chunk says so.
        if head[:4] != b"RIFF" or head[8:16] != b"WEBPVP8X" or len(head) < 21 or not head[20] & 2:
            return ()
        at = 12
        for _ in range(_MOST_CHUNKS):
            stream.seek(at)
            chunk = stream.read(24)
            if len(chunk) < 8:
                return tuple(found)
            if chunk[:4] == b"ANMF" and len(chunk) == 24:
                stated = int.from_bytes(chunk[20:23], "little")
                found.append(stated if stated >= _LEAST_MS else _USUAL_MS)
            length = int.from_bytes(chunk[4:8], "little")
            at += 8 + length + length % 2
    raise UntrustedFileError(f"{path} has more than {_MOST_CHUNKS} parts; convert it to MP4")


def pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The pictures as ``[H, W, 3]`` RGB, whole ones, each when it is asked for.

    Raises:
        UntrustedFileError: at the picture that is damaged.
    """
    from PIL import Image

    limits = limits_in_force()
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, limits.pixels)
    with opened(path, limits.file_bytes) as (stream, _), damage(path, "animated picture", "convert it to MP4"):
        image = Image.open(stream, formats=["WEBP"])
        check_pixels(path, *image.size)
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            yield np.asarray(image.convert("RGB"))
