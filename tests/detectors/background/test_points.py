"""The value of the background: what it refuses, and which points two frames share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detectors.background.points import BackgroundPoints


def points(**changed: Any) -> BackgroundPoints:
    values: dict[str, Any] = {
        "frame_index": np.array([0, 1, 3]),
        "time_s": np.array([0.0, 0.04, 0.12]),
        "start": np.array([0, 3, 3, 5]),
        "point_id": np.array([2, 5, 7, 5, 9]),
        "xy_px": np.arange(10, dtype=np.float32).reshape(5, 2),
    }
    return BackgroundPoints(**(values | changed))


def test_two_frames_share_the_points_of_the_same_number() -> None:
    found = points()
    of_first, of_last = found.matches(0, 2)
    assert found.point_id[of_first].tolist() == found.point_id[of_last].tolist() == [5]
    assert found.xy_px[of_first].tolist() == [[2, 3]] and found.xy_px[of_last].tolist() == [[6, 7]]
    assert len(found.matches(0, 1)[0]) == 0
    assert not found.cut.any() and len(found) == 3


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"time_s": np.array([0.0, 0.1])}, r"time_s of 3 frames with 5 points must be \[3\], not \[2\]"),
        ({"time_s": np.array([0.0, np.nan, 0.1])}, "time_s of background points must not fall"),
        ({"frame_index": np.array([0, 1, 1])}, "frame_index of background points must increase"),
        ({"start": np.array([0, 3, 3, 4])}, "start must reach from 0 to the 5 points, not from 0 to 4"),
        ({"point_id": np.array([2, 5, 5, 5, 9])}, "point_id must increase within a frame"),
        ({"xy_px": np.full((5, 2), np.nan, np.float32)}, "a background point has no finite place"),
        ({"cut": np.array([True, False, False])}, "the first frame is no cut"),
    ],
)
def test_what_has_another_form_is_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        points(**changed)


def test_a_frame_without_points_between_others_and_no_frames_at_all() -> None:
    assert points(point_id=np.array([2, 5, 7, 1, 9])).rows(1) == slice(3, 3)
    empty = np.zeros(0, np.int64)
    none = BackgroundPoints(empty, np.zeros(0), np.zeros(1, np.int64), empty, np.zeros((0, 2), np.float32))
    assert len(none) == 0
