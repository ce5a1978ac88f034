"""Who is who from frame to frame, from the past alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.people import Person2D
from detectors.tracking.merging import box_iou, pose_similarity

__all__ = ["Identities"]

#: Somebody who is back at the same place within this time keeps the id.
_REMEMBERED_S = 1.0
#: Least likeness of two sights of one person, 0..1: mean of the likeness of keypoints and of boxes.
_LIKENESS = 0.2
#: Nobody is shown who was seen in fewer frames: detectors invent people, for one frame.
_FRAMES = 2


@dataclass
class _Known:
    person: Person2D
    time_s: float
    frames: int


class Identities:
    """Gives people ids from 1, each frame joined to those seen within the last second, the most alike first."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._newest: list[int] = []
        self._next = 1

    def reset(self) -> None:
        """Forget everybody; ids begin at 1 again."""
        self._known, self._newest, self._next = {}, [], 1

    def update(
        self, people: Sequence[Person2D], time_s: float, expected: Sequence[Person2D] | None = None
    ) -> list[Person2D]:
        """The people of a frame with ``track_id`` set, in the order of their ids; those seen once are left out.

        Args:
            people: as detected.
            time_s: of the frame, seconds, increasing.
            expected: those of the call before, in the same order, where they should be in this frame; None is where
                they were.
        """
        for i, person in zip(self._newest, expected or (), strict=False):
            self._known[i].person = person
        self._known = {i: known for i, known in self._known.items() if 0 <= time_s - known.time_s <= _REMEMBERED_S}
        pairs = sorted(
            (
                (_likeness(known.person, person), i, at)
                for i, known in self._known.items()
                for at, person in enumerate(people)
            ),
            reverse=True,
        )
        named: dict[int, int] = {}
        for likeness, i, at in pairs:
            if likeness >= _LIKENESS and at not in named and i not in named.values():
                named[at] = i
        found = []
        self._newest = []
        for at, person in enumerate(people):
            i = named.get(at, self._next)
            self._next = max(self._next, i + 1)
            frames = self._known[i].frames + 1 if i in self._known else 1
            self._known[i] = _Known(person, time_s, frames)
            self._newest.append(i)
            if frames >= _FRAMES:
                found.append(replace(person, track_id=i))
        return sorted(found, key=lambda person: person.track_id or 0)


def _likeness(a: Person2D, b: Person2D) -> float:
    return float(np.mean([pose_similarity(a, b), box_iou(a.box, b.box)]))
