"""Motion capture before synthetic cameras: the truth is known, the 2D is exact or carries Gaussian noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.geometry.camera import Camera

__all__ = ["FOCAL_PX", "IMAGE_SIZE", "STRIDE", "SyntheticView", "motion_view", "sequence_views", "single_frame_views"]

FOCAL_PX, IMAGE_SIZE = 1145.0, (1000, 1000)
STRIDE = 15  # single frames are drawn from every 15th frame
_LONGEST = 90


@dataclass(frozen=True)
class SyntheticView:
    """What a synthetic camera saw.

    Attributes:
        name: of the clip, or ``"single frames"``.
        joints_m: ``[N, 17, 3]`` truth in the camera frame, metres.
        keypoints_px: ``[N, 17, 2]`` 2D evidence.
        time_s: ``[N]`` seconds; all zero for frames that have nothing to do with each other.
        camera: the camera.
        noise_px: standard deviation of the noise on each coordinate of the 2D.
    """

    name: str
    joints_m: NDArray[np.float64]
    keypoints_px: NDArray[np.float64]
    time_s: NDArray[np.float64]
    camera: Camera
    noise_px: float


def single_frame_views(
    poses: NDArray[np.floating], *, noise_px: float, count: int = 300, seed: int = 0
) -> SyntheticView:
    """Frames drawn at random, each before a camera of its own.

    Focal length 1145 px, 1000 x 1000 px, distance 3 to 6 m, any yaw, pitch -3 to 20 degrees, roll of 1.7 degrees
    (1 sigma), pelvis up to 0.5 m beside and 0.3 m above or below the axis.

    Args:
        poses: ``[N, 17, 3]`` metres, y up, N >= 15 ``count``.
        noise_px: standard deviation of the noise on each coordinate.
        count: number of frames.
        seed: of the draw; the same seed gives the same cameras for every noise.
    """
    rng = np.random.default_rng(seed)
    index = np.sort(rng.choice(np.arange(0, len(poses), STRIDE), count, replace=False))
    chosen = np.asarray(poses, np.float64)[index]
    rng = np.random.default_rng(seed)
    joints = np.stack([_before_camera(pose[None] - pose[:1], rng)[0] for pose in chosen])
    return _seen("single frames", joints, np.zeros(count), noise_px, rng)


def sequence_views(
    poses: NDArray[np.floating],
    start: NDArray[np.integer],
    length: NDArray[np.integer],
    names: list[str],
    *,
    fps: float = 30.0,
    noise_px: float,
    count: int = 16,
    seed: int = 0,
) -> list[SyntheticView]:
    """Clips of up to 90 frames, evenly drawn from all, each before one fixed camera (as for single frames).

    Args:
        poses: ``[N, 17, 3]`` metres, y up.
        start, length: ``[C]`` first frame and number of frames of each clip.
        names: of the clips.
        fps: frames per second.
        noise_px, seed: see ``single_frame_views``.
        count: number of clips, at most C.
    """
    views = []
    for number, clip in enumerate(np.linspace(0, len(start) - 1, count).round().astype(int)):
        rng = np.random.default_rng([seed, number])
        frames = np.asarray(poses, np.float64)[start[clip] : start[clip] + min(int(length[clip]), _LONGEST)]
        # The clip stays where it was recorded around the middle of its way, so that people walk through the picture.
        frames = frames - frames[:, :1].mean(axis=0, keepdims=True)
        joints = _before_camera(frames, rng)
        # Somebody who walks towards the camera must not walk into it.
        joints[..., 2] += max(0.0, 1.5 - joints[..., 2].min())
        views.append(_seen(names[clip], joints, np.arange(len(frames)) / fps, noise_px, rng))
    return views


def _before_camera(frames: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """World to camera frame by one random camera; the draws are in a fixed order, so that seeds stay comparable."""
    yaw, pitch, roll = rng.uniform(0, 2 * np.pi), rng.uniform(-0.05, 0.35), rng.normal() * 0.03
    Ry = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    Rx = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    Rz = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    distance = rng.uniform(3, 6)
    place = np.array([rng.uniform(-0.5, 0.5), rng.uniform(-0.3, 0.3), distance])
    return np.asarray((frames @ Ry.T * [1, -1, -1]) @ (Rz @ Rx).T + place)


def _seen(
    name: str, joints: NDArray[np.float64], time_s: NDArray[np.float64], noise_px: float, rng: np.random.Generator
) -> SyntheticView:
    camera = Camera.from_focal(FOCAL_PX, IMAGE_SIZE, "synthetic camera")
    pixels = camera.project(joints)
    return SyntheticView(name, joints, pixels + rng.normal(size=pixels.shape) * noise_px, time_s, camera, noise_px)


def motion_view(
    poses: NDArray[np.float64], fps: float, rng: np.random.Generator, *, noise_px: float = 4.0, lasts_s: float = 0.3
) -> tuple[SyntheticView, NDArray[np.float64]]:
    """A motion that travels, before one still camera, seen with errors that last as those of detectors do.

    Args:
        poses: ``[T, 17, 3]`` metres, y up, not root-centred.
        fps: poses per second.
        rng: of camera and errors.
        noise_px: standard deviation of the error of each coordinate that lasts; half as much is new in each frame.
        lasts_s: time after which it has fallen to 1/e.

    Returns:
        The view, and up ``[3]`` in camera axes.
    """
    yaw, pitch, roll = rng.uniform(0, 2 * np.pi), rng.uniform(-0.1, 0.5), rng.normal() * 0.05
    Ry = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    Rx = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    Rz = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    turn = Rz @ Rx @ np.diag([1.0, -1.0, -1.0]) @ Ry
    joints = poses @ turn.T
    joints = joints - joints[:, 0].mean(0)
    joints[..., 2] += max(rng.uniform(3, 6), 1.5 - float(joints[..., 2].min()))
    camera = Camera.from_focal(FOCAL_PX, IMAGE_SIZE, "synthetic camera")
    pixels = camera.project(joints)
    kept = math.exp(-1 / (fps * lasts_s))
    error = rng.normal(size=pixels.shape) * noise_px
    error[1:] *= math.sqrt(1 - kept**2)
    for frame in range(1, len(error)):
        error[frame] += kept * error[frame - 1]
    seen = pixels + error + rng.normal(size=pixels.shape) * noise_px / 2
    return SyntheticView("motion", joints, seen, np.arange(len(poses)) / fps, camera, noise_px), turn[:, 1]
