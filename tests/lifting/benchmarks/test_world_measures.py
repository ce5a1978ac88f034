"""Measures of whole clips: what is known about motions that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from detectors.layouts import H36M_17
from lifting.benchmarks.multiview import LIMBS
from lifting.benchmarks.world_measures import (
    CHUNK,
    angle_errors,
    at_rate,
    clip_measures,
    foot_slide,
    jitter,
    rigid_error,
    root_trajectory_error,
    rotated_mpjpe,
    world_mpjpe,
)

TURN = Rotation.from_euler("xyz", [20, 200, -10], degrees=True).as_matrix()
SHIFT = np.array([0.2, -0.1, 4.0])
HIPS = [LIMBS.index("left_hip"), LIMBS.index("right_hip")]


@pytest.fixture
def walk(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[240, 12, 3]`` somebody who walks a metre in a second along x, and then as far again."""
    limbs = motion[:, H36M_17.indices(LIMBS)]
    there = np.concatenate([limbs, limbs[::-1]])
    return there + np.arange(len(there))[:, None, None] / 30 * [1.0, 0, 0]


def test_what_a_frame_of_reference_cannot_change(walk: NDArray[np.float64]) -> None:
    time_s = np.arange(len(walk)) / 30
    moved = walk @ TURN + SHIFT
    found = clip_measures(moved, walk, time_s, LIMBS)
    for name, value in found.items():
        if name not in ("foot_slide_mm", "jitter_10_m_s3"):
            assert value == pytest.approx(0, abs=1e-4), name
    alike = clip_measures(walk, walk, time_s, LIMBS)
    assert found["jitter_10_m_s3"] == pytest.approx(alike["jitter_10_m_s3"])
    # a mirrored motion fits nothing
    assert clip_measures(walk * [1, 1, -1], walk, time_s, LIMBS)["pa_mpjpe_mm"] > 50


def test_size_is_free_where_the_field_leaves_it_free(walk: NDArray[np.float64]) -> None:
    found = clip_measures(1.1 * walk, walk, np.arange(len(walk)) / 30, LIMBS)
    for name in ("pa_mpjpe_mm", "w_mpjpe_mm", "wa_mpjpe_mm", "knee_error_deg", "hip_error_deg", "elbow_error_deg"):
        assert found[name] == pytest.approx(0, abs=1e-4), name
    assert found["mpjpe_mm"] > 20 and found["rigid_fit_mm"] > found["mpjpe_mm"]
    # of a straight path 8 m long, 0.8 m too long, the mean is a quarter of what both ends together are off
    assert found["root_error_percent"] == pytest.approx(100 * 0.1 / 4, rel=0.02)


def test_a_chunk_does_not_know_of_the_others(walk: NDArray[np.float64]) -> None:
    jumped = walk.copy()
    jumped[CHUNK:] = jumped[CHUNK:] @ TURN + SHIFT
    assert world_mpjpe(jumped, walk).max() < 1e-9 and world_mpjpe(jumped, walk, first=2).max() < 1e-6
    assert rigid_error(jumped, walk).mean() > 0.5 and rotated_mpjpe(jumped, walk, HIPS).mean() > 0.1
    late = walk.copy()
    late[CHUNK + 50 :] += [0, 0, 0.3]
    first = world_mpjpe(late, walk, first=2)
    assert first[: CHUNK + 50].max() < 1e-6 and first[CHUNK + 50 : 2 * CHUNK] == pytest.approx(0.3)
    assert 0 < world_mpjpe(late, walk)[CHUNK : 2 * CHUNK].mean() < 0.16 and world_mpjpe(late, walk)[-40:].max() < 1e-9


def test_root() -> None:
    line = np.zeros((31, 3))
    line[:, 0] = np.linspace(0, 3, 31)
    assert root_trajectory_error(line @ TURN + SHIFT, line) == pytest.approx(0, abs=1e-9)
    # half of the way in the wrong place, after the best fit 0.15 m of 3 m off everywhere but for the turn
    stepped = line[:30] + np.repeat([[0, 0, 0], [0, 0, 0.3]], 15, axis=0)
    assert 0.01 < root_trajectory_error(stepped, line[:30]).mean() < 0.15 / 2.9


@pytest.mark.parametrize("fps", [30, 60])
def test_feet(fps: int) -> None:
    time_s = np.arange(2 * fps) / fps
    truth = np.zeros((len(time_s), 2, 3))
    truth[:, 1, 0] = 1.0 * time_s  # this one walks: it does not count
    slides = truth.copy()
    slides[:, 0, 2] += 0.15 * time_s
    slides[:, 1, 1] += 9 * time_s
    assert foot_slide(slides, truth, time_s) == pytest.approx(np.full(len(time_s) - 1, 0.005))
    # what happens in a gap is no slide
    rows = np.r_[0:20, fps : 2 * fps]
    assert len(foot_slide(slides[rows], truth[rows], time_s[rows])) == len(rows) - 2


def test_jitter() -> None:
    t = np.arange(40) / 30
    motion = np.zeros((40, 3, 3))
    motion[..., 1] = 2 * t[:, None] ** 3
    assert jitter(motion) == pytest.approx(np.full(37, 12 / 10))


def test_angles() -> None:
    joints = ("left_hip", "right_hip", "left_knee", "left_ankle", "left_shoulder", "right_shoulder")
    pose = np.array([[0.1, 0, 0], [-0.1, 0, 0], [0.1, -0.4, 0], [0.1, -0.8, 0], [0.2, 0.5, 0], [-0.2, 0.5, 0]])
    bent = pose.copy()
    lean, bend = math.radians(30), math.radians(20)
    bent[2] = [0.1, -0.4 * math.cos(lean), 0.4 * math.sin(lean)]
    bent[3] = bent[2] + 0.4 * np.array([0, -math.cos(lean - bend), math.sin(lean - bend)])
    errors = angle_errors(bent[None], pose[None], joints)
    assert errors.keys() == {"knee", "hip"}
    assert errors["knee"].tolist() == [[pytest.approx(-20)]] and errors["hip"].tolist() == [[pytest.approx(-30)]]
    found = clip_measures(np.tile(bent, (12, 1, 1)), np.tile(pose, (12, 1, 1)), np.arange(12) / 30, joints)
    assert (found["knee_error_deg"], found["knee_bias_deg"]) == (pytest.approx(20), pytest.approx(-20))
    assert "elbow_error_deg" not in found


def test_thirty_a_second() -> None:
    time_s = np.r_[np.arange(30) / 60, 2 + np.arange(31) / 60]
    values = 3 * time_s[:, None]
    ((first, second),) = at_rate(time_s, values)
    assert first[:, 0] == pytest.approx(3 * np.arange(15) / 30) and second[:, 0] == pytest.approx(
        6 + 3 * np.arange(16) / 30
    )
    (slow,) = at_rate(np.arange(5) / 4, np.arange(5.0))
    assert len(slow) == 1 and slow[0] == pytest.approx(np.arange(31) / 7.5)
