"""Real people before several calibrated cameras: what each view was lifted to, against the triangulated truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import COCO_17, H36M_17, LAYOUTS
from detectors.people import PersonTrack2D
from lifting.geometry.camera import Camera
from lifting.metrics import pa_mpjpe
from lifting.tracks import Track3D

__all__ = ["LIMBS", "Reference", "main_person", "view_errors"]

#: The joints that are judged: COCO and Human3.6M mean the same by them.
LIMBS = tuple(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
_IN_COCO = COCO_17.indices(LIMBS)
_IN_H36M = H36M_17.indices(LIMBS)
_HIPS = [LIMBS.index("left_hip"), LIMBS.index("right_hip")]

# A 2D person is the one of the reference where the median limb joint is closer than this share of the person's size.
_NEAR = 0.25


@dataclass(frozen=True)
class Reference:
    """Triangulated joints of one person and the C cameras that saw them.

    Attributes:
        frames: ``[F]`` frame numbers in every video.
        joints_m: ``[F, 17, 3]`` COCO-17 joints, metres, world axes.
        reprojection_px: ``[F, 17]`` error of the triangulation.
        K: ``[C, 3, 3]`` px.
        distortion: ``[C, D]`` in OpenCV's order.
        R, T: ``[C, 3, 3]`` and ``[C, 3]`` m; ``x_camera = R x_world + T``.

    Raises:
        ValueError: an array has another shape or is not finite.
    """

    frames: NDArray[np.int64]
    joints_m: NDArray[np.float64]
    reprojection_px: NDArray[np.float64]
    K: NDArray[np.float64]
    distortion: NDArray[np.float64]
    R: NDArray[np.float64]
    T: NDArray[np.float64]

    def __post_init__(self) -> None:
        frames, cameras = len(self.frames), len(self.K)
        coefficients = self.distortion.shape[-1] if self.distortion.ndim else 0
        expected = {
            "frames": (frames,), "joints_m": (frames, 17, 3), "reprojection_px": (frames, 17), "K": (cameras, 3, 3),
            "distortion": (cameras, coefficients), "R": (cameras, 3, 3), "T": (cameras, 3),
        }  # fmt: skip
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite and {list(shape)}, not {list(array.shape)}")

    def camera(self, number: int, image_size: tuple[int, int]) -> Camera:
        """The calibrated camera of a view, counted from 0."""
        return Camera(self.K[number], image_size, "calibration", self.distortion[number])

    def limbs(self, number: int) -> NDArray[np.float64]:
        """``[F, 12, 3]`` the judged joints in the axes of a camera, metres."""
        return np.asarray(self.joints_m[:, _IN_COCO] @ self.R[number].T + self.T[number])

    def reliable(self, limit_px: float) -> NDArray[np.bool_]:
        """``[F]`` frames whose worst judged joint was triangulated to better than this."""
        return np.asarray(self.reprojection_px[:, _IN_COCO].max(axis=1) < limit_px)


def main_person(
    tracks: Sequence[PersonTrack2D], frames: NDArray[np.int64], limbs_px: NDArray[np.float64]
) -> PersonTrack2D | None:
    """The track that lies near the reference in most frames; of equals, the closest. None if no track is ever near.

    Args:
        tracks: everybody in the video, in any layout that has the limb joints.
        frames: ``[F]`` frame numbers of the reference.
        limbs_px: ``[F, 12, 2]`` its projected joints.
    """
    size = np.ptp(limbs_px, axis=1).max(axis=-1)
    best: tuple[int, float] = (0, 0.0)
    chosen = None
    for track in tracks:
        rows, at = _common(track.frame_index, frames)
        joints = track.keypoints_px[rows][:, LAYOUTS[track.layout].indices(LIMBS)]
        distance = np.median(np.linalg.norm(joints - limbs_px[at], axis=-1), axis=1) / size[at]
        near = distance < _NEAR
        if near.any() and (rank := (int(near.sum()), -float(distance[near].mean()))) > best:
            best, chosen = rank, track
    return chosen


def view_errors(
    track: Track3D | None, frames: NDArray[np.int64], limbs_m: NDArray[np.float64], *, smoothed: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Errors of one view over the 12 limb joints, in metres; NaN in frames in which the person was not lifted.

    Args:
        track: the main person, None if not found.
        frames: ``[F]`` frame numbers of the reference.
        limbs_m: ``[F, 12, 3]`` its joints in the axes of the camera.
        smoothed: judge ``joints_m``, else ``raw_joints_m``.

    Returns:
        ``[F]`` PA-MPJPE and ``[F]`` MPJPE with the middles of the hips on each other.
    """
    aligned, plain = np.full(len(frames), np.nan), np.full(len(frames), np.nan)
    if track is None:
        return aligned, plain
    rows, at = _common(track.frame_index, frames)
    joints = (track.joints_m if smoothed else track.raw_joints_m)[rows][:, _IN_H36M]
    seen = np.isfinite(joints).all(axis=(1, 2))
    joints, at = joints[seen], at[seen]
    truth = limbs_m[at]
    aligned[at] = pa_mpjpe(joints, truth)
    moved = joints - joints[:, _HIPS].mean(axis=1, keepdims=True) + truth[:, _HIPS].mean(axis=1, keepdims=True)
    plain[at] = np.linalg.norm(moved - truth, axis=-1).mean(axis=1)
    return aligned, plain


def _common(index: NDArray[np.int64], frames: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a track and of the reference that are the same frame of the video."""
    _, rows, at = np.intersect1d(index, frames, return_indices=True)
    return rows, at
