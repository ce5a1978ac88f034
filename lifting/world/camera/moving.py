"""A camera that moves through space: structure from motion over key frames, then every frame against its points.

Two key frames with a wide baseline begin (essential matrix); key frame after key frame is added to them, points are
triangulated as soon as they are seen from far enough apart, and all is adjusted together. The unit is arbitrary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.world.camera.structure import Sights, adjusted, projected, resected, triangulated
from lifting.world.camera.turning import Tracks

__all__ = ["Travel", "follow_travel"]

_FEWEST = 12  # points that say where a frame is
#: A key frame is followed by the next when fewer than this share of its points are left, or they moved so far on the
#: plane z = 1.
_LEFT, _MOVED = 0.7, 0.07
_MOST_KEYS = 150
#: Angles in units of the noise: between the rays of points with which to begin, and of a point that is placed.
_WIDE, _APART = 24.0, 10.0
_TRIED = 8  # key frames without a partner after which it is given up
_BEHIND = 10  # key frames that a local adjustment moves
_AGREE = 0.6  # share of the points that must fit


@dataclass(frozen=True)
class Travel:
    """What was found of F frames.

    Attributes:
        rotation: ``[F, 3, 3]`` from the reference axes to each frame's.
        translation: ``[F, 3]``: a point x of the reference is R x + t in a frame's axes.
        solved: ``[F]`` bool.
        share: of the sights of placed points that agree, the median over frames.
        depth: of the points that the first solved frame sees, the median.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    solved: NDArray[np.bool_]
    share: float
    depth: float


def follow_travel(tracks: Tracks) -> Travel | None:
    """Poses of all frames; None where no two frames tell a baseline."""
    keys = _keys(tracks)
    if len(keys) < 2:
        return None
    scene = _Scene(tracks, keys)
    if not scene.begin():
        return None
    scene.grow()
    return scene.everywhere()


def _keys(tracks: Tracks) -> list[int]:
    keys = [0]
    while True:
        f = keys[-1]
        there = int(tracks.start[f + 1] - tracks.start[f])
        for g in range(f + 1, len(tracks)):
            a, b = tracks.common(f, g)
            if len(a) < max(2 * _FEWEST, _LEFT * there) or np.median(np.linalg.norm(b - a, axis=1)) > _MOVED:
                # One before, so that enough is shared, unless it is the same.
                keys.append(max(f + 1, g - 1))
                break
        else:
            break
    if keys[-1] < len(tracks) - 1 and len(tracks.common(keys[-1], len(tracks) - 1)[0]) >= _FEWEST:
        keys.append(len(tracks) - 1)
    step = -(-len(keys) // _MOST_KEYS)
    return keys[::step]


class _Scene:
    """Key frames and points as far as they are placed."""

    def __init__(self, tracks: Tracks, keys: list[int]) -> None:
        self.tracks, self.keys = tracks, keys
        self.ids, self.point = np.unique(tracks.point, return_inverse=True)
        count = len(self.ids)
        self.places, self.placed = np.zeros((count, 3)), np.zeros(count, bool)
        self.rotation, self.translation = np.tile(np.eye(3), (len(keys), 1, 1)), np.zeros((len(keys), 3))
        self.solved = np.zeros(len(keys), bool)
        rows = [np.arange(tracks.start[f], tracks.start[f + 1]) for f in keys]
        every = np.concatenate(rows)
        camera = np.repeat(np.arange(len(keys)), [len(part) for part in rows])
        self.sights = Sights(camera, self.point[every], tracks.n[every])

    def begin(self) -> bool:
        """Place two key frames and what both see."""
        import cv2

        noise, best = self.tracks.noise, (0.0, 0, 0, np.eye(3), np.zeros(3))
        for i in range(len(self.keys) - 1):
            for j in range(i + 1, min(i + 9, len(self.keys))):
                a, b = self.tracks.common(self.keys[i], self.keys[j])
                if len(a) < 2 * _FEWEST:
                    break
                essential, _ = cv2.findEssentialMat(
                    a, b, np.eye(3), method=cv2.RANSAC, prob=0.999, threshold=1.5 * noise, maxIters=200
                )
                if essential is None or essential.shape != (3, 3):
                    continue
                # Points may be far off; OpenCV would drop those beyond 50 baselines.
                _, R, t, mask, _ = cv2.recoverPose(essential, a, b, np.eye(3), distanceThresh=2000.0)
                chosen = mask[:, 0] > 0
                share, count = float(chosen.mean()), int(chosen.sum())
                if count < _FEWEST or share < _AGREE:
                    continue
                pose = np.stack([np.eye(3), R]), np.stack([np.zeros(3), t[:, 0]])
                seen = Sights(
                    np.repeat([0, 1], count), np.tile(np.arange(count), 2), np.concatenate([a[chosen], b[chosen]])
                )
                _, angle = triangulated(*pose, seen, count)
                worth = min(float(np.median(angle)) / (_WIDE * noise), 3.0) * share
                if worth > best[0]:
                    best = worth, i, j, np.asarray(R, np.float64), np.asarray(t[:, 0], np.float64)
            if best[0] > 1.5 or (i >= _TRIED and best[0] == 0):
                break
        worth, i, j, R, t = best
        if worth < _AGREE:
            return False
        self.rotation[j], self.translation[j] = R, t
        self.solved[[i, j]] = True
        self.first = i
        self._place()
        self._adjust(np.array([i, j]))
        return int(self.placed.sum()) >= _FEWEST

    def grow(self) -> None:
        """Add the other key frames, nearest first, and adjust."""
        while not self.solved.all():
            known = np.flatnonzero(self.solved)
            count = np.zeros(len(self.keys), int)
            for k in np.flatnonzero(~self.solved):
                count[k] = int(self.placed[self._of(k).point].sum())
            # Those beside a key frame that is known, which says where to begin.
            gap = np.abs(np.arange(len(self.keys))[:, None] - known).min(axis=1)
            count[gap > 2] = 0
            k = int(np.argmax(np.where(self.solved, 0, count)))
            if count[k] < _FEWEST:
                return
            near = int(known[np.argmin(np.abs(known - k))])
            seen = self._of(k)
            which = self.placed[seen.point]
            R, t, agree = _resect(
                self.places[seen.point[which]], seen.n[which], self.tracks.noise,
                self.rotation[near], self.translation[near],
            )  # fmt: skip
            if agree.sum() < _FEWEST or agree.mean() < 0.5:
                # It is left out; frames around it may still be found.
                self.keys.pop(k)
                keep = self.sights.camera != k
                camera = self.sights.camera[keep]
                self.sights = Sights(camera - (camera > k), self.sights.point[keep], self.sights.n[keep])
                self.rotation, self.translation, self.solved = (
                    np.delete(values, k, axis=0) for values in (self.rotation, self.translation, self.solved)
                )
                self.first -= self.first > k
                continue
            self.rotation[k], self.translation[k], self.solved[k] = R, t, True
            self._place()
            known = np.flatnonzero(self.solved)
            self._adjust(known[np.argsort(np.abs(known - k), kind="stable")[:_BEHIND]], steps=5)
        self._place()

    def _of(self, k: int) -> Sights:
        rows = self.sights.camera == k
        return Sights(self.sights.camera[rows], self.sights.point[rows], self.sights.n[rows])

    def _known(self) -> Sights:
        rows = self.solved[self.sights.camera]
        return Sights(self.sights.camera[rows], self.sights.point[rows], self.sights.n[rows])

    def _place(self) -> None:
        """Triangulate what is seen from far enough apart and not placed yet; drop what does not fit."""
        seen = self._known()
        places, angle = triangulated(self.rotation, self.translation, seen, len(self.ids))
        new = ~self.placed & (angle > _APART * self.tracks.noise)
        self.places[new] = places[new]
        self.placed |= new
        rows = self.placed[seen.point]
        shown, depth = projected(
            self.rotation[seen.camera[rows]], self.translation[seen.camera[rows]], self.places[seen.point[rows]]
        )
        off = np.where(depth > 0, np.linalg.norm(shown - seen.n[rows], axis=1), np.inf)
        # The mean over the sights of a point; one that moves by itself fits none.
        total = np.bincount(seen.point[rows], weights=np.minimum(off, 1.0), minlength=len(self.ids))
        number = np.bincount(seen.point[rows], minlength=len(self.ids))
        self.placed &= total <= 4 * self.tracks.noise * np.maximum(number, 1)

    def _adjust(self, cameras: NDArray[np.int64], steps: int = 12) -> None:
        """Adjust these cameras and the points that they see; other cameras that see them stay."""
        seen = self._known()
        free = np.zeros(len(self.keys), bool)
        free[cameras] = True
        wanted = np.zeros(len(self.ids), bool)
        wanted[seen.point[free[seen.camera]]] = True
        wanted &= self.placed
        rows = wanted[seen.point]
        points, of = np.unique(seen.point[rows], return_inverse=True)
        if not len(points):
            return
        fixed = ~free
        fixed[self.first] = True
        self.rotation, self.translation, self.places[points] = adjusted(
            self.rotation, self.translation, self.places[points], Sights(seen.camera[rows], of, seen.n[rows]),
            self.tracks.noise, fixed, steps,
        )  # fmt: skip

    def everywhere(self) -> Travel | None:
        """Adjust all, then find every frame among the points; None if too little fits."""
        self._adjust(np.flatnonzero(self.solved), steps=20)
        self._place()
        self._adjust(np.flatnonzero(self.solved), steps=20)
        frames = len(self.tracks)
        rotation, translation = np.tile(np.eye(3), (frames, 1, 1)), np.zeros((frames, 3))
        solved, shares = np.zeros(frames, bool), []
        known = np.array([self.keys[k] for k in np.flatnonzero(self.solved)])
        poses = {self.keys[k]: (self.rotation[k], self.translation[k]) for k in np.flatnonzero(self.solved)}
        for f in range(frames):
            rows = self.tracks.rows(f)
            which = self.placed[self.point[rows]]
            if which.sum() < _FEWEST:
                continue
            near = int(known[np.argmin(np.abs(known - f))])
            start = (rotation[f - 1], translation[f - 1]) if f and solved[f - 1] else poses[near]
            R, t, agree = resected(
                self.places[self.point[rows][which]], self.tracks.n[rows][which], self.tracks.noise, *start
            )
            shares.append(float(agree.mean()))
            if agree.sum() >= _FEWEST and agree.mean() >= _AGREE:
                rotation[f], translation[f], solved[f] = R, t, True
        if not solved.any():
            return None
        first = int(np.argmax(solved))
        there = self.places[self.point[self.tracks.rows(first)][self.placed[self.point[self.tracks.rows(first)]]]]
        depth = float(np.median(there @ rotation[first, 2] + translation[first, 2]))
        return Travel(rotation, translation, solved, float(np.median(shares)), depth)


def _resect(
    places: NDArray[np.float64], n: NDArray[np.float64], noise: float,
    rotation: NDArray[np.float64], translation: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:  # fmt: skip
    """``resected`` from a pose nearby, and, if that does not fit, from random samples."""
    import cv2

    found = resected(places, n, noise, rotation, translation)
    if found[2].mean() >= 0.8:
        return found
    good, turn, move, _ = cv2.solvePnPRansac(
        places, n, np.eye(3), np.zeros(0), iterationsCount=200, reprojectionError=3 * noise, flags=cv2.SOLVEPNP_EPNP
    )
    if not good:
        return found
    again = resected(
        places, n, noise, np.asarray(cv2.Rodrigues(turn)[0], np.float64), np.asarray(move[:, 0], np.float64)
    )
    return again if again[2].sum() > found[2].sum() else found
