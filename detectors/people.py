"""The value that detection hands on: people in pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import LAYOUTS

__all__ = ["Person2D", "PersonTrack2D"]


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
class PersonTrack2D:
    """One person along the video, in the order of the frames; frames in which the person is not seen are absent.

    Raises ValueError, in one sentence, if a field has not the form below.

    Attributes:
        track_id: identity, counted from 1 in order of first appearance.
        frame_index: ``[T]`` int64, strictly increasing index of the decoded frame.
        time_s: ``[T]`` float64, presentation time in seconds, never falling.
        keypoints_px: ``[T, J, 2]`` float32.
        confidence: ``[T, J]`` float32 in 0..1; NaN is 0: not observed.
        layout: name of the keypoint layout.
        boxes: ``[T, 4]`` float32, x0 y0 x1 y1 in pixels; if not given, those around the observed keypoints (NaN where
            there are none).
    """

    track_id: int
    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    keypoints_px: NDArray[np.float32]
    confidence: NDArray[np.float32]
    layout: str
    boxes: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"there is no keypoint layout {self.layout!r}; the known ones are {', '.join(LAYOUTS)}")
        frames, joints = len(self.frame_index), len(LAYOUTS[self.layout])
        shapes = {"keypoints_px": (frames, joints, 2), "confidence": (frames, joints), "time_s": (frames,)}
        for name, shape in shapes.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"{name} of {frames} frames in layout {self.layout} must be {list(shape)}, not "
                    f"{list(np.shape(getattr(self, name)))}"
                )
        for name, least in (("frame_index", 1), ("time_s", 0)):
            steps = np.diff(getattr(self, name))
            # Written so that NaN does not pass.
            if not (steps >= least).all():
                rule = "increase, and does not" if least else "not fall, and does"
                raise ValueError(f"{name} must {rule} at row {int(np.argmin(steps >= least)) + 1}")
        if (self.confidence < 0).any() or (self.confidence > 1).any():
            raise ValueError(
                f"confidence must lie between 0 and 1, not reach from {np.nanmin(self.confidence):g} to "
                f"{np.nanmax(self.confidence):g}; divide by the largest value that it can have"
            )
        if not len(self.boxes):
            object.__setattr__(self, "boxes", _around(self.keypoints_px, self.confidence))
        elif self.boxes.shape != (frames, 4):
            raise ValueError(f"boxes of {frames} frames must be {[frames, 4]}, not {list(self.boxes.shape)}")

    def __len__(self) -> int:
        return len(self.frame_index)


def _around(keypoints_px: NDArray[np.float32], confidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """``[T, 4]`` boxes around the observed keypoints, NaN where there are none."""
    seen = (confidence > 0) & np.isfinite(keypoints_px).all(axis=-1)
    low = np.where(seen[..., None], keypoints_px, np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen[..., None], keypoints_px, -np.inf).max(axis=1, initial=-np.inf)
    boxes = np.concatenate([low, high], axis=1)
    return np.where(np.isfinite(boxes), boxes, np.nan).astype(np.float32)
