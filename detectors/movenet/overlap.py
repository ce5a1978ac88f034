"""Two crops that see one person: whose pose it is, and a second look for the other one with that person painted over.

Where two people overlap, both crops tend to lock on the one that is seen better, and the other is lost or becomes a
mixture of both.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.layouts import LAYOUTS
from detectors.people import Person2D
from detectors.tracking.merging import pose_similarity

__all__ = ["body_mask", "overlooked"]

#: How thick limbs and how large a head is painted, and how far trunk and head reach, over the longer side of the box.
_LIMB, _HEAD = 0.075, 0.075
_TRUNK = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


def overlooked(
    previous: Sequence[Person2D], followed: Sequence[Person2D | None], kept: Sequence[Person2D], same: float = 0.5
) -> list[tuple[Person2D, Person2D]]:
    """Those of the preceding frame whose crop has seen somebody else.

    Of two people whose crops have seen the same one, that one is whom the pose continues better.

    Args:
        previous: people of the preceding frame.
        followed: what was seen in the crop of each.
        kept: the poses of this frame, none of them twice.
        same: two poses more similar than this are of one person.

    Returns:
        ``(who was overlooked, as in the preceding frame, the pose that was seen instead)``.
    """
    seen_by: dict[int, list[int]] = {}
    for number, pose in enumerate(followed):
        if pose is None:
            continue
        likeness, winner = max(((pose_similarity(pose, other), at) for at, other in enumerate(kept)), default=(0.0, 0))
        if likeness > same:
            seen_by.setdefault(winner, []).append(number)
    found = []
    for winner, numbers in seen_by.items():
        owner = max(numbers, key=lambda number: pose_similarity(kept[winner], previous[number]))
        found += [(previous[number], kept[winner]) for number in numbers if number != owner]
    return found


def body_mask(person: Person2D, size: tuple[int, int]) -> NDArray[np.bool_]:
    """``[H, W]``, where the body of a person is, arms and legs as thick lines; ``size`` is width and height in px.

    Joints that are not seen count where the detector supposes them: behind somebody else, or not far off.
    """
    layout = LAYOUTS[person.layout]
    mask = np.zeros(size[::-1], np.uint8)
    side = float((person.box[2:] - person.box[:2]).max())
    places = np.clip(person.keypoints_px, -2 * max(size), 3 * max(size))

    def at(joint: int) -> tuple[int, int]:
        return round(float(places[joint, 0])), round(float(places[joint, 1]))

    thick = max(1, round(_LIMB * side))
    for a, b in layout.edges:
        cv2.line(mask, at(a), at(b), 255, thick)
    trunk = np.array([at(layout.index(name)) for name in _TRUNK], np.int32)
    cv2.fillConvexPoly(mask, cv2.convexHull(trunk), 255)
    face = [layout.index(name) for name in _FACE if name in layout.joints]
    middle = places[face].mean(axis=0)
    cv2.circle(mask, (round(float(middle[0])), round(float(middle[1]))), max(1, round(_HEAD * side)), 255, -1)
    return mask > 0
