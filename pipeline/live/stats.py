"""How live the live picture is."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

__all__ = ["Meter", "Reading"]

_WINDOW_S = 2.0


@dataclass(frozen=True)
class Reading:
    """Figures of the last two seconds; None where nothing was measured.

    Attributes:
        fps: frames displayed per second.
        latency_ms: median from capture to display.
        lift_ms: median of a frame.
        detect_ms: median, over the frames displayed, of what the detector took last; 0 before it saw anything.
        dropped: captured frames that were never displayed, since the beginning.
    """

    fps: float
    latency_ms: float | None
    lift_ms: float | None
    detect_ms: float | None
    dropped: int


class Meter:
    """Counts; may be used by several threads.

    Args:
        keep_all: remember every latency and lifting time, for a benchmark; else those of the last two seconds.
    """

    def __init__(self, keep_all: bool = False) -> None:
        self._lock = threading.Lock()
        self._keep_all = keep_all
        self._recent: deque[tuple[float, float, float, float]] = deque()
        #: ``(moment of display, latency, lifting, detection)`` in seconds of every frame, if all are kept.
        self.all: list[tuple[float, float, float, float]] = []
        self.captured = 0
        self.displayed = 0

    def capture(self) -> None:
        """A frame came from the camera."""
        with self._lock:
            self.captured += 1

    def display(self, captured_s: float, lift_s: float, detect_s: float) -> None:
        """A frame that was captured at a ``time.perf_counter`` is displayed now."""
        now = time.perf_counter()
        with self._lock:
            self.displayed += 1
            record = (now, now - captured_s, lift_s, detect_s)
            self._recent.append(record)
            self._trim(now)
            if self._keep_all:
                self.all.append(record)

    def reading(self) -> Reading:
        """The figures now."""
        now = time.perf_counter()
        with self._lock:
            self._trim(now)
            recent = np.array(self._recent).reshape(-1, 4)
            # What is on its way is not lost: some frames wait for the detector, one is worked on.
            dropped = max(0, self.captured - self.displayed - 4)
        if not len(recent):
            return Reading(0.0, None, None, None, dropped)
        length = max(now - recent[0, 0], 1e-3) if len(recent) > 1 else _WINDOW_S
        latency, lift, detect = np.median(recent[:, 1:], axis=0) * 1000
        return Reading(len(recent) / length, float(latency), float(lift), float(detect), dropped)

    def _trim(self, now: float) -> None:
        while self._recent and now - self._recent[0][0] > _WINDOW_S:
            self._recent.popleft()
