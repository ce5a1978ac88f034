"""Keypoints carried along by the picture: what was detected in one frame, in the frames after it.

A detector may take longer than a frame lasts. Optical flow (Lucas and Kanade, 1981, in pyramids) takes a millisecond,
so that keypoints keep up with the picture until the detector has seen a newer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.people import Person2D

__all__ = ["GreyFrame", "carried", "grey_frame"]

_LONGEST = 640  # px; more adds time and no precision that a keypoint has
_WINDOW = (15, 15)
_LEVELS = 3
#: A keypoint that does not come back to within so many pixels of the small picture, when it is followed backwards, was
#: lost: a limb blurred by motion or covered.
_ASTRAY = 2.0
#: What is left of the confidence of a lost keypoint, which goes with the rest of the person.
_LOST = 0.7


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


def carried(people: Sequence[Person2D], before: GreyFrame, now: GreyFrame) -> list[Person2D]:
    """People of one frame in the next one, which has the same size.

    A keypoint that cannot be followed moves as the median of its person does and is trusted less.
    """
    if not people:
        return []
    points = np.concatenate([person.keypoints_px for person in people]).astype(np.float32) * before.scale
    there, found = _flow(before, now, points)
    back, returned = _flow(now, before, there)
    sure = found & returned & (np.linalg.norm(back - points, axis=1) < _ASTRAY)
    shift = (there - points) / now.scale
    moved, at = [], 0
    for person in people:
        rows = slice(at, at + len(person.keypoints_px))
        at = rows.stop
        moved.append(_moved(person, shift[rows], sure[rows]))
    return moved


def _flow(
    before: GreyFrame, now: GreyFrame, points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where points ``[N, 2]`` went, and which of them were found."""
    import cv2

    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before.picture, now.picture, points[:, None], np.empty(0), winSize=_WINDOW, maxLevel=_LEVELS
    )
    return there[:, 0], found[:, 0] > 0


def _moved(person: Person2D, shift: NDArray[np.float32], sure: NDArray[np.bool_]) -> Person2D:
    counts = sure & (person.confidence > 0)
    whole = np.median(shift[counts], axis=0) if counts.any() else np.zeros(2)
    return replace(
        person,
        keypoints_px=(person.keypoints_px + np.where(sure[:, None], shift, whole)).astype(np.float32),
        confidence=np.where(sure, person.confidence, _LOST * person.confidence).astype(np.float32),
        box=(person.box + np.tile(whole, 2)).astype(np.float32),
    )
