"""Pieces of tracks become people: gaps are bridged, exchanged identities put right, invented people dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import LAYOUTS
from detectors.tracking.merging import box_iou

__all__ = ["Detections", "credible", "repair_swaps", "stitch", "without_doubtful"]

# motion and size at the end of a piece are measured over this time, and over this many rows where frames are sparse
_WINDOW_S = 0.4
_WINDOW_ROWS = 3
_TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


@dataclass(frozen=True)
class Detections:
    """All people of a video, one row per person and frame, in the order of the frames.

    Attributes:
        frame_index: ``[N]`` int64.  time_s: ``[N]`` float64.
        clock_s: ``[N]`` float64, ``time_s`` less times in which nobody could have been seen; all tracking goes by it.
        keypoints_px: ``[N, J, 2]`` float32.  confidence: ``[N, J]`` float32.  boxes: ``[N, 4]`` float32.
        score: ``[N]`` float32.
        layout: name of the keypoint layout.
    """

    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    clock_s: NDArray[np.float64]
    keypoints_px: NDArray[np.float32]
    confidence: NDArray[np.float32]
    boxes: NDArray[np.float32]
    score: NDArray[np.float32]
    layout: str

    def centres(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """``[n, 2]`` px: middle of the trunk (waving arms do not move it), of the box where the trunk is not seen."""
        layout = LAYOUTS[self.layout]
        trunk = [layout.index(name) for name in _TORSO]
        boxes = self.boxes[rows].astype(np.float64)
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        seen = self.confidence[rows][:, trunk].min(axis=1) >= 0.2
        middle[seen] = self.keypoints_px[rows][:, trunk].mean(axis=1)[seen]
        return middle

    def sizes(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """``[n]`` px: longer side of the box."""
        boxes = self.boxes[rows].astype(np.float64)
        return np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1), 1.0)


Rows = NDArray[np.int64]  # rows of Detections that are one person, in the order of the frames


@dataclass(frozen=True)
class _End:
    """Where one end of a piece of track is, how it moves (px/s) and how large it is (px)."""

    time: float
    place: NDArray[np.float64]
    velocity: NDArray[np.float64]
    size: float


def stitch(detections: Detections, pieces: Sequence[Rows], longest_gap_s: float) -> list[Rows]:
    """Join pieces that end with those that begin up to ``longest_gap_s`` later, nearby and of similar size.

    Nearby means: measured from the last place or from where constant velocity leads, whichever is closer, within 0.4
    body sizes plus 1.2 per second of absence. The nearest in space and time are joined first; no gap is filled in.
    """
    starts = np.array([detections.clock_s[rows[0]] for rows in pieces])
    heads = [_end(detections, rows, first=True) for rows in pieces]
    tails = [_end(detections, rows, first=False) for rows in pieces]
    candidates = []
    order = np.argsort(starts, kind="stable")
    for before, tail in enumerate(tails):
        low, high = np.searchsorted(starts[order], [tail.time, tail.time + longest_gap_s + 1e-9], side="right")
        for after in order[low:high]:
            rank = _gap_rank(tail, heads[after])
            if rank is not None:
                candidates.append((rank, before, int(after)))
    following: dict[int, int] = {}
    for _, before, after in sorted(candidates):
        if before not in following and after not in following.values():
            following[before] = after
    joined = []
    for first in sorted(set(range(len(pieces))) - set(following.values())):
        chain = [first]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        joined.append(np.concatenate([pieces[i] for i in chain]))
    return joined


def repair_swaps(detections: Detections, tracks: Sequence[Rows], longest_s: float = 3.0) -> list[Rows]:
    """Exchange the later parts of two tracks that met, where motion and size clearly say that the ids were swapped.

    A meeting is a time, at most ``longest_s``, in which the boxes of two people overlap or one of the two is not seen,
    between times in which both are seen apart.
    """
    repaired = list(tracks)
    for i, j in combinations(range(len(repaired)), 2):
        for begin, finish in _meetings(detections, repaired[i], repaired[j], longest_s):
            a, b = repaired[i], repaired[j]
            frames = detections.frame_index
            ends = [_end(detections, rows[frames[rows] < begin], first=False) for rows in (a, b)]
            heads = [_end(detections, rows[frames[rows] >= finish], first=True) for rows in (a, b)]
            keep = _change(ends[0], heads[0]) + _change(ends[1], heads[1])
            swap = _change(ends[0], heads[1]) + _change(ends[1], heads[0])
            if swap < 0.5 * keep and keep - swap > 0.5:
                cut = _best_cut(detections, a, b, begin, finish)
                repaired[i] = np.concatenate([a[frames[a] < cut], b[frames[b] >= cut]])
                repaired[j] = np.concatenate([b[frames[b] < cut], a[frames[a] >= cut]])
    return repaired


def credible(detections: Detections, rows: Rows, least_time_s: float, least_score: float) -> bool:
    """Whether a track is a person: it lasts ``least_time_s``, or its mean score is at least ``least_score``."""
    lasts = detections.clock_s[rows[-1]] - detections.clock_s[rows[0]] >= least_time_s
    return bool(lasts or detections.score[rows].mean() >= least_score)


def without_doubtful(detections: Detections, rows: Rows, least_score: float, longest_s: float) -> Rows:
    """Rows of a track without those scored below ``least_score`` that no better ones enclose within ``longest_s``.

    A detector may follow a person through dazzled or blurred frames; what it follows when the person has left is not
    a person.
    """
    sure = rows[detections.score[rows] >= least_score]
    if not len(sure):
        return sure
    times = detections.clock_s[sure]
    after = np.searchsorted(detections.frame_index[sure], detections.frame_index[rows])
    inside = (after > 0) & (after < len(sure))
    bridged = times[np.minimum(after, len(sure) - 1)] - times[np.maximum(after - 1, 0)] <= longest_s
    return rows[(detections.score[rows] >= least_score) | (inside & bridged)]


def _end(detections: Detections, rows: Rows, *, first: bool) -> _End:
    times = detections.clock_s[rows]
    if first:
        near = rows[: max(_WINDOW_ROWS, int(np.count_nonzero(times <= times[0] + _WINDOW_S)))]
    else:
        near = rows[-max(_WINDOW_ROWS, int(np.count_nonzero(times >= times[-1] - _WINDOW_S))) :]
    time, centres = detections.clock_s[near], detections.centres(near)
    at = 0 if first else -1
    velocity = np.zeros(2)
    if time[-1] - time[0] > 0.1:  # shorter pieces say more about noise than about motion
        velocity = np.polyfit(time - time.mean(), centres, 1)[0]
    return _End(float(time[at]), centres[at], velocity, float(np.median(detections.sizes(near))))


def _gap_rank(tail: _End, head: _End) -> float | None:
    """How far two ends are from each other, in body sizes and half seconds; None if they cannot be the same person."""
    gap = head.time - tail.time
    size = (tail.size + head.size) / 2
    # people do not keep their speed for long, so the prediction stops after half a second
    predicted = tail.place + tail.velocity * min(gap, 0.5)
    distance = float(min(np.linalg.norm(head.place - tail.place), np.linalg.norm(head.place - predicted))) / size
    growth = 0.5 * abs(float(np.log2(head.size / tail.size)))
    return distance + growth + 0.5 * gap if distance / (0.4 + 1.2 * gap) + growth < 1.0 else None


def _change(before: _End, after: _End) -> float:
    """How much one person would have to change place against the prediction, velocity and size; in body sizes."""
    gap, size = after.time - before.time, (before.size + after.size) / 2
    forward = np.linalg.norm(before.place + before.velocity * gap - after.place)
    backward = np.linalg.norm(after.place - after.velocity * gap - before.place)
    turn = np.linalg.norm(after.velocity - before.velocity)
    return float((forward + backward) / 2 / size + 0.3 * turn / size + abs(np.log(after.size / before.size)))


def _meetings(detections: Detections, a: Rows, b: Rows, longest_s: float) -> list[tuple[int, int]]:
    """``(first frame of the meeting, first frame after it)`` for two tracks, in order."""
    frames = detections.frame_index
    of_b = {int(frames[row]): row for row in b}
    apart = []
    for row in a:
        other = of_b.get(int(frames[row]))
        if other is not None and box_iou(detections.boxes[row], detections.boxes[other]) <= 0.1:
            apart.append(row)
    present = np.union1d(frames[a], frames[b])
    meetings = []
    for before, after in pairwise(apart):
        inside = np.count_nonzero((present > frames[before]) & (present < frames[after]))
        if inside and detections.clock_s[after] - detections.clock_s[before] <= longest_s:
            meetings.append((int(frames[before]) + 1, int(frames[after])))
    return meetings


def _best_cut(detections: Detections, a: Rows, b: Rows, begin: int, finish: int) -> int:
    """The frame in ``begin..finish`` from which exchanging the tracks makes the smallest jump."""
    frames = detections.frame_index

    def jump(cut: int) -> float:
        total = 0.0
        for one, other in ((a, b), (b, a)):
            edge = np.array([one[frames[one] < cut][-1], other[frames[other] >= cut][0]])
            centres = detections.centres(edge)
            total += float(np.linalg.norm(centres[1] - centres[0]))
        return total

    return min(range(begin, finish + 1), key=jump)
