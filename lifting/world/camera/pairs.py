"""What two frames say of each other: the turn between them, and whether a turn is enough.

Points are ``[N, 2]`` on the plane z = 1 of the camera (``Camera.rays``); ``noise`` is their standard deviation there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Turn", "fit_turn", "prefers_travel", "rotations_of", "slopes", "turned", "vector_of"]

_NEAR = 3.0  # times the noise: a point that is no further off agrees
_STEPS = 12
_FEWEST = 8
_CLEAR = 0.8


class Turn(NamedTuple):
    """From the axes of one frame to those of another.

    Attributes:
        rotation: ``[3, 3]``, points of the first frame's axes to the second's.
        zoom: focal length of the second divided by that of the first.
        agree: ``[N]`` bool, the points that it explains.
    """

    rotation: NDArray[np.float64]
    zoom: float
    agree: NDArray[np.bool_]

    @property
    def share(self) -> float:
        """Of the points that are explained."""
        return float(self.agree.mean()) if len(self.agree) else 0.0


def rotations_of(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[..., 3, 3]`` rotations about vectors ``[..., 3]`` by their lengths in radians."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(vector).as_matrix())


def vector_of(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of ``rotations_of``: ``[..., 3, 3]`` -> ``[..., 3]`` radians."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(rotation).as_rotvec())


def turned(n: NDArray[np.float64], rotation: NDArray[np.float64], zoom: float) -> NDArray[np.float64]:
    """Where points ``[N, 2]`` of one frame are in another one."""
    ray = n @ rotation[:, :2].T + rotation[:, 2]
    return np.asarray(zoom * ray[:, :2] / np.maximum(ray[:, 2:], 1e-3))


def fit_turn(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    noise: float,
    start: tuple[NDArray[np.float64], float] | None = None,
    size: float = 1.0,
    enough: float = _CLEAR,
) -> Turn | None:
    """The turn and zoom that bring points ``a`` of one frame to ``b`` of another; None if there is none.

    Args:
        a, b: ``[N, 2]`` the same points in both.
        noise: see above.
        start: rotation and zoom to begin with, as of the frame before.
        size: focal length of the first frame divided by that of the camera, for frames that are zoomed: ``a`` and ``b``
            are divided by it.
        enough: share of the points that agree with which what ``start`` leads to is taken, without random samples.
    """
    if len(a) < _FEWEST:
        return None
    a, b, noise = a / size, b / size, noise / size
    if start is not None:
        turn = _refined(a, b, noise, *start)
        if turn is not None and turn.share >= enough:
            return turn
    import cv2

    # In units of the noise OpenCV's thresholds make sense.
    _, inliers = cv2.findHomography(a / noise, b / noise, cv2.RANSAC, _NEAR, maxIters=300, confidence=0.999)
    if inliers is None or (inliers[:, 0] > 0).sum() < _FEWEST:
        return None
    chosen = inliers[:, 0] > 0
    begin = _refined(a[chosen], b[chosen], noise, *_similar(a[chosen], b[chosen]))
    return None if begin is None else _refined(a, b, noise, begin.rotation, begin.zoom)


def _similar(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """A rotation (Kabsch on unit rays) and a zoom of 1 or what the spread says, to begin with."""
    spread = [np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()) for points in (a, b)]
    zoom = float(np.clip(spread[1] / max(spread[0], 1e-9), 0.2, 5.0))
    if 0.9 < zoom < 1.1:
        zoom = 1.0
    rays = [np.concatenate([points, np.ones((len(points), 1))], axis=1) for points in (a, b / zoom)]
    rays = [ray / np.linalg.norm(ray, axis=1, keepdims=True) for ray in rays]
    left, _, right = np.linalg.svd(rays[1].T @ rays[0])
    return left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right, zoom


def _refined(
    a: NDArray[np.float64], b: NDArray[np.float64], noise: float, rotation: NDArray[np.float64], zoom: float
) -> Turn | None:
    """Gauss-Newton over rotation and log zoom, with Geman-McClure weights whose width shrinks to the noise."""
    off = turned(a, rotation, zoom) - b
    width = max(float(np.median(np.abs(off))) * 3, 2 * noise)
    for _ in range(_STEPS):
        ray = a @ rotation[:, :2].T + rotation[:, 2]
        depth = np.maximum(ray[:, 2], 1e-3)
        x, y = ray[:, 0] / depth, ray[:, 1] / depth
        off = zoom * np.stack([x, y], axis=1) - b
        weight = 1 / (1 + (off**2).sum(axis=1) / width**2) ** 2
        J = slopes(x, y, zoom)
        normal = np.einsum("n,nij,nik->jk", weight, J, J) + 1e-9 * np.eye(4)
        change = -np.linalg.solve(normal, np.einsum("n,nij,ni->j", weight, J, off))
        if not np.isfinite(change).all() or np.abs(change).max() > 1.0:
            return None
        rotation, zoom = rotations_of(change[:3]) @ rotation, zoom * math.exp(change[3])
        if width > 2 * noise:
            width = max(width / 2, 2 * noise)
        elif np.abs(change).max() < 0.03 * noise:
            break
    left, _, right = np.linalg.svd(rotation)
    rotation = left @ right
    off = turned(a, rotation, zoom) - b
    return Turn(rotation, zoom, (off**2).sum(axis=1) < (_NEAR * noise * max(zoom, 1.0)) ** 2)


def slopes(x: NDArray[np.float64], y: NDArray[np.float64], zoom: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """``[N, 2, 4]``: how points ``zoom * (x, y)`` change with a turn, R <- exp(w) R, and with log zoom."""
    one = np.ones_like(x)
    J = np.stack(
        [np.stack([-x * y, one + x * x, -y, x], axis=1), np.stack([-one - y * y, x * y, x, y], axis=1)], axis=1
    )
    return np.asarray(np.reshape(zoom, (-1, 1, 1)) * J)


def prefers_travel(a: NDArray[np.float64], b: NDArray[np.float64], turn: Turn | None, noise: float) -> float:
    """How much better a camera that also travels explains two frames than one that turns; above 0 it is better.

    The geometric robust information criterion (Torr, 1998): squared distances, cut off, plus what the freedom of the
    model costs. Per point, so that pairs can be compared.
    """
    import cv2

    n = len(a)
    if n < 16:
        return 0.0
    essential, _ = cv2.findEssentialMat(
        a, b, np.eye(3), method=cv2.RANSAC, prob=0.999, threshold=_NEAR / 2 * noise, maxIters=150
    )
    if essential is None or essential.shape != (3, 3):
        return 0.0
    of_turn = np.full(n, np.inf) if turn is None else ((turned(a, turn.rotation, turn.zoom) - b) ** 2).sum(axis=1)
    freedom = [(of_turn, 2, 4), (_sampson(np.asarray(essential, np.float64), a, b), 3, 5)]
    costs = [
        np.minimum(off / noise**2, 2 * (4 - d)).sum() + n * d * math.log(4) + k * math.log(4 * n)
        for off, d, k in freedom
    ]
    return float(costs[0] - costs[1]) / n


def _sampson(essential: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances ``[N]`` of pairs of points from what an essential matrix allows, to first order."""
    one = np.ones((len(a), 1))
    p, q = np.concatenate([a, one], axis=1), np.concatenate([b, one], axis=1)
    line_b, line_a = p @ essential.T, q @ essential
    product = (q * line_b).sum(axis=1)
    slope = (line_b[:, :2] ** 2).sum(axis=1) + (line_a[:, :2] ** 2).sum(axis=1)
    return np.asarray(product**2 / np.maximum(slope, 1e-18))
