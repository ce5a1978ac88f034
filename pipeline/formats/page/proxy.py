"""The video of a page: made small enough to travel inside the file, with the times of its frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.media.decode import Frame, VideoInfo, probe, read_frames
from pipeline.media.prefetch import prefetch
from pipeline.progress import Advance
from visualize import canvas
from visualize.movie import Mp4Writer

if TYPE_CHECKING:
    from pipeline.results.result import Result

__all__ = ["LARGEST", "Proxy", "make_proxy"]

#: Bytes; in the file, as base64, a third more.
LARGEST = 7_500_000
#: Longer side in pixels from so many bits a second on.
_SIZES = ((600_000, 854), (250_000, 640), (0, 426))
#: With less nothing can be recognised; then the video stays beside the page.
_LEAST_RATE = 90_000
#: Share of the size that the encoder is told to keep to.
_SHARE = 0.9


@dataclass(frozen=True, eq=False)
class Proxy:
    """The frames that a result was made of.

    Attributes:
        name: of the file, without its folder.
        data: H.264 in MP4 whose times begin with 0; None if it is too large: the page looks for ``name`` beside it.
        frame_index: ``[F]`` int64, the frames; empty without data.
        time_s: ``[F]`` their times in the file.
    """

    name: str
    data: bytes | None
    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]


class _SmallMp4Writer(Mp4Writer):
    """Frequent key frames, so that every frame is quickly found, and a bound on the bits."""

    def __init__(self, target: Path, rate: int) -> None:
        super().__init__(target)
        bits = str(min(rate, 4_000_000))
        self.encoders = {  # type: ignore[misc]
            "libx264": {
                "crf": "27", "preset": "veryfast", "g": "24", "bf": "0", "threads": "2", "maxrate": bits,
                "bufsize": bits,
            },
            "libopenh264": {"b": bits, "g": "24"},
            "h264_videotoolbox": {"b": bits, "bf": "0", "g": "24"},
            "h264_mf": {"b": bits, "bf": "0", "g": "24"},
        }  # fmt: skip


def make_proxy(result: Result, video: Path, on_progress: Advance = lambda done: None) -> Proxy:
    """Encode the part of the video that the result was made of.

    Raises:
        InputError: the video cannot be read, or has frames of another size.
    """
    rate, start_s, end_s = (_number(result, name) for name in ("fps", "start", "end"))
    info = probe(video, rate if rate is not None and 0 < rate <= 1000 else None)
    if (info.width, info.height) != result.camera.image_size:
        raise InputError(
            f"{video} has {info.width} x {info.height} pixels, the video of the result had "
            f"{result.camera.image_size[0]} x {result.camera.image_size[1]}"
        )
    beside = Proxy(video.name, None, np.zeros(0, np.int64), np.zeros(0))
    bits = LARGEST * 8 * _SHARE / max(_length_s(info, start_s, end_s), 1.0)
    if bits < _LEAST_RATE:
        return beside
    with TemporaryDirectory() as folder:
        path = Path(folder) / "proxy.mp4"
        index: list[int] = []
        times: list[float] = []
        size = _size(info, next(side for least, side in _SIZES if bits >= least))
        with _SmallMp4Writer(path, int(bits)) as writer:
            for frame, image in _frames(info, start_s, end_s, size):
                if path.exists() and path.stat().st_size > LARGEST:
                    break
                writer.write(image, frame.time_s)
                index.append(frame.index)
                times.append(frame.time_s)
                on_progress(len(times))
        data = path.read_bytes()
    if len(data) > LARGEST:
        return beside
    return Proxy(video.name, data, np.array(index, np.int64), np.array(times))


def _number(result: Result, name: str) -> float | None:
    """A setting that the result was made with; files of strangers may hold anything in its place."""
    made_with = result.metadata.get("settings")
    value = made_with.get(name) if isinstance(made_with, dict) else None
    return float(value) if isinstance(value, (int, float)) and value >= 0 else None


def _length_s(info: VideoInfo, start_s: float | None, end_s: float | None) -> float:
    """Of the part, as far as the file tells."""
    whole = info.duration_s or (info.frame_count or 0) / info.fps
    return min(end_s or whole, whole) - (start_s or 0.0)


def _size(info: VideoInfo, side: int) -> tuple[int, int]:
    """Width and height: even, in proportion, not larger than the video."""
    factor = min(1.0, side / max(info.width, info.height))
    width, height = (max(2, 2 * round(length * factor / 2)) for length in (info.width, info.height))
    return width, height


def _frames(
    info: VideoInfo, start_s: float | None, end_s: float | None, size: tuple[int, int]
) -> Iterator[tuple[Frame, NDArray[np.uint8]]]:
    with closing(prefetch(read_frames(info.path, start_s, end_s, fps=info.given_fps))) as frames:
        for frame in frames:
            yield frame, canvas.resized(frame.image, size)
