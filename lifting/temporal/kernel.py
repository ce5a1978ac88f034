"""Neighbours in time: one zero-phase kernel in seconds, for the loop and for the finished track."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.temporal.neighbours import one_axis

__all__ = ["TimeKernel", "TorchKernel", "smooth_track", "time_kernel"]

_REACH = 3.0  # standard deviations after which a neighbour no longer counts
_REGULARISER = 1e-3
_MOST_DOUBT = 0.5  # what is doubted more does not make a filter wider still
_LEAST_TRUST = 0.05  # a joint that is not seen in any frame is smoothed, too


@dataclass(frozen=True)
class TimeKernel:
    """A linear filter over the rows of a batch: row i becomes ``sum_k weight[i, k] * row[index[i, k]]``.

    Attributes:
        index: ``[B, K]`` int64 rows; unused places point to the row itself with weight 0.
        weight: ``[B, K]`` float64, or ``[B, K, J]`` with a filter for each joint; sums over K are 1.
    """

    index: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Filter an array ``[B, ...]``; with a filter for each joint, ``[B, J, ...]``."""
        # One neighbour at a time: all of them at once are gigabytes for an hour of video.
        kept = rows.shape[: self.weight.ndim - 1]
        flat = rows.reshape(*kept, math.prod(rows.shape[len(kept) :]))
        total = np.zeros((len(self.index), *flat.shape[1:]))
        for index, weight in zip(self.index.T, np.moveaxis(self.weight, 1, 0), strict=True):
            total += weight[..., None] * flat[index]
        return total.reshape(len(self.index), *rows.shape[1:])

    def of(self, rows: NDArray[np.int64]) -> TimeKernel:
        """The same filter for some rows, by their numbers; it is still fed with all."""
        return TimeKernel(self.index[rows], self.weight[rows])

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
        weight = self.weight.repeat(count, *[1] * (self.weight.dim() - 1))
        return TorchKernel(self.index.repeat(count, 1) + shift[:, None], weight)

    def __call__(self, rows: Tensor) -> Tensor:
        """Filter a tensor ``[B, ...]``; with a filter for each joint, ``[B, J, ...]``."""
        near = rows.flatten(self.weight.dim() - 1)[self.index]
        return near.mul_(self.weight[..., None]).sum(dim=1).view(-1, *rows.shape[1:])


def time_kernel(
    time_s: NDArray[np.float64],
    group: NDArray[np.int64],
    sigma_s: float,
    degree: int = 1,
    confidence: NDArray[np.float64] | None = None,
    doubt_widens: float = 0.0,
) -> TimeKernel:
    """Local polynomial regression with Gaussian weights.

    The filter looks at true times, so 24, 60 and variable frames a second behave alike, and it is unbiased for motion
    of the given degree, also at both ends of a track. In the middle of an evenly sampled track degree 1 is a Gaussian.

    Args:
        time_s: ``[B]`` seconds, increasing within a group.
        group: ``[B]`` rows of one group (a track without long gaps) are neighbours; equal ones stand together.
        sigma_s: standard deviation of the Gaussian, seconds, > 0.
        degree: 0, 1 or 2.
        confidence: ``[B, J]`` in 0..1. Then there is a filter for each joint, in which frames that show the joint well
            count for more; where it is seen equally well in all frames, the filter is that without confidence.
        doubt_widens: how much wider, relative, the filter of a joint would be without any confidence around it: what
            detectors doubt, they get wrong for long. Doubt counts up to a half.
    """
    if sigma_s <= 0 or degree not in (0, 1, 2):
        raise ValueError(f"a time kernel needs a positive width and degree 0 to 2, not {sigma_s} and {degree}")
    count = len(time_s)
    rows = np.arange(count)
    reach_s = _REACH * sigma_s * (1.0 if confidence is None else 1.0 + doubt_widens * _MOST_DOUBT)
    axis = one_axis(time_s, group, 10 * reach_s + 1.0)
    first = np.searchsorted(axis, axis - reach_s - 1e-9)
    last = np.searchsorted(axis, axis + reach_s + 1e-9)
    width = int((last - first).max()) if count else 1
    index = first[:, None] + np.arange(width)
    inside = index < last[:, None]
    index = np.where(inside, index, rows[:, None])
    lag = (axis[index] - axis[:, None]) / sigma_s
    gauss = _bell(lag) * inside
    if confidence is None:
        return TimeKernel(index, _fitted(gauss[..., None], lag, degree)[..., 0])
    near = np.maximum(confidence, _LEAST_TRUST)[index]
    around = (near * gauss[..., None]).sum(axis=1, keepdims=True) / gauss.sum(axis=1)[:, None, None]
    times_as_wide = 1.0 + doubt_widens * np.minimum(1.0 - around, _MOST_DOUBT)
    gauss = _bell(lag[..., None] / times_as_wide) * inside[..., None]
    # Divided by their mean, so that low confidence everywhere means the same as none.
    trust = near * gauss
    trust *= gauss.sum(axis=1, keepdims=True) / trust.sum(axis=1, keepdims=True)
    return TimeKernel(index, _fitted(trust, lag, degree))


def _bell(lag: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(lag) <= _REACH + 1e-6, np.exp(-0.5 * lag**2), 0.0)


def _fitted(weight: NDArray[np.float64], lag: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Filters ``[B, K, J]`` that give the value at lag 0 of the polynomials fitted with weights ``[B, K, J]``."""
    powers = lag[..., None] ** np.arange(2 * degree + 1)
    sums = np.einsum("bkj,bkp->bjp", weight, powers, optimize=True)
    moments = sums[..., np.add.outer(np.arange(degree + 1), np.arange(degree + 1))]
    # Alone or with one neighbour the fit is not determined: the ridge makes it an average.
    moments = moments + np.diag([0.0] + [_REGULARISER] * degree)
    unit = np.zeros((*moments.shape[:2], degree + 1, 1))
    unit[..., 0, 0] = 1.0
    solution = np.linalg.solve(moments, unit)[..., 0]
    fitted = weight * np.einsum("bkp,bjp->bkj", powers[..., : degree + 1], solution, optimize=True)
    return np.asarray(fitted / fitted.sum(axis=1, keepdims=True))


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
