"""Speed, heights and jumps of motions that are known."""

from __future__ import annotations

import numpy as np
import pytest

from lifting.kinematics.path import jumps, path_of
from tests.lifting.kinematics.figure import posed

TIMES = np.arange(90) / 30


def walking(speed: float) -> np.ndarray:
    return posed() + np.array([0.6, 0.0, 0.8]) * speed * TIMES[:, None, None]


def test_speed_and_heights() -> None:
    path = path_of(walking(1.3), TIMES)
    np.testing.assert_allclose(path.speed_m_s, 1.3, atol=1e-9)
    np.testing.assert_allclose(path.head_m, 1.7)
    np.testing.assert_allclose(path.pelvis_m, 0.95)
    np.testing.assert_allclose(path.ankles_m, 0.08)


def test_nothing_has_a_speed_across_a_gap() -> None:
    joints = walking(1.0)
    joints[30:40] = np.nan
    joints[40:] += 5
    speed = path_of(joints, TIMES).speed_m_s
    assert np.isnan(speed[30:40]).all()
    np.testing.assert_allclose(np.delete(speed, np.arange(30, 40)), 1.0, atol=1e-9)
    times = TIMES + np.where(np.arange(90) >= 50, 4.0, 0.0)
    np.testing.assert_allclose(path_of(walking(1.0), times).speed_m_s[[49, 50]], 1.0)
    assert np.isnan(path_of(joints[:1], TIMES[:1]).speed_m_s).all()
    assert path_of(joints[:0], TIMES[:0]).root_m.shape == (0, 3)


def flight(rise: float = 0.3, first: int = 30, last: int = 44) -> tuple[np.ndarray, np.ndarray]:
    """A jump, and the feet that rest before and after it."""
    joints = np.tile(posed(), (90, 1, 1))
    share = np.clip((np.arange(90) - first + 1) / (last - first + 2), 0, 1)
    joints[..., 1] += (4 * rise * share * (1 - share))[:, None]
    return joints, np.tile((share <= 0) | (share >= 1), (2, 1)).T.astype(float)


def test_a_jump() -> None:
    joints, rests = flight()
    (jump,) = jumps(joints, TIMES, rests)
    assert (jump.first, jump.last) == (30, 44)
    assert jump.height_m == pytest.approx(0.3, abs=0.005)


def test_what_is_no_jump() -> None:
    joints, rests = flight()
    assert jumps(joints, TIMES, np.ones_like(rests)) == []
    assert jumps(np.tile(posed(), (90, 1, 1)), TIMES, rests) == []
    assert jumps(*(part[:40] for part in (joints, TIMES, rests))) == []
    joints[44:] = np.nan
    assert jumps(joints, TIMES, rests) == []
    joints, rests = flight(first=30, last=31)
    assert jumps(joints, TIMES, rests) == []
