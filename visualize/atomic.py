"""Files that appear under their final name only when they are complete."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FrameWriter", "PartialFile", "StreamWriter"]


class FrameWriter(Protocol):
    """What every video writer offers. Use it as a context manager: an exception inside the block leaves no file."""

    def write(self, image_rgb: NDArray[np.uint8], time_s: float) -> None:
        """Append a frame ``[H, W, 3]`` uint8 RGB, shown from ``time_s`` (seconds, increasing) until the next one.

        Raises:
            ValueError: if the frame is no RGB image or its size differs from the first one's.
            OSError: if the disk does not take it.
        """

    def close(self) -> None:
        """Finish the file and give it its final name. Raises ValueError if no frame was written, OSError as above."""

    def abort(self) -> None:
        """Give up: nothing is left behind. Does nothing after ``close``."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PartialFile:
    """A temporary sibling of the final file: same folder, so that the last rename is atomic.

    Args:
        target: the final path; its folder must exist.

    Raises:
        OSError: if the file cannot be created there.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.stem}.partial{target.suffix}")
        if target.is_dir():
            raise IsADirectoryError(f"cannot write {target}: it is a folder; give a file name")
        try:
            self.path.write_bytes(b"")
        except OSError as error:
            reason = error.strerror or "the file cannot be created"
            raise type(error)(
                f"cannot write {target}: {reason[:1].lower()}{reason[1:]}; choose a folder that exists and is writable"
            ) from error

    def commit(self) -> None:
        """Rename to the final name, replacing what was there."""
        self.path.replace(self.target)

    def discard(self) -> None:
        """Delete the temporary file."""
        self.path.unlink(missing_ok=True)


class StreamWriter(ABC):
    """The common part of the writers: checks, one frame of look-ahead for durations, finishing and giving up.

    A subclass implements ``_start``, ``_append``, ``_finish`` and ``_release``.
    """

    def __init__(self, target: Path) -> None:
        self._files = [PartialFile(target)]
        self._open = True
        self._shape: tuple[int, ...] | None = None
        self._held: tuple[NDArray[np.uint8], float] | None = None
        self._first_s = 0.0
        self._duration_s = 1 / 30

    @property
    def target(self) -> Path:
        """The final path."""
        return self._files[0].target

    @property
    def partial(self) -> Path:
        """Where the bytes go until ``close``."""
        return self._files[0].path

    def write(self, image_rgb: NDArray[np.uint8], time_s: float) -> None:
        """See ``FrameWriter.write``."""
        if not self._open:
            raise ValueError(f"{self.target} is closed; open a new writer to write more frames")
        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype.name != "uint8" or 0 in image_rgb.shape:
            raise ValueError(f"a frame must be [H, W, 3] uint8 RGB, not {image_rgb.shape} {image_rgb.dtype}")
        if self._shape is None:
            self._shape, self._first_s = image_rgb.shape, time_s
            self._guarded(self._start, image_rgb.shape[1], image_rgb.shape[0])
        elif image_rgb.shape != self._shape:
            raise ValueError(f"all frames need the size of the first, {self._shape[:2]}, not {image_rgb.shape[:2]}")
        start_s = time_s - self._first_s
        if self._held is not None:
            self._duration_s = max(start_s - self._held[1], 1e-3)
            self._guarded(self._append, *self._held, self._duration_s)
        # The caller may draw the next frame into the same array.
        self._held = (image_rgb.copy(), start_s)

    def close(self) -> None:
        """See ``FrameWriter.close``."""
        if not self._open:
            return
        if self._held is None:
            self.abort()
            raise ValueError(f"{self.target} was not written: there is no frame")
        # Nobody knows how long the last frame lasts: as long as the one before it.
        self._guarded(self._append, *self._held, self._duration_s)
        self._guarded(self._finish)
        self._guarded(self._files[0].commit)
        self.abort()

    def abort(self) -> None:
        """See ``FrameWriter.abort``."""
        if self._open:
            self._open = False
            self._held = None
            self._release()
            for file in self._files:
                file.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _guarded(self, step: Callable[..., None], *args: object) -> None:
        try:
            step(*args)
        except BaseException as error:
            self.abort()
            if isinstance(error, OSError):
                raise OSError(f"cannot write {self.target}: {error.strerror or error}") from error
            raise

    @abstractmethod
    def _start(self, width: int, height: int) -> None:
        """Open the encoder for frames of this size."""

    @abstractmethod
    def _append(self, image_rgb: NDArray[np.uint8], start_s: float, duration_s: float) -> None:
        """Encode a frame; times count from the first frame."""

    @abstractmethod
    def _finish(self) -> None:
        """Flush everything into the partial file."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of encoders and files; must not raise, and may be called more than once."""
