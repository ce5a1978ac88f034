"""The newest picture, for whoever looks: every reader at its own speed, each always the newest."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Feed", "Picture"]

_QUALITY = 80
_REMEMBERED = 64


@dataclass(frozen=True)
class Picture:
    """A composed picture.

    Attributes:
        number: from 0, without gaps.
        image: ``[H, W, 3]`` uint8 RGB.
        captured_s: ``time.perf_counter`` when the camera gave the frame.
        lift_s, detect_s: time that lifting took, and detection the last time.
    """

    number: int
    image: NDArray[np.uint8]
    captured_s: float
    lift_s: float
    detect_s: float
    _jpeg: list[bytes] = field(default_factory=list, init=False, repr=False, compare=False)
    _making: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def encoded(self) -> bytes:
        """The picture as a JPEG file; made once, when somebody wants it."""
        import cv2

        with self._making:
            if not self._jpeg:
                options = [int(cv2.IMWRITE_JPEG_QUALITY), _QUALITY]
                _, data = cv2.imencode(".jpg", cv2.cvtColor(self.image, cv2.COLOR_RGB2BGR), options)
                self._jpeg.append(data.tobytes())
            return self._jpeg[0]


class Feed:
    """Holds one picture. ``put`` never waits for readers."""

    def __init__(self) -> None:
        self._picture: Picture | None = None
        self._captured: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED)
        self._seen_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._closed = False
        self._changed = threading.Condition()

    def put(self, picture: Picture) -> None:
        """The newest picture."""
        with self._changed:
            self._picture = picture
            self._captured.append((picture.number, picture.captured_s))
            self._changed.notify_all()

    def newer(self, than: int, timeout_s: float) -> Picture | None:
        """The newest picture once its number is not ``than``; None if there is none in time, or no more."""
        until = time.monotonic() + timeout_s
        with self._changed:
            while self._picture is None or self._picture.number == than:
                left = until - time.monotonic()
                if self._closed or left <= 0:
                    return None
                self._changed.wait(left)
            return self._picture

    def drawn(self, number: int) -> None:
        """A page has drawn the picture of that number: how old the frame is now counts."""
        now = time.perf_counter()
        with self._changed:
            self._seen_s += [now - captured_s for known, captured_s in self._captured if known == number]

    def page_latency_ms(self) -> float | None:
        """Median from capture to drawn in the page and reported back, of the last pictures; None without a page."""
        with self._changed:
            return float(np.median(self._seen_s)) * 1000 if self._seen_s else None

    def close(self) -> None:
        """No more pictures: readers that wait go on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return self._closed
