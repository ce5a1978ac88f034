"""The 3D panel: everybody on one floor, seen by a slowly swinging camera. numpy projects, OpenCV draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.body.joints import HEAD_TOP, PELVIS
from lifting.tracks import Track3D
from lifting.world.frame import World
from lifting.world.upright import WorldFrame, upright_world
from visualize import canvas
from visualize.canvas import Image
from visualize.overlay import row_of
from visualize.palette import DARK, Theme, accent, mix
from visualize.scene.figure import Figure, figure_parts, limb_radius
from visualize.scene.orbit import OrbitCamera, View

__all__ = ["SkeletonScene"]

_FADE_LEVELS = 8
_HALF_GRID = 11
_TRAIL_S = 1.6
#: A pelvis so far outside the central 98 % of all is a mistake rather than a place, metres.
_STRAY_M = 3.0
#: Shadows of people who stray to the viewpoint are not widened further, pixels.
_MAX_BLUR = 40.0
#: Radius of the ring on the floor, and from the highest joint up to the label, metres.
_RING_M, _LABEL_M = 0.32, 0.1
_FLOOR = np.array([1.0, 0.0, 1.0])
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 49)), np.zeros(49), np.sin(np.linspace(0, 2 * np.pi, 49))], axis=1)


class SkeletonScene:
    """Draws the people of a video in 3D.

    Args:
        tracks: everybody in the video; the view follows them slowly, planned once for the whole length.
        size: width and height of the panel in pixels, each at least 16.
        world: where they stand; None turns camera axes upright, as for frames of which it knows nothing.
        theme: what is behind them.

    Raises:
        ValueError: for a smaller size.
    """

    def __init__(
        self, tracks: Sequence[Track3D], size: tuple[int, int], world: World | None = None, theme: Theme = DARK
    ) -> None:
        if min(size) < 16:
            raise ValueError(f"the 3D panel needs at least 16 x 16 pixels, not {size[0]} x {size[1]}")
        self.size, self._theme = size, theme
        complete = upright_world(tracks, world)
        self._tracks = [replace(track, joints_m=complete(track.joints_m, track.frame_index)) for track in tracks]
        #: From the axes of the tracks to those of the scene.
        self.world = WorldFrame(np.eye(3), 0.0)
        self.camera = OrbitCamera.fitted(*_to_be_seen(self._tracks, self.world), size)
        self._backdrop = _backdrop(size, theme)
        self._grid = _floor_grid(_HALF_GRID)
        #: Width of the floor's cells in metres.
        self.cell_m = _cell(1.1 * float(np.median(self.camera.distances_m)))
        #: Pixels per metre below which limbs are not thinned further: a panel 26 people high.
        self._min_scale = min(size) / 13.0

    def draw(self, frame_index: int, time_s: float) -> Image:
        """The panel ``[height, width, 3]`` uint8 RGB for a decoded frame and its presentation time in seconds."""
        image = self._backdrop.copy()
        view = self.camera.view(time_s)
        self._draw_grid(image, view)
        if not self._tracks:
            self._draw_note(image, "nobody found")
            return image
        figures = self.figures(frame_index)
        for figure in figures:
            self._draw_shadow(image, figure, view)
        for track in self._tracks:
            self._draw_trail(image, track, frame_index, view)
        for figure in figures:
            self._draw_footing(image, figure, view)

        def fade(depth_m: float) -> float:
            return self._fade(depth_m, view)

        parts = [part for figure in figures for part in figure_parts(figure, view, self._min_scale, fade, self._theme)]
        for part in sorted(parts, key=lambda part: -part.depth_m):
            part.draw(image)
        for figure in figures:
            self._draw_label(image, figure, view)
        return image

    def figures(self, frame_index: int) -> list[Figure]:
        """Everybody who is seen in a frame, in world coordinates."""
        found = []
        for track in self._tracks:
            row = row_of(track, frame_index)
            if row is not None:
                joints = self.world(track.joints_m[row])
                found.append(Figure(track.track_id, joints, track.imputed[row], track.sigma_m[row]))
        return found

    @staticmethod
    def _fade(depth_m: float, view: View) -> float:
        """The far side of the scene sinks a little into the background."""
        return min(max((depth_m / view.distance_m - 1.0) * 1.5, 0.0), 1.0) * 0.35

    def _unit(self) -> float:
        return max(1.0, min(self.size) / 480)

    def _draw_grid(self, image: Image, view: View) -> None:
        """Light added to the backdrop, or taken away; the grid lies still, while its bright part follows the view."""
        centre = view.target_m[[0, 2]] / self.cell_m
        flat = self._grid + np.round(centre)
        distance = np.linalg.norm(flat.mean(axis=1) - centre, axis=1) / _HALF_GRID
        corners = np.zeros((*flat.shape[:2], 3))
        corners[..., 0], corners[..., 2] = flat[..., 0] * self.cell_m, flat[..., 1] * self.cell_m
        pixels, _ = view.project(corners)
        shown = np.isfinite(pixels).all(axis=(1, 2)) & (distance < 1)
        level = np.floor(np.clip(1 - distance, 0, 1) ** 1.2 * _FADE_LEVELS)
        light = np.zeros_like(image)
        for step in range(_FADE_LEVELS):
            colour = mix((0, 0, 0), self._theme.grid, (step + 1) / _FADE_LEVELS)
            canvas.polylines(light, pixels[shown & (level == step)], colour, self._unit())
        # Nothing lies above the highest line.
        highest = float(np.min(pixels[shown, :, 1], initial=image.shape[0]))
        top = min(max(int(highest) - 2, 0), image.shape[0] - 1)
        (cv2.add if self._theme.lighter else cv2.subtract)(image[top:], light[top:], dst=image[top:])

    def _draw_shadow(self, image: Image, figure: Figure, view: View) -> None:
        """A soft shadow straight below the limbs, weaker the higher the limb is; drawn at half size."""
        pixels, depth = view.project(figure.joints_m * _FLOOR)
        height = np.maximum(figure.joints_m[:, 1], 0.0)
        pieces = []
        for a, b in H36M_17.edges:
            if np.isfinite(depth[[a, b]]).all():
                strength = round(215 * math.exp(-float(height[a] + height[b]) / 2 / 0.9))
                width = min(0.06 * view.focal_px / float(depth[a]), _MAX_BLUR)
                pieces.append((strength, pixels[[a, b]] / 2, width))
        if not pieces:
            return
        ends = np.concatenate([ends for _, ends, _ in pieces])
        spread = min(max(0.6, 0.0225 * view.focal_px / float(np.nanmean(depth))), _MAX_BLUR)
        pad = math.ceil(3 * spread + max(width for _, _, width in pieces) / 2) + 1
        # Only the part of the floor that the picture shows.
        bounds = np.array(self.size) / 2
        low = np.floor(np.clip(ends.min(axis=0), 0, bounds)).astype(int) - pad
        high = np.ceil(np.clip(ends.max(axis=0), 0, bounds)).astype(int) + pad
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), dtype=np.uint8)
        for strength, line, width in sorted(pieces, key=lambda piece: piece[0]):
            canvas.polylines(mask, [line - low], strength, width)
        soft = cv2.GaussianBlur(mask, (0, 0), spread)
        full = cv2.resize(soft, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
        canvas.blend_mask(image, np.asarray(full, dtype=np.uint8), 2 * int(low[0]), 2 * int(low[1]), self._theme.shadow)

    def _draw_trail(self, image: Image, track: Track3D, frame_index: int, view: View) -> None:
        """The way of the pelvis over the floor during the last moments."""
        row = row_of(track, frame_index)
        if row is None:
            return
        first = int(np.searchsorted(track.time_s, track.time_s[row] - _TRAIL_S))
        pixels, _ = view.project(self.world(track.joints_m[first : row + 1, PELVIS]) * _FLOOR)
        age = (track.time_s[row] - track.time_s[first : row + 1]) / _TRAIL_S
        pieces = np.stack([pixels[:-1], pixels[1:]], axis=1)
        usable = np.isfinite(pieces).all(axis=(1, 2))
        for level in range(_FADE_LEVELS):
            inside = usable & (np.floor(age[1:] * _FADE_LEVELS) == level)
            share = 0.7 * (1 - level / _FADE_LEVELS)
            canvas.polylines(
                image, pieces[inside], mix(self._theme.glow, accent(track.track_id), share), 1.6 * self._unit()
            )

    def _draw_footing(self, image: Image, figure: Figure, view: View) -> None:
        """A ring on the floor under the pelvis and a drop line to it: where the person is, and how high."""
        pelvis = figure.joints_m[PELVIS]
        colour = accent(figure.track_id)
        pixels, depth = view.project(pelvis * _FLOOR + _RING_M * _CIRCLE)
        if np.isfinite(depth).all():
            canvas.polylines(image, pixels[None], mix(self._theme.background, colour, 0.75), 1.5 * self._unit())
        ends, depth = view.project(np.stack([pelvis, pelvis * _FLOOR]))
        if np.isfinite(depth).all():
            unit = self._unit()
            canvas.dashed_line(image, ends[0], ends[1], mix(self._theme.background, colour, 0.5), unit, 4 * unit)

    def _draw_label(self, image: Image, figure: Figure, view: View) -> None:
        """The id over the head, above raised hands too."""
        anchor = figure.head_m
        anchor[1] = np.nanmax(figure.joints_m[:, 1])
        pixels, depth = view.project(anchor)
        if not np.isfinite(depth):
            return
        size = max(11, round(min(self.size) / 40))
        text = f"{figure.track_id}"
        width, height = canvas.chip_size(text, size)
        lift = limb_radius(_LABEL_M, float(depth), view, self._min_scale)
        canvas.chip(image, text, pixels[0] - width / 2, pixels[1] - lift - height, size, accent(figure.track_id))

    def _draw_note(self, image: Image, text: str) -> None:
        size = max(12, round(min(self.size) / 26))
        width, height = canvas.text_size(text, size)
        canvas.write_text(
            image, text, (self.size[0] - width) / 2, 0.2 * self.size[1] - height / 2, size, self._theme.muted
        )


def _to_be_seen(tracks: Sequence[Track3D], world: WorldFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """World points ``[M, 3]`` of everybody, label and ring on the floor included, and their times ``[M]``.

    Poses far from all others are left out: one bad frame must not shrink the whole scene.
    """
    joints = np.concatenate([np.zeros((0, len(H36M_17), 3)), *(world(track.joints_m) for track in tracks)])
    times = np.concatenate([np.zeros(0), *(track.time_s for track in tracks)])
    whole = np.isfinite(joints).all(axis=(1, 2))
    joints, times = joints[whole], times[whole]
    if not len(joints):
        return np.zeros((0, 3)), times
    pelvis = joints[:, PELVIS]
    low, high = np.percentile(pelvis, [1, 99], axis=0)
    kept = ((pelvis >= low - _STRAY_M) & (pelvis <= high + _STRAY_M)).all(axis=1)
    joints, times = joints[kept], times[kept]
    label = joints[:, HEAD_TOP].copy()
    label[:, 1] = joints[..., 1].max(axis=1) + 2 * _LABEL_M
    ring = joints[:, None, PELVIS] * _FLOOR + _RING_M * _CIRCLE[::12]
    points = np.concatenate([joints, label[:, None], ring], axis=1)
    return points.reshape(-1, 3), np.repeat(times, points.shape[1])


def _backdrop(size: tuple[int, int], theme: Theme) -> Image:
    """Lighter behind the people and darker in the corners."""
    width, height = size
    x = (np.arange(width) + 0.5) / width - 0.5
    y = (np.arange(height) + 0.5) / height - 0.52
    distance = np.hypot(x[None, :], 1.1 * y[:, None]) / 0.72
    share = np.clip(distance, 0.0, 1.0)[..., None] ** 1.3
    middle, edge = np.array(mix(theme.background, theme.glow, 0.6), np.float64), np.array(theme.edge, np.float64)
    shade = middle + (edge - middle) * share
    # An ordered half-tone of one grey level hides the banding of a slow gradient, and stays still from frame to frame.
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16
    tiled = np.tile(bayer, (-(-height // 4), -(-width // 4)))[:height, :width, None]
    return np.floor(shade + tiled).astype(np.uint8)


def _floor_grid(half: int) -> NDArray[np.float64]:
    """The edges ``[S, 2, 2]`` of the cells of a square grid with ``2 half`` cells a side, x and z in cells."""
    start, line = (grid.ravel() for grid in np.meshgrid(np.arange(-half, half), np.arange(-half, half + 1)))
    one = np.stack([np.stack([start, line], axis=1), np.stack([start + 1, line], axis=1)], axis=1).astype(np.float64)
    return np.concatenate([one, one[..., ::-1]])


def _cell(reach_m: float) -> float:
    """Width of the grid's cells, metres: a round number, so that about ten of them cover the floor's half."""
    return next((cell for cell in (0.5, 1.0, 2.0, 5.0, 10.0) if reach_m / cell <= _HALF_GRID), 20.0)
