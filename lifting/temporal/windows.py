"""A long track in pieces that are optimised together, and one track of what was made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blend", "Window", "Windows", "stacked"]


@dataclass(frozen=True)
class Window:
    """Rows ``first`` to ``last`` of a track that are optimised together."""

    track: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first

    @property
    def rows(self) -> slice:
        """Of the track."""
        return slice(self.first, self.last)


@dataclass(frozen=True)
class Windows:
    """How tracks are cut.

    Attributes:
        size: most frames of one track that are optimised together.
        overlap: frames that neighbouring windows share, less than ``size``; 0 where frames know no neighbours.
        batch_rows: rows that suit the device: a processor's cache holds a few hundred, a GPU wants thousands.
    """

    size: int
    overlap: int
    batch_rows: int

    def batches(self, lengths: Sequence[int]) -> Iterator[list[Window]]:
        """Windows of tracks of these lengths, packed into batches (short tracks share one)."""
        batch: list[Window] = []
        rows = 0
        for track, length in enumerate(lengths):
            pieces = 1 if length <= self.size else 1 + -(-(length - self.size) // (self.size - self.overlap))
            span = min(self.size, length)
            for first in np.linspace(0, length - span, pieces).round().astype(int).tolist() if length else []:
                if batch and rows + span > self.batch_rows:
                    yield batch
                    batch, rows = [], 0
                batch.append(Window(track, first, first + span))
                rows += span
        if batch:
            yield batch

    def fade(self, window: Window, length: int) -> NDArray[np.float64]:
        """Weights of a window's rows in a track of this length: linear in the inner half of an overlap.

        Its outer quarter belongs to the neighbour alone: the rows at the end of a window know the least of others.
        """
        overlap = self.overlap
        ramp = np.clip(2 * (np.arange(overlap) + 0.5) / overlap - 0.5, 0.0, 1.0)
        weight = np.ones(len(window))
        if overlap and window.first > 0:
            weight[:overlap] *= ramp
        if overlap and window.last < length:
            weight[-overlap:] *= ramp[::-1]
        return weight


class Blend:
    """Values of tracks from those of their windows, which cross-fade.

    Args:
        windows: how the tracks were cut.
        lengths: of the tracks.
        shape: of the value of a row.
    """

    def __init__(self, windows: Windows, lengths: Sequence[int], shape: tuple[int, ...]) -> None:
        self._windows = windows
        self._sum = [np.zeros((length, *shape)) for length in lengths]
        self._weight = [np.zeros((length, *[1] * len(shape))) for length in lengths]

    def add(self, batch: Sequence[Window], values: NDArray[np.float64]) -> None:
        """The rows of some windows, one window after the other."""
        at = 0
        for window in batch:
            total, weight = self._sum[window.track], self._weight[window.track]
            fade = self._windows.fade(window, len(total)).reshape(-1, *[1] * (total.ndim - 1))
            total[window.rows] += fade * values[at : at + len(window)]
            weight[window.rows] += fade
            at += len(window)

    def tracks(self) -> list[NDArray[np.float64]]:
        """The values of every track, ``[T, ...]``."""
        return [total / np.maximum(weight, 1e-12) for total, weight in zip(self._sum, self._weight, strict=True)]


def stacked(batch: Sequence[Window], tracks: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The rows of some windows, one window after the other."""
    return np.concatenate([tracks[window.track][window.rows] for window in batch])
