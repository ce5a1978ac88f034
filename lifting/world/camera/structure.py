"""Places of points and poses of cameras that see them: triangulation, resection, bundle adjustment.

A pose takes points of the reference axes to a camera's: ``R x + t``. Points of a camera are on its plane z = 1. Units
are those of the places. Triggs et al., Bundle adjustment: a modern synthesis (2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.world.camera.pairs import rotations_of

__all__ = ["Sights", "adjusted", "projected", "resected", "triangulated"]

_NEAREST = 1e-3  # least depth before a camera, of units


@dataclass(frozen=True, eq=False)
class Sights:
    """Which camera sees which point where.

    Attributes:
        camera: ``[O]`` int64, row of the camera.
        point: ``[O]`` int64, row of the point.
        n: ``[O, 2]``.
    """

    camera: NDArray[np.int64]
    point: NDArray[np.int64]
    n: NDArray[np.float64]


def projected(
    rotation: NDArray[np.float64], translation: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``[O, 2]`` on the plane z = 1 and depths ``[O]``: poses ``[O, 3, 3]`` and ``[O, 3]``, places ``[O, 3]``."""
    there = np.einsum("oij,oj->oi", rotation, places) + translation
    depth = there[:, 2]
    return np.asarray(there[:, :2] / np.maximum(depth, _NEAREST)[:, None], np.float64), np.asarray(depth, np.float64)


def triangulated(
    rotation: NDArray[np.float64], translation: NDArray[np.float64], sights: Sights, points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places ``[P, 3]`` closest to all rays that see them, and the widest angle between two of these (radians, 0 where
    fewer than two see it or the place is behind one of them).
    """
    ray = np.concatenate([sights.n, np.ones((len(sights.n), 1))], axis=1)
    R, t = rotation[sights.camera], translation[sights.camera]
    ray = np.einsum("oji,oj->oi", R, ray / np.linalg.norm(ray, axis=1, keepdims=True))
    centre = -np.einsum("oji,oj->oi", R, t)
    across = np.eye(3) - ray[:, :, None] * ray[:, None, :]
    normal, right = np.zeros((points, 3, 3)), np.zeros((points, 3))
    np.add.at(normal, sights.point, across)
    np.add.at(right, sights.point, np.einsum("oij,oj->oi", across, centre))
    places = np.linalg.solve(normal + 1e-9 * np.eye(3), right[..., None])[..., 0]
    # The angle to the mean ray, twice, is the widest between two for all that matters here.
    mean = np.zeros((points, 3))
    np.add.at(mean, sights.point, ray)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    angle = np.zeros(points)
    away = 2 * np.arccos(np.clip((ray * mean[sights.point]).sum(axis=1), -1, 1))
    np.maximum.at(angle, sights.point, away)
    behind = ((places[sights.point] - centre) * ray).sum(axis=1) < _NEAREST
    angle[np.unique(sights.point[behind])] = 0
    return np.asarray(places, np.float64), angle


def _slopes(
    R: NDArray[np.float64], t: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """How projections ``[O, 2]`` change with the pose, ``[O, 2, 6]`` (w, v of exp(w) R x + t + v), and with the place,
    ``[O, 2, 3]``; and the projections.
    """
    turned = np.einsum("oij,oj->oi", R, places)
    there = turned + t
    z = np.maximum(there[:, 2], _NEAREST)
    x, y = there[:, 0] / z, there[:, 1] / z
    none = np.zeros_like(x)
    to_point = np.stack([np.stack([1 / z, none, -x / z], axis=1), np.stack([none, 1 / z, -y / z], axis=1)], axis=1)
    a, b, c = turned.T
    # d(exp(w) y)/dw = -[y]x
    cross = -np.stack(
        [np.stack([none, -c, b], axis=1), np.stack([c, none, -a], axis=1), np.stack([-b, a, none], axis=1)], axis=1
    )
    by_pose = np.concatenate([to_point @ cross, to_point], axis=2)
    return by_pose, to_point @ R, np.stack([x, y], axis=1)


def resected(
    places: NDArray[np.float64],
    n: NDArray[np.float64],
    noise: float,
    rotation: NDArray[np.float64],
    translation: NDArray[np.float64],
    steps: int = 10,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """The pose of a camera that sees known places at ``n [N, 2]``, from a pose nearby; and which of them agree."""
    width = max(3 * noise, 3 * float(np.median(np.abs(_off(places, n, rotation, translation)))))
    for _ in range(steps):
        R, t = np.broadcast_to(rotation, (len(n), 3, 3)), np.broadcast_to(translation, (len(n), 3))
        J, _, shown = _slopes(R, t, places)
        off = shown - n
        weight = 1 / (1 + (off**2).sum(axis=1) / width**2) ** 2
        normal = np.einsum("o,oij,oik->jk", weight, J, J)
        normal += 1e-6 * np.diag(np.diag(normal)) + 1e-12 * np.eye(6)
        change = -np.linalg.solve(normal, np.einsum("o,oij,oi->j", weight, J, off))
        if not np.isfinite(change).all() or np.abs(change[:3]).max() > 1:
            break
        rotation = rotations_of(change[:3]) @ rotation
        translation = translation + change[3:]
        width = max(width / 2, 2 * noise)
        if np.abs(change).max() < 1e-7:
            break
    off = _off(places, n, rotation, translation)
    ahead = places @ rotation[2] + translation[2] > _NEAREST
    return rotation, translation, ((off**2).sum(axis=1) < (3 * noise) ** 2) & ahead


def _off(
    places: NDArray[np.float64], n: NDArray[np.float64], R: NDArray[np.float64], t: NDArray[np.float64]
) -> NDArray[np.float64]:
    there = places @ R.T + t
    return np.asarray(there[:, :2] / np.maximum(there[:, 2:], _NEAREST) - n)


def adjusted(
    rotation: NDArray[np.float64],
    translation: NDArray[np.float64],
    places: NDArray[np.float64],
    sights: Sights,
    noise: float,
    fixed: NDArray[np.bool_],
    steps: int = 12,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Poses ``[C, ...]`` and places ``[P, 3]`` that agree best with what is seen, by Levenberg-Marquardt.

    Points are eliminated (Schur complement); what is far off counts little (Geman-McClure).

    Args:
        rotation, translation, places: to begin with.
        sights: of these.
        noise: of a sight.
        fixed: ``[C]``, cameras that stay where they are.
        steps: at most.
    """
    from scipy.sparse import csr_array

    cameras, points = len(rotation), len(places)
    damping, width = 1e-3, 3 * noise
    best, kept = np.inf, (rotation, translation, places)
    for _ in range(steps):
        J, Jp, shown = _slopes(rotation[sights.camera], translation[sights.camera], places[sights.point])
        off = shown - sights.n
        squared = (off**2).sum(axis=1) / width**2
        cost = float((squared / (1 + squared)).sum())
        if cost > best:
            rotation, translation, places = kept
            damping *= 10
            if damping > 1e3:
                break
            J, Jp, shown = _slopes(rotation[sights.camera], translation[sights.camera], places[sights.point])
            off = shown - sights.n
            squared = (off**2).sum(axis=1) / width**2
        else:
            if best - cost < 1e-4 * cost:
                break
            best, kept, damping = cost, (rotation, translation, places), damping / 5
        weight = 1 / (1 + squared) ** 2
        J = J * ~fixed[sights.camera][:, None, None]
        U, V = np.zeros((cameras, 6, 6)), np.zeros((points, 3, 3))
        a, b = np.zeros((cameras, 6)), np.zeros((points, 3))
        np.add.at(U, sights.camera, np.einsum("o,oij,oik->ojk", weight, J, J))
        np.add.at(V, sights.point, np.einsum("o,oij,oik->ojk", weight, Jp, Jp))
        np.add.at(a, sights.camera, np.einsum("o,oij,oi->oj", weight, J, off))
        np.add.at(b, sights.point, np.einsum("o,oij,oi->oj", weight, Jp, off))
        U += damping * U * np.eye(6) + 1e-9 * np.eye(6)
        V += damping * V * np.eye(3) + 1e-9 * np.eye(3)
        inverse = np.linalg.inv(V)
        W = np.einsum("o,oij,oik->ojk", weight, J, Jp)
        row = 6 * sights.camera[:, None, None] + np.arange(6)[:, None]
        column = 3 * sights.point[:, None, None] + np.arange(3)
        shape = np.broadcast_shapes(row.shape, column.shape)
        where = (np.broadcast_to(row, shape).ravel(), np.broadcast_to(column, shape).ravel())
        full = csr_array((W.ravel(), where), shape=(6 * cameras, 3 * points))
        scaled = csr_array(
            (np.einsum("ojk,okl->ojl", W, inverse[sights.point]).ravel(), where), shape=(6 * cameras, 3 * points)
        )
        S = -(scaled @ full.T).toarray()
        for c in range(cameras):
            S[6 * c : 6 * c + 6, 6 * c : 6 * c + 6] += U[c]
        step = -np.linalg.solve(S, a.ravel() - scaled @ b.ravel())
        back = -np.einsum("pij,pj->pi", inverse, b + (full.T @ step).reshape(points, 3))
        pose = step.reshape(cameras, 6)
        rotation = rotations_of(pose[:, :3]) @ rotation
        translation, places = translation + pose[:, 3:], places + back
    else:
        # The last step was not judged.
        shown, _ = projected(rotation[sights.camera], translation[sights.camera], places[sights.point])
        squared = ((shown - sights.n) ** 2).sum(axis=1) / width**2
        if float((squared / (1 + squared)).sum()) > best:
            return kept
        return rotation, translation, places
    return kept
