"""The world of a result: axes that stand still, with up and a floor, and the way to them from each frame's camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.world.floor import Floor
from lifting.world.gravity import CAMERA_UP
from lifting.world.motion import CameraMotion

__all__ = ["Shot", "World", "axes_of", "world_of"]

Array = NDArray[np.float64]

#: Height of a camera above the floor where nobody's feet tell, metres.
_ASSUMED_HEIGHT_M = 1.5


@dataclass(frozen=True)
class Shot:
    """What is known of a shot, in words.

    Attributes:
        camera_motion: "still", "turning", "moving" or "unknown".
        up: who told where up is: "people", "camera" (taken to be level) or "given".
        floor: "feet" (where people stood), "assumed" (1.5 m below the camera) or "given".
        note: what the user should know of the camera's motion; may be empty.
    """

    camera_motion: str
    up: str
    floor: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class World:
    """World axes of each shot: y up, floor at y = 0, z towards the first camera, x to its right, metres, right-handed.

    The origin is on the floor below the first camera of the shot.

    Attributes:
        frame_index: ``[F]`` int64 increasing, every frame that was looked at.
        world_from_camera: ``[F, 4, 4]`` float64, homogeneous points in a frame's camera axes (x right, y down, z
            forward) to the world; NaN where the motion of the camera is not known.
        shot: ``[F]`` int64, index into ``shots``.
        shots: what is known of each.
    """

    frame_index: NDArray[np.int64]
    world_from_camera: Array
    shot: NDArray[np.int64]
    shots: tuple[Shot, ...]

    def __call__(self, joints_m: Array, frame_index: NDArray[np.int64]) -> Array:
        """Joints ``[T, J, 3]`` in camera axes of frames ``[T]`` in world axes, metres; NaN where those are not known.

        Gaps go on through damaged frames, which are none of the world's: where all joints are NaN they stay so.

        Raises:
            ValueError: a frame with joints is none of the world's.
        """
        result, seen = np.full_like(joints_m, np.nan), np.isfinite(joints_m).any(axis=(1, 2))
        matrix = self.world_from_camera[self.rows(frame_index[seen])]
        result[seen] = np.einsum("tij,tkj->tki", matrix[:, :3, :3], joints_m[seen]) + matrix[:, None, :3, 3]
        return result

    def rows(self, frame_index: NDArray[np.int64]) -> NDArray[np.int64]:
        """``[T]`` where frames are in the world's arrays. Raises ValueError if one is not there."""
        rows = np.searchsorted(self.frame_index, frame_index)
        if len(frame_index) and (not len(self.frame_index) or rows.max() >= len(self.frame_index)):
            raise ValueError("a frame lies beyond those of the world")
        if (self.frame_index[rows] != frame_index).any():
            raise ValueError("a frame is none of the world's")
        return rows

    @property
    def known(self) -> bool:
        """Whether every frame has a place in a world."""
        return bool(np.isfinite(self.world_from_camera).all())


def axes_of(floor: Floor) -> Array:
    """``[4, 4]`` from the axes of a shot to its world."""
    up = floor.gravity.up
    back = -np.array([0.0, 0.0, 1.0]) + up[2] * up
    if np.linalg.norm(back) < 1e-3:
        # A camera that looks straight down: what is up in the picture is to the front.
        back = CAMERA_UP - (CAMERA_UP @ up) * up
        back = -back
    back = back / np.linalg.norm(back)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([np.cross(up, back), up, back])
    matrix[1, 3] = _ASSUMED_HEIGHT_M if np.isnan(floor.height) else -floor.height
    return matrix


def _floor_source(floor: Floor) -> str:
    if floor.given:
        return "given"
    return "assumed" if np.isnan(floor.height) else "feet"


def world_of(motion: CameraMotion, floors: list[Floor | None]) -> World:
    """The world from how the camera moved and the floor of each shot, None where the camera is not known."""
    matrices = np.full((len(motion), 4, 4), np.nan)
    shots = []
    for number, (floor, kind, note) in enumerate(zip(floors, motion.kind, motion.note, strict=True)):
        rows = motion.frames(number)
        if floor is None:
            shots.append(Shot(kind, "camera", "assumed", note))
            continue
        matrices[rows] = axes_of(floor) @ motion.reference_from_camera[rows]
        shots.append(Shot(kind, floor.gravity.source, _floor_source(floor), note))
    return World(motion.frame_index, matrices, motion.shot, tuple(shots))
