"""The value that detection hands on: people in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import LAYOUTS

__all__ = ["Person2D", "PersonTrack2D"]


@dataclass(frozen=True)
class Person2D:
    """One person in one frame.

    Attributes:
        keypoints_px: ``[J, 2]`` float32, x right and y down, in pixels of the full, upright frame.
        confidence: ``[J]`` float32 in 0..1; 0 means not observed.
        layout: name of the keypoint layout (see ``detectors.layouts.LAYOUTS``).
        box: ``[4]`` float32, x0 y0 x1 y1 in pixels; encloses the person, may reach outside the image.
        score: how sure the detector is that this is a person, 0..1.
        track_id: identity along the video, or None before tracking.
    """

    keypoints_px: NDArray[np.float32]
    confidence: NDArray[np.float32]
    layout: str
    box: NDArray[np.float32]
    score: float
    track_id: int | None = None

    def __post_init__(self) -> None:
        joints = len(LAYOUTS[self.layout])
        if self.keypoints_px.shape != (joints, 2) or self.confidence.shape != (joints,) or self.box.shape != (4,):
            raise ValueError(
                f"a person in layout {self.layout} needs keypoints [{joints}, 2], confidence [{joints}] and box [4], "
                f"not {self.keypoints_px.shape}, {self.confidence.shape}, {self.box.shape}"
            )


@dataclass(frozen=True)
class PersonTrack2D:
    """One person along the video, in the order of the frames; frames in which the person is not seen are absent.

    Attributes:
        track_id: identity, counted from 1 in order of first appearance.
        frame_index: ``[T]`` int64, strictly increasing index of the decoded frame.
        time_s: ``[T]`` float64, presentation time in seconds.
        keypoints_px: ``[T, J, 2]`` float32.
        confidence: ``[T, J]`` float32 in 0..1.
        boxes: ``[T, 4]`` float32, x0 y0 x1 y1 in pixels.
        layout: name of the keypoint layout.
    """

    track_id: int
    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    keypoints_px: NDArray[np.float32]
    confidence: NDArray[np.float32]
    boxes: NDArray[np.float32]
    layout: str

    def __len__(self) -> int:
        return len(self.frame_index)
