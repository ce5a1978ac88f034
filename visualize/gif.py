"""GIF with a palette made for the clip (FFmpeg's palettegen and paletteuse), at the right speed."""

from __future__ import annotations

import math
import tempfile
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visualize.stream import FrameWriter, PictureOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GifWriter"]

#: GIF counts delays in hundredths of a second; browsers slow down everything faster than two of them.
_TICKS = 100
_MIN_TICKS = 2
#: Delays have 16 bits.
_MAX_TICKS = 65_535
#: A pixel keeps its colour until a channel differs by more: noise of films costs a quarter of the file and is not seen.
_UNSEEN = 3


class GifWriter(FrameWriter):
    """Two passes, so that one palette fits the whole clip while memory stays constant.

    While frames come in, they go to the palette's histogram and, losslessly, to a temporary file in the target's
    folder. ``close`` reads them back and maps them to the palette. Every frame keeps its own time, rounded to 10 ms
    from the start of the clip, so that rounding errors do not add up. The GIF loops for ever.

    Args:
        target: path of the GIF.
        options: frames wider than ``gif_width`` are scaled down to it, narrower ones are left alone; sources slower
            than ``gif_fps`` keep their own rate.
    """

    def __init__(self, target: Path, options: PictureOptions | None = None) -> None:
        super().__init__(target, options)
        self.max_width = self._width = self.options.gif_width
        self._fps = self.options.gif_fps
        # Before a gap, frames that came too soon after the one that is shown may have been left out.
        self.max_shown_s = _MAX_TICKS / _TICKS - 1.1 / self._fps - 2 * _MIN_TICKS / _TICKS
        self._size = (0, 0)
        self._shown: NDArray[np.uint8] | None = None
        self._slot = -1
        self._last_tick = -_MIN_TICKS
        self._end_tick = 0
        self._spool_file: Any = None
        self._spool: Any = None
        self._spool_stream: Any = None
        self._palette: Any = None
        self._output: Any = None

    def _start(self, width: int, height: int, duration_s: float) -> None:
        import av

        scale = min(1.0, self._width / width)
        self._size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Without a name where the system allows it, so that not even a killed run leaves it behind.
        self._spool_file = tempfile.TemporaryFile(dir=self.target.parent)  # noqa: SIM115 - closed by _release
        self._spool = av.open(self._spool_file, "w", format="matroska")
        self._spool_stream = self._spool.add_stream("ffv1", rate=_TICKS)
        self._spool_stream.width, self._spool_stream.height = self._size
        self._spool_stream.pix_fmt = "bgr0"
        self._spool_stream.codec_context.time_base = Fraction(1, 1000)
        self._palette = self._palette_graph()

    def _append(self, image_rgb: NDArray[np.uint8], start_s: float, duration_s: float) -> None:
        import av

        self._end_tick = round((start_s + duration_s) * _TICKS)
        # A tenth of a slot forgives the jitter of times that stand on the border of two slots.
        slot = math.floor(start_s * self._fps + 0.1)
        tick = round(start_s * _TICKS)
        if slot <= self._slot or tick < self._last_tick + _MIN_TICKS:
            return
        self._slot, self._last_tick = slot, tick
        if (image_rgb.shape[1], image_rgb.shape[0]) != self._size:
            from visualize.canvas import resized  # here: loads OpenCV

            image_rgb = resized(image_rgb, self._size)
        image_rgb = self._shown = _settled(image_rgb, self._shown)
        frame = av.VideoFrame.from_ndarray(image_rgb, format="rgb24").reformat(format="bgr0")
        frame.pts, frame.time_base = tick * 1000 // _TICKS, Fraction(1, 1000)
        self._palette.push(frame)
        # There is nothing to pull yet, but asking makes the graph work; else it would collect all frames in memory.
        with suppress(BlockingIOError):
            self._palette.pull()
        self._spool.mux(self._spool_stream.encode(frame))

    def _finish(self) -> None:
        import av

        self._spool.mux(self._spool_stream.encode(None))
        self._spool.close()
        self._palette.push(None)
        palette = self._palette.pull()

        last_delay = max(_MIN_TICKS, self._end_tick - self._last_tick)
        self._output = av.open(
            str(self.target), "w", format="gif", container_options={"loop": "0", "final_delay": str(last_delay)}
        )
        stream = self._output.add_stream("gif", rate=_TICKS)
        stream.width, stream.height = self._size
        stream.pix_fmt = "pal8"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        graph, frames, palettes = self._mapping_graph()
        palettes.push(palette)
        palettes.push(None)
        self._spool_file.seek(0)
        with av.open(self._spool_file, format="matroska") as spool:
            for frame in spool.decode(video=0):
                frames.push(frame)
                self._drain(graph, stream)
        frames.push(None)
        self._drain(graph, stream)
        self._output.mux(stream.encode(None))
        self._output.close()

    def _drain(self, graph: Any, stream: Any) -> None:
        """Encode what the graph has ready."""
        import av

        while True:
            try:
                frame = graph.pull()
            except (BlockingIOError, av.EOFError):
                return
            ticks = round(float(frame.pts * frame.time_base) * _TICKS)
            frame.pts, frame.time_base = ticks, Fraction(1, _TICKS)
            self._output.mux(stream.encode(frame))

    def _palette_graph(self) -> Any:
        from av.filter import Graph

        graph = Graph()
        source = self._buffer(graph, *self._size)
        # Not stats_mode=diff: it counts a pixel when it changes again, so that what is new at the end gets no colours.
        generate = graph.add("palettegen", "stats_mode=full:reserve_transparent=1")
        sink = graph.add("buffersink")
        source.link_to(generate)
        generate.link_to(sink)
        graph.configure()
        return graph

    def _mapping_graph(self) -> tuple[Any, Any, Any]:
        from av.filter import Graph

        graph = Graph()
        frames, palettes = self._buffer(graph, *self._size), self._buffer(graph, 16, 16, "bgra")
        # Ordered dithering stays still where the picture does; error diffusion flickers and defeats the compression.
        use = graph.add("paletteuse", "dither=bayer:bayer_scale=4:diff_mode=rectangle")
        sink = graph.add("buffersink")
        frames.link_to(use, 0, 0)
        palettes.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        return graph, frames, palettes

    @staticmethod
    def _buffer(graph: Any, width: int, height: int, pixel: str = "bgr0") -> Any:
        return graph.add("buffer", f"video_size={width}x{height}:pix_fmt={pixel}:time_base=1/1000:pixel_aspect=1/1")

    def _release(self) -> None:
        for resource in (self._spool, self._output, self._spool_file):
            if resource is not None:
                # Whatever closing says, the file is given up, and the reason for that must not be hidden.
                with suppress(Exception):
                    resource.close()
        self._spool = self._output = self._palette = self._spool_stream = self._spool_file = None


def _settled(image: NDArray[np.uint8], shown: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """The picture with the colours that are shown already wherever it hardly differs from them."""
    import numpy as np

    if shown is None:
        # Whoever calls may use the array again.
        return image.copy()
    unlike = np.maximum(image, shown) - np.minimum(image, shown)
    return np.where((unlike <= _UNSEEN).all(axis=2, keepdims=True), shown, image)
