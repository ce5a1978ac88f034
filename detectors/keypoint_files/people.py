"""What every reader makes of its file: people by frame, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from detectors.layouts import LAYOUTS
from detectors.people import Person2D

__all__ = ["MAPS", "KeypointFile", "Refusal", "numbers", "one_layout", "person", "whole"]

#: Beyond this many pixels a place is a mistake, and a frame number a film of weeks.
_FARTHEST, _LAST_FRAME = 1e6, 10_000_000

_COCO_OF_BODY_25 = (0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11)
_COCO_OF_OPENPOSE_18 = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)
#: number of keypoints -> layout, and which of them are its joints.
MAPS: dict[int, tuple[str, tuple[int, ...]]] = {
    17: ("coco-17", tuple(range(17))),
    18: ("coco-17", _COCO_OF_OPENPOSE_18),
    25: ("coco-17", _COCO_OF_BODY_25),
    26: ("halpe-26", tuple(range(26))),
    133: ("coco-wholebody-133", tuple(range(133))),
    136: ("halpe-26", tuple(range(26))),
}


class Refusal(UntrustedFileError):
    """A file of keypoints that cannot be used."""


@dataclass(frozen=True, eq=False)
class KeypointFile:
    """The people of a video, from a file.

    Attributes:
        format: in words.
        layout: of the keypoints.
        people: of each frame in which there is somebody, in the order of the frames.
        tracked: the file says who is who; every person has a ``track_id``, none twice in a frame.
        image_size: width and height, if the file says so.
        time_s: of the frames in ``people``, if the file says so.
        fps: frames per second, if the file says so.
    """

    format: str
    layout: str
    people: dict[int, list[Person2D]]
    tracked: bool = False
    image_size: tuple[int, int] | None = None
    time_s: dict[int, float] | None = None
    fps: float | None = None


def numbers(values: Any, where: str, what: str) -> NDArray[np.float64]:
    """A list of finite numbers, of lists of equal length too. Raises Refusal."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
            raise ValueError
    except ValueError as error:
        raise Refusal(f"{where} has {what} that are no list of numbers; write it again") from error
    array = array.astype(np.float64)
    if not (np.abs(array) < _FARTHEST).all():
        raise Refusal(f"{where} has {what} beyond {_FARTHEST:g}; write it again")
    return array


def whole(value: Any, where: str, what: str) -> int:
    """A whole number from 0. Raises Refusal."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LAST_FRAME:
        raise Refusal(f"{where} has {what} that is no whole number from 0 to {_LAST_FRAME}; correct it there")
    return value


def person(
    xy: NDArray[np.float64],
    confidence: NDArray[np.float64],
    where: str,
    *,
    layout: str | None = None,
    score: float | None = None,
    box: Sequence[float] | None = None,
    track_id: int | None = None,
    clip: bool = False,
) -> Person2D:
    """A person of keypoints ``[J, 2]`` and confidences ``[J]``.

    Args:
        xy: pixels.
        confidence: 0..1; or visibility as COCO counts it, 0, 1 (hidden) and 2.
        where: the file, and what in it.
        layout: None is that of so many keypoints.
        score: of the person; None is the mean confidence.
        box: x0 y0 x1 y1; None is around the keypoints.
        track_id: who it is.
        clip: confidences above 1 count as 1.

    Raises:
        Refusal: there are so many keypoints as in no layout, or confidences that are none.
    """
    if layout is None:
        if len(xy) not in MAPS:
            known = ", ".join(map(str, MAPS))
            raise Refusal(f"{where} has a person with {len(xy)} keypoints; {known} are understood")
        layout, chosen = MAPS[len(xy)]
        xy, confidence = xy[list(chosen)], confidence[list(chosen)]
    if confidence.max(initial=0.0) == 2.0 and np.isin(confidence, (0, 1, 2)).all():
        confidence = confidence / 2
    if clip:
        confidence = np.clip(confidence, 0.0, 1.0)
    if confidence.min(initial=0.0) < 0 or confidence.max(initial=0.0) > 1:
        raise Refusal(
            f"{where} has confidences from {confidence.min():g} to {confidence.max():g}; they must lie between 0 and 1"
        )
    seen = confidence > 0
    if box is None:
        inside = xy[seen] if seen.any() else xy
        box = [*inside.min(axis=0), *inside.max(axis=0)]
    sure = float(confidence[seen].mean()) if seen.any() else 0.0
    if score is not None and math.isfinite(score) and 0 <= score <= 1:
        sure = score
    return Person2D(
        xy.astype(np.float32), confidence.astype(np.float32), layout, np.asarray(box, np.float32), sure, track_id
    )


def one_layout(people: dict[int, list[Person2D]], where: str) -> str:
    """The layout of everybody. Raises Refusal if there are several, or nobody is there."""
    layouts = {person.layout for frame in people.values() for person in frame}
    if not layouts:
        raise Refusal(f"{where} holds nobody; give the keypoints of a video with people")
    if len(layouts) > 1:
        sizes = " and ".join(str(len(LAYOUTS[layout])) for layout in sorted(layouts))
        raise Refusal(f"{where} has people with {sizes} keypoints; give those of one detector")
    return layouts.pop()
