"""How the camera moved: found in the background, said by the user, or read from a file of poses (COLMAP, TUM)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.limits import LIMITS, Limits
from assets.untrusted.texts import read_text
from detectors.background.points import BackgroundPoints
from lifting.geometry.camera import Camera
from lifting.world.camera.solve import solve_camera_motion
from lifting.world.motion import CameraMotion
from pipeline.errors import InputError, as_input_error
from pipeline.settings import RunSettings

__all__ = ["camera_motion", "load_camera_path", "read_camera_path", "seen_camera", "told_cuts"]

#: Centres of the camera that are no further apart than this share of nothing are the same: of the largest coordinate.
_SAME_PLACE = 1e-6
_SAME_TURN = math.radians(0.01)
_TUM, _COLMAP = 8, 10  # words of a line
_MOST_TOLD = 8  # cuts whose times are said


def camera_motion(settings: RunSettings, camera: Camera, points: BackgroundPoints) -> CameraMotion:
    """Of all frames that a run has looked at.

    Args:
        settings: what the user said of it.
        camera: its intrinsics.
        points: of the background, and the cuts; a file of poses has one camera for all shots.

    Raises:
        InputError: the file of poses cannot be used.
    """
    if settings.camera_path is not None:
        return load_camera_path(settings.camera_path, points.frame_index)
    shot = np.cumsum(points.cut, dtype=np.int64)
    if settings.camera_motion == "still":
        return CameraMotion.still(points.frame_index, note="said by --camera-motion", shot=shot)
    if settings.camera_motion == "off":
        return CameraMotion.still(points.frame_index, "unknown", "not looked for: --camera-motion off", shot)
    return solve_camera_motion(points, camera, focal_known=_told(settings))


def told_cuts(points: BackgroundPoints) -> list[str]:
    """A sentence on the cuts of a film that has some."""
    begins = points.time_s[points.cut]
    if not len(begins):
        return []
    times = [f"{time:.2f}" for time in begins[:_MOST_TOLD]]
    more = f" and {len(begins) - len(times)} more" if len(begins) > len(times) else ""
    return [
        f"the film has {len(begins) + 1} shots, which begin at 0, {', '.join(times)} s{more}; each shot is looked at "
        "on its own, and whoever is in several has an id in each"
    ]


def seen_camera(camera: Camera, motion: CameraMotion) -> Camera:
    """The camera with the focal length that its motion tells."""
    if motion.focal == 1.0:
        return camera
    K = np.diag([motion.focal, motion.focal, 1.0]) @ camera.K
    K[:2, 2] = camera.K[:2, 2]
    source = f"the turning of the camera: {motion.focal:.2f} times the focal length of the {camera.source}"
    return Camera(K, camera.image_size, source, camera.distortion)


def _told(settings: RunSettings) -> bool:
    return settings.camera is not None or settings.focal_px is not None or settings.fov is not None


def read_camera_path(path: Path, limits: Limits = LIMITS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Poses of a camera (``docs/camera-file.md``), in the order of the frames.

    Returns:
        Rotations ``[F, 3, 3]`` from the camera's axes to those of the file, and its centres ``[F, 3]`` in the latter.

    Raises:
        InputError: the file is missing or of another form.
    """
    with as_input_error():
        lines = read_text(path, limits).splitlines()
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1) if not line.lstrip().startswith("#")]
    words = next((len(row) for _, row in rows if row), 0)
    if words == _TUM:
        return _tum(path, [row for row in rows if row[1]])
    if words >= _COLMAP:
        return _colmap(path, rows)
    raise InputError(
        f"{path} is no camera path: a line must have 8 words (TUM: timestamp tx ty tz qx qy qz qw) or 10 "
        f"(images.txt of COLMAP), not {words}; see docs/camera-file.md"
    )


def load_camera_path(path: Path, frame_index: NDArray[np.int64], limits: Limits = LIMITS) -> CameraMotion:
    """The motion of a camera whose poses are in a file.

    Raises:
        InputError: as ``read_camera_path``, or the file has not one pose for each of the frames.
    """
    rotation, position = read_camera_path(path, limits)
    if len(rotation) != len(frame_index):
        raise InputError(
            f"{path} has {len(rotation)} poses for {len(frame_index)} frames; give one for each frame that is looked at"
        )
    return _motion(path, frame_index, rotation, position)


def _motion(
    path: Path, frame_index: NDArray[np.int64], rotation: NDArray[np.float64], position: NDArray[np.float64]
) -> CameraMotion:
    """From poses in any axes to those of the first camera."""
    from scipy.spatial.transform import Rotation

    moved = (position - position[:1]) @ rotation[0]
    turned = rotation[0].T @ rotation
    angle = np.linalg.norm(Rotation.from_matrix(turned).as_rotvec(), axis=1)
    kind = "turning" if angle.max() > _SAME_TURN else "still"
    if np.abs(moved).max() > _SAME_PLACE * max(1.0, np.abs(position).max()):
        kind = "moving"
    else:
        moved = np.zeros_like(moved)
    if kind == "still":
        turned = np.tile(np.eye(3), (len(frame_index), 1, 1))
    frames = len(frame_index)
    shot = np.zeros(frames, np.int64)
    note = f"file {path.name}"
    return CameraMotion(frame_index, shot, (kind,), turned, moved, np.ones(frames), (note,))


def _tum(path: Path, rows: Sequence[tuple[int, list[str]]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations ``[F, 3, 3]`` from camera to world axes and centres ``[F, 3]`` in these, from lines of TUM."""
    values = _numbers(path, rows, _TUM, "8 numbers (timestamp tx ty tz qx qy qz qw)")
    later = np.diff(values[:, 0]) > 0
    if not later.all():
        raise InputError(
            f"{path}: the timestamp in line {rows[int(np.argmin(later)) + 1][0]} is not after the one before"
        )
    return _rotations(path, rows, values[:, 4:8]), values[:, 1:4]


def _colmap(path: Path, rows: Sequence[tuple[int, list[str]]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As ``_tum`` from COLMAP, whose poses go from world to camera: two lines an image, the second with its points."""
    first = next(number for number, (_, words) in enumerate(rows) if words)
    images = rows[first::2]
    # At the end an editor may have left an empty line more.
    images = images[:-1] if len(images) > 1 and not images[-1][1] else images
    names = [" ".join(words[9:]) for _, words in images]
    values = _numbers(path, [(number, words[:9]) for number, words in images], 9, "9 numbers and a name")
    if "" in names:
        raise InputError(f"{path}: line {images[names.index('')][0]} names no image; see docs/camera-file.md")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path} has the image {twice} twice; each frame needs a name of its own")
    order = sorted(range(len(names)), key=lambda row: _natural(names[row]))
    values, images = values[order], [images[row] for row in order]
    camera_from_world = _rotations(path, images, values[:, [2, 3, 4, 1]])
    centre = -np.einsum("fji,fj->fi", camera_from_world, values[:, 5:8])
    return camera_from_world.swapaxes(1, 2), centre


def _natural(name: str) -> list[tuple[int, str]]:
    """What sorts frame_2 before frame_10."""
    return [(int(part), "") if part.isdecimal() and len(part) < 19 else (-1, part) for part in re.split(r"(\d+)", name)]


def _numbers(path: Path, rows: Sequence[tuple[int, list[str]]], count: int, what: str) -> NDArray[np.float64]:
    values = np.zeros((len(rows), count))
    for row, (number, words) in enumerate(rows):
        try:
            values[row] = [float(word) for word in words]
        except ValueError as error:
            raise InputError(f"{path}: line {number} must hold {what}; see docs/camera-file.md") from error
        if not (np.abs(values[row]) < 1e12).all():
            raise InputError(f"{path}: line {number} holds a number that is not finite or too large; correct it there")
    return values


def _rotations(
    path: Path, rows: Sequence[tuple[int, list[str]]], quaternion: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``[F, 3, 3]`` of quaternions ``[F, 4]``, the real part last."""
    from scipy.spatial.transform import Rotation

    length = np.linalg.norm(quaternion, axis=1)
    odd = np.abs(length - 1) > 0.01
    if odd.any():
        row = int(np.argmax(odd))
        raise InputError(f"{path}: the quaternion in line {rows[row][0]} has the length {length[row]:.3g}, not 1")
    return np.asarray(Rotation.from_quat(quaternion).as_matrix())
