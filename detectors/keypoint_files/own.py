"""Our own file of 2D people (``--out clip.people.json``): a header and a person of a frame in each entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.keypoint_files.people import KeypointFile, Refusal, numbers, one_layout, person, whole
from detectors.layouts import LAYOUTS
from detectors.people import Person2D

__all__ = ["FORMAT", "VERSION", "is_own", "read_own"]

FORMAT, VERSION = "zedo-video people", 1


def is_own(content: Any) -> bool:
    """Whether parsed JSON is such a file."""
    return isinstance(content, dict) and content.get("format") == FORMAT


def read_own(content: dict[str, Any], where: str) -> KeypointFile:
    """Everybody, with who is who.

    Raises:
        UntrustedFileError: a field is missing or of another form.
    """
    if content.get("version") != VERSION:
        raise Refusal(f"{where} is of another version than {VERSION}; write it again")
    layout = content.get("layout")
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise Refusal(f"{where} has no keypoint layout that is known; the known ones are {', '.join(LAYOUTS)}")
    size = content.get("image_size")
    if not isinstance(size, list) or len(size) != 2 or not all(whole(side, where, "a size") for side in size):
        raise Refusal(f"{where} has no image_size of width and height; write it again")
    entries = content.get("people")
    if not isinstance(entries, list):
        raise Refusal(f"{where} has no list people; write it again")
    people: dict[int, list[Person2D]] = {}
    times: dict[int, float] = {}
    for number, entry in enumerate(entries):
        here = f"{where}, entry {number}"
        if not isinstance(entry, dict):
            raise Refusal(f"{here} is nobody; write it again")
        frame = whole(entry.get("frame"), here, "a frame")
        track_id = whole(entry.get("id"), here, "an id")
        flat = numbers(entry.get("keypoints"), here, "keypoints")
        if flat.shape != (3 * len(LAYOUTS[layout]),):
            raise Refusal(f"{here} has not x, y, confidence for each of the {len(LAYOUTS[layout])} joints")
        box = numbers(entry.get("box"), here, "a box")
        seconds = numbers([entry.get("time_s")], here, "a time")[0]
        if box.shape != (4,) or times.setdefault(frame, float(seconds)) != seconds:
            raise Refusal(f"{here} has a box that is none, or another time than its frame; write it again")
        if any(other.track_id == track_id for other in people.get(frame, ())):
            raise Refusal(f"{here} is in frame {frame} twice; write it again")
        triples = flat.reshape(-1, 3)
        found = person(triples[:, :2], triples[:, 2], here, layout=layout, box=box.tolist(), track_id=track_id)
        people.setdefault(frame, []).append(found)
    people, times = dict(sorted(people.items())), dict(sorted(times.items()))
    if (np.diff(list(times.values())) < 0).any():
        raise Refusal(f"{where} has times that fall from frame to frame; write it again")
    one_layout(people, where)
    fps = content.get("fps")
    rate = float(fps) if isinstance(fps, int | float) and 0.01 <= fps <= 1000 else None
    return KeypointFile("zedo-video", layout, people, True, (size[0], size[1]), times, rate)
