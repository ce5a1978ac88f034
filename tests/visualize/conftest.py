"""A person made of plain numbers, and tracks of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.geometry.camera import Camera
from lifting.tracks import Track3D

# Standing on y = 0, facing +z, metres; x to the person's left, y up.
_HALF = {
    "hip": (0.11, 0.92, 0.0), "knee": (0.12, 0.5, 0.02), "ankle": (0.13, 0.08, 0.0),
    "shoulder": (0.18, 1.42, 0.0), "elbow": (0.42, 1.4, 0.0), "wrist": (0.66, 1.4, 0.0),
}  # fmt: skip
_MIDDLE = {
    "pelvis": (0.0, 0.92, 0.0), "spine": (0.0, 1.18, 0.0), "thorax": (0.0, 1.44, 0.0),
    "nose": (0.0, 1.55, 0.08), "head_top": (0.0, 1.72, 0.0),
}  # fmt: skip


def _joint(name: str) -> tuple[float, float, float]:
    side, _, part = name.partition("_")
    if side not in ("left", "right"):
        return _MIDDLE[name]
    x, y, z = _HALF[part]
    return (x if side == "left" else -x, y, z)


@pytest.fixture
def body() -> NDArray[np.float64]:
    """``[17, 3]`` somebody with the arms stretched out, standing on y = 0 and facing +z; y up."""
    return np.array([_joint(name) for name in H36M_17.joints])


@pytest.fixture
def in_camera() -> Callable[..., NDArray[np.float64]]:
    """World poses (y up, +z towards the camera) into the frame of a camera 1.4 m above the floor."""

    def convert(
        world: NDArray[np.float64], x: float = 0.0, depth: float = 5.0, pitch_deg: float = 0.0
    ) -> NDArray[np.float64]:
        level = world * [1.0, -1.0, -1.0] + [x, 1.4, depth]
        c, s = np.cos(np.radians(pitch_deg)), np.sin(np.radians(pitch_deg))
        return np.asarray(level @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]).T)

    return convert


@pytest.fixture
def camera() -> Camera:
    return Camera.from_fov(55.0, (640, 360), "test")


@pytest.fixture
def make_track(camera: Camera) -> Callable[..., Track3D]:
    def make(joints: NDArray[np.float64], track_id: int = 1, first: int = 0, fps: float = 30.0) -> Track3D:
        frames = first + np.arange(len(joints))
        points = camera.project(joints)
        boxes = np.concatenate([points.min(axis=1) - 8, points.max(axis=1) + 8], axis=1)
        shape = joints.shape[:2]
        return Track3D(
            track_id=track_id,
            frame_index=frames,
            time_s=frames / fps,
            joints_m=joints,
            raw_joints_m=joints,
            sigma_m=np.full(shape, 0.02),
            imputed=np.zeros(shape, dtype=bool),
            keypoints_px=points,
            confidence=np.full(shape, 0.9),
            boxes=boxes,
        )

    return make
