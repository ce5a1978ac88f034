"""Keypoints carried along by the picture: what was detected in one frame, in the frames after it.

A detector may take longer than a frame lasts. Optical flow (Lucas and Kanade, 1981, in pyramids) takes milliseconds,
so that keypoints keep up with the picture until the detector has seen a newer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import LAYOUTS
from detectors.people import Person2D

__all__ = ["GreyFrame", "carried", "grey_frame"]

_LONGEST = 1280  # px of the frames that are kept
#: px; so large a person is looked at, if the frame shows so much: larger ones take time, and in smaller ones the window
#: shows more of what is behind a limb than of the limb.
_PERSON = 200
#: So much of the longer side of a person's box is looked at on each side of it, and so many pixels of what is kept at
#: least: whoever moves on must still be in there.
_AROUND, _LEAST_AROUND = 0.3, 32
_WINDOW = (11, 11)
_LEVELS = 3
#: Besides the joint itself its limbs are followed at these shares of their length: the end of a limb alone is often too
#: smooth.
_ALONG = (0.06, 0.12)
#: A point that does not come back to within so many pixels of that size, when it is followed backwards, was
#: lost: blurred by motion, or covered.
_ASTRAY = 1.5
#: What is left of the confidence of a lost keypoint after each frame.
_LOST = 0.3


@dataclass(frozen=True)
class GreyFrame:
    """A frame as the flow sees it.

    Attributes:
        picture: ``[h, w]`` uint8.
        scale: pixels of it per pixel of the frame.
    """

    picture: NDArray[np.uint8]
    scale: float


def grey_frame(image_rgb: NDArray[np.uint8]) -> GreyFrame:
    """For ``carried``; ``image_rgb [H, W, 3]`` uint8."""
    import cv2

    grey = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, _LONGEST / max(grey.shape))
    if scale < 1.0:
        grey = cv2.resize(grey, None, fx=scale, fy=scale)
    return GreyFrame(grey.astype(np.uint8, copy=False), scale)


def carried(
    people: Sequence[Person2D], before: GreyFrame, now: GreyFrame, drift_px: Sequence[NDArray[np.float32]] = ()
) -> list[Person2D]:
    """People of one frame in the next one, which has the same size.

    Args:
        people: in the frame ``before``.
        before, now: the two frames.
        drift_px: ``[J, 2]`` for each person: where a keypoint goes that is lost. Without it, or where it is NaN, it
            goes with the rest of the person. In any case it is trusted less.
    """
    if not people:
        return []
    moved = []
    for number, person in enumerate(people):
        weights, places = _samples(person.layout)
        shift, sure = _shifts(weights @ person.keypoints_px, _seen_box(person), before, now)
        joints, followed = _middle(shift, sure, places)
        moved.append(_moved(person, joints, followed, drift_px[number] if drift_px else None))
    return moved


def _seen_box(person: Person2D) -> NDArray[np.float32]:
    """Around all keypoints that are there; the detector's box may be cut off or, after a while, elsewhere."""
    there = person.keypoints_px[person.confidence > 0]
    return np.concatenate([there.min(axis=0), there.max(axis=0)]) if len(there) else person.box


def _shifts(
    points: NDArray[np.float32], box: NDArray[np.float32], before: GreyFrame, now: GreyFrame
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """How far points ``[P, 2]`` on a person went, in pixels of the frame, and which of them were followed ``[P]``."""
    import cv2

    height, width = before.picture.shape
    corners = box.reshape(2, 2) * before.scale
    side = float((corners[1] - corners[0]).max())
    around = max(_AROUND * side, _LEAST_AROUND)
    low = np.clip(np.floor(corners[0] - around), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(corners[1] + around), 0, (width, height)).astype(int)
    scale = min(1.0, _PERSON / max(side, 1.0))
    if ((high - low) * scale).min() < _WINDOW[0]:
        # Beyond the edge of the picture there is nothing to follow.
        return np.zeros_like(points), np.zeros(len(points), bool)
    pictures = [frame.picture[low[1] : high[1], low[0] : high[0]] for frame in (before, now)]
    if scale < 1.0:
        pictures = [cv2.resize(picture, None, fx=scale, fy=scale).astype(np.uint8, copy=False) for picture in pictures]
    start = ((points * before.scale - low) * scale).astype(np.float32)
    there, found = _flow(pictures[0], pictures[1], start)
    back, returned = _flow(pictures[1], pictures[0], there)
    sure = found & returned & (np.linalg.norm(back - start, axis=1) < _ASTRAY)
    return (there - start) / (scale * before.scale), sure


@cache
def _samples(layout: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Weights ``[P, J]`` that make the followed points of keypoints; and which of them speak for a joint, ``[J, K]``.

    Places that a joint does not need hold P.
    """
    known = LAYOUTS[layout]
    joints = len(known)
    weights = list(np.eye(joints, dtype=np.float32))
    owners: list[list[int]] = [[joint] for joint in range(joints)]
    for ends in known.edges:
        for joint, other in (ends, ends[::-1]):
            for share in _ALONG:
                owners[joint].append(len(weights))
                weights.append((1 - share) * weights[joint] + share * weights[other])
    places = np.full((joints, max(map(len, owners))), len(weights))
    for joint, rows in enumerate(owners):
        places[joint, : len(rows)] = rows
    return np.stack(weights), places


def _flow(
    before: NDArray[np.uint8], now: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where points ``[N, 2]`` went, and which of them were found."""
    import cv2

    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, now, points[:, None], np.empty(0), winSize=_WINDOW, maxLevel=_LEVELS
    )
    return there[:, 0].astype(np.float32, copy=False), found[:, 0] > 0


def _middle(
    shift: NDArray[np.float32], sure: NDArray[np.bool_], places: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Median of the sure shifts of each joint ``[J, 2]``, and which joints have one ``[J]``."""
    shift = np.append(np.where(sure[:, None], shift, np.inf), [[np.inf, np.inf]], axis=0).astype(np.float32)
    count = np.append(sure, False)[places].sum(axis=1)
    ordered = np.sort(shift[places], axis=1)
    ends = [
        np.take_along_axis(ordered, at[:, None, None], axis=1)[:, 0] for at in ((count - 1).clip(0) // 2, count // 2)
    ]
    followed = count > 0
    return np.where(followed[:, None], (ends[0] + ends[1]) / 2, 0.0).astype(np.float32), followed


def _moved(
    person: Person2D, shift: NDArray[np.float32], followed: NDArray[np.bool_], drift: NDArray[np.float32] | None
) -> Person2D:
    counts = followed & (person.confidence > 0)
    whole = np.median(shift[counts], axis=0) if counts.any() else np.zeros(2)
    instead = whole if drift is None else np.where(np.isfinite(drift), drift, whole)
    shift = np.where(followed[:, None], shift, instead)
    return replace(
        person,
        keypoints_px=(person.keypoints_px + shift).astype(np.float32),
        confidence=np.where(followed, person.confidence, _LOST * person.confidence).astype(np.float32),
        box=(person.box + np.tile(whole, 2)).astype(np.float32),
    )
