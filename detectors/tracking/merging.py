"""Two poses of one person are recognised, and the better one is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import LAYOUTS
from detectors.people import Person2D

__all__ = ["box_iou", "pose_similarity", "remove_duplicates"]

# COCO keypoint evaluation: standard deviation of annotators relative to the square root of the person's area.
_SIGMAS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089,
}  # fmt: skip
_OTHER_SIGMA = 0.09
_AREA_OF_BOX = 0.53  # COCO: a person's mask fills about this share of the box
_CONTINUING_BONUS = 0.1


def box_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Intersection over union of two boxes ``[4]`` (x0 y0 x1 y1); 0 if either is empty."""
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if width <= 0 or height <= 0:
        return 0.0
    shared = float(width * height)
    return shared / (float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared)


def pose_similarity(a: Person2D, b: Person2D, least_confidence: float = 0.2) -> float:
    """Object keypoint similarity of two poses of one layout, 0..1, over the joints that both are sure of.

    Left and right may be exchanged: two crops of one person seen from behind often disagree about the side.
    The scale is that of the smaller box, so that a child before an adult stays a person of its own.
    Returns 0 if the poses share fewer than four confident joints. Source: COCO keypoint evaluation.
    """
    layout = LAYOUTS[a.layout]
    sigmas = np.array([_SIGMAS.get(name.rpartition("_")[2], _OTHER_SIGMA) for name in layout.joints])
    area = _AREA_OF_BOX * min(float(np.prod(p.box[2:] - p.box[:2])) for p in (a, b))
    flip = np.array(layout.flip)

    def similarity(xy: NDArray[np.float32], confidence: NDArray[np.float32]) -> float:
        both = (a.confidence >= least_confidence) & (confidence >= least_confidence)
        if np.count_nonzero(both) < 4 or area <= 0:
            return 0.0
        squared = np.sum((a.keypoints_px - xy) ** 2, axis=-1)[both]
        return float(np.exp(-squared / (2 * area * (2 * sigmas[both]) ** 2)).mean())

    return max(
        similarity(b.keypoints_px, b.confidence),
        similarity(b.keypoints_px[flip], b.confidence[flip]),
    )


def remove_duplicates(
    people: Sequence[Person2D], previous: Sequence[Person2D] = (), threshold: float = 0.5
) -> list[Person2D]:
    """People without second poses of the same person, best first.

    Of two poses more similar than ``threshold`` the one with the higher score stays; a pose that continues somebody of
    the ``previous`` frame has an advantage of 0.1, so that a person does not flicker between two crops. People who
    stand before each other are kept as long as their joints are in different places.
    """

    def rank(person: Person2D) -> float:
        continues = any(pose_similarity(person, before) > threshold for before in previous)
        return person.score + _CONTINUING_BONUS * continues

    kept: list[Person2D] = []
    for person in sorted(people, key=rank, reverse=True):
        if all(pose_similarity(person, other) <= threshold for other in kept):
            kept.append(person)
    return kept
