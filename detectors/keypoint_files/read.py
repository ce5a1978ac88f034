"""A file of keypoints, whatever its format, and the detector that it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.texts import load_json
from detectors.keypoint_files.coco import is_coco, read_coco
from detectors.keypoint_files.mmpose import is_mmpose, read_mmpose
from detectors.keypoint_files.openpose import read_openpose
from detectors.keypoint_files.own import is_own, read_own
from detectors.keypoint_files.people import KeypointFile, Refusal
from detectors.people import Person2D

__all__ = ["FileDetector", "read_keypoints"]


def read_keypoints(path: Path) -> KeypointFile:
    """The people in a file (our own, COCO results, AlphaPose, MMPose) or a folder (OpenPose); what it is, it tells.

    Raises:
        UntrustedFileError: it is missing, damaged or of another form.
    """
    if path.is_dir():
        return read_openpose(path)
    content = load_json(path)
    if is_own(content):
        return read_own(content, str(path))
    if is_mmpose(content):
        return read_mmpose(content, str(path))
    if is_coco(content):
        return read_coco(content, str(path))
    raise Refusal(
        f"{path} holds no keypoints that are known: people.json of zedo-video, results of COCO, AlphaPose or MMPose; "
        "of OpenPose give the folder"
    )


class FileDetector:
    """The people of a file, as if they were found in the pictures.

    Args:
        path: see ``read_keypoints``.

    Raises:
        UntrustedFileError: see there.
    """

    chosen = ""
    name = "keypoints"

    def __init__(self, path: Path) -> None:
        self.file = read_keypoints(path)
        self._path = path

    @property
    def layout(self) -> str:
        """See ``PoseDetector``."""
        return self.file.layout

    def detect(
        self, image_rgb: NDArray[np.uint8], previous: Sequence[Person2D] = (), frame_index: int = 0
    ) -> list[Person2D]:
        """See ``PoseDetector``; identities of the file are those of its people."""
        return self.file.people.get(frame_index, [])

    def describe(self) -> dict[str, Any]:
        """See ``PoseDetector``."""
        return {
            "name": self.name,
            "files": {self._path.name: _digest(self._path)},
            "settings": {"format": self.file.format, "layout": self.layout},
        }


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names."""
    total = hashlib.sha256()
    for each in sorted(path.iterdir()) if path.is_dir() else [path]:
        if each.is_file():
            total.update(b"" if each == path else each.name.encode("utf-8", "surrogateescape") + b"\0")
            total.update(each.read_bytes())
    return total.hexdigest()
