"""Lists of people: results as COCO evaluates them, and the same list as AlphaPose writes it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from detectors.keypoint_files.people import KeypointFile, Refusal, numbers, one_layout, person, whole
from detectors.people import Person2D

__all__ = ["is_coco", "read_coco"]


def is_coco(content: Any) -> bool:
    """Whether parsed JSON is such a list."""
    return isinstance(content, list) and bool(content) and isinstance(content[0], dict) and "image_id" in content[0]


def read_coco(content: list[Any], where: str) -> KeypointFile:
    """People by ``image_id``: the number of the frame from 0, or a name that ends with it, like ``12.jpg``.

    ``keypoints`` is x, y, confidence for 17, 26, 133 or 136 joints. AlphaPose adds ``box`` (x, y, width, height) and
    ``idx``, who it is; that stands for nothing here, as identities are found anew.

    Raises:
        UntrustedFileError: an entry is of another form.
    """
    people: dict[int, list[Person2D]] = {}
    alphapose = False
    for number, entry in enumerate(content):
        here = f"{where}, entry {number}"
        if not isinstance(entry, dict) or "image_id" not in entry or "keypoints" not in entry:
            raise Refusal(f"{here} has no image_id or no keypoints; give results of keypoints")
        alphapose |= "box" in entry or "idx" in entry
        flat = numbers(entry["keypoints"], here, "keypoints")
        if flat.ndim != 1 or not len(flat) or len(flat) % 3:
            raise Refusal(f"{here} has keypoints that are not x, y, confidence for each joint; write it again")
        triples = flat.reshape(-1, 3)
        score = entry.get("score")
        found = person(
            triples[:, :2], triples[:, 2], here,
            score=float(score) if isinstance(score, int | float) else None, box=_box(entry, here),
        )  # fmt: skip
        people.setdefault(_frame(entry["image_id"], here), []).append(found)
    people = dict(sorted(people.items()))
    return KeypointFile("AlphaPose" if alphapose else "COCO results", one_layout(people, where), people)


def _frame(image: Any, where: str) -> int:
    if isinstance(image, str):
        found = re.search(r"(\d{1,12})(?:\.[A-Za-z0-9]+)?$", image[-80:])
        if found is None:
            raise Refusal(f"{where} has an image_id without a frame number; name pictures by the number of the frame")
        image = int(found[1])
    return whole(image, where, "an image_id")


def _box(entry: dict[str, Any], where: str) -> list[float] | None:
    given = entry.get("box", entry.get("bbox"))
    if given is None:
        return None
    box = numbers(given, where, "a box")
    if box.shape != (4,) or (box[2:] < 0).any():
        raise Refusal(f"{where} has a box that is not x, y, width, height; write it again")
    return np.concatenate([box[:2], box[:2] + box[2:]]).tolist()
