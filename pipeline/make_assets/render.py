"""Pictures of the sample clip's person in a lit room, by sphere tracing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifting.geometry.camera import Camera
from lifting.settings import DEFAULT_FOV_DEG
from pipeline.make_assets.figure import figure
from pipeline.make_assets.solid import GLOSS, NAMES, PALETTE, Floats, Packed, Vector, unit

__all__ = ["IMAGE_SIZE", "View", "render", "view"]

IMAGE_SIZE = (640, 480)
KEY_LIGHT = np.array([-0.42, 0.80, 0.46], dtype=np.float32) / np.float32(np.linalg.norm([-0.42, 0.80, 0.46]))
WALL_Z = -1.9
UP, TOWARDS_ROOM = np.eye(3, dtype=np.float32)[1:]
WOOD, PAINT, SKIRTING = np.array([[0.36, 0.235, 0.145], [0.36, 0.43, 0.45], [0.62, 0.61, 0.58]], dtype=np.float32)


@dataclass(frozen=True)
class View:
    """A pinhole camera in the world: ``camera`` intrinsics, ``R [3, 3]`` world to camera, ``centre [3]`` in metres."""

    camera: Camera
    R: Vector
    centre: Vector

    def transform(self, points: ArrayLike) -> Vector:
        """World points ``[..., 3]`` to the camera frame (x right, y down, z forward)."""
        return (np.asarray(points, dtype=np.float64) - self.centre) @ self.R.T


def view(time_s: float, duration_s: float, image_size: tuple[int, int] = IMAGE_SIZE) -> View:
    """The camera at a time: it drifts sideways by 12 degrees around the figure, at chest height, and looks at it."""
    phase = time_s / duration_s
    angle = np.radians(-6.0 + 12.0 * phase * phase * (3 - 2 * phase))
    target = np.array([0.0, 1.04, 0.0])
    centre = target + np.array([3.2 * np.sin(angle), 0.30, 3.2 * np.cos(angle)])
    forward = unit(target - centre)
    right = unit(np.cross(forward, [0.0, 1.0, 0.0]))
    R = np.stack([right, np.cross(forward, right), forward])
    return View(Camera.from_fov(DEFAULT_FOV_DEG, image_size, "rendered"), R, centre)


def march(solid: Packed, origins: Floats, directions: Floats, enter: Floats, leave: Floats) -> Floats:
    """Distance along every ray to the surface, inf where it misses."""
    t = enter.copy()
    hit = np.full(len(t), np.inf, dtype=np.float32)
    live = np.flatnonzero(enter < leave)
    for _ in range(72):
        if not live.size:
            break
        d = solid.distance(origins[live] + t[live, None] * directions[live])
        done = d < 0.0004
        hit[live[done]] = t[live[done]]
        t[live] += d
        live = live[~done & (t[live] < leave[live])]
    return hit


def sunlight(solid: Packed, points: Floats) -> Floats:
    """Share of the key light that reaches points ``[N, 3]``: 1 lit, 0 in full shadow, soft in between."""
    directions = np.broadcast_to(KEY_LIGHT, points.shape)
    keep, enter, leave = solid.near(points, directions, 0.12, 4.0)
    light = np.ones(len(points), dtype=np.float32)
    if not keep.any():
        return light
    part, t = solid.pick(keep), np.maximum(enter, 0.012)
    live = np.flatnonzero(t < leave)
    for _ in range(26):
        if not live.size:
            break
        d = part.distance(points[live] + t[live, None] * KEY_LIGHT)
        light[live] = np.minimum(light[live], 0.5 + 0.5 * d / (0.075 * t[live] + 0.004))
        t[live] += np.clip(d, 0.012, 0.2)
        live = live[(t[live] < leave[live]) & (light[live] > 0)]
    light = np.clip(light, 0, 1)
    return light * light * (3 - 2 * light)


def openness(solid: Packed, points: Floats, normals: Floats) -> Floats:
    """Ambient occlusion of points ``[N, 3]``: 1 open, towards 0 in a crevice."""
    taps = (0.015, 0.05, 0.11, 0.20)
    keep = solid.near(points, normals, 0.20, 0.20)[0]
    if not keep.any():
        return np.ones(len(points), dtype=np.float32)
    part = solid.pick(keep)
    closed = sum(0.62**i * np.clip(1 - part.distance(points + h * normals) / h, 0, 1) for i, h in enumerate(taps))
    return np.asarray(np.clip(1 - 0.52 * closed, 0, 1), dtype=np.float32)


def wrinkles(solid: Packed, cone: NDArray[np.int64], points: Floats) -> Floats:
    """How far folds of cloth and strands of hair tilt the normals ``[N, 3]`` at points on the cones of these numbers.

    The pattern lives in the frame of the first cone of each group, so that it moves with the limb.
    """
    first = np.searchsorted(solid.groups, solid.groups[cone])
    material = solid.materials[cone]
    lengths = np.linalg.norm(solid.A[first], axis=2)
    axes = solid.A[first] / lengths[..., None]
    x, y, z = (np.einsum("nij,nj->in", axes, points) + (solid.b[first] / lengths).T).astype(np.float32)
    bend = np.sin(9 * x + 5 * z) + np.sin(7 * y - 6 * z + 1.7)
    folds = [
        np.cos(31 * x + 13 * y + 1.3 * bend),
        0.8 * np.cos(38 * y - 11 * x + 1.5 * bend),
        np.cos(27 * z + 17 * y + bend),
    ]
    strands = [np.sin(420 * x + 60 * y), np.sin(90 * y + 200 * x), np.sin(160 * z + 300 * x)]
    cloth = np.isin(material, [NAMES.index("shirt"), NAMES.index("trousers")])
    hair = material == NAMES.index("hair")
    tilt = 0.17 * np.stack(folds, axis=1) * cloth[:, None] + 0.22 * np.stack(strands, axis=1) * hair[:, None]
    return np.asarray(np.einsum("nij,ni->nj", axes, tilt), dtype=np.float32)


def shade(base: Floats, gloss: Floats, normals: Floats, toward_eye: Floats, light: Floats, open_: Floats) -> Floats:
    """Linear RGB: key light, sky and floor bounce, a faint rim, a highlight."""
    key = np.maximum(normals @ KEY_LIGHT, 0) * light
    fill = np.maximum(normals @ np.array([0.75, 0.15, 0.64], dtype=np.float32), 0)
    sky = 0.5 + 0.5 * normals[:, 1]
    ambient = sky[:, None] * np.array([0.36, 0.41, 0.49], dtype=np.float32) + (1 - sky)[:, None] * np.array(
        [0.24, 0.19, 0.15], dtype=np.float32
    )
    lit = (
        2.3 * key[:, None] * np.array([1.0, 0.95, 0.87], dtype=np.float32)
        + (ambient + 0.22 * fill[:, None]) * open_[:, None]
    )
    half = KEY_LIGHT + toward_eye
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    shine = gloss * light * np.maximum(np.einsum("nk,nk->n", normals, half), 0) ** 28
    return base * lit + shine[:, None]


def backdrop(solid: Packed, origin: Floats, directions: Floats) -> Floats:
    """Linear RGB of wooden floor and wall, with the figure's shadow."""
    with np.errstate(divide="ignore"):
        to_floor = np.where(directions[:, 1] < -1e-6, -origin[1] / directions[:, 1], np.inf)
        to_wall = np.where(directions[:, 2] < -1e-6, (WALL_Z - origin[2]) / directions[:, 2], np.inf)
    floor = to_floor < to_wall
    points = (origin + np.minimum(np.minimum(to_floor, to_wall), 30.0)[:, None] * directions).astype(np.float32)
    normals = np.where(floor[:, None], UP, TOWARDS_ROOM)
    base = np.where(floor[:, None], WOOD, PAINT)
    plank = np.floor(points[:, 0] / 0.19)
    tone = 1 + 0.07 * np.sin(plank * 12.9898) + 0.02 * np.sin(points[:, 2] * 3.1 + plank * 4.0)
    seam = np.clip(np.abs(points[:, 0] / 0.19 - plank - 0.5) * 2 - 0.94, 0, 1) / 0.06
    base = np.where(floor[:, None], base * (tone * (1 - 0.25 * seam))[:, None], base)
    base[~floor & (points[:, 1] < 0.09)] = SKIRTING
    light = sunlight(solid, points)
    corner = np.where(floor, points[:, 2] - WALL_Z, points[:, 1])
    open_ = openness(solid, points, normals) * (1 - 0.35 * np.exp(-corner / 0.22)).astype(np.float32)
    # A lamp's pool of light, so that the wall is not one flat tone.
    pool = np.exp(-((points[:, 0] + 0.3) ** 2 + 0.7 * (points[:, 1] - 1.3) ** 2 + 0.4 * points[:, 2] ** 2) / 9.0)
    colour = shade(base, np.zeros(len(points), dtype=np.float32), normals, -directions, light, open_)
    return np.asarray(colour * (0.62 + 0.38 * pool)[:, None], dtype=np.float32)


def trace(solid: Packed, origin: Floats, directions: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Which rays ``[N, 3]`` from one point meet the figure, and the linear RGB ``[hits, 3]`` there."""
    origins = np.broadcast_to(origin, directions.shape)
    keep, enter, leave = solid.near(origins, directions, 0.025, 20.0)
    if not keep.any():
        return np.zeros(len(directions), dtype=bool), np.zeros((0, 3), dtype=np.float32)
    part = solid.pick(keep)
    t = march(part, origins, directions, enter, leave)
    seen = np.isfinite(t)
    if not seen.any():
        return seen, np.zeros((0, 3), dtype=np.float32)
    points = origin + t[seen, None] * directions[seen]
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], dtype=np.float32)
    normals = sum(corner * part.distance(points + 0.0012 * corner)[:, None] for corner in corners)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    cone = np.flatnonzero(keep)[part.owner(points)]
    material = solid.materials[cone]
    light = sunlight(solid, points + 0.006 * normals)
    bumpy = normals + wrinkles(solid, cone, points)
    bumpy /= np.linalg.norm(bumpy, axis=1, keepdims=True)
    open_ = openness(solid, points, normals)
    return seen, shade(PALETTE[material], GLOSS[material], bumpy, -directions[seen], light, open_)


def render(joints: ArrayLike, seen_from: View, samples: int = 2, tile: int = 32) -> NDArray[np.uint8]:
    """Picture ``[H, W, 3]`` uint8 RGB of the figure around joints ``[17, 3]`` (world, metres).

    The figure gets samples² rays a pixel, the smooth backdrop one.
    """
    width, height = seen_from.camera.image_size
    solid, origin = figure(joints), seen_from.centre.astype(np.float32)
    image = np.zeros((height, width, 3), dtype=np.float32)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            rows, columns = np.arange(top, min(top + tile, height)), np.arange(left, min(left + tile, width))
            rays = pixel_rays(seen_from, rows, columns, 1)
            block = tone_curve(backdrop(solid, origin, rays)).reshape(len(rows), 1, len(columns), 1, 3)
            block = np.tile(block, (1, samples, 1, samples, 1))
            seen, colour = trace(solid, origin, pixel_rays(seen_from, rows, columns, samples))
            block.reshape(-1, 3)[seen] = tone_curve(colour)
            image[top : top + tile, left : left + tile] = block.mean(axis=(1, 3))
    return np.rint(image * 255).astype(np.uint8)


def pixel_rays(seen_from: View, rows: NDArray[np.int64], columns: NDArray[np.int64], samples: int) -> Floats:
    """Unit world directions of samples² rays through every pixel, ``[rows · samples · columns · samples, 3]``."""
    offsets = (np.arange(samples) + 0.5) / samples
    grid = np.meshgrid((columns[:, None] + offsets).ravel(), (rows[:, None] + offsets).ravel())
    rays = unit(seen_from.camera.rays(np.stack(grid, axis=-1))) @ seen_from.R
    return rays.reshape(-1, 3).astype(np.float32)


def tone_curve(linear: Floats) -> Floats:
    """Linear light to display values 0..1: a shoulder that keeps highlights from clipping, then sRGB's curve."""
    x = 1 - np.exp(-1.05 * np.maximum(linear, 0))
    return np.asarray(np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055), dtype=np.float32)
