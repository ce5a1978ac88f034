"""The value that the background hands on: where its points are in each frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["BackgroundPoints"]


@dataclass(frozen=True, eq=False)
class BackgroundPoints:
    """Points of the background along a video of F frames, seen M times in all.

    Raises ValueError, in one sentence, if a field has not the form below.

    Attributes:
        frame_index: ``[F]`` int64, strictly increasing index of the decoded frame.
        time_s: ``[F]`` float64, presentation time in seconds, never falling.
        start: ``[F + 1]`` int64; what is seen in frame f are the rows ``start[f]`` to ``start[f + 1]`` of the fields
            below; there may be none.
        point_id: ``[M]`` int64, increasing within a frame. The same number is the same point of the background; a
            number that ended is never used again.
        xy_px: ``[M, 2]`` float32, x right and y down, in pixels of the full, upright frame.
        cut: ``[F]`` bool, whether another shot begins with this frame; never the first. If not given, nowhere.
    """

    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    start: NDArray[np.int64]
    point_id: NDArray[np.int64]
    xy_px: NDArray[np.float32]
    cut: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def __post_init__(self) -> None:
        frames, seen = len(self.frame_index), len(self.point_id)
        if not len(self.cut):
            object.__setattr__(self, "cut", np.zeros(frames, np.bool_))
        shapes = {"time_s": (frames,), "start": (frames + 1,), "xy_px": (seen, 2), "cut": (frames,)}
        for name, shape in shapes.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"{name} of {frames} frames with {seen} points must be {list(shape)}, not "
                    f"{list(np.shape(getattr(self, name)))}"
                )
        for name, least in (("frame_index", 1), ("time_s", 0), ("start", 0)):
            # Written so that NaN does not pass.
            if not (np.diff(getattr(self, name)) >= least).all():
                raise ValueError(f"{name} of background points must {'increase' if least else 'not fall'}")
        if self.start[0] != 0 or self.start[-1] != seen:
            raise ValueError(
                f"start must reach from 0 to the {seen} points, not from {self.start[0]} to {self.start[-1]}"
            )
        if not np.isfinite(self.xy_px).all():
            raise ValueError("a background point has no finite place")
        inner = np.ones(max(seen - 1, 0), bool)
        inner[(self.start[1:-1] - 1)[(self.start[1:-1] > 0) & (self.start[1:-1] < seen)]] = False
        if not (np.diff(self.point_id)[inner] > 0).all():
            raise ValueError("point_id must increase within a frame")
        if frames and self.cut[0]:
            raise ValueError("the first frame is no cut")

    def __len__(self) -> int:
        return len(self.frame_index)

    def rows(self, f: int) -> slice:
        """The rows of ``point_id`` and ``xy_px`` that belong to frame number f, counted from 0."""
        return slice(int(self.start[f]), int(self.start[f + 1]))

    def matches(self, f: int, g: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows in frame f and rows in frame g, both ``[N]``, of the points that are seen in both."""
        a, b = self.rows(f), self.rows(g)
        _, of_f, of_g = np.intersect1d(self.point_id[a], self.point_id[b], assume_unique=True, return_indices=True)
        return of_f + a.start, of_g + b.start
