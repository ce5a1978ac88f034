"""A camera that turns about its centre and zooms: each frame against a key frame, key frames against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lifting.world.camera.pairs import fit_turn, prefers_travel, rotations_of, slopes, turned

__all__ = ["Chain", "Tracks", "as_turns", "focal_factor", "follow_turn", "polished"]

_FEWEST = 12  # points that a frame needs in common with its key frame
_SHARE, _CLEAR = 0.5, 0.8  # of the points that must agree; with which a fit is certain
#: A key frame serves while so much of its points is left; then the last frame that it explained takes over.
_LEFT = 0.6
_SWEEPS = 3
_PART = 2000  # frames that are polished together
#: Share of frames that do not fit after which no more are tried.
_GIVE_UP = 0.25
#: Radians between two frames that say something of the focal length, and factors that are tried.
_TELLS = 0.1
_PAIRS = 8
#: squared distances, cut off at 9, in units of the noise, beyond which the best is no good
_POOR = 4.0
_FACTORS = np.geomspace(0.5, 2.5, 27)


@dataclass(frozen=True)
class Tracks:
    """The points of one shot of F frames.

    Attributes:
        n: ``[M, 2]`` on the plane z = 1.
        point: ``[M]`` int64, number of the point.
        start: ``[F + 1]`` rows of each frame.
        noise: of a place on the plane z = 1.
    """

    n: NDArray[np.float64]
    point: NDArray[np.int64]
    start: NDArray[np.int64]
    noise: float

    def __len__(self) -> int:
        return len(self.start) - 1

    def rows(self, f: int) -> slice:
        """The rows of a frame."""
        return slice(int(self.start[f]), int(self.start[f + 1]))

    def common(self, f: int, g: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points that two frames share, in both, ``[N, 2]`` each."""
        a, b = self.rows(f), self.rows(g)
        _, of_a, of_b = np.intersect1d(self.point[a], self.point[b], assume_unique=True, return_indices=True)
        return self.n[a][of_a], self.n[b][of_b]

    def since(self, f: int) -> Tracks:
        """Without the frames before f."""
        return self.part(f, len(self))

    def part(self, f: int, end: int) -> Tracks:
        """The frames from f to ``end``, which is not among them."""
        rows = slice(int(self.start[f]), int(self.start[end]))
        return Tracks(self.n[rows], self.point[rows], self.start[f : end + 1] - self.start[f], self.noise)

    def scaled(self, focal: float) -> Tracks:
        """As a camera would see them whose focal length is ``focal`` times what was taken."""
        return Tracks(self.n / focal, self.point, self.start, self.noise / focal)


@dataclass(frozen=True)
class Chain:
    """What was found of F frames.

    Attributes:
        rotation: ``[F, 3, 3]`` from the first frame's axes to each frame's.
        zoom: ``[F]``.
        solved: ``[F]`` bool.
        share: ``[F]`` of the points that agreed with the key frame; 0 where there were too few.
        keys: frames that were key frames.
        travel: how much better travel explains a pair of key frames than a turn, the median over pairs (see
            ``prefers_travel``).
    """

    rotation: NDArray[np.float64]
    zoom: NDArray[np.float64]
    solved: NDArray[np.bool_]
    share: NDArray[np.float64]
    keys: tuple[int, ...]
    travel: float


def follow_turn(tracks: Tracks) -> Chain:
    """Chain the turns of all frames; a frame that does not fit is left out."""
    frames = len(tracks)
    rotation, zoom = np.tile(np.eye(3), (frames, 1, 1)), np.ones(frames)
    solved, share = np.zeros(frames, bool), np.zeros(frames)
    key = last = 0
    solved[0], share[0] = True, 1.0
    keys, travel, missed = [0], [], 0
    for f in range(1, frames):
        a, b = tracks.common(key, f)
        if len(a) < max(_FEWEST, _LEFT * (tracks.start[key + 1] - tracks.start[key])) and last != key:
            travel.append(_travel(tracks, (rotation, zoom), key, f if len(a) >= 2 * _FEWEST else last))
            key = last
            keys.append(key)
            a, b = tracks.common(key, f)
        start = rotation[last] @ rotation[key].T, float(zoom[last] / zoom[key])
        enough = max(_SHARE, min(_CLEAR, 0.9 * share[last]))
        turn = fit_turn(a, b, tracks.noise, start, float(zoom[key]), enough) if missed <= _GIVE_UP * frames else None
        missed += len(a) >= _FEWEST
        if turn is None:
            continue
        share[f] = turn.share
        if turn.share < _SHARE or turn.agree.sum() < _FEWEST or not _spread(a[turn.agree], tracks.noise):
            continue
        rotation[f], zoom[f], solved[f] = turn.rotation @ rotation[key], zoom[key] * turn.zoom, True
        last = f
        missed -= 1
    if frames > 1:
        travel.append(_travel(tracks, (rotation, zoom), key, last if last > key else frames - 1))
    return Chain(rotation, zoom, solved, share, tuple(keys), float(np.median(travel)) if travel else 0.0)


def _travel(tracks: Tracks, pose: tuple[NDArray[np.float64], NDArray[np.float64]], f: int, g: int) -> float:
    """How much better travel explains two frames than the best turn."""
    size = float(pose[1][f])
    a, b = (points / size for points in tracks.common(f, g))
    return prefers_travel(a, b, fit_turn(a, b, tracks.noise / size), tracks.noise / size)


def _spread(n: NDArray[np.float64], noise: float) -> bool:
    """Whether points are not all in one place, where a turn about it could not be seen."""
    return bool((np.ptp(n, axis=0) > 60 * noise).all())


def polished(tracks: Tracks, chain: Chain) -> Chain:
    """Rotations and zooms in which every point has one direction in all frames that see it, key frames or not.

    Long shots are polished part by part, each from the last frame of the one before, so that memory does not grow.
    """
    known = np.flatnonzero(chain.solved)
    bounds = [0, *known[_PART:-1:_PART].tolist(), len(tracks) - 1]
    rotation, zoom = chain.rotation.copy(), chain.zoom.copy()
    for first, last in pairwise(bounds):
        part = slice(first, last + 1)
        turn, size = chain.rotation[first], float(chain.zoom[first])
        own = replace(
            chain, rotation=chain.rotation[part] @ turn.T, zoom=chain.zoom[part] / size, solved=chain.solved[part]
        )
        turns, zooms = _polished(tracks.part(first, last + 1).scaled(size), own)
        rotation[part], zoom[part] = turns @ rotation[first], zooms * zoom[first]
    return replace(chain, rotation=rotation, zoom=zoom)


def _polished(tracks: Tracks, chain: Chain) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """In turns: the direction of each point is the mean of those of its frames, and all frames are fitted to these."""
    rotation, zoom = chain.rotation.copy(), chain.zoom.copy()
    _, point = np.unique(tracks.point, return_inverse=True)
    frame = np.repeat(np.arange(len(tracks)), np.diff(tracks.start))
    count = int(point.max(initial=-1)) + 1
    usable = chain.solved[frame]
    for _ in range(_SWEEPS):
        ray = np.concatenate([tracks.n / zoom[frame, None], np.ones((len(frame), 1))], axis=1)
        ray = np.einsum("nji,nj->ni", rotation[frame], ray / np.linalg.norm(ray, axis=1, keepdims=True))
        mean = _means(ray, point, usable, count)
        # Once more without what is far from the mean: it moves.
        near = usable & (np.linalg.norm(ray - mean[point], axis=1) < 4 * tracks.noise)
        mean = _means(ray, point, near, count)
        ahead = np.einsum("nij,nj->ni", rotation[frame], mean[point])
        depth = np.maximum(ahead[:, 2], 1e-3)
        x, y = ahead[:, 0] / depth, ahead[:, 1] / depth
        J, off = slopes(x, y, zoom[frame]), zoom[frame, None] * np.stack([x, y], axis=1) - tracks.n
        weight = near / (1 + (off**2).sum(axis=1) / (2 * tracks.noise) ** 2) ** 2
        normal = _per_frame(np.einsum("n,nij,nik->njk", weight, J, J), tracks) + 1e-9 * np.eye(4)
        change = -np.linalg.solve(normal, _per_frame(np.einsum("n,nij,ni->nj", weight, J, off), tracks)[..., None])[
            ..., 0
        ]
        few = _per_frame(near.astype(np.float64)[:, None], tracks)[:, 0] < _FEWEST
        change[few | (np.abs(change).max(axis=1) > 0.1)] = 0
        rotation, zoom = rotations_of(np.asarray(change[:, :3])) @ rotation, zoom * np.exp(change[:, 3])
        # The first frame's axes are the reference.
        rotation, zoom = rotation @ rotation[0].T, zoom / zoom[0]
    return rotation, zoom


def as_turns(chain: Chain, times: float) -> Chain:
    """Turns that were found with a focal length ``times`` too long, for the right one.

    What is in the middle of each picture is looked at; away from it the two differ.
    """
    axis = chain.rotation[:, 2] * np.array([times, times, 1.0])
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    # The shortest turn from straight ahead to the axis, after a roll about it.
    across = np.stack([-axis[:, 1], axis[:, 0], np.zeros(len(axis))], axis=1)
    sine = np.linalg.norm(across, axis=1, keepdims=True)
    towards = rotations_of(across / np.maximum(sine, 1e-12) * np.arctan2(sine, axis[:, 2:]))
    roll = np.arctan2(
        chain.rotation[:, 0, 1] - chain.rotation[:, 1, 0], chain.rotation[:, 0, 0] + chain.rotation[:, 1, 1]
    )
    about = rotations_of(np.stack([np.zeros_like(roll), np.zeros_like(roll), roll], axis=1))
    rotation = (towards @ about).swapaxes(1, 2)
    return replace(chain, rotation=rotation)


def _per_frame(values: NDArray[np.float64], tracks: Tracks) -> NDArray[np.float64]:
    """Sums of the rows of each frame."""
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    return np.asarray(total[tracks.start[1:]] - total[tracks.start[:-1]])


def _means(
    ray: NDArray[np.float64], point: NDArray[np.int64], which: NDArray[np.bool_], count: int
) -> NDArray[np.float64]:
    total = np.stack(
        [np.bincount(point[which], weights=ray[which, axis], minlength=count) for axis in range(3)], axis=1
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def focal_factor(tracks: Tracks) -> float:
    """The focal length divided by the one that was taken, as turns tell it: only with the right one are they turns.

    Returns 1 where they do not tell: too small a turn, no clear best, or no turn at all.
    """
    chosen = list(_wide_pairs(tracks))[:_PAIRS]
    if not chosen:
        return 1.0

    def cost(focal: float) -> float:
        total, count = 0.0, 0
        for a, b in chosen:
            turn = fit_turn(a / focal, b / focal, tracks.noise / focal)
            off = np.full(len(a), 9.0)
            if turn is not None:
                moved = turned(a / focal, turn.rotation, turn.zoom) * focal
                off = np.minimum(((moved - b) ** 2).sum(axis=1) / tracks.noise**2, 9.0)
            total, count = total + float(off.sum()), count + len(a)
        return total / count

    costs = np.array([cost(float(factor)) for factor in _FACTORS])
    best = int(np.argmin(costs))
    if best in (0, len(_FACTORS) - 1) or costs[best] > min(0.8 * cost(1.0) - 0.02, _POOR):
        return 1.0
    around = np.log(_FACTORS[best - 1 : best + 2])
    bend = np.polyfit(around, costs[best - 1 : best + 2], 2)
    return float(np.exp(np.clip(-bend[1] / (2 * bend[0]), around[0], around[2]))) if bend[0] > 0 else 1.0


def _wide_pairs(tracks: Tracks) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Points in pairs of frames that are as far apart as half of the points let them be, and turned enough to tell."""
    step = max(1, len(tracks) // 200)
    f = 0
    while f + step < len(tracks):
        there = int(tracks.start[f + 1] - tracks.start[f])
        g = f + step
        while g + step < len(tracks) and len(tracks.common(f, g + step)[0]) >= max(2 * _FEWEST, there / 2):
            g += step
        a, b = tracks.common(f, g)
        if len(a) >= 2 * _FEWEST and float(np.median(np.linalg.norm(a - b, axis=1))) > _TELLS:
            yield a, b
        f = g
