"""Everybody in every frame, though the detector sees only some of the frames."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from detectors.flow import GreyFrame, carried, grey_frame
from detectors.people import Person2D
from pipeline.live.source import Captured

__all__ = ["Follower"]

#: So many frames are remembered for the detector to look at; at 30 a second, a second of them.
_REMEMBERED = 32


class Follower:
    """What the detector saw last, carried along by optical flow to the newest frame.

    The detector tells what it saw in a frame of the past (``found``, by any thread); the frames since then are gone
    through again with it.
    """

    def __init__(self) -> None:
        self._frames: deque[tuple[int, GreyFrame]] = deque(maxlen=_REMEMBERED)
        self._people: list[Person2D] = []
        self._found: tuple[int, list[Person2D]] | None = None
        self._lock = threading.Lock()

    def found(self, index: int, people: Sequence[Person2D]) -> None:
        """What the detector saw in the frame of that index."""
        with self._lock:
            self._found = index, list(people)

    def reset(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._people, self._found = [], None

    def follow(self, frame: Captured) -> list[Person2D]:
        """Everybody in this frame, which comes after those before."""
        self._frames.append((frame.index, grey_frame(frame.image)))
        with self._lock:
            found, self._found = self._found, None
        if found is None:
            since = list(self._frames)[-2:]
        else:
            index, self._people = found
            since = [(number, grey) for number, grey in self._frames if number >= index]
        for (_, before), (_, now) in zip(since, since[1:], strict=False):
            self._people = carried(self._people, before, now)
        return self._people
