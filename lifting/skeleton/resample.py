"""Even frame times for formats that know no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from lifting.skeleton.frames import continuous
from lifting.skeleton.solve import Motion

__all__ = ["even"]

Array = NDArray[np.float64]

#: Times of files are rounded; frames that are nearer to even times than this are taken as they are, seconds.
_EVEN_S = 0.002
#: More frames than this, hours of film, are a mistake in the times more often than not, and would take gigabytes.
_MOST_FRAMES = 500_000
#: Of a motion of one frame.
_SINGLE_S = 1 / 30
#: Rates that cameras have, frames per second; a median rate within 1 % of one is that.
_RATES = np.array([24e3 / 1001, 24, 25, 30e3 / 1001, 30, 48, 50, 60e3 / 1001, 60, 90, 100, 120, 240])


def even(motion: Motion, lead: int = 0) -> tuple[Motion, float]:
    """The motion in even steps, and the length of a step in seconds.

    Even times stay as they are. Of others the step is the median one, or that of the nearest rate that cameras have;
    rotations are interpolated along great circles (slerp), the way of the root by a monotone cubic (PCHIP). Bones are
    as long as before.

    Args:
        motion: at any times, not falling.
        lead: so many frames of the first pose come before.

    Raises:
        ValueError: it would take too many frames; the message says so as the second half of a sentence.
    """
    keep = np.concatenate([[True], np.diff(np.maximum.accumulate(motion.time_s)) > 1e-6])
    time_s, root, local = motion.time_s[keep], motion.root_m[keep], motion.local[keep]
    if len(time_s) == 1:
        return _held(replace(motion, time_s=time_s, root_m=root, local=local), lead, _SINGLE_S)
    step = float(time_s[-1] - time_s[0]) / (len(time_s) - 1)
    steady = time_s[0] + step * np.arange(len(time_s))
    if np.abs(time_s - steady).max() <= _EVEN_S:
        return _held(replace(motion, time_s=steady, root_m=root, local=local), lead, step)
    # Takes half a second, and few videos need it.
    from scipy.interpolate import PchipInterpolator

    rate = 1 / float(np.median(np.diff(time_s)))
    nearest = float(_RATES[np.abs(_RATES / rate - 1).argmin()])
    step = 1 / (nearest if abs(nearest / rate - 1) < 0.01 else rate)
    count = np.ceil((time_s[-1] - time_s[0]) / step - 1e-6) + 1
    _check(count)
    steady = time_s[0] + step * np.arange(int(count))
    within = np.minimum(steady, time_s[-1])
    turns = [Slerp(time_s, Rotation.from_quat(one, scalar_first=True))(within) for one in local.swapaxes(0, 1)]
    quaternions = np.stack([turn.as_quat(scalar_first=True) for turn in turns], axis=1)
    moved = replace(
        motion, time_s=steady, root_m=PchipInterpolator(time_s, root)(within), local=continuous(quaternions)
    )
    return _held(moved, lead, step)


def _held(motion: Motion, lead: int, step: float) -> tuple[Motion, float]:
    """With the first pose held for some frames before it."""
    _check(lead + len(motion.time_s))
    rows = np.maximum(np.arange(-lead, len(motion.time_s)), 0)
    times = motion.time_s[0] + step * np.arange(-lead, len(motion.time_s))
    return replace(motion, time_s=times, root_m=motion.root_m[rows], local=motion.local[rows]), step


def _check(frames: float) -> None:
    if frames > _MOST_FRAMES:
        raise ValueError(f"would take {frames:.0f} even frames, because its times lie so far apart")
