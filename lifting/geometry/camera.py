"""The pinhole camera: where it came from, pixels to rays and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Camera"]


@dataclass(frozen=True, eq=False)
class Camera:
    """Pinhole intrinsics with optional lens distortion (OpenCV order), x right, y down, z forward.

    Attributes:
        K: ``[3, 3]`` float64 intrinsic matrix in pixels.
        image_size: width and height in pixels.
        source: where K came from, in words; results say it.
        distortion: ``[D]`` float64 coefficients k1 k2 p1 p2 [k3 ...], of which OpenCV knows 4, 5, 8, 12 or 14; empty
            means none.

    Raises:
        ValueError: an attribute has not this form; one sentence says which.
    """

    K: NDArray[np.float64]
    image_size: tuple[int, int]
    source: str = "given"
    distortion: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        for name in ("K", "distortion"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        object.__setattr__(self, "image_size", tuple(self.image_size))
        K = self.K
        if len(self.image_size) != 2 or not all(float(side).is_integer() and side > 0 for side in self.image_size):
            raise ValueError(f"the image size must be width and height in pixels, not {self.image_size}")
        if K.shape != (3, 3) or not np.isfinite(K).all() or K[0, 0] <= 0 or K[1, 1] <= 0:
            raise ValueError("camera intrinsics must be a finite 3x3 matrix with positive focal lengths in pixels")
        longest = max(self.image_size)
        if min(K[0, 0], K[1, 1]) < 1e-3 * longest or np.abs(K).max() > 1e4 * longest:
            raise ValueError("camera intrinsics must be in pixels; no lens is this far from the image size")
        if K[2].tolist() != [0, 0, 1] or K[1, 0] != 0:
            raise ValueError(
                "camera intrinsics must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]]; is the matrix transposed?"
            )
        if (
            self.distortion.shape not in {(0,), (4,), (5,), (8,), (12,), (14,)}
            or not np.isfinite(self.distortion).all()
        ):
            raise ValueError("distortion must be a list of 4, 5, 8, 12 or 14 numbers in OpenCV's order")

    @classmethod
    def from_focal(cls, focal_px: float, image_size: tuple[int, int], source: str | None = None) -> Camera:
        """Square pixels, principal point in the middle of the image. Raises ValueError for a focal length <= 0."""
        width, height = image_size
        K = np.array([[focal_px, 0.0, width / 2], [0.0, focal_px, height / 2], [0.0, 0.0, 1.0]])
        return cls(K, image_size, source or f"focal length of {focal_px:g} px")

    @classmethod
    def from_fov(cls, fov_deg: float, image_size: tuple[int, int], source: str | None = None) -> Camera:
        """Field of view across the longer image side, in degrees. Raises ValueError outside 5..170 degrees."""
        if not 5.0 <= fov_deg <= 170.0:
            raise ValueError(f"the field of view must lie between 5 and 170 degrees, not {fov_deg:g}")
        focal_px = max(image_size) / 2 / math.tan(math.radians(fov_deg) / 2)
        return cls.from_focal(focal_px, image_size, source or f"field of view of {fov_deg:g} degrees")

    def rays(self, points_px: ArrayLike) -> NDArray[np.float64]:
        """Back-project pixels ``[..., 2]`` to ray directions ``[..., 3]`` with z = 1, undistorted."""
        points = np.asarray(points_px, dtype=np.float64)
        if self.distortion.size and points.size:
            import cv2

            flat = np.ascontiguousarray(points.reshape(-1, 1, 2))
            # The default of five iterations is pixels off in the corners of a wide lens.
            until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-9)
            xy = cv2.undistortPointsIter(flat, self.K, self.distortion, np.eye(3), np.eye(3), until)
            xy = xy.reshape(points.shape)
        else:
            homogeneous = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1)
            xy = (homogeneous @ np.linalg.inv(self.K).T)[..., :2]
        return np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)

    def project(self, points_m: ArrayLike) -> NDArray[np.float64]:
        """Project camera-frame points ``[..., 3]`` (metres, z > 0) to pixels ``[..., 2]``; NaN behind the camera."""
        points = np.asarray(points_m, dtype=np.float64)
        z = np.where(points[..., 2:] > 1e-6, points[..., 2:], np.nan)
        xy = points[..., :2] / z
        if self.distortion.size:
            import cv2

            ahead = np.isfinite(xy).all(axis=-1)
            pixels = np.full(xy.shape, np.nan)
            if ahead.any():
                rays = np.concatenate([xy[ahead], np.ones((int(ahead.sum()), 1))], axis=1)
                pixels[ahead] = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), self.K, self.distortion)[0].reshape(
                    -1, 2
                )
            return pixels
        homogeneous = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)
        return (homogeneous @ self.K.T)[..., :2]
