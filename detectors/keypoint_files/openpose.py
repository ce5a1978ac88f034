"""The folder of JSON files that OpenPose writes, one per frame: ``video_000000000012_keypoints.json``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from assets.untrusted.limits import limits_in_force
from assets.untrusted.texts import load_json
from detectors.keypoint_files.people import KeypointFile, Refusal, numbers, one_layout, person, whole
from detectors.people import Person2D

__all__ = ["read_openpose"]

_NAME = re.compile(r"(?:.*?[_-])?(\d{1,12})_keypoints\.json")


def read_openpose(folder: Path) -> KeypointFile:
    """BODY_25 or COCO-18 of everybody; frames count from 0, as OpenPose counts them.

    Raises:
        UntrustedFileError: a file is damaged, or the folder is none of OpenPose.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise Refusal(f"{folder} cannot be read ({error.strerror}); check the name and its access rights") from error
    files = {name: int(found[1]) for name in names if (found := _NAME.fullmatch(name))}
    if not files:
        raise Refusal(f"{folder} has no file like video_000000000012_keypoints.json; give the folder of --write_json")
    if len(files) > limits_in_force().members * 100:
        raise Refusal(f"{folder} has {len(files)} files; give part of them")
    if len(set(files.values())) < len(files):
        raise Refusal(f"{folder} has two files for one frame; give the folder of one video")
    people: dict[int, list[Person2D]] = {}
    for name, frame in sorted(files.items(), key=lambda item: item[1]):
        where = str(folder / name)
        content = load_json(folder / name)
        found = content.get("people") if isinstance(content, dict) else None
        if not isinstance(found, list):
            raise Refusal(f"{where} has no list people; it is no file of OpenPose")
        here = [_person(each, where) for each in found]
        if here:
            people[whole(frame, where, "a frame number")] = here
    return KeypointFile("OpenPose", one_layout(people, str(folder)), people)


def _person(entry: Any, where: str) -> Person2D:
    values = entry.get("pose_keypoints_2d") if isinstance(entry, dict) else None
    flat = numbers(values, where, "keypoints")
    if flat.ndim != 1 or len(flat) % 3 or len(flat) // 3 not in (18, 25):
        raise Refusal(f"{where} has pose_keypoints_2d of {flat.size} numbers; 75 (BODY_25) or 54 (COCO) are understood")
    triples = flat.reshape(-1, 3)
    return person(triples[:, :2], triples[:, 2], where, clip=True)
