"""The virtual camera of the 3D panel: it swings slowly before the people, so that the eye reads the depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

__all__ = ["PERIOD_S", "OrbitCamera", "View", "azimuth_deg", "focal_px"]

#: Nearer than this nothing is drawn, metres.
NEAR_M = 0.05
#: Nobody fills the picture more than at this distance, metres.
MIN_DISTANCE_M = 3.0
#: Field of view across the shorter side, and height of the viewpoint above the horizontal, degrees.
FOV_DEG, ELEVATION_DEG = 30.0, 14.0
#: Middle of the swing and largest departure from it, degrees; seconds for one swing to and fro.
AZIMUTH_DEG, SWING_DEG, PERIOD_S = 18.0, 35.0, 12.0
#: How finely the way of the camera is planned, and how far ahead and back it looks, seconds.
_STEP_S, _LOOK_S = 0.25, 2.0
#: Farther from anybody, in seconds, nothing is planned: the work follows the frames, not the time that they span.
_PLANNED_S = 5 * _LOOK_S
#: What an empty scene shows: a stage of 2 m for somebody who stands 3 m away.
_STAGE = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (0.0, 1.8) for z in (-4.0, -2.0)])


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
    def fitted(
        cls, points_m: NDArray[np.float64], time_s: NDArray[np.float64], size: tuple[int, int], margin: float = 0.07
    ) -> OrbitCamera:
        """The nearest camera that shows everything, planned once for the whole video so that it never jumps.

        At each moment it shows what is there up to two seconds before and after, so that it makes room before somebody
        enters. It stays where it is while nobody is there.

        Args:
            points_m: ``[M, 3]`` what has to be seen, world metres, all finite; may be empty.
            time_s: ``[M]`` when, in seconds, in any order.
            size: width and height of the picture in pixels.
            margin: share of the picture kept free at each side.
        """
        if not len(points_m):
            points_m, time_s = _STAGE, np.zeros(len(_STAGE))
        order = np.argsort(time_s, kind="stable")
        points_m, time_s = points_m[order], time_s[order]
        grid = _grid(time_s)
        axes = [axes_at(azimuth_deg(float(moment))) for moment in grid]
        half = np.array(size) / 2 / focal_px(size) * (1 - 2 * margin)

        first, last = np.searchsorted(time_s, grid - _LOOK_S), np.searchsorted(time_s, grid + _LOOK_S, side="right")
        busy = np.flatnonzero(last > first)
        wanted = np.array([_best_target(points_m[first[k] : last[k]], axes[k], half) for k in busy])
        targets = _smooth(np.stack([np.interp(grid, grid[busy], values) for values in wanted.T], axis=1))

        # Whatever the targets, a distance that is large enough shows everybody. The running maximum reaches as far as
        # the smoothing after it, so that the smooth distance is never too short.
        first, last = np.searchsorted(time_s, grid - _STEP_S), np.searchsorted(time_s, grid + _STEP_S, side="right")
        needed = np.full(len(grid), MIN_DISTANCE_M)
        for k in np.flatnonzero(last > first):
            local = (points_m[first[k] : last[k]] - targets[k]) @ axes[k].T
            needed[k] = max(MIN_DISTANCE_M, (local[:, 2:] + np.abs(local[:, :2]) / half).max())
        distances = _smooth(maximum_filter1d(needed, 2 * round(_LOOK_S / _STEP_S) + 1, mode="nearest"))
        return cls(grid, targets, distances, size)

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


def _grid(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times ``[G]`` in even steps that cover the times ``[M]``, in order, without the middle of long gaps."""
    gaps = np.flatnonzero(np.diff(time_s) > 2 * _PLANNED_S)
    ends = np.append((time_s[gaps] + _PLANNED_S - time_s[0]) / _STEP_S, (time_s[-1] - time_s[0]) / _STEP_S + 1)
    begins = np.append(0.0, np.floor((time_s[gaps + 1] - _PLANNED_S - time_s[0]) / _STEP_S))
    return np.unique(
        np.concatenate([time_s[0] + _STEP_S * np.arange(*part) for part in zip(begins, ends, strict=True)])
    )


def _best_target(
    points_m: NDArray[np.float64], axes: NDArray[np.float64], half: NDArray[np.float64]
) -> NDArray[np.float64]:
    """World point ``[3]`` that the nearest view along ``axes`` with all points inside looks at.

    ``half`` is the tangent of half the field of view across and up. Each side of the picture is a plane through the
    viewpoint, and the outermost point before it bounds the viewpoint's place: it stands in the middle between two.
    """
    local = points_m @ axes.T
    plus = (local[:, :2] + half * local[:, 2:]).max(axis=0)
    minus = (-local[:, :2] + half * local[:, 2:]).max(axis=0)
    middle = (local[:, 2].min() + local[:, 2].max()) / 2
    return np.array([*(plus - minus) / 2, middle]) @ axes


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian over two looks in all, along the first axis."""
    sigma = _LOOK_S / _STEP_S / 2
    return np.asarray(gaussian_filter1d(values, sigma, axis=0, mode="nearest", truncate=2.0))
