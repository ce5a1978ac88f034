"""Motion capture before cameras that stand, turn, zoom, shake and travel: the world and its background are known.

World axes: right-handed, y up, metres, the floor at y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from detectors.background.points import BackgroundPoints
from lifting.benchmarks.ground import floor_level
from lifting.geometry.camera import Camera

__all__ = ["ANKLE_HEIGHT_M", "LASTS_S", "MOTIONS", "WorldView", "world_view"]

Array = NDArray[np.float64]

#: What a camera does: stands still; follows the person from its place; nods; zooms; stands in a hand; walks along.
MOTIONS: Final = ("still", "pan", "tilt", "zoom", "shake", "travel")

#: How long a camera films, in seconds; the person is there from the beginning, for as long as the clip lasts.
LASTS_S = 10.0

#: The ankle of a foot that stands on the floor.
ANKLE_HEIGHT_M = 0.085

FOCAL_PX, IMAGE_SIZE = 1400.0, (1920, 1080)
_POINTS = 1500
_POINT_NOISE_PX = 0.3
_POINT_LASTS_S = 2.0
_POINT_DRIFT_PX_S = 0.3
_WRONG_POINTS, _WRONG_PX_S = 0.04, 60.0  # share of points that are on something that moves, and how fast that is


@dataclass(frozen=True, eq=False)
class WorldView:
    """What a camera saw in F frames, and the truth; the person is there in the first T <= F of them.

    Attributes:
        name: of the clip.
        motion: of ``MOTIONS``.
        time_s: ``[F]`` seconds.
        joints_m: ``[T, 17, 3]`` the person, world axes, metres.
        keypoints_px: ``[T, 17, 2]`` 2D evidence, with noise.
        confidence: ``[T, 17]`` 1 where a joint is inside the picture, else 0.
        camera: of the first frame; others have its focal length times ``zoom``.
        rotation: ``[F, 3, 3]`` camera axes (x right, y down, z forward) to world axes.
        position: ``[F, 3]`` centre of the camera in the world, metres.
        zoom: ``[F]`` focal length relative to that of the first frame.
        points: of the background, with noise, and some that move.
        noise_px: standard deviation of the noise on each coordinate of the 2D evidence.
    """

    name: str
    motion: str
    time_s: Array
    joints_m: Array
    keypoints_px: Array
    confidence: Array
    camera: Camera
    rotation: Array
    position: Array
    zoom: Array
    points: BackgroundPoints
    noise_px: float

    def from_first(self) -> Array:
        """``[F, 3, 3]`` axes of a frame's camera to those of the first frame."""
        return np.asarray(self.rotation[0].T @ self.rotation)


def world_view(
    name: str, poses: NDArray[np.floating], motion: str, rng: np.random.Generator, *, fps: float, noise_px: float
) -> WorldView:
    """A clip before one camera.

    Pitch -10 (up) to 35 degrees (down), roll -5 to 5 degrees, any yaw, 3 to 6 m from the middle of the person's way,
    further where the way is long; never below 0.2 m. Focal length 1400 px, 1920 x 1080 px.

    Args:
        name: of the clip.
        poses: ``[N, 17, 3]`` metres, y up; the first ``LASTS_S`` are taken.
        motion: of ``MOTIONS``.
        rng: of camera, background and noise.
        fps: frames per second.
        noise_px: standard deviation of the noise on each coordinate of the joints; that of the background is
            0.3 px, and 0.3 px/s of drift.
    """
    time_s = np.arange(round(LASTS_S * fps)) / fps
    joints = np.asarray(poses[: len(time_s)], np.float64)
    joints = joints - np.array([1, 0, 1]) * joints[:, :1].mean(axis=0)
    joints[..., 1] -= floor_level(joints, time_s[: len(joints)]) - ANKLE_HEIGHT_M
    rotation, position, zoom = _camera(motion, joints[:, 0], time_s, rng)
    people = len(joints)
    pixels = _project(joints, rotation[:people], position[:people], zoom[:people])
    noisy = pixels + rng.normal(size=pixels.shape) * noise_px
    points = _background(rotation, position, zoom, pixels, time_s, rng)
    return WorldView(
        name,
        motion,
        time_s,
        joints,
        np.nan_to_num(noisy, nan=-1.0),
        _inside(noisy).astype(np.float64),
        Camera.from_focal(FOCAL_PX, IMAGE_SIZE, "synthetic camera"),
        rotation,
        position,
        zoom,
        points,
        noise_px,
    )


def _camera(motion: str, root: Array, time_s: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Rotation ``[F, 3, 3]``, position ``[F, 3]``, zoom ``[F]``; for one seed all motions begin at the same place."""
    yaw, pitch, roll = rng.uniform(-np.pi, np.pi), np.radians(rng.uniform(-10, 35)), np.radians(rng.uniform(-5, 5))
    distance, phase = rng.uniform(3, 6), rng.uniform(0, 2 * np.pi)
    target = root.mean(axis=0)
    reach = np.linalg.norm((root - target)[:, [0, 2]], axis=-1).max()
    place = target - max(distance, 1.6 * reach + 1.5) * _axes(yaw, pitch, 0.0)[:, 2]
    place[1] = max(place[1], 0.2)
    frames, step = len(time_s), time_s[1] - time_s[0]
    angles, position, zoom = np.tile([yaw, pitch, roll], (frames, 1)), np.tile(place, (frames, 1)), np.ones(frames)
    # A clip that is over goes back the way it came, as far as somebody who films it can tell.
    there_and_back = np.concatenate([root, root[-2:0:-1]]) if len(root) > 2 else root
    followed = gaussian_filter1d(np.resize(there_and_back, (frames, 3)), 0.4 / step, axis=0, mode="nearest")
    sway = np.sin(2 * np.pi * time_s / 8 + phase)
    if motion == "pan":
        angles[:, 0] = _looking(followed - place)[0] + np.radians(8) * sway
    elif motion == "tilt":
        angles[:, 1] += np.radians(8) * sway
    elif motion == "zoom":
        zoom = 1 + 0.25 * (1 - np.cos(2 * np.pi * time_s / 8))
    elif motion == "travel":
        aside = np.array([np.cos(yaw), 0, -np.sin(yaw)])
        position = position + (followed - followed[0]) * [1, 0, 1] + (sway - sway[0])[:, None] * aside
        position[:, 1] += 0.015 * np.sin(2 * np.pi * 2 * time_s)
        angles[:, 0] = _looking(followed - position)[0]
    if motion in ("shake", "travel"):
        angles += np.radians([0.7, 0.7, 0.4]) * _tremor(time_s, rng)
        position = position + 0.01 * _tremor(time_s, rng)
    return np.stack([_axes(*row) for row in angles]), position, zoom


def _axes(yaw: float, pitch: float, roll: float) -> Array:
    """Camera to world; yaw 0 looks along z, a positive one turns towards x, a positive pitch looks down."""
    forward = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([-np.cos(yaw), 0.0, np.sin(yaw)])
    down = np.cross(forward, right)
    return np.stack(
        [np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right, forward], axis=1
    )


def _looking(direction: Array) -> tuple[Array, Array]:
    """Yaw, unwrapped, and pitch of directions ``[F, 3]``."""
    yaw = np.unwrap(np.arctan2(direction[:, 0], direction[:, 2]))
    return yaw, np.arctan2(-direction[:, 1], np.linalg.norm(direction[:, [0, 2]], axis=-1))


def _tremor(time_s: Array, rng: np.random.Generator) -> Array:
    """``[F, 3]`` of a hand: standard deviation 1, slow sway and less and less up to 6 Hz; 0 in the first frame."""
    hertz = np.geomspace(0.2, 6, 9)
    strength = rng.normal(size=(2, 9, 3)) / hertz[:, None] ** 0.7
    turns = 2 * np.pi * time_s[:, None] * hertz
    shaken = np.sin(turns) @ strength[0] + np.cos(turns) @ strength[1]
    shaken /= np.maximum(shaken.std(axis=0), 1e-9)
    return np.asarray(shaken - shaken[0])


def _project(points: Array, rotation: Array, position: Array, zoom: Array) -> Array:
    """Points ``[F, N, 3]`` or ``[N, 3]`` in pixels of F frames, ``[F, N, 2]``; NaN behind the camera."""
    seen = (points - position[:, None]) @ rotation
    depth = np.where(seen[..., 2:] > 0.1, seen[..., 2:], np.nan)
    return np.asarray(seen[..., :2] / depth * (FOCAL_PX * zoom[:, None, None]) + np.array(IMAGE_SIZE) / 2)


def _inside(pixels: Array) -> NDArray[np.bool_]:
    return np.asarray(((pixels >= 0) & (pixels < IMAGE_SIZE)).all(axis=-1))


def _background(
    rotation: Array, position: Array, zoom: Array, person: Array, time_s: Array, rng: np.random.Generator
) -> BackgroundPoints:
    """Points on the floor and on what stands around, followed for a while each, but not behind the person."""
    places = _scene(rng)
    pixels = _project(places, rotation, position, zoom)
    seen = _inside(pixels)
    box = np.stack([np.nanmin(person, axis=1), np.nanmax(person, axis=1)], axis=1)
    margin = 0.1 * np.ptp(box, axis=1).max(axis=-1)[:, None, None]
    low, high = box[:, :1] - margin, box[:, 1:] + margin
    people = len(person)
    seen[:people] &= ~((pixels[:people] > low) & (pixels[:people] < high)).all(axis=-1)
    # A point that is lost is found again under another number.
    lost = rng.uniform(size=seen.shape) < (time_s[1] - time_s[0]) / _POINT_LASTS_S
    found = seen & (lost | ~np.roll(seen, 1, axis=0))
    found[0] = seen[0]
    number = np.where(found, np.cumsum(found).reshape(found.shape) - 1, -1)
    number = np.maximum.accumulate(number, axis=0)
    wrong = rng.uniform(size=int(found.sum())) < _WRONG_POINTS
    speed = rng.normal(size=(len(wrong), 2)) * np.where(wrong, _WRONG_PX_S, _POINT_DRIFT_PX_S)[:, None]
    since = np.zeros(len(wrong))
    since[number[found]] = np.broadcast_to(time_s[:, None], found.shape)[found]
    frame, column = np.nonzero(seen)
    ids = number[frame, column]
    xy = pixels[frame, column] + rng.normal(size=(len(ids), 2)) * _POINT_NOISE_PX
    xy += speed[ids] * (time_s[frame] - since[ids])[:, None]
    order = np.lexsort((ids, frame))
    start = np.searchsorted(frame, np.arange(len(time_s) + 1))
    return BackgroundPoints(
        np.arange(len(time_s), dtype=np.int64),
        time_s,
        start.astype(np.int64),
        ids[order].astype(np.int64),
        xy[order].astype(np.float32),
    )


def _scene(rng: np.random.Generator) -> Array:
    """``[N, 3]`` points in the world: half of them on the floor, the others 6 to 40 m away and up to 12 m high."""
    around, floor = rng.uniform(0, 2 * np.pi, _POINTS), np.arange(_POINTS) < _POINTS // 2
    away = np.where(floor, rng.uniform(1.5, 25, _POINTS), rng.uniform(6, 40, _POINTS))
    high = np.where(floor, 0.0, rng.uniform(0, 12, _POINTS))
    return np.stack([away * np.sin(around), high, away * np.cos(around)], axis=1)
