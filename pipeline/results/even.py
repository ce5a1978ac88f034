"""Uneven times, for formats that know a rate only: motions at exactly that rate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lifting.tracks import Track3D
from pipeline.errors import OutputError
from pipeline.results.result import Result

__all__ = ["Even", "even", "nominal_rate"]

Array = NDArray[np.float64]

#: Of cameras, beside whole numbers.
_USUAL = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(120000, 1001))
#: Frames that nobody should have to hold in memory: more than an hour at 240 a second.
_MOST_FRAMES = 1_000_000


@dataclass(frozen=True, eq=False)
class Even:
    """Times at a constant rate, and how to get there.

    Attributes:
        rate: frames per second.
        time_s: ``[F]`` seconds, ``begin + k / rate``.
        row: ``[F]`` the row before, or at that time.
        share: ``[F]`` of the row after it.
    """

    rate: float
    time_s: Array
    row: NDArray[np.int64]
    share: Array

    def __call__(self, values: Array) -> Array:
        """Rows ``[T, ...]`` at the even times, ``[F, ...]``: linear between neighbours, NaN where either is."""
        after = np.minimum(self.row + 1, len(values) - 1)
        share = self.share.reshape(-1, *[1] * (values.ndim - 1))
        mixed = values[self.row] * (1 - share) + values[after] * share
        return np.where(share > 0, mixed, values[self.row])


def even(track: Track3D, rate: float) -> Even:
    """The times of a track, from its first frame to its last, at a constant rate.

    Raises:
        OutputError: these are more frames than any film has.
    """
    begin, end = float(track.time_s[0]), float(track.time_s[-1])
    # Written so that NaN does not pass.
    if not 0 <= (end - begin) * rate < _MOST_FRAMES:
        raise OutputError(
            f"person {track.track_id} is there for {end - begin:.3g} s at {rate:g} frames a second, more than files "
            "with a constant rate can hold; give a part with --start and --end"
        )
    frames = int(np.floor((end - begin) * rate + 1e-3)) + 1
    times = begin + np.arange(frames) / rate
    row = np.clip(np.searchsorted(track.time_s, times, side="right") - 1, 0, len(track) - 1)
    after = np.minimum(row + 1, len(track) - 1)
    step = track.time_s[after] - track.time_s[row]
    share = np.clip(np.divide(times - track.time_s[row], step, out=np.zeros(frames), where=step > 0), 0, 1)
    # Times that a container rounds are those of the frames.
    near = share > 1 - 1e-4
    return Even(rate, times, np.where(near, after, row), np.where(near | (share < 1e-4), 0.0, share))


def nominal_rate(result: Result, track: Track3D) -> float:
    """Frames per second that the camera was set to, as far as the video and the times of the track tell.

    What the video states may be an average over frames that were dropped, and times may be rounded: a usual rate within
    5 in 10,000 of the one or the other is preferred.
    """
    steps = np.diff(track.time_s)
    steps = steps[steps > 0]
    stated = _stated(result)
    if not len(steps):
        return _usual(stated) or stated or 30.0
    seen = float(1 / np.median(steps))
    if stated is None or abs(stated / seen - 1) > 0.05:
        return _usual(seen) or seen
    return _usual(stated) or _usual(seen) or stated


def _usual(rate: float | None) -> float | None:
    """The rate of cameras that this is, if it is one."""
    if rate is None:
        return None
    near = [float(usual) for usual in (*_USUAL, Fraction(round(rate))) if usual and abs(rate / float(usual) - 1) < 5e-4]
    return min(near, key=lambda usual: abs(usual - rate), default=None)


def _stated(result: Result) -> float | None:
    video = result.metadata.get("video")
    rate = video.get("fps") if isinstance(video, dict) else None
    return float(rate) if isinstance(rate, int | float) and 0 < rate <= 1000 else None
