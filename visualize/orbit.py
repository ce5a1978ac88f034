"""The virtual camera of the 3D panel: it swings slowly before the people, so that the eye reads the depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visualize.world import SceneBounds

__all__ = ["PERIOD_S", "OrbitCamera", "View", "azimuth_deg", "focal_px"]

#: Nearer than this nothing is drawn, metres.
NEAR_M = 0.05
#: Nobody fills the picture more than at this distance, metres.
MIN_DISTANCE_M = 3.0
#: Field of view across the shorter side, and height of the viewpoint above the horizontal, degrees.
FOV_DEG, ELEVATION_DEG = 30.0, 14.0
#: Middle of the swing and largest departure from it, degrees; seconds for one swing to and fro.
AZIMUTH_DEG, SWING_DEG, PERIOD_S = 18.0, 35.0, 12.0


@dataclass(frozen=True)
class View:
    """A pinhole view of the world at one moment.

    Attributes:
        axes: ``[3, 3]`` rows right, up, back (towards the viewer), world axes.
        target_m: ``[3]`` world point in the middle of the picture.
        distance_m: from the viewer to the target.
        focal_px: focal length in pixels.
        centre_px: ``[2]`` principal point.
    """

    axes: NDArray[np.float64]
    target_m: NDArray[np.float64]
    distance_m: float
    focal_px: float
    centre_px: NDArray[np.float64]

    def project(self, points_m: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """World points ``[..., 3]`` to pixels ``[..., 2]`` and depth ``[...]`` in metres; NaN behind the viewer."""
        local = (points_m - self.target_m) @ self.axes.T
        ahead = self.distance_m - local[..., 2]
        depth = np.where(ahead > NEAR_M, ahead, np.nan)
        offset = self.focal_px * local[..., :2] / depth[..., None]
        return self.centre_px + offset * np.array([1.0, -1.0]), depth


@dataclass(frozen=True)
class OrbitCamera:
    """A camera that swings to and fro before the people and follows them slowly.

    The swing never reaches 90 degrees from the video's own viewpoint, so what is left in the video stays left here.

    Attributes:
        time_s: ``[G]`` increasing times, seconds.
        targets_m: ``[G, 3]`` world point in the middle of the picture at those times.
        distances_m: ``[G]`` from the target.
        size: width and height of the picture in pixels.
    """

    time_s: NDArray[np.float64]
    targets_m: NDArray[np.float64]
    distances_m: NDArray[np.float64]
    size: tuple[int, int]

    @classmethod
    def fitted(cls, bounds: SceneBounds, size: tuple[int, int], margin: float = 0.11) -> OrbitCamera:
        """The nearest camera that shows everybody at every moment.

        Args:
            bounds: where the people are.
            size: width and height of the picture in pixels.
            margin: share of the picture kept free at each side.
        """
        half = np.array(size) / 2 / focal_px(size) * (1 - 2 * margin)
        middle, reach = (bounds.lowest_m + bounds.highest_m) / 2, (bounds.highest_m - bounds.lowest_m) / 2
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        distances = np.empty(len(middle))
        for step, time_s in enumerate(bounds.time_s):
            local = corners * reach[step] @ axes_at(azimuth_deg(float(time_s))).T
            # |x| <= (distance - towards) * half, for every corner and both picture axes
            distances[step] = (np.abs(local[:, :2]) / half + local[:, 2:]).max()
        return cls(bounds.time_s, middle, np.maximum(distances, MIN_DISTANCE_M), size)

    def view(self, time_s: float) -> View:
        """The view at a presentation time in seconds."""
        axes = axes_at(azimuth_deg(time_s))
        target = np.array([np.interp(time_s, self.time_s, values) for values in self.targets_m.T])
        distance = float(np.interp(time_s, self.time_s, self.distances_m))
        return View(axes, target, distance, focal_px(self.size), np.array(self.size) / 2)


def focal_px(size: tuple[int, int]) -> float:
    """Focal length in pixels for a picture of (width, height)."""
    return min(size) / 2 / math.tan(math.radians(FOV_DEG) / 2)


def azimuth_deg(time_s: float) -> float:
    """Direction of the viewpoint, 0 at the video camera, positive to its right: periodic in seconds, not in frames."""
    return AZIMUTH_DEG + SWING_DEG * math.sin(2 * math.pi * time_s / PERIOD_S)


def axes_at(azimuth: float) -> NDArray[np.float64]:
    """``[3, 3]`` rows right, up and back of the viewpoint at an azimuth in degrees."""
    turn, rise = math.radians(azimuth), math.radians(ELEVATION_DEG)
    right = np.array([math.cos(turn), 0.0, -math.sin(turn)])
    back = np.array([math.sin(turn) * math.cos(rise), math.sin(rise), math.cos(turn) * math.cos(rise)])
    return np.stack([right, np.cross(back, right), back])
