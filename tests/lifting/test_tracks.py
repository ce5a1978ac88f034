"""The value that lifting hands on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lifting.tracks import Track3D

SHAPES = {
    "frame_index": (4,), "time_s": (4,), "joints_m": (4, 17, 3), "raw_joints_m": (4, 17, 3), "sigma_m": (4, 17),
    "imputed": (4, 17), "keypoints_px": (4, 17, 2), "confidence": (4, 17), "boxes": (4, 4),
}  # fmt: skip


def test_length_and_seen_frames() -> None:
    arrays: dict[str, Any] = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    arrays["joints_m"][2] = np.nan
    track = Track3D(track_id=3, **arrays)
    assert len(track) == 4 and track.seen.tolist() == [True, True, False, True]


def test_frames_in_a_gap_hold_no_numbers() -> None:
    arrays: dict[str, Any] = {
        name: np.ones(shape)[:3] for name, shape in SHAPES.items() if name not in ("frame_index", "time_s")
    }
    arrays["imputed"] = np.zeros((3, 17), np.bool_)
    track = Track3D.from_frames(3, np.array([5, 6, 8]), np.array([0.5, 0.6, 0.8]), **arrays)
    assert track.frame_index.tolist() == [5, 6, 7, 8] and np.allclose(track.time_s, [0.5, 0.6, 0.7, 0.8])
    assert track.seen.tolist() == [True, True, False, True] and not track.imputed[track.seen].any()
    assert track.imputed[2].all() and (track.confidence[2] == 0).all() and (track.confidence[3] == 1).all()
    for name in ("joints_m", "raw_joints_m", "sigma_m", "keypoints_px", "boxes"):
        assert np.isnan(getattr(track, name)[2]).all() and (getattr(track, name)[[0, 1, 3]] == 1).all()


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "frame_index"])
def test_wrong_shapes_are_refused_by_name(name: str) -> None:
    arrays: dict[str, Any] = {key: np.zeros(shape) for key, shape in SHAPES.items()}
    arrays[name] = np.zeros((5, *SHAPES[name][1:]))
    with pytest.raises(ValueError, match=f"^{name} "):
        Track3D(track_id=3, **arrays)
