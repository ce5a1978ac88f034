"""The field's measures, by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lifting.metrics import acceleration_error, mpjpe, pa_mpjpe, per_joint_error, procrustes_align


@pytest.fixture
def truth() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(2, 3, 17, 3))


def test_per_joint_error_by_hand(truth: NDArray[np.float64]) -> None:
    predicted = truth.copy()
    predicted[1, 2, 5] += [3.0, 0.0, 4.0]
    expected = np.zeros((2, 3, 17))
    expected[1, 2, 5] = 5.0
    assert np.allclose(per_joint_error(predicted, truth), expected)


def test_mpjpe_moves_the_roots_on_each_other(truth: NDArray[np.float64]) -> None:
    assert np.allclose(mpjpe(truth + np.array([1.0, -2.0, 3.0]), truth), np.zeros((2, 3)))
    off = truth.copy()
    off[..., 4, :] += [0.17, 0.0, 0.0]
    assert np.allclose(mpjpe(off, truth), 0.01)
    # an error of the root is an error of all others
    assert np.allclose(mpjpe(off, truth, root=4), 0.17 * 16 / 17)


def test_pa_mpjpe_ignores_place_turn_and_size(truth: NDArray[np.float64]) -> None:
    rotations = Rotation.random(6, rng=np.random.default_rng(1)).as_matrix().reshape(2, 3, 3, 3)
    moved = 1.7 * truth @ rotations + np.random.default_rng(2).normal(size=(2, 3, 1, 3))
    assert np.allclose(pa_mpjpe(moved, truth), np.zeros((2, 3)), atol=1e-12)
    assert np.allclose(procrustes_align(moved, truth), truth, atol=1e-12)


@pytest.mark.parametrize("mirror", [1.0, -1.0], ids=["alike", "mirrored"])
def test_alignment_is_the_best_similarity(truth: NDArray[np.float64], mirror: float) -> None:
    target = truth[0, 0]
    predicted = 0.8 * Rotation.from_euler("xyz", [0.5, -1.0, 2.0]).apply(target) + 0.3
    predicted += np.random.default_rng(3).normal(size=predicted.shape) * 0.5
    predicted[:, 0] *= mirror
    p, t = predicted - predicted.mean(0), target - target.mean(0)
    turned = Rotation.align_vectors(t, p)[0].apply(p)
    scale = (turned * t).sum() / (turned**2).sum()
    assert np.allclose(procrustes_align(predicted, target), scale * turned + target.mean(0), atol=1e-6)


def test_mirrored_poses_are_wrong_unless_mirroring_is_allowed(truth: NDArray[np.float64]) -> None:
    mirrored = truth * [-1.0, 1.0, 1.0]
    assert np.all(pa_mpjpe(mirrored, truth) > 0.3)
    assert np.allclose(pa_mpjpe(mirrored, truth, reflection=True), 0.0, atol=1e-12)


def test_a_single_pose_has_a_single_number(truth: NDArray[np.float64]) -> None:
    assert mpjpe(truth[0, 0], truth[0, 0]).shape == pa_mpjpe(truth[0, 0], truth[0, 0]).shape == ()


def test_acceleration_error_is_the_difference_of_second_differences() -> None:
    frames = np.arange(8)[:, None, None]
    still = np.zeros((8, 17, 3))
    drifting = frames * np.full((17, 3), 0.3) + 1.0
    # positions a t^2 / 2 have the second difference a in every frame
    falling = 0.5 * frames**2 * np.array([0.0, 0.03, 0.04])
    falling = np.broadcast_to(falling, (8, 17, 3))
    assert np.allclose(acceleration_error(drifting, still), np.zeros(6))
    assert np.allclose(acceleration_error(falling, still), np.full(6, 0.05))
    assert np.allclose(acceleration_error(falling + drifting, falling), np.zeros(6))
