"""What every video writer has in common: the contract, checks of the frames, durations, finishing and giving up."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FrameWriter", "Layout", "PictureOptions", "ThemeName"]

Layout = Literal["side", "overlay", "scene"]
ThemeName = Literal["dark", "light"]

#: How long the only frame of a one-frame video lasts, seconds.
_SINGLE_FRAME_S = 1 / 30


@dataclass(frozen=True)
class PictureOptions:
    """What a user may say about picture formats; each takes what concerns it.

    Attributes:
        gif_width: wider pictures become so many pixels wide, at least 16.
        gif_fps: frames per second at most, 0.01 to 50.
        layout: the video with the people over it beside the scene in 3D, or one of them alone.
        theme: of the scene.
    """

    gif_width: int = 640
    gif_fps: float = 15.0
    layout: Layout = "side"
    theme: ThemeName = "dark"

    def __post_init__(self) -> None:
        if not 0.01 <= self.gif_fps <= 50:
            raise ValueError(f"a GIF shows 0.01 to 50 frames a second, not {self.gif_fps:g}")
        if self.gif_width < 16:
            raise ValueError(f"a GIF must be at least 16 pixels wide, not {self.gif_width}")


class FrameWriter(ABC):
    """Writes frames to exactly the path it is given, as a context manager: an exception inside deletes the file.

    No file is created before there is a frame to encode. Times may start anywhere and keep their distances: a frame is
    shown from its own time until the next one's, but no longer than the format can say: what follows comes earlier
    then. A subclass implements ``_start``, ``_append``, ``_finish`` and ``_release``.

    Args:
        target: path of the file; its folder must exist, and a file of that name is replaced.
        options: None is the defaults.

    Attributes:
        max_width: pictures should not be wider than this, pixels; None is any width.
        max_shown_s: no frame is shown for longer, seconds.
        cut_s: by so much the film is shorter than the times for that reason, seconds.
    """

    def __init__(self, target: Path, options: PictureOptions | None = None) -> None:
        self.target, self.options = target, options or PictureOptions()
        self.max_width: int | None = None
        self.max_shown_s, self.cut_s = math.inf, 0.0
        self._open = True
        self._started = False
        self._shape: tuple[int, ...] | None = None
        self._held: tuple[NDArray[np.uint8], float] | None = None
        self._first_s = 0.0
        self._duration_s = _SINGLE_FRAME_S

    def write(self, image_rgb: NDArray[np.uint8], time_s: float) -> None:
        """Append a frame ``[H, W, 3]`` uint8 RGB, shown from ``time_s`` (seconds) until the next one.

        Raises:
            ValueError: if the frame is no RGB image, its size differs from the first one's, its time does not come
                after the last one's, or the writer is closed.
            OSError: if the disk does not take it.
        """
        if not self._open:
            raise ValueError(f"{self.target} is closed; open a new writer to write more frames")
        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype.name != "uint8" or 0 in image_rgb.shape:
            raise ValueError(f"a frame must be [H, W, 3] uint8 RGB, not {image_rgb.shape} {image_rgb.dtype}")
        if self._shape is not None and image_rgb.shape != self._shape:
            raise ValueError(f"all frames need the size of the first, {self._shape[:2]}, not {image_rgb.shape[:2]}")
        with self._aborting():
            if self._shape is None:
                self._shape, self._first_s = image_rgb.shape, time_s
            start_s = time_s - self._first_s
            if self._held is not None:
                self._duration_s = start_s - self._held[1]
                if not self._duration_s > 0:
                    raise ValueError(f"the frame at {time_s:g} s does not come after the one before it")
                if (late_s := self._duration_s - self.max_shown_s) > 0:
                    self._duration_s = self.max_shown_s
                    self.cut_s += late_s
                    self._first_s += late_s
                    start_s -= late_s
                self._encode(*self._held)
        # The caller may draw the next frame into the same array.
        self._held = (image_rgb.copy(), start_s)

    def close(self) -> None:
        """Finish the file. Does nothing the second time.

        Raises:
            ValueError: if no frame was written.
            OSError: if the disk does not take it.
        """
        if not self._open:
            return
        with self._aborting():
            if self._held is None:
                raise ValueError(f"{self.target} was not written: there is no frame")
            # Nobody knows how long the last frame lasts: as long as the one before it.
            self._encode(*self._held)
            self._finish()
        self._open, self._held = False, None
        self._release()

    def abort(self) -> None:
        """Give up and delete what was written. Does nothing after ``close``."""
        if not self._open:
            return
        self._open, self._held = False, None
        self._release()
        if self._started:
            with suppress(OSError):
                self.target.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _encode(self, image_rgb: NDArray[np.uint8], start_s: float) -> None:
        if not self._started:
            self._started = True
            self._start(image_rgb.shape[1], image_rgb.shape[0], self._duration_s)
        self._append(image_rgb, start_s, self._duration_s)

    @contextmanager
    def _aborting(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.abort()
            raise

    @abstractmethod
    def _start(self, width: int, height: int, duration_s: float) -> None:
        """Create the file and the encoder for frames of this size; the first one lasts ``duration_s``."""

    @abstractmethod
    def _append(self, image_rgb: NDArray[np.uint8], start_s: float, duration_s: float) -> None:
        """Encode a frame; times count from the first frame."""

    @abstractmethod
    def _finish(self) -> None:
        """Flush everything into the file."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of encoders and files; must not raise, and is called at the end in every case."""
