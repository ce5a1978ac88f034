"""Signed distance to a body of blended round cones, for the sample clip's figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["GLOSS", "NAMES", "PALETTE", "Floats", "Packed", "Solid", "Vector", "frame", "unit"]

Floats = NDArray[np.float32]
Vector = NDArray[np.float64]

# Linear RGB of every material; the index is the material's number.
MATERIALS = {
    "skin": (0.56, 0.29, 0.19),
    "shirt": (0.50, 0.035, 0.035),
    "trousers": (0.025, 0.042, 0.10),
    "shoe": (0.10, 0.11, 0.13),
    "sole": (0.75, 0.74, 0.70),
    "hair": (0.045, 0.025, 0.014),
    "lip": (0.50, 0.19, 0.15),
    "eye": (0.80, 0.78, 0.74),
    "iris": (0.05, 0.035, 0.02),
}
NAMES = tuple(MATERIALS)
PALETTE = np.array(list(MATERIALS.values()), dtype=np.float32)
GLOSS = np.array([0.10, 0.02, 0.02, 0.10, 0.05, 0.14, 0.15, 0.1, 0.0], dtype=np.float32)


def unit(v: ArrayLike) -> Vector:
    """A vector (or rows of vectors) scaled to length 1."""
    v = np.asarray(v, dtype=np.float64)
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def frame(up: ArrayLike, side: ArrayLike) -> Vector:
    """Rows x, y, z of a right-handed frame: y along ``up``, x as near to ``side`` as that allows."""
    y = unit(up)
    x = np.asarray(side, dtype=np.float64)
    x = unit(x - (x @ y) * y)
    return np.stack([x, y, np.cross(x, y)])


@dataclass
class Solid:
    """A union of round cones (a sphere moved along a line while its radius changes), each squeezed along its own axes.

    A cone maps a world point p to ``A p + b``, its axis on y from 0 to ``height``; the distance there times ``scale``
    never exceeds the true one. Cones of one group blend smoothly over ``blend`` metres; groups meet in a crease.
    """

    #: One tuple a cone, in the order of the fields of ``Packed``.
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    group: int = -1

    def start(self) -> None:
        """Begin a group."""
        self.group += 1

    def cone(
        self,
        a: ArrayLike,
        b: ArrayLike,
        ra: float,
        rb: float,
        material: str,
        *,
        side: ArrayLike = (1.0, 0.1, 0.0),
        squeeze: tuple[float, float] = (1.0, 1.0),
        blend: float = 0.02,
        cut: float = np.inf,
    ) -> None:
        """From a (radius ra) to b (radius rb); radii are multiplied by ``squeeze`` along ``side`` and across.

        ``cut``: the cone ends flat at this fraction of its length, as a hem does.
        """
        start, end = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        height = float(np.linalg.norm(end - start))
        axes = frame(end - start, side)
        A = axes / np.array([squeeze[0], 1.0, squeeze[1]])[:, None]
        sphere = (*((start + end) / 2), height / 2 + max(ra, rb) * max(*squeeze, 1.0))
        shape = (ra, (ra - rb) / height, height, min(*squeeze, 1.0), cut * height)
        self.rows.append((A, -A @ start, *shape, sphere, self.group, blend, NAMES.index(material)))

    def ball(
        self, centre: ArrayLike, radii: tuple[float, float, float], axes: Vector, material: str, blend: float = 0.02
    ) -> None:
        """An ellipsoid with half-axes ``radii`` along the rows of ``axes``."""
        c = np.asarray(centre, dtype=np.float64)
        A = axes / np.array(radii)[:, None]
        shape = (1.0, 0.0, 0.0, min(radii), np.inf)
        self.rows.append((A, -A @ c, *shape, (*c, max(radii)), self.group, blend, NAMES.index(material)))

    def pack(self) -> Packed:
        """The same as arrays."""
        columns: list[Any] = [np.array(column) for column in zip(*self.rows, strict=True)]
        return Packed(*(c.astype(np.float32) if c.dtype.kind == "f" else c for c in columns))


@dataclass
class Packed:
    """A ``Solid`` as arrays, one row per cone; ``spheres`` (centre, radius) enclose them."""

    A: Floats
    b: Floats
    radius: Floats
    slope: Floats
    height: Floats
    scale: Floats
    cut: Floats
    spheres: Floats
    groups: NDArray[np.int64]
    blends: Floats
    materials: NDArray[np.int64]

    def pick(self, keep: NDArray[np.bool_]) -> Packed:
        """The cones marked True."""
        return Packed(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))

    def each(self, points: Floats) -> Floats:
        """Distance of points ``[N, 3]`` to every cone: ``[P, N]``."""
        local = self.A @ points.T + self.b[..., None]
        across, along = np.hypot(local[:, 0], local[:, 2]), local[:, 1]
        slope, height, scale = self.slope[:, None], self.height[:, None], self.scale[:, None]
        # The nearest sphere of the cone is where the surface normal through the point meets the axis.
        t = np.clip(along - across * (slope / np.sqrt(1 - slope**2)), 0, height)
        d = (np.hypot(across, along - t) - self.radius[:, None] + slope * t) * scale
        hem = np.flatnonzero(np.isfinite(self.cut))
        if hem.size:
            d[hem] = np.maximum(d[hem], (along[hem] - self.cut[hem, None]) * scale[hem])
        return d

    def bodies(self, points: Floats) -> tuple[Floats, Floats]:
        """Distance of points ``[N, 3]`` to every blended group ``[G, N]``, and to every cone ``[P, N]``."""
        each = self.each(points)
        bodies: list[Floats] = []
        for i, d in enumerate(each):
            if i == 0 or self.groups[i] != self.groups[i - 1]:
                bodies.append(d)
                continue
            k = self.blends[i]
            overlap = np.maximum(k - np.abs(bodies[-1] - d), 0)
            bodies[-1] = np.minimum(bodies[-1], d) - overlap * overlap * (0.25 / k)
        return np.stack(bodies), each

    def distance(self, points: Floats) -> Floats:
        """Distance of points ``[N, 3]`` to the blended solid: ``[N]``."""
        return np.asarray(self.bodies(points)[0].min(axis=0))

    def owner(self, points: Floats) -> NDArray[np.int64]:
        """Number of the cone to which the surface at points ``[N, 3]`` belongs: the nearest of the nearest group."""
        bodies, each = self.bodies(points)
        group = np.unique(self.groups)[bodies.argmin(axis=0)]
        return np.where(self.groups[:, None] == group, each, np.inf).argmin(axis=0)

    def near(
        self, origins: Floats, directions: Floats, margin: float, reach: float
    ) -> tuple[NDArray[np.bool_], Floats, Floats]:
        """Which cones ``[P]`` any ray passes within ``margin``, and where each ray ``[N]`` enters and leaves them."""
        # First all rays together, as one bundle around their mean; only what that leaves is looked at ray by ray.
        middle, axis = origins.mean(axis=0), directions.mean(axis=0)
        axis = axis / np.linalg.norm(axis)
        to = self.spheres[:, :3] - middle
        wide = np.linalg.norm(origins - middle, axis=1).max() + margin + self.spheres[:, 3]
        wide = wide + np.linalg.norm(to, axis=1) * np.linalg.norm(directions - axis, axis=1).max()
        keep = np.linalg.norm(np.cross(to, axis), axis=1) < wide
        enter = np.full(len(origins), np.inf, dtype=np.float32)
        leave = np.full(len(origins), -np.inf, dtype=np.float32)
        for i in np.flatnonzero(keep):
            to_one = self.spheres[i, :3] - origins
            along = np.einsum("nk,nk->n", to_one, directions)
            gap = (self.spheres[i, 3] + margin) ** 2 - (np.einsum("nk,nk->n", to_one, to_one) - along**2)
            half = np.sqrt(np.maximum(gap, 0))
            hit = (gap > 0) & (along + half > 0) & (along - half < reach)
            keep[i] = hit.any()
            enter = np.where(hit, np.minimum(enter, along - half), enter)
            leave = np.where(hit, np.maximum(leave, along + half), leave)
        return keep, np.maximum(enter, 0), np.minimum(leave, reach)
