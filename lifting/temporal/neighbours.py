"""Which rows of a batch stand how far from each other in time, and what was seen a moment before and after each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["OFFSETS_S", "NeighbourRows", "neighbour_rows", "one_axis"]

#: When the frames are that the initialiser looks at, seconds from the one in question.
OFFSETS_S = (-4 / 12, -2 / 12, -1 / 12, 0.0, 1 / 12, 2 / 12, 4 / 12)


def one_axis(time_s: NDArray[np.float64], group: NDArray[np.int64], apart_s: float) -> NDArray[np.float64]:
    """Times with the groups at least ``apart_s`` from each other on one axis, so that one sorted search serves all."""
    if not len(time_s):
        return time_s
    number = np.cumsum(np.concatenate([[0], np.diff(group) != 0]))
    return np.asarray(time_s + number * (np.ptp(time_s) + apart_s))


@dataclass(frozen=True)
class NeighbourRows:
    """Evidence at other times of the same track, interpolated between its rows: on a device.

    Attributes:
        before, after: ``[B, W]`` int64 rows on both sides of the time in question.
        share: ``[B, W]`` of the row after it.
        present: ``[B, W]`` False where the track has no row near that time.
    """

    before: Tensor
    after: Tensor
    share: Tensor
    present: Tensor

    def __call__(self, rays: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor]:
        """Rays ``[B, W, J, 3]`` and confidences ``[B, W, J]``, 0 where nothing is known, for those of the rows."""
        share = self.share[..., None, None]
        between = rays[self.before] * (1 - share) + rays[self.after] * share
        least = torch.minimum(confidence[self.before], confidence[self.after])
        return between, least * self.present[..., None]


def neighbour_rows(
    time_s: NDArray[np.float64],
    group: NDArray[np.int64],
    offsets_s: Sequence[float],
    device: torch.device,
    reach_s: float = 0.1,
) -> NeighbourRows:
    """Where in the rows of the same group to find what was seen ``offsets_s`` later.

    Args:
        time_s: ``[B]`` seconds, increasing within a group.
        group: ``[B]`` rows of one group are of one track; equal ones stand together.
        offsets_s: W differences in seconds.
        device: where the evidence is.
        reach_s: farthest row that counts.
    """
    axis = one_axis(time_s, group, 2 * max(map(abs, offsets_s)) + 2 * reach_s + 1.0)
    wanted = axis[:, None] + np.asarray(offsets_s)
    # A frame exactly there must be found in spite of rounding.
    after = np.searchsorted(axis, wanted - 1e-6).clip(0, len(axis) - 1)
    exact = np.abs(axis[after] - wanted) < 2e-6
    before = np.where(exact, after, (after - 1).clip(0))
    gap = axis[after] - axis[before]
    share = np.where(gap > 0, (wanted - axis[before]) / np.where(gap > 0, gap, 1.0), 0.0)
    inside = exact | ((axis[before] <= wanted) & (wanted <= axis[after]))
    near = (wanted - axis[before] <= reach_s) & (axis[after] - wanted <= reach_s)
    return NeighbourRows(
        torch.from_numpy(before).to(device),
        torch.from_numpy(after).to(device),
        torch.from_numpy(share.clip(0.0, 1.0).astype(np.float32)).to(device),
        torch.from_numpy(inside & near).to(device),
    )
