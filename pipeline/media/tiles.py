"""Pictures made of tiles (HEIC of phones, AVIF): every tile is a video stream to FFmpeg; here they become one frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import limits_in_force
from assets.untrusted.heif import TileGrid, tile_grid
from pipeline.errors import as_input_error
from pipeline.media.orientation import Orientation
from pipeline.media.tone import to_rgb

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from pipeline.media.demux import Problems

__all__ = ["composed", "grid_of", "orientation"]


def grid_of(path: Path, container: InputContainer, shown: VideoStream) -> TileGrid | None:
    """How the picture is put together; None if it is one, or the file a film.

    Raises:
        InputError: the tiles do not fit together.
    """
    # A file may hold a film beside a picture of it.
    if shown.frames > 1 or not any(s.disposition & s.disposition.dependent for s in container.streams.video):
        return None
    with as_input_error():
        return tile_grid(path)


def composed(container: InputContainer, grid: TileGrid, problems: Problems) -> Iterator[av.VideoFrame]:
    """The one frame of the picture, not yet turned; tiles that cannot be decoded stay black. None if none can be."""
    import av
    from av.error import FFmpegError

    places: dict[int, list[tuple[int, int]]] = {}
    for number, item in enumerate(grid.tiles):
        places.setdefault(item, []).append(divmod(number, grid.columns))
    streams = [s for s in container.streams.video if s.id in places and s.width * s.height <= limits_in_force().pixels]
    image: NDArray[np.uint8] | None = None
    missing = len(places)
    try:
        for packet in container.demux(streams) if streams else ():
            if not packet.size or packet.stream not in streams or packet.stream.id not in places:
                continue
            try:
                # Streams of one frame each: what a decoder holds back is asked for at once, so that it can be let go.
                frames = [*packet.decode(), *packet.stream.codec_context.decode(None)]
            except FFmpegError:
                continue
            for frame in frames[:1]:
                if not isinstance(frame, av.VideoFrame):
                    continue
                if image is None:
                    image = np.zeros((grid.height, grid.width, 3), np.uint8)
                    size = frame.width, frame.height
                tile = to_rgb(frame, *size)
                for row, column in places.pop(packet.stream.id):
                    part = image[row * size[1] : (row + 1) * size[1], column * size[0] : (column + 1) * size[0]]
                    part[...] = tile[: part.shape[0], : part.shape[1]]
                missing -= 1
    except FFmpegError:
        problems.broken_off = True
    if image is not None:
        problems.damaged += missing
        yield av.VideoFrame.from_ndarray(image, format="rgb24")


def orientation(grid: TileGrid) -> Orientation:
    """How the picture that the tiles make becomes upright."""
    found = Orientation()
    for what, value in grid.transforms:
        turns = (Orientation(), Orientation(True, False, True), Orientation(False, True, True), Orientation(True, True))
        found = found.then(turns[value] if what == "turn" else Orientation(False, value == 1, value == 0))
    return found
