"""Points of the background followed through a video, frame by frame, people left out.

Lucas and Kanade (1981), in pyramids. From frame to frame alone a point wanders off; so each is looked for again as it
was in its key frame, which is what tells right from wrong, too, and brings points back that somebody has hidden. While
the camera stands, the key frame stays, and nothing drifts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.background.picture import corners, people_mask, small_grey
from detectors.people import Person2D

__all__ = ["BackgroundFollower", "FrameBackground"]

_MOST = 120  # points in a picture
_WINDOW, _LEVELS = (13, 13), 3
#: px of the small picture: a point is where it was followed to only if its key frame's picture of it is found so near
_APART = 1.0
#: grey levels by which the two pictures of a point may differ, on average
_UNLIKE = 18.0
#: px that a point may be off when it is followed back
_ASTRAY = 0.7
#: Roll in radians, or share of zoom, from which on a key frame is warped before its points are looked for.
_BENT = 0.015
#: A key frame of which fewer of its points still look the same has become too different.
_ALIKE = 0.6
#: Fewer points than this share that live on: the picture is another one.
_LOST = 0.2
_FEW = 12  # points of which a share means something
_KEYS = 3  # key frames at once
#: s for which the points of a lost picture are looked for: a flash, somebody before the lens
_REMEMBERED = 1.0
#: New corners are looked for in every so many frames if some are missing.
_SEED_EVERY = 6


@dataclass(frozen=True, eq=False)
class FrameBackground:
    """What was followed into one frame.

    Attributes:
        point_id: ``[N]`` int64, increasing.
        xy_px: ``[N, 2]`` float32, pixels of the frame.
        broken: hardly a point of the frame before was found: a cut, unless they come back.
    """

    point_id: NDArray[np.int64]
    xy_px: NDArray[np.float32]
    broken: bool = False


@dataclass(eq=False)
class _Key:
    """A key frame and its points: as they look in it, and where they were seen last."""

    picture: NDArray[np.uint8]
    ids: NDArray[np.int64]
    at: NDArray[np.float32]
    now: NDArray[np.float32]
    seen: NDArray[np.bool_]
    seen_s: float  # when some of them were seen last
    speed: NDArray[np.float32]  # [2] px by which they moved from the frame before to the last one

    def keep(self, which: NDArray[np.bool_]) -> None:
        self.ids, self.at, self.now, self.seen = self.ids[which], self.at[which], self.now[which], self.seen[which]


class BackgroundFollower:
    """Follows the background; frames are given in their order.

    A follower that is given the ``state`` of another goes on as that one would.
    """

    def __init__(self, state: Mapping[str, NDArray[Any]] | None = None) -> None:
        self._keys: list[_Key] = []
        self._before: NDArray[np.uint8] | None = None
        self._next, self._since_seed = 0, 0
        if state is not None:
            self._restore(state)

    def follow(self, image_rgb: NDArray[np.uint8], people: Sequence[Person2D], time_s: float) -> FrameBackground:
        """The points of the next frame.

        Args:
            image_rgb: ``[H, W, 3]`` uint8; all frames have the same size.
            people: who is in it, for whom nothing is followed.
            time_s: of the frame, seconds.
        """
        grey, scale = small_grey(image_rgb)
        taken = people_mask(grey.shape, people, scale)
        broken = False
        if self._before is not None and self._keys:
            broken = self._step(grey, taken, time_s)
        self._since_seed += 1
        self._seed(grey, taken, time_s, urgent=broken or not self._keys)
        self._before = grey
        self._tidy(grey, time_s)
        ids = np.concatenate([np.zeros(0, np.int64), *(key.ids[key.seen] for key in self._keys)])
        places = np.concatenate([np.zeros((0, 2), np.float32), *(key.now[key.seen] for key in self._keys)])
        order = np.argsort(ids)
        xy = (places[order] + 0.5) / scale - 0.5
        return FrameBackground(ids[order], xy.astype(np.float32), broken)

    def _step(self, grey: NDArray[np.uint8], taken: NDArray[np.bool_], time_s: float) -> bool:
        """Move every point on; whether nearly all are gone."""
        assert self._before is not None
        followed = hidden = 0
        found = [self._again(key, grey, taken) for key in self._keys]
        moving = [n for n, (key, (_, same)) in enumerate(zip(self._keys, found, strict=True)) if not _enough(key, same)]
        chained = self._chained(grey, moving)
        last = [key.now for key in self._keys]
        kept: list[tuple[_Key, NDArray[np.float32], NDArray[np.bool_]]] = []
        moved: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        for number, key in enumerate(self._keys):
            followed += int(key.seen.sum())
            there, same = found[number]
            if number not in chained:
                hidden += int((key.seen & _inside(key.now, taken)).sum())
                kept.append((key, there, same))
                continue
            ahead, sure = chained[number]
            hides = sure & _inside(ahead, taken)
            hidden += int(hides.sum())
            sure &= ~hides
            guess = _carried(key, ahead, sure)
            there, alike, unlike = _found(key, grey, 1 if sure.any() else _LEVELS, guess)
            near = np.where(sure, _APART, 3 * _APART)
            same = alike & (unlike < _UNLIKE) & (np.abs(there - guess).max(axis=1) < near) & ~_inside(there, taken)
            if not sure.any():
                # Nothing says where they should be; a few that are found may be found anywhere.
                same &= _together(key.at, there, same) & (same.sum() >= max(_FEW // 2, round(0.5 * len(same))))
            elif same[sure].mean() < _ALIKE:
                back, returned, _ = _flow(grey, self._before, ahead, _LEVELS, key.now)
                fine = sure & ~same & returned & (np.abs(back - key.now).max(axis=1) < _ASTRAY)
                moved.append((key.ids[fine], ahead[fine]))
                key.keep(~fine)
                last[number] = key.now
                there, same, guess = there[~fine], same[~fine], guess[~fine]
            key.now = guess
            kept.append((key, there, same))
        alive = sum(int(same.sum()) for _, _, same in kept) + sum(len(ids) for ids, _ in moved)
        broken = followed - hidden >= _FEW and alive < _LOST * (followed - hidden)
        if broken:
            # They may come back, where they were.
            for key, places in zip(self._keys, last, strict=True):
                key.now, key.seen = places, np.zeros(len(key.ids), bool)
            return True
        for (key, there, same), places in zip(kept, last, strict=True):
            if (both := same & key.seen).any():
                key.speed = np.median(there[both] - places[both], axis=0).astype(np.float32)
            key.now = np.where(same[:, None], there, key.now)
            key.seen = same
            if same.any():
                key.seen_s = time_s
        if moved:
            ids = np.concatenate([ids for ids, _ in moved])
            places = np.concatenate([places for _, places in moved])
            self._add(grey, ids, places, time_s)
        return broken

    def _again(
        self, key: _Key, grey: NDArray[np.uint8], taken: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Points of a key frame near where they should be by now: all that it takes while the camera moves evenly."""
        if not key.seen.any():
            return key.now, np.zeros(len(key.ids), bool)
        guess = key.now + key.speed
        there, found, unlike = _found(key, grey, 1, guess)
        near = np.abs(there - guess).max(axis=1) < 2 * _APART
        return there, found & near & (unlike < _UNLIKE) & ~_inside(there, taken)

    def _chained(
        self, grey: NDArray[np.uint8], moving: Sequence[int]
    ) -> dict[int, tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """For key frames by number: where their points went from the frame before, and which of them were found."""
        assert self._before is not None
        if not moving:
            return {}
        keys = [self._keys[number] for number in moving]
        there, found, _ = _flow(self._before, grey, np.concatenate([key.now[key.seen] for key in keys]), _LEVELS)
        ends = np.cumsum([int(key.seen.sum()) for key in keys])[:-1]
        chained = {}
        for number, key, places, sure in zip(moving, keys, np.split(there, ends), np.split(found, ends), strict=True):
            ahead, all_sure = key.now.copy(), np.zeros(len(key.ids), bool)
            all_sure[key.seen] = sure
            ahead[all_sure] = places[sure]
            chained[number] = ahead, all_sure
        return chained

    def _seed(self, grey: NDArray[np.uint8], taken: NDArray[np.bool_], time_s: float, *, urgent: bool) -> None:
        there = np.concatenate([np.zeros((0, 2), np.float32), *(key.now[key.seen] for key in self._keys)])
        wanting = len(there) < 0.4 * _MOST or (len(there) < 0.9 * _MOST and self._since_seed >= _SEED_EVERY)
        if not (urgent or (wanting and self._since_seed >= 2)):
            return
        self._since_seed = 0
        new = corners(grey, taken, there, _MOST)
        # A key frame costs as much as many points: not for a few of them.
        if len(new) >= _FEW or (len(new) and len(there) < 0.5 * _MOST):
            self._add(grey, np.arange(self._next, self._next + len(new)), new, time_s)
            self._next += len(new)

    def _add(self, grey: NDArray[np.uint8], ids: NDArray[np.int64], places: NDArray[np.float32], time_s: float) -> None:
        """Points whose key frame is the present one."""
        for key in self._keys:
            if key.picture is grey:
                key.ids, key.seen = np.append(key.ids, ids), np.append(key.seen, np.ones(len(ids), bool))
                key.at, key.now = np.concatenate([key.at, places]), np.concatenate([key.now, places])
                return
        self._keys.append(_Key(grey, ids, places.copy(), places.copy(), np.ones(len(ids), bool), time_s, self._speed()))

    def _speed(self) -> NDArray[np.float32]:
        """Of a key frame that begins: that of the newest of those that are seen."""
        speeds = [key.speed for key in self._keys if key.seen.any()]
        return speeds[-1] if speeds else np.zeros(2, np.float32)

    def _tidy(self, grey: NDArray[np.uint8], time_s: float) -> None:
        """Forget what left the picture and key frames that no one sees any more; no more of them than can be kept."""
        height, width = grey.shape
        for key in self._keys:
            inside = (key.now > -0.1 * width).all(axis=1) & (key.now < (1.1 * width, 1.1 * height)).all(axis=1)
            # While nothing of a key frame is seen, no point of it says where the others are.
            key.keep(key.seen | (inside if key.seen.any() else True))
        self._keys = [key for key in self._keys if len(key.ids) and time_s - key.seen_s <= _REMEMBERED]
        newest = self._keys[-1] if self._keys and self._keys[-1].picture is grey else None
        while len(self._keys) > 1:
            least = min(self._keys[:-1], key=lambda key: int(key.seen.sum()))
            few = newest is not None and least.seen.any() and int(least.seen.sum()) < 2 * _FEW
            if len(self._keys) <= _KEYS and not few:
                break
            self._keys.remove(least)
            if least.seen.any():
                self._add(grey, least.ids[least.seen], least.now[least.seen], time_s)

    def begin(
        self, image_rgb: NDArray[np.uint8], point_id: NDArray[np.int64], xy_px: NDArray[np.float32], next_id: int
    ) -> None:
        """Take over in a frame whose points are known, where the state of who followed them is not.

        Args:
            image_rgb: ``[H, W, 3]`` uint8 of that frame.
            point_id, xy_px: ``[N]`` and ``[N, 2]``, its points, as ``FrameBackground`` has them.
            next_id: a number above all that were given so far.
        """
        grey, scale = small_grey(image_rgb)
        self._before, self._next = grey, next_id
        if len(point_id):
            self._add(grey, point_id, ((xy_px + 0.5) * scale - 0.5).astype(np.float32), 0.0)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that the next frame needs, as arrays."""
        arrays: dict[str, NDArray[Any]] = {"counts": np.array([len(self._keys), self._next, self._since_seed])}
        if self._before is not None:
            arrays["before"] = self._before
        for number, key in enumerate(self._keys):
            arrays |= {
                f"picture_{number}": key.picture, f"ids_{number}": key.ids, f"at_{number}": key.at,
                f"now_{number}": key.now, f"seen_{number}": key.seen, f"seen_s_{number}": np.array(key.seen_s),
                f"speed_{number}": key.speed,
            }  # fmt: skip
        return arrays

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Raises ValueError or KeyError if the arrays are no state."""
        if state["counts"].shape != (3,):
            raise ValueError("the state of a background has three counts")
        keys, self._next, self._since_seed = (int(value) for value in state["counts"])
        self._before = state.get("before")
        for number in range(keys):
            picture, ids, at, now, seen, seen_s, speed = (
                np.array(state[f"{name}_{number}"])
                for name in ("picture", "ids", "at", "now", "seen", "seen_s", "speed")
            )
            n = len(ids)
            if self._before is None or picture.shape != self._before.shape or not at.shape == now.shape == (n, 2):
                raise ValueError("the pictures and points of a background do not belong together")
            self._keys.append(_Key(picture, ids, at, now, seen.reshape(n), float(seen_s), speed.reshape(2)))


def _enough(key: _Key, same: NDArray[np.bool_]) -> bool:
    """Whether so many of the points were found at once that they need not be looked for far away."""
    return bool(key.seen.any()) and float(same[key.seen].mean()) >= 0.8


def _flow(
    before: NDArray[np.uint8],
    now: NDArray[np.uint8],
    points: NDArray[np.float32],
    levels: int,
    guess: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
    """Where points ``[N, 2]`` are, which of them were found, and by how many grey levels their pictures differ."""
    import cv2

    if not len(points):
        return points.copy(), np.zeros(0, bool), np.zeros(0, np.float32)
    begin = np.empty(0) if guess is None else guess[:, None].copy()
    flags = 0 if guess is None else cv2.OPTFLOW_USE_INITIAL_FLOW
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 0.02)
    there, found, unlike = cv2.calcOpticalFlowPyrLK(
        before, now, points[:, None], begin, winSize=_WINDOW, maxLevel=levels, criteria=until, flags=flags
    )
    places = np.asarray(there[:, 0], np.float32)
    height, width = now.shape
    inside = (places >= 0).all(axis=1) & (places <= (width - 1, height - 1)).all(axis=1)
    return places, (found[:, 0] > 0) & inside, np.asarray(unlike[:, 0], np.float32)


def _found(
    key: _Key, grey: NDArray[np.uint8], levels: int, guess: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
    """``_flow`` from a key frame, which is turned and enlarged as the camera has rolled and zoomed since."""
    import cv2

    motion = _similar(key.at[key.seen], key.now[key.seen])
    if abs(motion[0] - 1) < _BENT:
        return _flow(key.picture, grey, key.at, levels, guess)
    turn, move = motion
    matrix = np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])
    height, width = grey.shape
    warped = np.asarray(cv2.warpAffine(key.picture, matrix, (width, height)), np.uint8)
    at = (key.at @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    there, found, unlike = _flow(warped, grey, at, levels, guess)
    inside = (at >= 0).all(axis=1) & (at <= (width - 1, height - 1)).all(axis=1)
    return there, found & inside, unlike


def _similar(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[complex, complex]:
    """Turn with enlargement, and shift, of the plane of complex numbers that bring points ``a`` to ``b``."""
    if len(a) < _FEW:
        return 1.0 + 0j, 0j
    p, q = (points.astype(np.float64) @ np.array([1, 1j]) for points in (a, b))
    near = np.ones(len(p), bool)
    turn, move = 1.0 + 0j, 0j
    for _ in range(2):
        middle = p[near].mean(), q[near].mean()
        away = p[near] - middle[0]
        turn = complex(np.vdot(away, q[near] - middle[1]) / max(float(np.vdot(away, away).real), 1e-9))
        move = complex(middle[1] - turn * middle[0])
        off = np.abs(turn * p + move - q)
        near = off <= max(2.5 * float(np.median(off)), 0.5)
    return turn, move


def _inside(points: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which points ``[N, 2]`` lie where the mask is True."""
    height, width = mask.shape
    x, y = points.T
    x, y = np.rint(np.clip(x, 0, width - 1)).astype(int), np.rint(np.clip(y, 0, height - 1)).astype(int)
    inside: NDArray[np.bool_] = mask[y, x]
    return inside


def _carried(key: _Key, ahead: NDArray[np.float32], chained: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Where all points of a key frame should be: as followed, and the others as these went."""
    import cv2

    if chained.all() or chained.sum() < 6:
        return ahead
    motion, _ = cv2.estimateAffinePartial2D(key.at[chained], ahead[chained], ransacReprojThreshold=2.0, maxIters=200)
    if motion is None:
        return ahead
    carried = (key.at @ motion[:, :2].T + motion[:, 2]).astype(np.float32)
    return np.where(chained[:, None], ahead, carried)


def _together(at: NDArray[np.float32], there: NDArray[np.float32], same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the points that were found went the way of most of them."""
    import cv2

    agree = np.zeros(len(at), bool)
    if same.sum() >= _FEW // 2:
        _, inliers = cv2.estimateAffinePartial2D(at[same], there[same], ransacReprojThreshold=2.0, maxIters=500)
        if inliers is not None and inliers.mean() >= 0.7:
            agree[same] = inliers[:, 0] > 0
    return agree
