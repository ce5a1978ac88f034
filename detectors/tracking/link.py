"""People of single frames become people along the video, with stable ids."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import LAYOUTS
from detectors.people import Person2D, PersonTrack2D
from detectors.tracking.stitching import Detections, credible, repair_swaps, stitch, without_doubtful

if TYPE_CHECKING:
    from trackers import OCSORTTracker

__all__ = ["track_people"]

#: Somebody could have been seen once in so many seconds at least; longer steps between frames are as long as this.
_LONGEST_STEP_S = 0.5


def track_people(
    frames: Iterable[tuple[int, float, Sequence[Person2D]]],
    *,
    cuts: Sequence[int] = (),
    longest_gap_s: float = 1.5,
    least_time_s: float = 0.3,
    least_score: float = 0.5,
    doubtful_score: float = 0.25,
) -> list[PersonTrack2D]:
    """Identities over the stored detections of a whole video.

    OC-SORT (Cao et al., CVPR 2023; library ``trackers``) links the boxes by the true times, so that variable frame
    rates do no harm. What it lost is then bridged and swapped identities are repaired
    (``detectors.tracking.stitching``).
    Frames in which a person was not detected are absent from the track. Per detection about 250 bytes are kept.
    Time in which there was no frame is no absence: in a time lapse, in slides, or where a screen recorder paused, one
    frame after the other counts as half a second.
    Nobody is followed through a cut: in another shot everybody is somebody else.

    Args:
        frames: ``(frame_index, time_s, people)``, index increasing, time in seconds not decreasing; frames without
            people may be given or left out.
        cuts: increasing ``frame_index`` of the frames with which another shot begins.
        longest_gap_s: a person who is back within this time, at a plausible place, keeps the id.
        doubtful_score: detections scored lower count only between better ones of the same person.
        least_time_s, least_score: a track that is both shorter and scored lower was never a person and is dropped.
    Returns:
        Tracks with ids from 1 in order of first appearance.
    Raises:
        ValueError: if the frames are out of order or the people have different keypoint layouts.
    """
    detections, shots = _link(frames, cuts)
    people: list[NDArray[np.int64]] = []
    for pieces in shots:
        tracks = repair_swaps(detections, stitch(detections, pieces, longest_gap_s))
        tracks = [without_doubtful(detections, rows, doubtful_score, longest_gap_s) for rows in tracks]
        people += [rows for rows in tracks if len(rows) and credible(detections, rows, least_time_s, least_score)]
    return [_track(detections, rows, number) for number, rows in enumerate(sorted(people, key=lambda r: r[0]), start=1)]


def _link(
    frames: Iterable[tuple[int, float, Sequence[Person2D]]], cuts: Sequence[int]
) -> tuple[Detections, list[list[NDArray[np.int64]]]]:
    """All detections as arrays, and shot by shot the rows of each piece of track that the tracker followed."""
    import supervision  # here: takes a second to import

    frame_index, time_s, clock_s, values = array("q"), array("d"), array("d"), array("f")
    unseen_s = 0.0
    tracker, pieces, alone = _tracker(), dict[int, list[int]](), list[list[int]]()
    shots: list[list[NDArray[np.int64]]] = []
    ahead = iter(cuts)
    cut = next(ahead, None)
    layout: str | None = None
    last = (-1, -np.inf)
    for index, time, people in frames:
        if index <= last[0] or time < last[1]:
            raise ValueError(f"frame {index} at {time:.3f} s comes after frame {last[0]} at {last[1]:.3f} s; sort them")
        if last[0] >= 0:
            unseen_s += max(0.0, time - last[1] - _LONGEST_STEP_S * (index - last[0]))
        last = (index, time)
        if cut is not None and index >= cut:
            shots.append(_rows(pieces, alone))
            tracker, pieces, alone = _tracker(), {}, []
            while cut is not None and index >= cut:
                cut = next(ahead, None)
        first = len(frame_index)
        for person in people:
            layout = layout or person.layout
            if person.layout != layout:
                raise ValueError(f"people in layouts {layout} and {person.layout} cannot be mixed; use one detector")
            frame_index.append(index)
            time_s.append(time)
            clock_s.append(time - unseen_s)
            values.extend(np.concatenate([person.keypoints_px.ravel(), person.confidence, person.box]).tolist())
            values.append(person.score)
        boxes = np.array([person.box for person in people], np.float32).reshape(-1, 4)
        linked = tracker.update(
            supervision.Detections(xyxy=boxes, data={"row": np.arange(first, first + len(people))}),
            timestamp=time - unseen_s,
        )
        for row, identity in zip(linked.data.get("row", ()), linked.tracker_id, strict=True):
            if identity < 0:  # the first sight of a track has no id yet; stitching joins it
                alone.append([int(row)])
            else:
                pieces.setdefault(int(identity), []).append(int(row))
    shots.append(_rows(pieces, alone))
    return _detections(frame_index, time_s, clock_s, values, layout), shots


def _tracker() -> OCSORTTracker:
    from trackers import OCSORTTracker

    # The buffer is given in frames of a 30 Hz video and used in seconds, because update() gets timestamps.
    return OCSORTTracker(lost_track_buffer=30, minimum_consecutive_frames=1, minimum_iou_threshold=0.15)


def _rows(pieces: Mapping[int, list[int]], alone: list[list[int]]) -> list[NDArray[np.int64]]:
    return [np.array(piece, np.int64) for piece in [*pieces.values(), *alone]]


def _detections(
    frame_index: array[int], time_s: array[float], clock_s: array[float], values: array[float], layout: str | None
) -> Detections:
    name = layout or next(iter(LAYOUTS))
    joints, count = len(LAYOUTS[name]), len(frame_index)
    table = np.frombuffer(values, np.float32).reshape(count, -1) if count else np.zeros((0, 3 * joints + 5), np.float32)
    return Detections(
        frame_index=np.array(frame_index, np.int64),
        time_s=np.array(time_s, np.float64),
        clock_s=np.array(clock_s, np.float64),
        keypoints_px=table[:, : 2 * joints].reshape(count, joints, 2),
        confidence=table[:, 2 * joints : 3 * joints],
        boxes=table[:, 3 * joints : 3 * joints + 4],
        score=table[:, -1],
        layout=name,
    )


def _track(detections: Detections, rows: NDArray[np.int64], number: int) -> PersonTrack2D:
    return PersonTrack2D(
        track_id=number,
        frame_index=detections.frame_index[rows],
        time_s=detections.time_s[rows],
        keypoints_px=detections.keypoints_px[rows],
        confidence=detections.confidence[rows],
        boxes=detections.boxes[rows],
        layout=detections.layout,
    )
