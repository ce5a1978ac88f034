from __future__ import annotations

import numpy as np
import pytest

from lifting.body.joints import ANKLES
from lifting.world.walking.path import Sighting
from lifting.world.walking.scale import first_scale, scale_by_feet

TIMES = np.arange(60) / 30


def beside(camera_m_s: float) -> tuple[Sighting, np.ndarray]:
    """Somebody who walks beside a camera that goes as fast; its path is in units of 4 m."""
    T = np.array([0.0, 0.0, 4.0]) + TIMES[:, None] * [1.2, 0.0, 0.0]
    centre = TIMES[:, None] * [camera_m_s, 0.0, 0.0]
    x = np.tile(np.random.default_rng(0).normal(0, 0.4, (17, 3)), (len(TIMES), 1, 1))
    x[:, 0] = 0
    velocity = np.zeros((len(TIMES), 2, 3))
    for foot in range(2):
        phase = (TIMES + 0.5 * foot) % 1.0
        # Half a second on the ground, half a second twice as fast as the body.
        along = np.where(phase < 0.5, 0.3 - 1.2 * phase, -0.3 + 1.2 * (phase - 0.5))
        x[:, ANKLES[foot]] = np.stack([along, np.full(len(TIMES), 0.9), np.zeros(len(TIMES))], axis=1)
        velocity[:, foot, 0] = np.where(phase < 0.5, 0.0, 2.4)
    away = x + T[:, None] - centre[:, None]
    directions = away / np.linalg.norm(away, axis=-1, keepdims=True)
    person = Sighting(x, np.full(len(T), 4.0), directions, centre / 4, np.ones(x.shape[:2]), TIMES)
    return person, velocity


def test_feet_tell_how_far_the_camera_went() -> None:
    person, velocity = beside(1.2)
    begin = first_scale([person])
    assert begin is not None and begin == pytest.approx(4, rel=0.3)
    spread = np.where(np.abs(velocity[..., 0]) > 0, 0.3, 0.03)
    assert scale_by_feet([person], [(velocity, spread)], begin) == pytest.approx(4, rel=0.08)


def test_somebody_seen_for_a_moment_tells_nothing() -> None:
    person, _ = beside(1.2)
    moment = Sighting(*(value[:5] for value in vars(person).values()))
    assert first_scale([moment]) is None and first_scale([]) is None
