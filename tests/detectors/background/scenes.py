"""Small pictures of a wall with a texture, seen through a window that moves: what a follower should find is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["HEIGHT", "WIDTH", "followed", "noise", "views", "wall"]

from detectors.background.follow import BackgroundFollower, FrameBackground
from detectors.background.points import BackgroundPoints
from detectors.people import Person2D

WIDTH, HEIGHT, FPS = 360, 240, 30
Picture = NDArray[np.uint8]


def wall(seed: int = 0, size: tuple[int, int] = (1400, 700), spots_px: float = 2.5) -> Picture:
    """``[H, W]`` grey, with spots that corners can be found in."""
    rng = np.random.default_rng(seed)
    grey = cv2.GaussianBlur(rng.normal(0, 1, size[::-1]), (0, 0), spots_px)
    return np.clip(128 + 45 * grey / grey.std(), 0, 255).astype(np.uint8)


def views(
    picture: Picture, shift_px: Iterable[tuple[float, float]], noise: float = 2.0, seed: int = 1
) -> Iterator[Picture]:
    """RGB frames of the window ``WIDTH`` x ``HEIGHT`` that begins at these places, as a sensor sees them."""
    rng = np.random.default_rng(seed)
    for x, y in shift_px:
        seen = cv2.warpAffine(
            picture,
            np.array([[1, 0, x], [0, 1, y]], float),
            (WIDTH, HEIGHT),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        noisy = seen + rng.normal(0, noise, seen.shape)
        yield np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def noise(frames: int, seed: int = 0) -> Iterator[Picture]:
    """Like water: another pattern in every frame, of which a part stays for a while."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(0, 1, (HEIGHT, WIDTH))
    for _ in range(frames):
        waves = 0.7 * waves + 0.7 * rng.normal(0, 1, waves.shape)
        smooth = cv2.GaussianBlur(waves, (0, 0), 3)
        yield np.repeat(np.clip(128 + 45 * smooth / smooth.std(), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def followed(
    pictures: Iterable[Picture], people: Iterable[tuple[Person2D, ...]] | None = None
) -> tuple[list[FrameBackground], BackgroundPoints]:
    """What the follower finds, frame by frame, and as the work store gives it back (without cuts)."""
    follower = BackgroundFollower()
    crowd = iter(people) if people is not None else None
    found = [
        follower.follow(picture, () if crowd is None else next(crowd), number / FPS)
        for number, picture in enumerate(pictures)
    ]
    start = np.cumsum([0, *(len(frame.point_id) for frame in found)])
    frame_index = np.arange(len(found))
    ids = np.concatenate([frame.point_id for frame in found])
    return found, BackgroundPoints(frame_index, frame_index / FPS, start, ids, np.concatenate([f.xy_px for f in found]))
