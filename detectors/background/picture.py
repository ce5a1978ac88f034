"""What the background is followed in: a small grey picture, where people stand in it, and its corners."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.people import Person2D

__all__ = ["corners", "people_mask", "small_grey"]

#: px; the picture is halved until its longer side is no longer than this. Halving is the one way to make a picture
#: smaller that takes no time and leaves no aliases.
_LONGEST = 720
#: A keypoint that is at least so sure belongs to the place of a person, even outside the box.
_SURE = 0.2
#: So much of its sides a person's place is grown on each side, and pixels of the small picture at least: clothes,
#: shadows, and what the detector cut off.
_GROWN, _GROWN_LEAST = 0.15, 6
#: Least of the two eigenvalues of the gradients around a corner, as OpenCV scales them: what is weaker is the noise of
#: a blank wall, which a codec may keep in place while the camera turns.
_STRENGTH = 2e-4
_BETWEEN = 7  # px between two corners
_EDGE = 5  # px at the edge of the picture where no window fits
#: cells along the longer and the shorter side in which corners are counted, so that they are everywhere
_CELLS = (10, 6)


def small_grey(image_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """``image_rgb [H, W, 3]`` uint8 as ``[h, w]`` uint8, and how many of its pixels make one of the frame."""
    import cv2

    # Green is most of what is bright, and a third of the time of the mean of all three.
    grey = cv2.extractChannel(image_rgb, 1)
    scale = 1.0
    while max(grey.shape) > _LONGEST:
        # An odd row or column at the end is left out: each pixel is the mean of four.
        height, width = (side // 2 * 2 for side in grey.shape)
        grey = cv2.resize(grey[:height, :width], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        scale /= 2
    return grey.astype(np.uint8, copy=False), scale


def people_mask(shape: tuple[int, ...], people: Sequence[Person2D], scale: float) -> NDArray[np.bool_]:
    """``[h, w]``, True where somebody may be; ``scale`` pixels of it make one of the frame."""
    mask = np.zeros(shape[:2], np.bool_)
    for person in people:
        sure = person.keypoints_px[person.confidence >= _SURE]
        corners_px = np.concatenate([person.box.reshape(2, 2), sure])
        corners_px = corners_px[np.isfinite(corners_px).all(axis=1)] * scale
        if not len(corners_px):
            continue
        low, high = corners_px.min(axis=0), corners_px.max(axis=0)
        grown = np.maximum(_GROWN * (high - low), _GROWN_LEAST)
        x0, y0 = np.clip(low - grown, 0, (shape[1], shape[0])).astype(int)
        x1, y1 = np.clip(np.ceil(high + grown), 0, (shape[1], shape[0])).astype(int)
        mask[y0:y1, x0:x1] = True
    return mask


def corners(
    grey: NDArray[np.uint8], taken: NDArray[np.bool_], there: NDArray[np.float32], most: int
) -> NDArray[np.float32]:
    """Corners ``[N, 2]`` that can be followed, spread over the picture: the strongest of each cell that has too few.

    Args:
        grey: the small picture.
        taken: ``[h, w]``, where there must be none.
        there: ``[K, 2]`` corners that are followed already.
        most: how many there should be in all.
    """
    import cv2

    height, width = grey.shape
    strength = cv2.cornerMinEigenVal(grey, 3)
    around = np.ones((2 * _BETWEEN + 1, 2 * _BETWEEN + 1), np.uint8)
    free = np.zeros(grey.shape, np.bool_)
    free[_EDGE : height - _EDGE, _EDGE : width - _EDGE] = True
    free &= ~taken & (strength > _STRENGTH) & (strength >= cv2.dilate(strength, around))
    for x, y in np.rint(there).astype(int):
        free[max(y - _BETWEEN, 0) : y + _BETWEEN + 1, max(x - _BETWEEN, 0) : x + _BETWEEN + 1] = False
    y, x = np.nonzero(free)
    across, down = _CELLS if width >= height else _CELLS[::-1]
    each = max(1, round(most / (across * down)))

    def cell(px: NDArray[np.float32]) -> NDArray[np.int64]:
        column = np.clip(px[:, 0] * across // width, 0, across - 1)
        return (np.clip(px[:, 1] * down // height, 0, down - 1) * across + column).astype(np.int64)

    found = np.stack([x, y], axis=1).astype(np.float32)
    of = cell(found)
    order = np.lexsort((-strength[y, x], of))
    first = np.searchsorted(of[order], of[order])
    place = np.arange(len(order)) - first
    room = each - np.bincount(cell(there), minlength=across * down)
    return found[order[place < room[of[order]]]]
