"""Pictures as a film: a folder, numbered names (``f%03d.png``) or a pattern (``*.png``), in natural order."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.media.decode import Frame, VideoInfo

__all__ = ["DEFAULT_FPS", "film_name", "pictures_of", "probe_pictures", "read_pictures"]

#: Pictures state no rate; this is that of most cameras.
DEFAULT_FPS = 30.0
T = TypeVar("T")
_SUFFIXES = {
    ".avif", ".bmp", ".heic", ".heif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff",
    ".webp",
}  # fmt: skip
_NUMBERED = re.compile(r"%0?(\d*)d")
_NAMED = 5


def pictures_of(path: Path) -> tuple[Path, ...]:
    """The pictures that a name stands for, in natural order: ``f9.png`` before ``f10.png``; none if it is one file.

    Raises:
        InputError: it stands for pictures, and there is none, or the folder cannot be read.
    """
    try:
        if path.is_dir():
            found = [each for each in path.iterdir() if not each.name.startswith(".")]
            missing = f"{path} is a folder without pictures; give the videos in it, for example {path / '*.mp4'}"
        elif path.exists() or not path.parent.is_dir() or not (wanted := _wanted(path.name)):
            return ()
        else:
            found = [each for each in path.parent.iterdir() if wanted(each.name)]
            missing = f"there are no pictures {path}; check the name"
            if others := [each for each in found if each.suffix.lower() not in _SUFFIXES]:
                missing = f"{path} stands for {min(others)}, which is no picture; give videos by their names"
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    except ValueError:
        return ()
    pictures = sorted((each for each in found if each.suffix.lower() in _SUFFIXES), key=_natural)
    if not pictures:
        raise InputError(missing)
    return tuple(pictures)


def film_name(path: Path) -> str:
    """What a film is called without its extension; that of pictures is called as their folder or their pattern."""
    if path.is_dir():
        return path.resolve().name or "pictures"
    if path.exists() or _wanted(path.name) is None:
        return path.stem
    plain = re.sub(r"\[[^]]*\]|[*?\[]", "", _NUMBERED.sub("", path.stem)).strip(" -_.")
    return plain or path.parent.resolve().name or "pictures"


def probe_pictures(
    path: Path, files: Sequence[Path], fps: float | None, probe: Callable[[Path], VideoInfo]
) -> VideoInfo:
    """As ``decode.probe``, of the film that the pictures are."""
    first = next(_readable(path, files, probe))
    rate = fps or DEFAULT_FPS
    return replace(
        first,
        path=path if path.name else path.resolve(),
        fps=rate,
        frame_count=len(files),
        duration_s=len(files) / rate,
        is_image=False,
        given_fps=fps,
    )


def read_pictures(
    path: Path,
    files: Sequence[Path],
    fps: float | None,
    span_s: tuple[float, float],
    warn: Callable[[str], None],
    read: Callable[[Path, Callable[[str], None]], Iterator[Frame]],
) -> Iterator[Frame]:
    """The pictures as frames, each of the size of the first that can be read, between black bars where it has another.

    One that cannot be read is left out, with its time.

    Args:
        path: as given, for sentences.
        files: the pictures.
        fps: frames per second; None is a guess.
        span_s: first time wanted and end, exclusive, in seconds.
        warn: gets what the user should know.
        read: the frames of one file, of which the first counts.

    Raises:
        InputError: no picture can be read, or none lies in the span.
    """
    rate = fps or DEFAULT_FPS
    if fps is None:
        warn(
            f"{path} is {len(files)} pictures without times; {rate:g} a second are a guess, as are all times; "
            "--fps sets the rate"
        )
    bad: list[Path] = []
    told: list[str] = []
    resized, yielded = False, 0
    # Whatever part is read: frames have the size of the first picture.
    height, width, _ = next(_readable(path, files, lambda file: next(read(file, lambda _: None)).image.shape))
    for index in range(math.ceil(span_s[0] * rate - 1e-6), len(files)):
        if index / rate >= span_s[1]:
            break
        try:
            frames = read(files[index], told.append)
            frame = next(frames)
            # What is wrong with a picture is told behind it.
            next(frames, None)
        except InputError:
            bad.append(files[index])
            continue
        image = _fitted(frame.image, (width, height))
        resized = resized or image is not frame.image
        yielded += 1
        yield replace(frame, image=image, index=index, time_s=index / rate)
    if not yielded and not bad:
        last_s = (len(files) - 1) / rate
        raise InputError(
            f"{path} has no frame between {span_s[0]:g} s and {span_s[1]:g} s, its last one is at {last_s:.2f} s"
        )
    if resized:
        warn(f"{path} has pictures of several sizes; all are fitted into that of the first one")
    if bad:
        more = f" and {len(bad) - _NAMED} more" if bad[_NAMED:] else ""
        which = ", ".join(each.name for each in bad[:_NAMED]) + more
        warn(f"{len(bad)} of the pictures of {path} cannot be read and were left out: {which}")
    for text in told[:_NAMED]:
        warn(text)


def _readable(path: Path, files: Sequence[Path], read: Callable[[Path], T]) -> Iterator[T]:
    """What is read of those files that can be read. Raises InputError if none can."""
    first: InputError | None = None
    for file in files:
        try:
            yield read(file)
        except InputError as error:
            first = first or error
    if first is not None:
        raise InputError(f"none of the {len(files)} pictures of {path} can be read: {first}") from first


def _wanted(name: str) -> Callable[[str], bool] | None:
    """Which names a pattern means; None if it is none."""
    if found := _NUMBERED.search(name):
        digits = rf"\d{{{found[1]}}}\d*" if found[1] else r"\d+"
        pattern = re.compile(re.escape(name[: found.start()]) + digits + re.escape(name[found.end() :]))
        return lambda text: pattern.fullmatch(text) is not None
    if re.search(r"[*?\[]", name):
        return lambda text: not text.startswith(".") and fnmatch(text, name)
    return None


def _natural(path: Path) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Numbers in a name by their value. Names such as ``f1`` and ``f01``, alike in that, by their letters."""
    # Longer than a few digits is longer than that of any other, and Python converts only so many.
    parts = re.split(r"(\d+)", path.name.lower())
    numbers = ((1, len(part.lstrip("0")), part.lstrip("0")) if part.isdecimal() else (0, 0, part) for part in parts)
    return tuple(numbers), path.name


def _fitted(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    import cv2

    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    scale = min(size[0] / width, size[1] / height)
    inner = (min(size[0], max(1, round(scale * width))), min(size[1], max(1, round(scale * height))))
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=method)
    return canvas
