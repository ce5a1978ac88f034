"""Points of a room seen by a camera that moves as told: what the solver should give back is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from detectors.background.points import BackgroundPoints
from lifting.geometry.camera import Camera

CAMERA = Camera.from_fov(55, (1920, 1080))
FPS = 30
_MOST = 100


def seen(
    turn_deg: NDArray[np.float64],
    position: NDArray[np.float64] | None = None,
    zoom: NDArray[np.float64] | None = None,
    *,
    camera: Camera = CAMERA,
    noise_px: float = 0.4,
    moving: float = 0.1,
    flat: bool = False,
    seed: int = 0,
) -> BackgroundPoints:
    """Points around a camera, some of which are lost and replaced all the time.

    Args:
        turn_deg: ``[F, 3]`` pan, tilt and roll of the camera in degrees.
        position: ``[F, 3]`` metres; None is 0.
        zoom: ``[F]``; None is 1.
        camera: that sees them.
        noise_px: standard deviation of each place.
        moving: share of the points that move by themselves.
        flat: all points on a wall 5 m ahead.
        seed: of the room.
    """
    rng = np.random.default_rng(seed)
    frames = len(turn_deg)
    position = np.zeros((frames, 3)) if position is None else position
    zoom = np.ones(frames) if zoom is None else zoom
    direction = rng.normal(size=(4000, 3))
    room = direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.uniform(4, 15, (4000, 1))
    if flat:
        room = np.concatenate([rng.uniform(-12, 12, (4000, 2)), np.full((4000, 1), 5.0)], axis=1)
    speed = rng.normal(0, 0.5, room.shape) * (rng.random((len(room), 1)) < moving)
    rotation = rotations(turn_deg)
    followed: dict[int, int] = {}
    ids: list[int] = []
    places, start, after = [], [0], 0
    for f in range(frames):
        there = (room + speed * f / FPS - position[f]) @ rotation[f]
        there[:, :2] *= zoom[f]
        px = camera.project(there)
        inside = np.isfinite(px).all(axis=1) & (px > 0).all(axis=1) & (px < camera.image_size).all(axis=1)
        followed = {number: row for number, row in followed.items() if inside[row] and rng.random() > 0.004}
        if len(followed) < 0.9 * _MOST:
            free = np.setdiff1d(np.flatnonzero(inside), list(followed.values()))
            for row in rng.permutation(free)[: _MOST - len(followed)].tolist():
                followed[after] = row
                after += 1
        numbers = sorted(followed)
        ids += numbers
        shown = px[[followed[number] for number in numbers]]
        places.append(shown + rng.normal(0, noise_px, shown.shape))
        start.append(len(ids))
    xy = np.concatenate(places).astype(np.float32)
    return BackgroundPoints(np.arange(frames), np.arange(frames) / FPS, np.array(start), np.array(ids), xy)


def rotations(turn_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[F, 3, 3]`` from the axes of the camera to those of the room."""
    return np.asarray(Rotation.from_euler("YXZ", turn_deg, degrees=True).as_matrix())


def off_deg(found: NDArray[np.float64], turn_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[F]`` degrees between the rotations that were found and the true ones, both from the first frame's axes."""
    true = rotations(turn_deg)
    off = found.swapaxes(1, 2) @ true[0].T @ true
    return np.degrees(np.linalg.norm(Rotation.from_matrix(off).as_rotvec(), axis=1))
