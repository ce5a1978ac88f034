"""MP4 (H.264) and WebM (VP9) with the presentation times of the source."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from visualize.stream import FrameWriter, PictureOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Mp4Writer", "WebmWriter"]


class _MovieWriter(FrameWriter):
    """One video stream with variable frame rate. Sizes are made even by repeating the last row or column."""

    container_format: ClassVar[str]
    container_options: ClassVar[dict[str, str]] = {}
    #: Ticks per second of the presentation times.
    clock: ClassVar[int]
    #: Encoders in order of preference, with their options for good quality at a moderate size.
    encoders: ClassVar[dict[str, dict[str, str]]]

    def __init__(self, target: Path, options: PictureOptions | None = None) -> None:
        super().__init__(target, options)
        # FFmpeg counts the ticks of a frame in 31 bits.
        self.max_shown_s = (2**31 - 2) / self.clock
        self._container: Any = None
        self._stream: Any = None
        self._last_tick = -1
        self._durations: dict[int, int] = {}

    def _start(self, width: int, height: int, duration_s: float) -> None:
        import av

        self._container = av.open(
            str(self.target), "w", format=self.container_format, container_options=self.container_options
        )
        # Nominal only: every frame brings its own time.
        rate = Fraction(min(max(1 / duration_s, 1.0), 240.0)).limit_denominator(1001)
        name = _usable_encoder(tuple(self.encoders))
        self._stream = self._container.add_stream(name, rate=rate, options=self.encoders[name])
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        # HD players assume BT.709; saying so keeps the colours the same everywhere.
        self._stream.codec_context.colorspace = 1
        self._stream.codec_context.color_range = 1
        self._stream.codec_context.time_base = Fraction(1, self.clock)

    def _append(self, image_rgb: NDArray[np.uint8], start_s: float, duration_s: float) -> None:
        import av
        import numpy as np

        height, width = image_rgb.shape[:2]
        if height % 2 or width % 2:
            image_rgb = np.pad(image_rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(image_rgb, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        # Two frames on one tick would be refused by the container.
        tick = max(round(start_s * self.clock), self._last_tick + 1)
        self._last_tick = tick
        frame.pts, frame.time_base = tick, Fraction(1, self.clock)
        self._durations[tick] = max(1, round(duration_s * self.clock))
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: list[Any]) -> None:
        """Packets with the durations of their own frames: the encoder would give all of them the nominal one."""
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts)
            self._container.mux(packet)

    def _finish(self) -> None:
        self._mux(self._stream.encode(None))
        self._container.close()

    def _release(self) -> None:
        if self._container is not None:
            # Still open only if the file is thrown away; a full disk that spoils its trailer is then of no interest.
            with suppress(OSError, ValueError):
                self._container.close()
        self._container = self._stream = None


class Mp4Writer(_MovieWriter):
    """H.264 in MP4, ready to be played while it downloads."""

    container_format = "mp4"
    container_options: ClassVar[dict[str, str]] = {"movflags": "+faststart"}
    clock = 90_000
    # No B-frames: with them the container states a wrong length for uneven times, and encoding takes longer. Without
    # sub-pixel refinement x264 is a third faster, and no worse at the same size on these flat pictures.
    encoders: ClassVar[dict[str, dict[str, str]]] = {
        "libx264": {"crf": "22", "preset": "veryfast", "x264-params": "subme=1", "bf": "0"},
        "libopenh264": {"b": "6000000"},
        "h264_videotoolbox": {"b": "6000000", "bf": "0"},
        "h264_mf": {"b": "6000000", "bf": "0"},
    }


class WebmWriter(_MovieWriter):
    """VP9 in WebM; Matroska keeps times in milliseconds."""

    container_format = "webm"
    clock = 1000
    encoders: ClassVar[dict[str, dict[str, str]]] = {
        "libvpx-vp9": {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
    }


def _usable_encoder(names: tuple[str, ...]) -> str:
    """The first encoder that this build of FFmpeg has. Raises ValueError if there is none."""
    import av

    for name in names:
        if name in av.codecs_available:
            return name
    raise ValueError(f"this build of PyAV has none of the encoders {', '.join(names)}; write a .gif instead")
