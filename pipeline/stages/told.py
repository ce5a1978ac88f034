"""People that a file told in place of a detector: who is who, and what does not fit the video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.keypoint_files.read import FileDetector
from detectors.people import Person2D, PersonTrack2D

__all__ = ["beyond", "tracks_by_id"]


def tracks_by_id(frames: Iterable[tuple[int, float, Sequence[Person2D]]]) -> list[PersonTrack2D]:
    """Tracks of people who have a ``track_id``, in the order of these.

    Args:
        frames: frame index, time in seconds, everybody there; index and time increasing.
    """
    rows: dict[int, list[tuple[int, float, Person2D]]] = {}
    for index, time, people in frames:
        for person in people:
            if person.track_id is not None:
                rows.setdefault(person.track_id, []).append((index, time, person))
    return [
        PersonTrack2D(
            track_id,
            np.array([index for index, _, _ in own], np.int64),
            np.array([time for _, time, _ in own]),
            np.stack([person.keypoints_px for _, _, person in own]),
            np.stack([person.confidence for _, _, person in own]),
            own[0][2].layout,
            np.stack([person.box for _, _, person in own]),
        )
        for track_id, own in sorted(rows.items())
    ]


def beyond(detector: FileDetector, frames: NDArray[np.int64]) -> list[str]:
    """A sentence for people of the file in frames after the last that was looked at, if there are any."""
    last = int(frames.max()) if len(frames) else -1
    later = [frame for frame in detector.file.people if frame > last]
    if not later:
        return []
    return [
        f"the keypoints have people in {len(later)} frames after frame {last}, the last that was looked at; frames "
        "count from 0"
    ]
