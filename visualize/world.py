"""From the camera frame to a world that stands on its floor, and the room that the people take in it.

World axes: x right, y up, z towards the video camera, in metres; the floor is y = 0. This is the camera frame (x right,
y down, z forward) turned, never mirrored, so left stays left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from detectors.layouts import H36M_17
from lifting.tracks import Track3D

__all__ = ["SceneBounds", "WorldFrame", "estimate_world"]

_UPRIGHT = np.diag([1.0, -1.0, -1.0])
_PELVIS, _THORAX = H36M_17.index("pelvis"), H36M_17.index("thorax")
_ANKLES = [H36M_17.index("left_ankle"), H36M_17.index("right_ankle")]
#: From the ankle joint down to where its limb ends in the drawing, metres.
_ANKLE_HEIGHT = 0.05
#: A camera tilt below this is not told apart from people who lean, degrees.
_MIN_TILT, _MAX_TILT = 4.0, 35.0
_MIN_STANDING = 15
#: Resolution of the bounds in time, and how far ahead and back they look, seconds.
_STEP_S, _LOOK_S = 0.25, 2.0
#: A pelvis so far outside the central 98 % of all is a mistake rather than a place, metres.
_STRAY_M = 3.0


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

    The camera is taken to be upright unless enough people stand straight and agree on another direction between 4 and
    35 degrees away. The floor lies below the 5th percentile of each frame's lower ankle, so that jumps do not lift it
    and single bad frames do not sink it.
    """
    joints = _seen_joints(tracks)
    if not len(joints):
        return WorldFrame(_UPRIGHT, -1.5)
    rotation = _turn_up(_up_in_camera(joints)) @ _UPRIGHT
    ankles = (joints[:, _ANKLES] @ rotation.T)[..., 1].min(axis=1)
    return WorldFrame(rotation, float(np.percentile(ankles, 5)) - _ANKLE_HEIGHT)


def _seen_joints(tracks: Sequence[Track3D]) -> NDArray[np.float64]:
    """All complete poses ``[M, 17, 3]``."""
    parts = [track.joints_m[np.isfinite(track.joints_m).all(axis=(1, 2))] for track in tracks]
    return np.concatenate(parts) if parts else np.zeros((0, len(H36M_17), 3))


def _up_in_camera(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Direction of up with the camera taken as upright, so (0, 1, 0) if nothing says otherwise."""
    upright = joints @ _UPRIGHT
    trunk = upright[:, _THORAX] - upright[:, _PELVIS]
    legs = upright[:, _PELVIS] - upright[:, _ANKLES].mean(axis=1)
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


@dataclass(frozen=True)
class SceneBounds:
    """The room that the people take, over time: found once for the whole video, so that the view follows gently.

    Attributes:
        time_s: ``[G]`` evenly spaced times, seconds.
        lowest_m, highest_m: ``[G, 3]`` corners of a box around everybody near that time, floor included, smoothed.
    """

    time_s: NDArray[np.float64]
    lowest_m: NDArray[np.float64]
    highest_m: NDArray[np.float64]

    @classmethod
    def from_tracks(cls, tracks: Sequence[Track3D], world: WorldFrame) -> SceneBounds:
        """Bounds of everybody. Poses far from all others are left out; an empty scene gets a 2 m stage."""
        poses = [world(track.joints_m) for track in tracks]
        whole = [np.isfinite(joints).all(axis=(1, 2)) for joints in poses]
        joints = np.concatenate([np.zeros((0, len(H36M_17), 3)), *(j[w] for j, w in zip(poses, whole, strict=True))])
        times = np.concatenate([np.zeros(0), *(t.time_s[w] for t, w in zip(tracks, whole, strict=True))])
        if not len(joints):
            return cls(np.zeros(1), np.array([[-1.0, 0.0, -4.0]]), np.array([[1.0, 1.8, -2.0]]))
        low, high = np.percentile(joints[:, _PELVIS], [1, 99], axis=0)
        kept = ((joints[:, _PELVIS] >= low - _STRAY_M) & (joints[:, _PELVIS] <= high + _STRAY_M)).all(axis=1)
        joints, times = joints[kept], times[kept]
        bins = np.floor((times - times.min()) / _STEP_S).astype(np.intp)
        count = int(bins.max()) + 1
        lowest, highest = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
        np.minimum.at(lowest, bins, np.minimum(joints.min(axis=1), [np.inf, 0.0, np.inf]))
        np.maximum.at(highest, bins, np.maximum(joints.max(axis=1), [-np.inf, 0.0, -np.inf]))
        # Everybody within the next and the last moments counts, so that the view makes room before somebody enters.
        size = 2 * round(_LOOK_S / _STEP_S) + 1
        lowest = minimum_filter1d(lowest, size, axis=0, mode="nearest")
        highest = maximum_filter1d(highest, size, axis=0, mode="nearest")
        grid = np.arange(count) * _STEP_S + times.min() + _STEP_S / 2
        filled = np.isfinite(lowest[:, 0])
        smooth = [
            gaussian_filter1d(np.interp(grid, grid[filled], values[filled]), _LOOK_S / _STEP_S / 2, mode="nearest")
            for values in (*lowest.T, *highest.T)
        ]
        return cls(grid, np.stack(smooth[:3], axis=1), np.stack(smooth[3:], axis=1))
