"""Noise is told from motion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from lifting.temporal.jitter import Jitter

ALL = np.ones(17, np.bool_)


def moving(frames: int, sigma: float, uneven: bool = False) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Joints that accelerate each in its own way, with noise: times ``[T]`` and keypoints ``[T, 17, 2]``."""
    rng = np.random.default_rng(0)
    times = np.arange(frames) / 30 + (rng.uniform(-0.01, 0.01, frames) if uneven else 0.0)
    place, speed, change = rng.normal(size=(3, 17, 2))
    way = place + times[:, None, None] * speed + times[:, None, None] ** 2 * change
    return times, way + rng.normal(size=way.shape) * sigma


def last(times: NDArray[np.float64], keypoints: NDArray[np.float64]) -> float:
    jitter = Jitter()
    return [jitter(xy, ALL, float(time)) for xy, time in zip(keypoints, times, strict=True)][-1]


def test_steady_motion_is_no_noise() -> None:
    assert last(*moving(40, 0.0)) < 1e-9


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("sigma", [0.003, 0.02])
def test_the_deviation_of_noise_is_found(sigma: float, uneven: bool) -> None:
    assert last(*moving(60, sigma, uneven)) == pytest.approx(sigma, rel=0.25)


def test_a_few_jerked_joints_do_not_count() -> None:
    times, keypoints = moving(40, 0.002)
    keypoints[:, :5] += np.random.default_rng(1).normal(size=(40, 5, 2))
    assert last(times, keypoints) < 0.005


def test_it_needs_four_frames_and_forgets() -> None:
    times, keypoints = moving(120, 0.02)
    calm = moving(120, 0.0)[1]
    jitter = Jitter()
    found = [jitter(xy, ALL, float(time)) for xy, time in zip(keypoints[:60], times[:60], strict=True)]
    assert all(math.isnan(sigma) for sigma in found[:3]) and found[3] > 0
    found = [jitter(xy, ALL, float(time)) for xy, time in zip(calm[60:], times[60:], strict=True)]
    assert found[-1] < 0.01 * 0.02 < 0.02 < 2 * found[0]


def test_joints_that_were_not_seen_do_not_count() -> None:
    times, keypoints = moving(30, 0.0)
    keypoints[10] = np.nan
    jitter = Jitter()
    for number, (xy, time) in enumerate(zip(keypoints, times, strict=True)):
        found = jitter(xy, ALL & (number != 10), float(time))
    assert found < 1e-9
