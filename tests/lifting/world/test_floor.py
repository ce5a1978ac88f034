from __future__ import annotations

import numpy as np
import pytest

from lifting.world.floor import ANKLE_M, find_floor
from lifting.world.gravity import CAMERA_UP, Gravity
from lifting.world.walking.contacts import Stance, find_stances

LEVEL = Gravity(CAMERA_UP, np.eye(3) / np.radians(3) ** 2, "people")


def stances(height: float, count: int, rng: np.random.Generator, spread: float = 0.01) -> list[Stance]:
    """Ankles that rest on a floor ``height`` above the camera (negative: below), in camera axes."""
    return [
        Stance(k % 2, slice(10 * k, 10 * k + 8), np.array([x, -(height + ANKLE_M) + error, z]), 0.5)
        for k, (x, z, error) in enumerate(
            zip(rng.uniform(-1, 1, count), rng.uniform(3, 8, count), rng.normal(0, spread, count), strict=True)
        )
    ]


def test_the_floor_goes_through_resting_feet() -> None:
    floor = find_floor(LEVEL, [stances(-1.5, 8, np.random.default_rng(0))], resize=True)
    assert floor.height == pytest.approx(-1.5, abs=0.02) and floor.size.tolist() == [1.0]


def test_two_people_share_a_floor_and_their_sizes_follow() -> None:
    rng = np.random.default_rng(0)
    floor = find_floor(LEVEL, [stances(-1.45, 8, rng), stances(-1.55, 8, rng)], resize=True)
    assert floor.height == pytest.approx(-1.5, abs=0.03)
    assert floor.size[0] > 1.015 and floor.size[1] < 0.985
    np.testing.assert_allclose(floor.level, floor.height)
    kept = find_floor(LEVEL, [stances(-1.45, 8, rng), stances(-1.55, 8, rng)], resize=False)
    assert kept.size.tolist() == [1.0, 1.0]


def test_somebody_on_a_roof_stays_there() -> None:
    rng = np.random.default_rng(0)
    floor = find_floor(LEVEL, [stances(-1.5, 9, rng), stances(1.0, 4, rng)], resize=True)
    assert floor.height == pytest.approx(-1.5, abs=0.02) and floor.level[1] == pytest.approx(1.0, abs=0.02)
    assert floor.size.tolist() == [1.0, 1.0]


def test_the_floor_is_the_lower_of_two_levels() -> None:
    rng = np.random.default_rng(0)
    floor = find_floor(LEVEL, [stances(-0.3, 9, rng), stances(-1.7, 4, rng)], resize=True)
    assert floor.height == pytest.approx(-1.7, abs=0.02) and floor.level[0] == pytest.approx(-0.3, abs=0.03)


def test_steps_on_a_box_do_not_lift_the_floor() -> None:
    rng = np.random.default_rng(0)
    floor = find_floor(LEVEL, [[*stances(-1.5, 8, rng), *stances(-1.1, 3, rng)]], resize=True)
    assert floor.height == pytest.approx(-1.5, abs=0.02)


def test_a_walk_in_depth_tells_the_tilt() -> None:
    tilt = np.radians(3)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    walk = [
        Stance(each.foot, each.rows, turn @ each.place, each.seconds)
        for each in stances(-1.5, 20, np.random.default_rng(0))
    ]
    floor = find_floor(LEVEL, [walk], resize=True)
    assert np.degrees(np.arccos(floor.gravity.up @ turn @ CAMERA_UP)) < 1


def test_nobody_rests() -> None:
    floor = find_floor(LEVEL, [[], []], resize=True)
    assert np.isnan(floor.height) and np.isnan(floor.level).all()


def test_stances_begin_and_end_with_hysteresis() -> None:
    time_s = np.arange(40) / 30
    p = np.zeros((40, 2))
    p[5:15, 0] = 0.5  # never sure
    p[20:32, 0], p[24:28, 0] = 0.45, 0.9
    p[10, 1] = 0.99  # too short
    (found,) = find_stances(p, time_s, np.tile([0.0, 1.0, 4.0], (40, 2, 1)))
    assert (found.foot, found.rows, found.place.tolist()) == (0, slice(20, 32), [0, 1, 4])
