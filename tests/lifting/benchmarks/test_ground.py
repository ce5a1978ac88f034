"""Feet, floor and jumps of motions that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.benchmarks.ground import FEET, floor_level, jump_rise, jumps, precision_recall, resting_feet

RIGHT, LEFT = H36M_17.indices(FEET)
TIME = np.arange(90) / 30


@pytest.fixture
def standing() -> NDArray[np.float64]:
    """Three seconds; the ankles are 9 cm above the floor."""
    joints = np.zeros((90, 17, 3))
    joints[..., 1] = 0.9
    joints[:, [LEFT, RIGHT], 1] = 0.09
    return joints


def test_a_step(standing: NDArray[np.float64]) -> None:
    walks = standing.copy()
    walks[:, LEFT, 0] = np.interp(np.arange(90), [30, 60], [0, 1])
    walks[:, LEFT, 1] += np.interp(np.arange(90), [30, 45, 60], [0, 0.15, 0])
    rests = resting_feet(walks, TIME)
    assert rests[:, 0].all() and rests[:29, 1].all() and rests[62:, 1].all() and not rests[31:60, 1].any()
    assert floor_level(walks, TIME) == pytest.approx(0.09) and jumps(walks, TIME) == []
    # a foot that is held still in the air does not rest
    walks[:, LEFT, 1] = 0.5
    assert not resting_feet(walks, TIME)[:29, 1].any() and floor_level(walks, TIME) == pytest.approx(0.09)


def test_who_never_rests_has_a_floor(standing: NDArray[np.float64]) -> None:
    standing[:, [LEFT, RIGHT], 2] = 3 * TIME[:, None]
    assert floor_level(standing, TIME) == pytest.approx(0.09) and not resting_feet(standing, TIME).any()


def test_a_jump(standing: NDArray[np.float64]) -> None:
    flight = np.maximum(0, 0.3 - 9.81 / 2 * (TIME - 1.5) ** 2)
    jumped = standing + flight[:, None, None] * [0, 1, 0]
    (jump,) = jumps(jumped, TIME)
    lasts = math.sqrt(8 * 0.3 / 9.81)
    assert (jump.after - jump.before) / 30 == pytest.approx(lasts, abs=0.1)
    assert jump_rise(jumped[:, 0, 1], jump) == pytest.approx(0.3, abs=0.06)
    # one that lies not in the clip as a whole is none, nor is it one to be lifted while standing on a foot
    assert jumps(jumped[:46], TIME[:46]) == [] and jumps(jumped[45:], TIME[45:]) == []
    jumped[:, RIGHT] = standing[:, RIGHT]
    assert jumps(jumped, TIME) == []


def test_precision_and_recall() -> None:
    truth = np.array([[True, True], [True, False]])
    assert precision_recall(np.array([[True, False], [False, True]]), truth) == (0.5, pytest.approx(1 / 3))
    assert all(map(math.isnan, precision_recall(~truth & truth, ~truth & truth)))
