"""The contract of a pose detector: one frame in, the people in it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from detectors.people import Person2D

__all__ = ["BatchPoseDetector", "PoseDetector"]


class PoseDetector(Protocol):
    """Finds people and their keypoints in single frames.

    A detector keeps nothing between calls: what it may know of the past is passed in, so a run can resume at any frame
    and gives the same people as one that never stopped. A new detector is one module with a class of this shape plus
    one line in ``detectors.registry``.

    Attributes:
        name: as on the command line.
        layout: name of the keypoint layout of its people (see ``detectors.layouts.LAYOUTS``).
        chosen: why ``auto`` took this one, part of ``describe``; empty if it was asked for.
    """

    chosen: str

    @property
    def name(self) -> str: ...

    @property
    def layout(self) -> str: ...

    def detect(
        self, image_rgb: NDArray[np.uint8], previous: Sequence[Person2D] = (), frame_index: int = 0
    ) -> list[Person2D]:
        """People in one frame, best first, ``track_id`` None.

        Args:
            image_rgb: ``[H, W, 3]`` uint8, the upright frame.
            previous: people of the preceding frame, or where they should be in this one; empty at the start or after a
                cut.
            frame_index: index of the decoded frame; a detector may look for newcomers only in some frames, and which
                ones may depend on nothing but this index and ``previous``.
        Raises:
            ValueError: if the image is not ``[H, W, 3]`` uint8.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Name, files with their SHA-256, and settings, as JSON values, for the provenance of a result."""
        ...


@runtime_checkable
class BatchPoseDetector(PoseDetector, Protocol):
    """A detector that looks at every frame on its own, and faster at several of them at once.

    Attributes:
        batch_size: how many frames it likes to get.
    """

    @property
    def batch_size(self) -> int: ...

    def detect_batch(self, images_rgb: Sequence[NDArray[np.uint8]]) -> list[list[Person2D]]:
        """People in each frame, as ``detect`` finds them."""
        ...
