"""Windows of an image as network inputs, and the way back to pixels of the image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.layouts import LAYOUTS
from detectors.people import Person2D

__all__ = ["Crop", "crop_for_box", "crop_for_person", "inside_share", "letterbox", "tiles"]

_MARGIN = 1.25  # crop side over the longer side of the box; what MoveNet Thunder was measured to like
# A body may lean this far before its crop is turned: keypoint errors grow from about 45 degrees, but a turn that is
# not needed costs accuracy, too.
_LEAN_DEG = 55.0
_EDGE = 0.015  # of the crop's side; joints closer to the edge of the picture are not believed


@dataclass(frozen=True)
class Crop:
    """A square window in whole pixels; it may reach beyond the image, where it is black.

    Attributes:
        x0, y0: upper left corner in pixels of the image.
        side: length of a side in pixels, at least 1.
        turns: quarter turns, counter-clockwise, 0..3, by which the picture in the window is turned, so that somebody
            who lies or stands on the hands is upright in it.
    """

    x0: int
    y0: int
    side: int
    turns: int = 0

    def turned(self, by: int) -> Crop:
        """The same window, turned by further quarter turns."""
        return replace(self, turns=(self.turns + by) % 4)

    def cut(self, image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """The window of an image ``[H, W, 3]``, scaled to ``[size, size, 3]`` and turned."""
        height, width = image.shape[:2]
        left, top = max(-self.x0, 0), max(-self.y0, 0)
        right, bottom = max(self.x0 + self.side - width, 0), max(self.y0 + self.side - height, 0)
        if left >= self.side or top >= self.side or right >= self.side or bottom >= self.side:
            return np.zeros((size, size, 3), np.uint8)
        inner = image[self.y0 + top : self.y0 + self.side - bottom, self.x0 + left : self.x0 + self.side - right]
        square = np.zeros((self.side, self.side, 3), np.uint8)
        square[top : self.side - bottom, left : self.side - right] = inner
        return np.ascontiguousarray(np.rot90(_resize(square, size, size), self.turns))

    def to_image(self, relative: NDArray[np.floating]) -> NDArray[np.float32]:
        """Points ``[..., 2]`` (x, y) relative to the turned crop, 0..1, in pixels of the image."""
        for _ in range(self.turns):
            relative = np.stack([1.0 - relative[..., 1], relative[..., 0]], axis=-1)
        return (np.array([self.x0, self.y0]) + relative * self.side).astype(np.float32)


def crop_for_box(box: NDArray[np.floating]) -> Crop:
    """Square crop around a person's box ``[4]`` (x0 y0 x1 y1), 1.25 times the longer side."""
    return _square((box[:2] + box[2:]) / 2, _MARGIN * float((box[2:] - box[:2]).max()))


def crop_for_person(person: Person2D, confident: float = 0.3) -> Crop:
    """Square crop for the next look at a person, turned so that the body is upright in it.

    Where few joints are seen, the box has shrunk to them; the crop then still spans three torso lengths, so that legs
    that come into view again are inside it.
    """
    layout = LAYOUTS[person.layout]
    side = _MARGIN * float((person.box[2:] - person.box[:2]).max())
    torso = [layout.index(f"{which}_{part}") for part in ("shoulder", "hip") for which in ("left", "right")]
    turns = 0
    if np.all(person.confidence[torso] >= confident):
        corners = person.keypoints_px[torso]
        side = max(side, 3.0 * float(np.linalg.norm(corners[:2].mean(axis=0) - corners[2:].mean(axis=0))))
        turns = _turns_to_upright(person, confident)
    return replace(_square((person.box[:2] + person.box[2:]) / 2, side), turns=turns)


def letterbox(image: NDArray[np.uint8], size: int) -> tuple[NDArray[np.uint8], float]:
    """Image scaled into the upper left of a black square ``[size, size, 3]``, and output px per input px."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    canvas = np.zeros((size, size, 3), np.uint8)
    small = _resize(image, max(round(width * scale), 1), max(round(height * scale), 1))
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas, scale


def inside_share(
    keypoints: NDArray[np.floating], image_size: tuple[int, int], side: float | NDArray[np.floating]
) -> NDArray[np.floating]:
    """What is left of the confidence of joints ``[..., 2]`` near the edge of the picture and beyond it, 0.1..1.

    Networks place every joint, also those beyond the picture, and cut-off limbs tend to end just inside its edge: these
    are guesses. ``image_size`` is width and height, ``side`` the length of the crop's side, all in pixels.
    """
    inside = np.minimum(keypoints, np.asarray(image_size) - keypoints).min(axis=-1)
    share: NDArray[np.floating] = np.clip(inside / (_EDGE * np.maximum(side, 1.0)), 0.1, 1.0)
    return share


def tiles(width: int, height: int, least_side: int) -> list[tuple[int, int, int, int]]:
    """Square windows (x0, y0, x1, y1) that cover an image: two thirds of its shorter side long, a quarter of it shared.

    Empty if they would be shorter than ``least_side`` px: nothing is gained by enlarging.
    """
    side = round(min(width, height) * 2 / 3)
    if side < least_side:
        return []

    def starts(length: int) -> list[int]:
        count = 1 + int(np.ceil((length - side) / (0.75 * side)))
        return [round(x) for x in np.linspace(0, length - side, count)]

    return [(x, y, x + side, y + side) for y in starts(height) for x in starts(width)]


def _turns_to_upright(person: Person2D, confident: float) -> int:
    """Quarter turns, counter-clockwise, that bring the shoulders above hips and legs; 0 where it is a near thing.

    The legs count as much as the hips: somebody who bends down stands upright.
    """
    layout = LAYOUTS[person.layout]

    def middle(*parts: str) -> NDArray[np.floating]:
        joints = [layout.index(f"{which}_{part}") for part in parts for which in ("left", "right")]
        seen = [joint for joint in joints if person.confidence[joint] >= confident]
        return person.keypoints_px[seen].mean(axis=0)

    right, down = middle("shoulder") - middle("hip", "knee", "ankle")
    lean = np.degrees(np.arctan2(right, -down))  # of the head, clockwise from straight up
    return 0 if abs(lean) <= _LEAN_DEG else round(float(lean) / 90) % 4


def _square(centre: NDArray[np.floating], side: float) -> Crop:
    whole = max(round(side), 1)
    return Crop(round(float(centre[0]) - whole / 2), round(float(centre[1]) - whole / 2), whole)


def _resize(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    # area averaging where it shrinks: bilinear sampling would skip pixels and alias
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
