"""What detection hands on says itself what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.people import PersonTrack2D

FRAMES = 4


@pytest.fixture
def track() -> PersonTrack2D:
    keypoints = np.arange(FRAMES * 17 * 2, dtype=np.float32).reshape(FRAMES, 17, 2)
    frames = np.arange(FRAMES)
    return PersonTrack2D(1, frames, frames / 30, keypoints, np.ones((FRAMES, 17), np.float32), "coco-17")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layout": "coco"}, "no keypoint layout 'coco'; the known ones are coco-17, h36m-17, .*"),
        ({"layout": "halpe-26"}, r"keypoints_px .* must be \[4, 26, 2\], not \[4, 17, 2\]"),
        ({"keypoints_px": np.zeros((FRAMES, 17, 3))}, r"must be \[4, 17, 2\], not \[4, 17, 3\]"),
        ({"confidence": np.ones(17)}, r"confidence .* must be \[4, 17\], not \[17\]"),
        ({"time_s": np.zeros(3)}, r"time_s .* must be \[4\], not \[3\]"),
        ({"frame_index": np.array([0, 1, 1, 2])}, "frame_index must increase, and does not at row 2"),
        ({"time_s": np.array([0, 1, 2, 1.5])}, "time_s must not fall, and does at row 3"),
        ({"time_s": np.array([0, np.nan, 2, 3])}, "time_s must not fall, and does at row 1"),
        ({"confidence": np.full((FRAMES, 17), 90.0)}, "between 0 and 1, not reach from 90 to 90"),
        ({"boxes": np.zeros((3, 4))}, r"boxes of 4 frames must be \[4, 4\], not \[3, 4\]"),
    ],
)
def test_a_wrong_field_is_one_sentence(track: PersonTrack2D, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        replace(track, **change)
    assert "\n" not in str(caught.value)


def test_boxes_enclose_what_was_observed(track: PersonTrack2D) -> None:
    keypoints, confidence = track.keypoints_px.copy(), track.confidence.copy()
    keypoints[1, 0] = np.nan
    confidence[2, :16] = 0
    confidence[3] = np.nan
    boxes = PersonTrack2D(1, track.frame_index, track.time_s, keypoints, confidence, "coco-17").boxes
    assert boxes[:3].tolist() == [[0, 1, 32, 33], [36, 37, 66, 67], [100, 101, 100, 101]]
    assert boxes.dtype == np.float32 and np.isnan(boxes[3]).all()


def test_tracks_can_be_compared_and_be_empty(track: PersonTrack2D) -> None:
    assert track in [replace(track), track] and track != replace(track)
    nothing = PersonTrack2D(1, np.zeros(0, int), np.zeros(0), np.zeros((0, 17, 2)), np.zeros((0, 17)), "coco-17")
    assert len(nothing) == 0 and nothing.boxes.shape == (0, 4)
