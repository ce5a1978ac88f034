"""Everybody in every frame, though the detector sees only some of the frames."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detectors.people import Person2D
from detectors.tracking.flow import GreyFrame, carried, grey_frame
from pipeline.live.slot import Closed
from pipeline.live.source import Captured

__all__ = ["Followed", "Follower", "patience_s"]

#: So long a frame waits at least for the detector, seconds: two frames of 30 a second. What is seen without flow is
#: more exact, and what a slow detector sees is carried less far.
_PATIENCE_S = 0.06
#: So long it waits at most, if the detector is usually ready by then; or until the next frame is overdue.
_LONGEST_S, _OVERDUE = 0.1, 1.2
#: Some delay more than usual is not too late.
_USUAL = 1.15
#: So many frames are remembered for people to be carried through; at 30 a second, a second of them.
_REMEMBERED = 32
#: A keypoint that is lost goes on as from sight to sight of the detector, but a little slower: motion ends. Those that
#: were guessed tell nothing.
_KEPT, _SURE = 0.8, 0.3


@dataclass(frozen=True)
class Followed:
    """A frame, and everybody in it.

    Attributes:
        frame: as captured.
        people: with identities.
        resets: how often everybody has been forgotten; what is remembered of them from before another number is out of
            date.
    """

    frame: Captured
    people: list[Person2D]
    resets: int


def patience_s(delays_s: Sequence[float], captured_s: Sequence[float]) -> float:
    """How long a frame waits: for the detector, if it is quick enough.

    Args:
        delays_s: from when frames were captured to what the detector saw in them, the last ones.
        captured_s: when the last frames were captured.
    """
    if not delays_s:
        return _PATIENCE_S
    interval_s = float(np.median(np.diff(captured_s))) if len(captured_s) > 1 else 0.0
    enough_s = _USUAL * float(np.median(delays_s))
    return max(_PATIENCE_S, enough_s) if enough_s <= max(_LONGEST_S, _OVERDUE * interval_s) else _PATIENCE_S


class Follower:
    """Gives frames with everybody in them, each as soon as nothing better is to be known in time.

    That is when the detector has seen a frame, or when it has waited long enough; then what the detector saw last is
    carried along to it by optical flow. One thread calls ``put`` with frame after frame, the one of the detector
    ``begun`` and ``found``, and a third one ``take``; who takes seldom gets the newest, as from a ``Slot``.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Captured] = []
        self._greys: dict[int, GreyFrame] = {}
        self._captured_s: deque[float] = deque(maxlen=10)
        self._delays_s: deque[float] = deque(maxlen=9)
        self._looked_at: Captured | None = None
        self._closed = False
        #: Counts what makes people out of date that are being carried: sights, and resets.
        self._sights = self._resets = 0
        self._forget()

    def _forget(self) -> None:
        self._people: list[Person2D] = []
        self._drift: list[NDArray[np.float32]] = []
        #: Which frame the people are of, and the one that the detector saw last.
        self._at = self._seen = -1
        self._known: dict[int | None, Person2D] = {}

    def reset(self) -> None:
        """Forget everybody, and whom the detector is looking at just now."""
        with self._changed:
            self._resets += 1
            self._forget()

    def put(self, frame: Captured) -> None:
        """A frame has come after those before."""
        grey = grey_frame(frame.image)
        with self._changed:
            self._greys[frame.index] = grey
            self._waiting.append(frame)
            self._captured_s.append(frame.captured_s)
            needed = {self._at, -1 if self._looked_at is None else self._looked_at.index}
            for index in [index for index in self._greys if index not in needed][:-_REMEMBERED]:
                del self._greys[index]
            # Whoever does not take does not want the pictures of a second.
            del self._waiting[:-_REMEMBERED]
            self._changed.notify_all()

    def begun(self, frame: Captured, people: Sequence[Person2D], since: int) -> tuple[list[Person2D], int]:
        """The detector begins to look at a frame.

        Args:
            frame: which was ``put``.
            people: those whom it saw in the frame of index ``since``.

        Returns:
            Where to look for them now, not as exactly as in ``take``, but in one step; and ``Followed.resets``.
        """
        with self._changed:
            self._looked_at = frame
            before, now, resets = self._greys.get(since), self._greys.get(frame.index), self._resets
        if before is None or now is None:
            return list(people), resets
        there = carried(people, before, now)
        # They are as sure as they were: the crop is made from those who were seen.
        return [replace(now, confidence=then.confidence) for now, then in zip(there, people, strict=True)], resets

    def found(self, people: Sequence[Person2D], resets: int) -> None:
        """What the detector saw in the frame that it began with, with identities; forgotten after a ``reset``."""
        with self._changed:
            frame, self._looked_at = self._looked_at, None
            if frame is None or resets != self._resets:
                return
            self._delays_s.append(time.perf_counter() - frame.captured_s)
            self._drift = self._drifts(people, frame.index - self._seen)
            self._people, self._at, self._seen = list(people), frame.index, frame.index
            self._known = {person.track_id: person for person in people}
            self._sights += 1
            self._changed.notify_all()

    def take(self) -> Followed:
        """The newest frame that need not wait any longer, with its people; waits for one. Raises Closed at the end."""
        with self._changed:
            while True:
                if self._closed:
                    raise Closed
                now, patience = time.perf_counter(), patience_s(self._delays_s, self._captured_s)
                ready = [f for f in self._waiting if f.index <= self._seen or now - f.captured_s >= patience]
                if ready:
                    break
                self._changed.wait(self._waiting[0].captured_s + patience - now if self._waiting else None)
            frame = ready[-1]
            self._waiting = [later for later in self._waiting if later.index > frame.index]
            people, drift, sights, resets = self._people, self._drift, self._sights, self._resets
            way = [(index, grey) for index, grey in self._greys.items() if self._at <= index <= frame.index]
        # Others go on meanwhile: to go through many frames takes a while.
        for (earlier, before), (later, grey) in pairwise(way):
            people = carried(people, before, grey, [(later - earlier) * step for step in drift])
        with self._changed:
            if resets != self._resets:
                people = []
            elif sights == self._sights:
                self._people, self._at = people, max(self._at, frame.index)
            return Followed(frame, people, self._resets)

    def close(self) -> None:
        """Nothing more is wanted."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _drifts(self, people: Sequence[Person2D], frames: int) -> list[NDArray[np.float32]]:
        """How far each keypoint goes from frame to frame, ``[J, 2]`` for each person; NaN where that is not known."""
        drifts = []
        for person in people:
            before = self._known.get(person.track_id)
            drift = np.full(person.keypoints_px.shape, np.nan, np.float32)
            if before is not None:
                sure = (person.confidence >= _SURE) & (before.confidence >= _SURE)
                drift[sure] = _KEPT / max(frames, 1) * (person.keypoints_px - before.keypoints_px)[sure]
            drifts.append(drift)
        return drifts
