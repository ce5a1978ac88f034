"""Everybody in every frame, though the detector sees only some of the frames."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detectors.flow import GreyFrame, carried, grey_frame
from detectors.people import Person2D
from pipeline.live.slot import Closed
from pipeline.live.source import Captured

__all__ = ["Follower"]

#: So long a frame waits for the detector, seconds: two frames of 30 a second. What a quick detector sees needs no flow,
#: and what a slow one sees is carried less far.
_PATIENCE_S = 0.06
#: So many frames are remembered for the detector to look at; at 30 a second, a second of them.
_REMEMBERED = 32
#: A keypoint that is lost goes on as from sight to sight of the detector, but a little slower: motion ends.
_KEPT = 0.8


class Follower:
    """Gives frames with everybody in them, each as soon as nothing better is to be known in time.

    That is when the detector has seen a frame, or when it has waited long enough; then what the detector saw last is
    carried along to it by optical flow. One thread calls ``put`` with frame after frame, the one of the detector
    ``found``, and a third one ``take``; who takes seldom gets the newest, as from a ``Slot``.
    """

    def __init__(self) -> None:
        self._frames: deque[tuple[Captured, GreyFrame]] = deque(maxlen=_REMEMBERED)
        self._taken = -1
        self._closed = False
        self._changed = threading.Condition()
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        with self._changed:
            self._people: list[Person2D] = []
            self._drift: list[NDArray[np.float32]] = []
            #: Which frame the people are of, and the one that the detector saw last.
            self._at = self._seen = -1
            self._known: dict[int | None, Person2D] = {}

    def put(self, frame: Captured) -> None:
        """A frame has come after those before."""
        grey = grey_frame(frame.image)
        with self._changed:
            self._frames.append((frame, grey))
            self._changed.notify_all()

    def found(self, index: int, people: Sequence[Person2D]) -> None:
        """What the detector saw in the frame of that index, with identities."""
        with self._changed:
            self._drift = self._drifts(people, index - self._seen)
            self._people, self._at, self._seen = list(people), index, index
            self._known = {person.track_id: person for person in people}
            self._changed.notify_all()

    def take(self) -> tuple[Captured, list[Person2D]]:
        """The newest frame that need not wait any longer, with its people; waits for one. Raises Closed at the end."""
        with self._changed:
            while True:
                if self._closed:
                    raise Closed
                now = time.perf_counter()
                waiting = [frame for frame, _ in self._frames if frame.index > self._taken]
                ready = [f for f in waiting if f.index <= self._seen or now - f.captured_s >= _PATIENCE_S]
                if ready:
                    return ready[-1], self._carried_to(ready[-1].index)
                self._changed.wait(waiting[0].captured_s + _PATIENCE_S - now if waiting else None)

    def close(self) -> None:
        """Nothing more is wanted."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def expected(self, people: Sequence[Person2D], since: int, index: int) -> list[Person2D]:
        """Where to look for people of the frame ``since`` in a later one: not as exactly, but in one step."""
        with self._changed:
            frames = [grey for frame, grey in self._frames if frame.index in (since, index)]
        if len(frames) < 2:
            return list(people)
        there = carried(people, frames[0], frames[1])
        return [replace(now, confidence=then.confidence) for now, then in zip(there, people, strict=True)]

    def _carried_to(self, index: int) -> list[Person2D]:
        way = [grey for frame, grey in self._frames if self._at <= frame.index <= index]
        for before, now in pairwise(way):
            self._people = carried(self._people, before, now, self._drift)
        self._at = self._taken = index
        return self._people

    def _drifts(self, people: Sequence[Person2D], frames: int) -> list[NDArray[np.float32]]:
        """How far each keypoint goes from frame to frame, ``[J, 2]`` for each person; 0 for somebody new."""
        drifts = []
        for person in people:
            before = self._known.get(person.track_id, person)
            drifts.append((_KEPT / max(frames, 1) * (person.keypoints_px - before.keypoints_px)).astype(np.float32))
        return drifts
