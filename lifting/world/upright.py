"""Camera axes turned upright, for what has no world: a camera whose motion is not known, poses of another origin.

World axes: x right, y up, z towards the video camera, in metres; the floor is y = 0. This is the camera frame (x right,
y down, z forward) turned, never mirrored, so left stays left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.body.joints import ANKLES, PELVIS, THORAX
from lifting.tracks import Track3D
from lifting.world.frame import Shot, World

__all__ = ["WorldFrame", "estimate_world", "upright_world"]

_UPRIGHT = np.diag([1.0, -1.0, -1.0])
#: From the ankle joint down to where its limb ends in the drawing, metres.
_ANKLE_HEIGHT = 0.05
#: A camera tilt below the first is not told apart from people who lean, degrees.
_MIN_TILT, _MAX_TILT = 6.0, 35.0
#: By so much a tilt may make the heights of the feet vary more, metres.
_FLOOR_SLACK = 0.03
_MIN_STANDING = 15


@dataclass(frozen=True)
class WorldFrame:
    """Where up and the floor are.

    Attributes:
        rotation: ``[3, 3]`` proper rotation, camera frame to world.
        floor_m: height of the floor after the rotation, metres (negative: below the camera).
    """

    rotation: NDArray[np.float64]
    floor_m: float

    def __call__(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Camera-frame points ``[..., 3]`` to world points ``[..., 3]``, metres."""
        return points_m @ self.rotation.T - np.array([0.0, self.floor_m, 0.0])


def estimate_world(tracks: Sequence[Track3D]) -> WorldFrame:
    """Up from the people who stand, the floor from their lowest ankles.

    The camera is taken to be upright unless enough people stand straight and agree on another direction between 6 and
    35 degrees away, and their feet stay as level with it: a runner leans into the curve, his floor does not. The floor
    lies below the 5th percentile of each frame's lower ankle, so that jumps do not lift it
    and single bad frames do not sink it.
    """
    return _estimated([track.joints_m for track in tracks])


def _estimated(people: Sequence[NDArray[np.float64]]) -> WorldFrame:
    """See ``estimate_world``; joints ``[T, 17, 3]`` of each person."""
    joints = _seen_joints(people)
    if not len(joints):
        return WorldFrame(_UPRIGHT, -1.5)
    rotation, feet = _UPRIGHT, _feet_height(joints, _UPRIGHT)
    tilted = _turn_up(_up_in_camera(joints)) @ _UPRIGHT
    tilted_feet = _feet_height(joints, tilted)
    if tilted_feet.std() <= feet.std() + _FLOOR_SLACK:
        rotation, feet = tilted, tilted_feet
    return WorldFrame(rotation, float(np.percentile(feet, 5)) - _ANKLE_HEIGHT)


def upright_world(tracks: Sequence[Track3D], world: World | None) -> World:
    """The world of a result with a place for every frame: where there is none, the axes of its camera turned upright.

    Args:
        tracks: everybody in the result.
        world: as found; None is nothing.
    """
    if world is None:
        frames = np.unique(np.concatenate([np.zeros(0, np.int64), *(track.frame_index for track in tracks)]))
        empty = np.full((len(frames), 4, 4), np.nan)
        shots = (Shot("unknown", "camera", "assumed"),) if len(frames) else ()
        world = World(frames, empty, np.zeros(len(frames), np.int64), shots)
    matrices = world.world_from_camera.copy()
    for shot in np.unique(world.shot[~np.isfinite(matrices).all(axis=(1, 2))]):
        rows = world.shot == shot
        inside = [np.isin(track.frame_index, world.frame_index[rows]) for track in tracks]
        frame = _estimated([track.joints_m[own] for track, own in zip(tracks, inside, strict=True)])
        matrices[rows] = np.eye(4)
        matrices[rows, :3, :3] = frame.rotation
        matrices[rows, 1, 3] = -frame.floor_m
    return replace(world, world_from_camera=matrices)


def _feet_height(joints: NDArray[np.float64], rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height of the lower ankle of each pose ``[M]``, metres."""
    return np.asarray((joints[:, ANKLES] @ rotation[1]).min(axis=1))


def _seen_joints(people: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """All complete poses ``[M, 17, 3]``."""
    parts = [joints[np.isfinite(joints).all(axis=(1, 2))] for joints in people]
    return np.concatenate(parts) if parts else np.zeros((0, len(H36M_17), 3))


def _up_in_camera(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Direction of up with the camera taken as upright, so (0, 1, 0) if nothing says otherwise."""
    upright = joints @ _UPRIGHT
    trunk = upright[:, THORAX] - upright[:, PELVIS]
    legs = upright[:, PELVIS] - upright[:, ANKLES].mean(axis=1)
    trunk /= np.linalg.norm(trunk, axis=1, keepdims=True) + 1e-9
    legs /= np.linalg.norm(legs, axis=1, keepdims=True) + 1e-9
    body = trunk + legs
    body /= np.linalg.norm(body, axis=1, keepdims=True) + 1e-9
    straight = (trunk * legs).sum(axis=1) > np.cos(np.radians(20))
    near = body[:, 1] > np.cos(np.radians(_MAX_TILT))
    standing = body[straight & near]
    default = np.array([0.0, 1.0, 0.0])
    # Somebody who lies or turns a cartwheel is straight too, but seldom for most of the time.
    if len(standing) < max(_MIN_STANDING, len(joints) // 4):
        return default
    up = np.median(standing, axis=0)
    up /= np.linalg.norm(up)
    return up if up[1] < np.cos(np.radians(_MIN_TILT)) else default


def _turn_up(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest rotation ``[3, 3]`` that brings a unit vector to (0, 1, 0) (Rodrigues)."""
    axis = np.cross(up, [0.0, 1.0, 0.0])
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1.0 + up[1]))
