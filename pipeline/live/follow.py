"""Everybody in every frame, though the detector sees only some of the frames."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detectors.flow import GreyFrame, carried, grey_frame
from detectors.people import Person2D
from pipeline.live.source import Captured

__all__ = ["Follower"]

#: So many frames are remembered for the detector to look at; at 30 a second, a second of them.
_REMEMBERED = 32
#: A keypoint that is lost goes on as from sight to sight of the detector, but a little slower: motion ends.
_KEPT = 0.8


class Follower:
    """What the detector saw last, carried along by optical flow to the newest frame.

    One thread calls ``follow`` with frame after frame. The detector, on another one, tells what it saw in a frame of
    the past (``found``); the frames since then are gone through again with it.
    """

    def __init__(self) -> None:
        self._frames: deque[tuple[int, GreyFrame]] = deque(maxlen=_REMEMBERED)
        self._people: list[Person2D] = []
        self._drift: list[NDArray[np.float32]] = []
        self._found: tuple[int, list[Person2D]] | None = None
        self._before: tuple[int, dict[int | None, Person2D]] = (0, {})
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._people, self._found, self._before = [], None, (0, {})

    def found(self, index: int, people: Sequence[Person2D]) -> None:
        """What the detector saw in the frame of that index, with identities."""
        with self._lock:
            self._found = index, list(people)

    def follow(self, frame: Captured) -> list[Person2D]:
        """Everybody in this frame, which comes after those before."""
        grey = grey_frame(frame.image)
        with self._lock:
            self._frames.append((frame.index, grey))
            found, self._found = self._found, None
            frames = list(self._frames)
            if found is not None:
                self._drift = self._drifts(*found)
                self._people = found[1]
        since = frames[-2:] if found is None else [item for item in frames if item[0] >= found[0]]
        for (_, before), (_, now) in pairwise(since):
            self._people = carried(self._people, before, now, self._drift)
        return self._people

    def expected(self, people: Sequence[Person2D], since: int, index: int) -> list[Person2D]:
        """Where to look for people of the frame ``since`` in a later one: not as exactly, but in one step."""
        with self._lock:
            frames = [grey for number, grey in self._frames if number in (since, index)]
        if len(frames) < 2:
            return list(people)
        there = carried(people, frames[0], frames[1])
        return [replace(now, confidence=then.confidence) for now, then in zip(there, people, strict=True)]

    def _drifts(self, index: int, people: Sequence[Person2D]) -> list[NDArray[np.float32]]:
        """How far each keypoint goes from frame to frame, ``[J, 2]`` for each person; 0 for somebody new."""
        earlier, known = self._before
        self._before = index, {person.track_id: person for person in people}
        drifts = []
        for person in people:
            then = known.get(person.track_id, person)
            step = (person.keypoints_px - then.keypoints_px) / max(index - earlier, 1)
            drifts.append((_KEPT * step).astype(np.float32))
        return drifts
