"""Predictions as the inferencer and the demos of MMPose write them."""

from __future__ import annotations

from typing import Any

from detectors.keypoint_files.people import KeypointFile, Refusal, numbers, one_layout, person, whole
from detectors.people import Person2D

__all__ = ["is_mmpose", "read_mmpose"]


def is_mmpose(content: Any) -> bool:
    """Whether parsed JSON is a list of frames with instances, or the dictionary of a demo around one."""
    if isinstance(content, dict):
        return "instance_info" in content
    return isinstance(content, list) and bool(content) and isinstance(content[0], dict) and "instances" in content[0]


def read_mmpose(content: Any, where: str) -> KeypointFile:
    """People by ``frame_id``: counted from 0 by the inferencer, from 1 by the demos.

    Raises:
        UntrustedFileError: an entry is of another form.
    """
    first = 0
    if isinstance(content, dict):
        content, first = content["instance_info"], 1
    if not isinstance(content, list):
        raise Refusal(f"{where} has an instance_info that is no list; write it again")
    people: dict[int, list[Person2D]] = {}
    for number, entry in enumerate(content):
        here = f"{where}, frame {number}"
        instances = entry.get("instances") if isinstance(entry, dict) else None
        if not isinstance(instances, list):
            raise Refusal(f"{here} has no list instances; write it again")
        frame = whole(entry.get("frame_id", number + first), here, "a frame_id")
        if frame < first or frame - first in people:
            raise Refusal(f"{here} has a frame_id that comes twice or is too small; write it again")
        people[frame - first] = [_person(instance, here) for instance in instances]
    people = {frame: found for frame, found in sorted(people.items()) if found}
    return KeypointFile("MMPose", one_layout(people, where), people)


def _person(instance: Any, where: str) -> Person2D:
    if not isinstance(instance, dict):
        raise Refusal(f"{where} has an instance that is none; write it again")
    xy = numbers(instance.get("keypoints"), where, "keypoints")
    confidence = numbers(instance.get("keypoint_scores"), where, "keypoint_scores")
    if xy.ndim != 2 or xy.shape[1] != 2 or confidence.shape != xy.shape[:1]:
        raise Refusal(f"{where} has keypoints that are not x, y with a score for each; write it again")
    box = None
    if instance.get("bbox") is not None:
        box = numbers(instance["bbox"], where, "a bbox").ravel().tolist()
        if len(box) != 4:
            raise Refusal(f"{where} has a bbox that is not x0, y0, x1, y1; write it again")
    score = instance.get("bbox_score")
    # The scores of some heads go a little beyond 1.
    return person(
        xy, confidence, where, box=box, score=float(score) if isinstance(score, int | float) else None, clip=True
    )
