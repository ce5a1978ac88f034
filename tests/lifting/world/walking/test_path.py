from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lifting.body.joints import ANKLES
from lifting.world.walking.path import PathProblem, Sighting, ray_path

TIMES = np.arange(40) / 30


def seen(T: np.ndarray, x: np.ndarray, centre: np.ndarray) -> Sighting:
    away = x + T[:, None] - centre[:, None]
    directions = away / np.linalg.norm(away, axis=-1, keepdims=True)
    return Sighting(x, np.linalg.norm(T - centre, axis=1), directions, centre, np.ones(x.shape[:2]), TIMES)


@pytest.fixture
def x() -> np.ndarray:
    pose = np.random.default_rng(0).normal(0, 0.4, (17, 3))
    pose[0] = 0
    return np.tile(pose, (len(TIMES), 1, 1))


@pytest.mark.parametrize("moves", [False, True])
def test_exact_rays_give_the_path_of_somebody_who_goes_evenly(x: np.ndarray, moves: bool) -> None:
    T = np.array([0.3, 0.1, 4.0]) + TIMES[:, None] * [0.5, 0.0, 0.8]
    centre = TIMES[:, None] * [0.4, 0.0, 0.1] * moves
    path, ankles, cost = ray_path(seen(T, x, centre)).solve()
    np.testing.assert_allclose(path, T, atol=2e-3)
    np.testing.assert_allclose(ankles, x[:, ANKLES] + T[:, None], atol=2e-3)
    assert cost == pytest.approx(0, abs=0.02)


def test_legs_say_more_of_ankles_across_the_line_of_sight_than_along_it() -> None:
    pulls = []
    for axis in (0, 2):
        problem = PathProblem(TIMES[:1])
        feet = np.zeros((1, 2, 3))
        problem.legs(feet, np.tile([0.0, 0.0, 1.0], (1, 2, 1)), np.ones((1, 1)))
        # The root is held at the origin, the ankles pulled to 1 m.
        problem.rays(np.zeros((1, 3, 3)), np.eye(3)[None], np.full((1, 3), 1e6), np.zeros((1, 3)))
        problem.heights(np.eye(3)[axis], 1.0, np.full((1, 2), 400.0))
        pulls.append(problem.solve()[1][0, 0, axis])
    assert 0 < 2 * pulls[0] < pulls[1] < 1


def test_a_foot_that_rests_stays_and_holds_the_root_against_noise(x: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    T = np.array([0.0, 0.0, 4.0]) + TIMES[:, None] * [0.0, 0.0, 1.0]
    feet = np.stack([np.array([0.1, 0.9, 4.0]) - T, np.array([-0.1, 0.9, 4.4]) - T], axis=1)
    x = x.copy()
    x[:, ANKLES] = feet
    # Bodies that seem larger and smaller in turn: rays alone see them nearer and farther away.
    size = 1 + 0.05 * np.sin(6 * TIMES)[:, None, None]
    noisy = replace(seen(T, x, np.zeros_like(T)), x=x * size + rng.normal(0, 0.01, x.shape))
    free, held = ray_path(noisy), ray_path(noisy)
    held.stepping(np.zeros_like(feet), np.full(feet.shape[:2], 0.03))
    off = [problem.solve()[0] - T for problem in (free, held)]
    errors = [np.linalg.norm(each - each.mean(0), axis=1).mean() for each in off]
    assert errors[1] < 0.8 * errors[0]
    assert np.linalg.norm(np.diff(held.solve()[1], axis=0), axis=-1).mean() < 0.0015


def test_velocities_of_feet_are_followed(x: np.ndarray) -> None:
    T = np.array([0.0, 0.0, 4.0]) + TIMES[:, None] * [0.7, 0.0, 0.0]
    problem = ray_path(seen(T, x, np.zeros_like(T)))
    problem.stepping(np.tile([0.7, 0.0, 0.0], (len(TIMES), 2, 1)), np.full((len(TIMES), 2), 0.05))
    _, ankles, cost = problem.solve()
    np.testing.assert_allclose(ankles, x[:, ANKLES] + T[:, None], atol=2e-3)
    assert cost == pytest.approx(0, abs=0.05)
    wrong = ray_path(seen(T, x, np.zeros_like(T)))
    wrong.stepping(np.zeros((len(TIMES), 2, 3)), np.full((len(TIMES), 2), 0.05))
    assert wrong.solve()[2] > 10


def test_heights_hold_ankles_along_up_only(x: np.ndarray) -> None:
    T = np.tile([0.0, 0.0, 4.0], (len(TIMES), 1))
    problem = ray_path(seen(T, x, np.zeros_like(T)))
    problem.heights(np.array([0.0, -1.0, 0.0]), -1.0, np.full((len(TIMES), 2), 1e8))
    ankles = problem.solve()[1]
    np.testing.assert_allclose(ankles[..., 1], 1.0, atol=1e-3)
    # Legs give way along the line of sight, which is not quite across up.
    np.testing.assert_allclose(ankles[..., 0], (x[:, ANKLES] + T[:, None])[..., 0], atol=0.07)


@pytest.mark.parametrize("count", [1, 2])
def test_one_frame_and_two_are_solved(x: np.ndarray, count: int) -> None:
    T = np.tile([0.2, 0.0, 4.0], (len(TIMES), 1))
    whole = seen(T, x, np.zeros_like(T))
    problem = ray_path(Sighting(*(value[:count] for value in vars(whole).values())))
    problem.stepping(np.zeros((count, 2, 3)), np.ones((count, 2)))
    np.testing.assert_allclose(problem.solve()[0], T[:count], atol=1e-3)
