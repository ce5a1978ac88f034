"""Cluster centres as template poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.body.skeleton import bone_lengths, facing_camera
from lifting.initial.templates import templates, write_templates
from lifting.initial.weights import load_templates

FLIP = list(H36M_17.flip)
LEFT_WRIST, RIGHT_WRIST = H36M_17.index("left_wrist"), H36M_17.index("right_wrist")


def jittered(pose: NDArray[np.float64], count: int, seed: int = 0) -> NDArray[np.float64]:
    return pose + np.random.default_rng(seed).normal(size=(count, 17, 3)) * 0.005


def mirrored(poses: NDArray[np.floating]) -> NDArray[np.float64]:
    return poses[:, FLIP] * np.array([-1.0, 1.0, 1.0])


def test_the_same_seed_gives_the_same_poses(motion: NDArray[np.float64]) -> None:
    first, second = (templates(motion, 5, np.random.default_rng(7)) for _ in range(2))
    assert first.dtype == np.float32 and first.shape == (5, 17, 3)
    assert np.array_equal(first, second)


def test_centres_have_the_mean_size_and_stand_at_the_origin(motion: NDArray[np.float64]) -> None:
    poses = np.concatenate([motion, 1.2 * motion])
    centres = templates(poses, 4, np.random.default_rng(0))
    size = bone_lengths(motion).sum(-1).mean() * 1.1
    assert np.allclose(bone_lengths(centres).sum(-1), size, rtol=1e-5)
    assert np.abs(centres[:, 0]).max() < 1e-7


def test_one_centre_is_symmetric(motion: NDArray[np.float64]) -> None:
    centre = templates(motion, 1, np.random.default_rng(0))
    assert np.allclose(mirrored(centre), centre, atol=1e-5)
    # hips beside each other, not averaged away: everybody was turned to the camera first
    assert centre[0, H36M_17.index("left_hip"), 0] > 0.05 and abs(centre[0, H36M_17.index("left_hip"), 2]) < 1e-5


def test_mirror_images_are_covered(body: NDArray[np.float64]) -> None:
    # only ever the left arm is raised, yet one of two centres raises the right one
    centres = templates(jittered(body, 40), 2, np.random.default_rng(0))
    raised = centres[:, [LEFT_WRIST, RIGHT_WRIST], 1] < -0.9
    assert sorted(raised.tolist()) == [[False, True], [True, False]]
    original = centres[raised[:, 0].argmax()]
    assert np.abs(original - facing_camera(body[None])[0]).max() < 0.02


def test_the_largest_cluster_comes_first(body: NDArray[np.float64]) -> None:
    arms_down = body.copy()
    arms_down[[11, 12, 13]] = body[[14, 15, 16]] * [-1, 1, 1]
    arms_down[[2, 3]] = body[[5, 6]] * [-1, 1, 1]
    arms_up = arms_down.copy()
    arms_up[[12, 13]], arms_up[[15, 16]] = body[[12, 13]], body[[12, 13]] * [-1, 1, 1]
    for many, few in ((arms_down, arms_up), (arms_up, arms_down)):
        centres = templates(np.concatenate([jittered(few, 10), jittered(many, 50)]), 2, np.random.default_rng(0))
        assert np.abs(centres[0] - facing_camera(many[None])[0]).max() < 0.05


def test_written_starting_poses_can_be_loaded(motion: NDArray[np.float64], tmp_path: Path) -> None:
    write_templates(tmp_path / "s.npz", motion, (1, 3), np.random.default_rng(0))
    loaded = load_templates(tmp_path / "s.npz")
    assert {count: poses.shape for count, poses in loaded.poses.items()} == {1: (1, 17, 3), 3: (3, 17, 3)}
    assert np.allclose(loaded.poses[1], templates(motion, 1, np.random.default_rng(0)))
    assert loaded.size_m == pytest.approx(bone_lengths(motion).sum(-1).mean())
