"""The value of the camera's motion: what it refuses, and what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lifting.world.motion import CameraMotion


def motion(**changed: Any) -> CameraMotion:
    values: dict[str, Any] = {
        "frame_index": np.array([0, 1, 2, 5]),
        "shot": np.array([0, 0, 1, 1]),
        "kind": ("still", "moving"),
        "rotation": np.tile(np.eye(3), (4, 1, 1)),
        "position": np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [1.0, 2.0, 3.0]]),
        "zoom": np.ones(4),
        "note": ("", "by hand"),
    }
    return CameraMotion(**(values | changed))


def test_a_camera_that_is_still_leaves_everything_where_it_is() -> None:
    still = CameraMotion.still(np.arange(3))
    assert (still.reference_from_camera == np.eye(4)).all() and str(still) == "still"
    assert len(CameraMotion.still(np.arange(0))) == 0


def test_the_matrix_takes_points_of_a_camera_to_the_axes_of_its_shot() -> None:
    turned = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)
    found = motion(rotation=np.stack([np.eye(3)] * 3 + [turned]))
    ahead = found.reference_from_camera[3] @ [0, 0, 2, 1]
    assert ahead.tolist() == [3, 2, 3, 1]
    assert found.frames(1) == slice(2, 4)


def test_words_name_every_shot_unless_all_are_alike() -> None:
    assert str(motion()) == "shot 1 still, shot 2 moving (by hand)"
    assert str(motion(kind=("still", "still"), note=("", ""))) == "still in all 2 shots"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"zoom": np.ones(3)}, r"zoom of a camera in 4 frames must be \[4\], not \[3\]"),
        ({"zoom": np.array([1, 1, 0, 1.0])}, "zoom and focal length of a camera must be above 0"),
        ({"position": np.full((4, 3), np.nan)}, "position of a camera must be finite"),
        ({"rotation": np.tile(-np.eye(3), (4, 1, 1))}, "no rotations"),
        ({"shot": np.array([0, 0, 2, 2])}, "shots are counted"),
        ({"kind": ("still", "flying")}, "one of still, turning, moving, unknown, not flying"),
        ({"note": ("",)}, "2 shots need as many kinds and notes, not 2 and 1"),
    ],
)
def test_what_has_another_form_is_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        motion(**changed)
