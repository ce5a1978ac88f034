"""Neighbours in time: one zero-phase kernel in seconds, for the loop and for the finished track."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["TimeKernel", "TorchKernel", "smooth_track", "time_kernel"]

_REACH = 3.0  # standard deviations after which a neighbour no longer counts
_REGULARISER = 1e-3


@dataclass(frozen=True)
class TimeKernel:
    """A linear filter over the rows of a batch: row i becomes ``sum_k weight[i, k] * row[index[i, k]]``.

    Attributes:
        index: ``[B, K]`` int64 rows; unused places point to the row itself with weight 0.
        weight: ``[B, K]`` float64, each row sums to 1.
    """

    index: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Filter an array ``[B, ...]``."""
        # One neighbour at a time: all of them at once are gigabytes for an hour of video.
        flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))
        total = np.zeros(flat.shape)
        for index, weight in zip(self.index.T, self.weight.T, strict=True):
            total += weight[:, None] * flat[index]
        return total.reshape(rows.shape)

    def on(self, device: torch.device) -> TorchKernel:
        """The same filter for float32 tensors on a device."""
        return TorchKernel(
            torch.from_numpy(self.index).to(device), torch.from_numpy(self.weight).to(device, torch.float32)
        )


@dataclass(frozen=True)
class TorchKernel:
    """``TimeKernel`` on a device; see there."""

    index: Tensor
    weight: Tensor

    def repeated(self, count: int) -> TorchKernel:
        """The filter for ``count`` copies of the rows, one after the other."""
        shift = torch.arange(count, device=self.index.device).repeat_interleave(len(self.index)) * len(self.index)
        return TorchKernel(self.index.repeat(count, 1) + shift[:, None], self.weight.repeat(count, 1))

    def __call__(self, rows: Tensor) -> Tensor:
        """Filter a tensor ``[B, ...]``."""
        flat = rows.flatten(1)
        return torch.einsum("bk,bkd->bd", self.weight, flat[self.index]).view_as(rows)


def time_kernel(time_s: NDArray[np.float64], group: NDArray[np.int64], sigma_s: float, degree: int = 1) -> TimeKernel:
    """Local polynomial regression with Gaussian weights.

    The filter looks at true times, so 24, 60 and variable frames a second behave alike, and it is unbiased for motion
    of the given degree, also at both ends of a track. In the middle of an evenly sampled track degree 1 is a Gaussian.

    Args:
        time_s: ``[B]`` seconds, increasing within a group.
        group: ``[B]`` rows of one group (a track without long gaps) are neighbours; equal ones stand together.
        sigma_s: standard deviation of the Gaussian, seconds, > 0.
        degree: 0, 1 or 2.
    """
    if sigma_s <= 0 or degree not in (0, 1, 2):
        raise ValueError(f"a time kernel needs a positive width and degree 0 to 2, not {sigma_s} and {degree}")
    count = len(time_s)
    rows = np.arange(count)
    # Groups far apart on one axis, so that one sorted search serves all.
    offset = np.zeros(count)
    if count:
        changes = np.flatnonzero(np.diff(group)) + 1
        label = np.zeros(count, np.int64)
        label[changes] = 1
        offset = np.cumsum(label) * (np.ptp(time_s) + 10 * _REACH * sigma_s + 1.0)
    axis = time_s + offset
    first = np.searchsorted(axis, axis - _REACH * sigma_s - 1e-9)
    last = np.searchsorted(axis, axis + _REACH * sigma_s + 1e-9)
    width = int((last - first).max()) if count else 1
    index = first[:, None] + np.arange(width)
    inside = index < last[:, None]
    index = np.where(inside, index, rows[:, None])
    lag = (axis[index] - axis[:, None]) / sigma_s
    gauss = np.where(inside, np.exp(-0.5 * lag**2), 0.0)
    basis = lag[..., None] ** np.arange(degree + 1)
    moments = np.einsum("bk,bki,bkj->bij", gauss, basis, basis)
    # Alone or with one neighbour the fit is not determined: the ridge makes it an average.
    moments += np.diag([0.0] + [_REGULARISER] * degree)
    unit = np.zeros((count, degree + 1, 1))
    unit[:, 0] = 1.0
    solution = np.linalg.solve(moments, unit)[..., 0]
    weight = gauss * np.einsum("bki,bi->bk", basis, solution)
    return TimeKernel(index, weight / weight.sum(axis=1, keepdims=True))


def smooth_track(
    rows: NDArray[np.float64], time_s: NDArray[np.float64], sigma_s: float, degree: int = 2, block: int = 2048
) -> NDArray[np.float64]:
    """The kernel over one whole track ``[T, ...]``, block by block, so that memory does not grow with its length.

    Args:
        rows: what to smooth.
        time_s: ``[T]`` increasing seconds.
        sigma_s, degree: see ``time_kernel``.
        block: frames that are smoothed at once.
    """
    smoothed = np.empty(rows.shape)
    reach = _REACH * sigma_s + 1e-6
    for first in range(0, len(rows), block):
        last = min(first + block, len(rows))
        low = int(np.searchsorted(time_s, time_s[first] - reach))
        high = int(np.searchsorted(time_s, time_s[last - 1] + reach))
        kernel = time_kernel(time_s[low:high], np.zeros(high - low, np.int64), sigma_s, degree)
        smoothed[first:last] = kernel(rows[low:high])[first - low : last - low]
    return smoothed
