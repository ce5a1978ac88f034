"""The field's measures, by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lifting.body.skeleton import BONES, bone_lengths
from lifting.metrics import (
    EXPECTED_COVERAGE,
    acceleration_error,
    auc,
    best_of,
    bone_length_spread,
    centred,
    coverage,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    pck,
    per_joint_error,
    procrustes_align,
)


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


def test_roots_may_be_the_middle_of_two_joints(truth: NDArray[np.float64]) -> None:
    x = centred(truth, (1, 4))
    assert np.allclose(x[..., 1, :] + x[..., 4, :], 0) and np.allclose(x - x[..., :1, :], centred(truth))
    off = truth.copy()
    off[..., 1, :] += [0.0, 0.34, 0.0]
    # the middle of the two moves by 0.17, and with it all others
    assert np.allclose(mpjpe(off, truth, root=(1, 4)), 0.17)


def test_only_some_joints_are_averaged_over_and_all_are_aligned(truth: NDArray[np.float64]) -> None:
    off = truth.copy()
    off[..., 4, :] += [0.17, 0.0, 0.0]
    assert np.allclose(mpjpe(off, truth, joints=[4, 5]), 0.085) and np.allclose(mpjpe(off, truth, joints=[5, 6]), 0)
    aligned = per_joint_error(procrustes_align(off, truth), truth)
    assert np.allclose(pa_mpjpe(off, truth, joints=[2, 4]), aligned[..., [2, 4]].mean(axis=-1))
    assert np.allclose(pck(off, truth, joints=[4, 5]), 0.5)


def test_n_mpjpe_takes_the_best_scale_about_the_root(truth: NDArray[np.float64]) -> None:
    assert np.allclose(n_mpjpe(1.4 * truth + [1.0, 2.0, 3.0], truth), 0, atol=1e-12)
    # a turned pose stays wrong, which a similarity alignment forgives
    turned = truth @ Rotation.from_euler("y", 0.4).as_matrix().T
    assert np.all(n_mpjpe(turned, truth) > 0.1)
    noisy = truth + np.random.default_rng(5).normal(size=truth.shape) * 0.3
    p, t = centred(noisy)[0, 0], centred(truth)[0, 0]

    def squares(scale: float) -> float:
        return float(((scale * p - t) ** 2).sum())

    scales = np.linspace(0.5, 1.5, 2001)
    best = scales[np.argmin([squares(scale) for scale in scales])]
    assert n_mpjpe(noisy, truth)[0, 0] == pytest.approx(per_joint_error(best * p, t).mean(), abs=1e-3)


def test_pck_and_auc_by_hand() -> None:
    truth = np.zeros((2, 3, 17, 3))
    off = truth.copy()
    off[..., 3, 0] += 0.15  # a joint at the threshold is not nearer than it
    off[..., 4, 1] += 0.1499
    off[..., 5, 2] += 2.0
    assert np.allclose(pck(off, truth), 15 / 17)
    assert np.allclose(pck(off, truth, threshold_m=0.1), 14 / 17)
    # thresholds are 0, 5, ... 150 mm: nothing is nearer than 0, 14 joints than the 30 others, one only than the last
    assert np.allclose(auc(off, truth), (14 * 30 + 1) / 31 / 17)
    assert np.allclose(auc(truth, truth), 30 / 31)
    halfway = truth.copy()
    halfway[..., 1:, 0] += 0.0761  # nearer than 80, 85, ... 150 mm
    assert np.allclose(auc(halfway, truth), (16 * 15 + 30) / 17 / 31)


def test_the_best_hypothesis_is_chosen_pose_by_pose() -> None:
    errors = np.array([[3.0, 1.0, 5.0], [2.0, 4.0, 5.5]])
    least, which = best_of(errors)
    assert least.tolist() == [2.0, 1.0, 5.0] and which.tolist() == [1, 0, 0]


def test_bone_lengths_of_a_rigid_body_do_not_spread(truth: NDArray[np.float64]) -> None:
    body = truth[0, 0]
    turns = Rotation.random(8, rng=np.random.default_rng(1)).as_matrix()
    assert np.allclose(bone_length_spread(body @ turns + [[[0.0, 1.0, 5.0]]], BONES), 0, atol=1e-12)
    growing = np.stack([body * size for size in (1.0, 1.2)])
    assert np.allclose(bone_length_spread(growing, BONES), 0.1 * bone_lengths(body))


def test_coverage_of_errors_that_are_as_large_as_told() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(4000, 17, 3))
    sigma = rng.uniform(0.01, 0.2, (4000, 17))
    error = rng.normal(size=truth.shape) * sigma[..., None]
    error[:, 0] = 0
    for name, expected in EXPECTED_COVERAGE.items():
        assert coverage(truth + error, truth, sigma)[name].mean() == pytest.approx(expected, abs=0.005)
    # the pelvis is moved on that of the truth, and does not count
    moved = coverage(truth + error + 1.0, truth, sigma)["coverage_3d"]
    assert np.allclose(moved, coverage(truth + error, truth, sigma)["coverage_3d"])
    assert coverage(truth + 2 * error, truth, sigma)["coverage_2_sigma"].mean() == pytest.approx(0.6827, abs=0.005)
