from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lifting.body.joints import ANKLES, PELVIS, THORAX
from lifting.training.engine import fit
from lifting.training.ground import GroundSettings, GroundWindows, ground_errors, ground_objective, new_ground_network

FPS = 12.0
UP = [0.0, 1.0, 0.0]
SETTINGS = GroundSettings(steps=300, batch=64, hidden=48, warm_up=10, learning_rate=5e-3)


def striding(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """People who shift from foot to foot: each ankle rests for half a second, then moves for as long."""
    rng = np.random.default_rng(seed)
    pose = np.zeros((17, 3))
    pose[THORAX] = [0.0, 1.4, 0.0]
    pose[PELVIS] = [0.0, 0.9, 0.0]
    pose[1], pose[4] = [-0.1, 0.9, 0.0], [0.1, 0.9, 0.0]
    poses = np.tile(pose, (count, 1, 1)) + rng.normal(0, 0.01, (count, 17, 3))
    time_s = np.arange(count) / FPS
    for foot in range(2):
        phase = (time_s + 0.5 * foot) % 1.0
        gone = np.floor(time_s + 0.5 * foot) + np.clip(2 * (phase - 0.5), 0, 1)
        poses[:, ANKLES[foot]] = np.stack([np.full(count, 0.2 * foot - 0.1), np.full(count, 0.1), gone], axis=1)
    poses[..., 2] += (time_s * 1.0)[:, None] * (np.arange(17) != ANKLES[0]) * (np.arange(17) != ANKLES[1])
    return poses, np.zeros(count, np.int64)


@pytest.fixture
def windows() -> GroundWindows:
    poses, clip = striding(200, 0)
    return GroundWindows.of(poses, clip, FPS, np.tile(UP, (len(poses), 1)))


def test_feet_that_rest_and_their_velocities_are_known(windows: GroundWindows) -> None:
    moving = windows.velocity[..., 2].abs() > 1.5
    assert (windows.resting[moving] < 0.01).all()
    still = windows.resting > 0.9
    assert still.any(dim=1).float().mean() > 0.5 and windows.velocity[still].abs().max() < 0.05
    assert windows.sight.isnan().all()


def test_windows_do_not_reach_over_the_end_of_a_recording() -> None:
    poses, _ = striding(24, 0)
    clip = np.repeat([0, 1], 12)
    assert len(GroundWindows.of(poses, clip, FPS, np.tile(UP, (24, 1))).motion) == 2 * (12 - 4)
    with pytest.raises(ValueError, match=r"as long as 0\.33 s"):
        GroundWindows.of(poses, np.arange(24), FPS, np.tile(UP, (24, 1)))


def test_what_was_lifted_gets_no_further_errors(windows: GroundWindows) -> None:
    poses, clip = striding(60, 1)
    lifted = GroundWindows.of(poses, clip, FPS, np.tile(UP, (60, 1)), poses + np.array([0.0, 0.0, 5.0]))
    plain = replace(SETTINGS, size=0.0, depth_scale=0.0)
    rows = torch.arange(len(lifted.motion))
    motion, sight, *_ = lifted.draw(rows, plain, torch.Generator().manual_seed(0))
    assert torch.allclose(motion[:, :, THORAX, 1], lifted.motion[:, :, THORAX, 1], atol=1e-6)
    assert torch.allclose(sight.norm(dim=1), torch.ones(len(sight)), atol=1e-5)
    noisy, *_ = windows.draw(torch.arange(40), plain, torch.Generator().manual_seed(0))
    assert (noisy[:, :, THORAX, 1] - windows.motion[:40, :, THORAX, 1]).abs().max() > 0.01


@pytest.mark.slow
def test_it_learns_and_a_resumed_run_is_the_same(windows: GroundWindows) -> None:
    device = torch.device("cpu")
    objective = ground_objective(windows, SETTINGS)
    poses, clip = striding(120, 2)
    held_out = GroundWindows.of(poses, clip, FPS, np.tile(UP, (120, 1)))
    seen = held_out.draw(torch.arange(len(held_out.motion)), SETTINGS, torch.Generator().manual_seed(1))
    runs = [new_ground_network(SETTINGS, device) for _ in range(2)]
    before = ground_errors(runs[0].network, *seen)
    for state, stops in zip(runs, (None, 100), strict=True):
        for step in fit(state, objective, SETTINGS, device, lambda step, loss: None):
            if step == stops:
                break
    for _ in fit(runs[1], objective, SETTINGS, device, lambda step, loss: None):
        pass
    after = ground_errors(runs[0].network, *seen)
    assert after["feet_percent"] < 0.5 * before["feet_percent"] and after["all_deg"] < before["all_deg"]
    for one, other in zip(runs[0].network.parameters(), runs[1].network.parameters(), strict=True):
        assert torch.equal(one, other)
