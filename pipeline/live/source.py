"""Where live frames come from: a camera by its number, a file in place of one, or an address on the network."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError, UserError
from pipeline.live.slot import Slot
from pipeline.media.addresses import SCHEMES, limits, scheme, shown
from pipeline.media.damage import Smear
from pipeline.media.decode import VideoInfo, fitted, probe, read_frames
from pipeline.media.demux import Problems, decode_packet, film_streams, shown_stream

if TYPE_CHECKING:
    import cv2

__all__ = ["Capture", "Captured", "LiveSource", "SourceLost", "open_source"]

#: A camera that gives nothing for so long has stalled, seconds.
STALL_S = 5.0
_OPEN_S = 10.0
#: Places of a stream in a row that cannot be read.
_MOST_DAMAGE = 50


class SourceLost(UserError):
    """The source was there and is no longer."""


@dataclass(frozen=True)
class Captured:
    """A frame and when it came.

    Attributes:
        image: ``[H, W, 3]`` uint8 RGB.
        index: number of the frame, from 0, dropped ones counted.
        time_s: seconds since the first one.
        captured_s: ``time.perf_counter`` when it came.
    """

    image: NDArray[np.uint8]
    index: int
    time_s: float
    captured_s: float


class LiveSource(Protocol):
    """Gives frames as they come."""

    @property
    def name(self) -> str:
        """What to call it."""
        ...

    @property
    def video(self) -> VideoInfo:
        """What is known of the pictures."""
        ...

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """RGB frames, each when it is due; ends with the source. Raises SourceLost if it fails."""
        ...

    def close(self) -> None:
        """Let go of the device; ``frames`` then ends soon."""
        ...


def open_source(name: str, *, loop: bool = False, fps: float | None = None) -> LiveSource:
    """The source of that name.

    Args:
        name: number of a camera, path of a video file or of pictures, or an RTSP or HTTP address.
        loop: begin a file again at its end.
        fps: frames per second of pictures and raw streams.

    Raises:
        InputError: there is no such camera, file or stream, or it cannot be opened.
    """
    if name.isdecimal():
        return _Device(int(name))
    if scheme(name) in SCHEMES:
        return _Stream(name)
    return _File(Path(name), loop, fps)


class _File:
    """A video file at its own pace, as a camera that filmed it would give it."""

    def __init__(self, path: Path, loop: bool, fps: float | None) -> None:
        self.video = probe(path, fps)
        self.name = self.video.path.name
        self._path, self._loop = path, loop
        self._closed = threading.Event()

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        began, offset_s = time.perf_counter(), 0.0
        while not self._closed.is_set():
            time_s = 0.0
            for frame in read_frames(self._path, fps=self.video.given_fps):
                time_s = frame.time_s
                if self._closed.wait(max(0.0, began + offset_s + time_s - time.perf_counter())):
                    return
                if not frame.patched:
                    yield frame.image
            if not self._loop:
                return
            offset_s += time_s + 1 / self.video.fps

    def close(self) -> None:
        self._closed.set()


class _Device:
    """A camera of this machine, by OpenCV."""

    def __init__(self, index: int) -> None:
        self.name = f"camera {index}"
        self._camera = _opened_device(index)
        ok, first = self._camera.read()
        if not ok or first is None:
            self._camera.release()
            raise InputError(
                f"camera {index} opens but gives no picture; is another program using it, or its cover closed?"
            )
        self._closed = False
        height, width = first.shape[:2]
        fps = float(self._camera.get(_cv2().CAP_PROP_FPS))
        self.video = _video(self.name, (width, height), fps if 1 <= fps <= 240 else 30.0)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        cv2 = _cv2()
        while not self._closed:
            ok, picture = self._camera.read()
            if self._closed:
                return
            if not ok or picture is None:
                raise SourceLost(f"{self.name} gives no more pictures; was it unplugged?")
            yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

    def close(self) -> None:
        self._closed = True
        self._camera.release()


def _opened_device(index: int) -> cv2.VideoCapture:
    cv2 = _cv2()
    # OpenCV prints its own warnings about cameras that are not there; the sentences below say it.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    device = Path(f"/dev/video{index}")
    if sys.platform == "linux":
        if not device.exists():
            others = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
            there = f"there is {', '.join(others)}" if others else "no camera is connected"
            raise InputError(
                f"there is no camera {index} ({device}); {there}; give --source another number, a file or an address"
            )
        try:
            device.open("rb").close()
        except PermissionError as error:
            raise InputError(
                f"camera {index} may not be used by you ({device}); add yourself to the group video and log in again"
            ) from error
        except OSError as error:
            reason = f"camera {index} cannot be opened ({error.strerror})"
            raise InputError(f"{reason}; is another program using it?") from error
    camera = cv2.VideoCapture(index)
    if not camera.isOpened():
        camera.release()
        raise InputError(
            f"camera {index} cannot be opened; check the number, and that this program may use the camera "
            "(privacy settings of the system)"
        )
    # What a driver keeps back is old when it is read.
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return camera


class _Stream:
    """A network address, by FFmpeg."""

    def __init__(self, address: str) -> None:
        import av

        self.name = shown(address)
        options = {"rtsp_transport": "tcp"} if address.lower().startswith("rtsp") else {}
        options |= {"flags": "low_delay"} | limits(address, av.formats_available)
        # What is read to find out what comes is left out then: of a short film on a server that is all of it.
        options |= {} if address.lower().startswith("http") else {"fflags": "nobuffer"}
        try:
            self._container = av.open(address, options=options, timeout=(_OPEN_S, STALL_S), metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            what = f"{self.name} cannot be opened ({reason})"
            raise InputError(f"{what}; check address, network and password") from error
        streams = film_streams(self._container)
        if not streams:
            self._container.close()
            raise InputError(f"{self.name} has no video stream; check the address")
        stream = shown_stream(streams)
        # Several threads would each hold back a frame.
        stream.thread_type = "NONE"
        self._closed = False
        size = (int(stream.codec_context.width), int(stream.codec_context.height))
        self._stream = stream
        self._problems, self._smear = Problems(), Smear()
        self._decoded = self._frames()
        self._first: Any = None
        if min(size) < 1:
            self._first = self._next()
            size = (self._first.width, self._first.height)
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        self.video = _video(self.name, size, rate)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        size = self.video.width, self.video.height
        while not self._closed:
            frame = self._first or self._next()
            self._first = None
            if frame is None:
                return
            # What was lost on the way is made up by the decoder.
            if self._smear.covers(frame, time.perf_counter(), self._problems.damaged):
                continue
            # Somebody may turn the camera of a phone: the size stays that of the first frame.
            yield fitted(frame, (frame.width, frame.height), size)

    def _next(self) -> Any:
        import av

        for _ in range(_MOST_DAMAGE):
            try:
                return next(self._decoded, None)
            except av.InvalidDataError:
                # It was damaged on its way; what follows may be whole.
                self._problems.damaged += 1
                self._decoded = self._frames()
            except (av.FFmpegError, OSError) as error:
                if self._closed:
                    return None
                raise SourceLost(f"{self.name} sends nothing any more; check camera and network") from error
            if self._closed:
                return None
        raise SourceLost(f"{self.name} sends nothing that can be read; check camera and network")

    def _frames(self) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            yield from decode_packet(packet, self._problems)

    def close(self) -> None:
        # The container is closed by the thread that reads it: closing it under a read would crash.
        self._closed = True


def _video(name: str, size: tuple[int, int], fps: float) -> VideoInfo:
    return VideoInfo(
        # An address is no path: only its host goes into the record of a recording.
        path=Path(urlsplit(name).hostname or name),
        width=size[0],
        height=size[1],
        fps=fps,
        frame_count=None,
        duration_s=None,
        rotation_deg=0,
        mirrored=False,
        codec="",
        focal_35mm=None,
        sample_aspect_ratio=1.0,
        variable_frame_rate=True,
        is_image=False,
    )


def _cv2() -> Any:
    import cv2

    return cv2


class Capture:
    """Reads a source on a thread of its own and keeps the newest frame only.

    Args:
        source: where frames come from; closed when the thread ends.
        frames: gets every frame in place of the one before it.
        on_frame: called for each.
        on_end: called once, with the reason if the source failed, or None at its end.
        stall_s: without a frame for so long, ``on_end`` is called too.
    """

    def __init__(
        self,
        source: LiveSource,
        frames: Slot[Captured],
        on_frame: Callable[[], None],
        on_end: Callable[[BaseException | None], None],
        stall_s: float = STALL_S,
    ) -> None:
        self._source, self._frames, self._on_frame, self._on_end = source, frames, on_frame, on_end
        self._stall_s = stall_s
        self._last_s = time.perf_counter()
        self._stopping = threading.Event()
        # Daemons: a camera that hangs in its driver must not keep a dying program alive.
        self._reader = threading.Thread(target=self._read, name="capture", daemon=True)
        self._watch = threading.Thread(target=self._watch_stall, name="capture-watch", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._last_s = time.perf_counter()
        self._reader.start()
        self._watch.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread; one that hangs in its driver is left alone after ``timeout_s``."""
        self._stopping.set()
        self._source.close()
        if self._reader.ident is not None:
            self._reader.join(timeout_s)

    def _read(self) -> None:
        error: BaseException | None = None
        first_s: float | None = None
        try:
            for index, image in enumerate(self._source.frames()):
                now = self._last_s = time.perf_counter()
                first_s = now if first_s is None else first_s
                if self._stopping.is_set():
                    break
                self._on_frame()
                self._frames.put(Captured(image, index, now - first_s, now))
        except BaseException as caught:
            error = caught
        if not self._stopping.is_set():
            self._stopping.set()
            self._on_end(error)

    def _watch_stall(self) -> None:
        while not self._stopping.wait(0.25):
            if time.perf_counter() - self._last_s > self._stall_s:
                self._stopping.set()
                what = f"{self._source.name} gave no picture for {self._stall_s:g} s"
                self._on_end(SourceLost(f"{what}; check camera and network"))
