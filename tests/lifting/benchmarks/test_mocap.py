"""Scores of poses whose errors are known, and outcomes of the real lifter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lifting.benchmarks.mocap import Outcome, joint_errors, lift_alone, lift_frames, lift_sequences, scores
from lifting.benchmarks.statistics import bootstrap_mean
from lifting.benchmarks.synthetic import SyntheticView, sequence_views, single_frame_views
from lifting.initial.weights import Templates
from lifting.lifter import Lifter
from lifting.metrics import EXPECTED_COVERAGE
from lifting.prior.weights import Prior
from lifting.settings import LiftSettings

Poses = NDArray[np.float64]


def outcome(predicted: list[Poses], truth: list[Poses], sigma: list[Poses] | None = None) -> Outcome:
    return Outcome("known", 0.0, tuple(map(str, range(len(truth)))), predicted, truth, sigma, None)


def values(of: Outcome) -> dict[str, float]:
    return {name: estimate.value for name, estimate in scores(of, np.random.default_rng(0)).items()}


class TestBootstrap:
    def test_interval_of_independent_values(self) -> None:
        sample = list(np.random.default_rng(1).normal(50, 10, (400, 1)))
        found = bootstrap_mean(sample, np.random.default_rng(0))
        assert found.value == pytest.approx(np.mean(sample))
        # 1.96 standard errors to both sides
        assert found.high - found.value == pytest.approx(0.98, rel=0.12)
        assert found.value - found.low == pytest.approx(0.98, rel=0.12)

    def test_values_of_a_unit_stay_together(self) -> None:
        levels = np.random.default_rng(1).normal(50, 10, 40)
        frames = [np.full(100, level) for level in levels]
        together = bootstrap_mean(frames, np.random.default_rng(0))
        apart = bootstrap_mean([value for unit in frames for value in unit[:, None]], np.random.default_rng(0))
        assert together.value == apart.value
        assert together.high - together.low > 6 * (apart.high - apart.low)

    def test_long_units_count_more(self) -> None:
        assert bootstrap_mean([np.zeros(3), np.ones(1)], np.random.default_rng(0)).value == 0.25

    def test_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="nothing"):
            bootstrap_mean([np.zeros(0)], np.random.default_rng(0))


class TestScores:
    def test_the_truth_has_no_error(self, motion: Poses) -> None:
        found = values(outcome([motion[:30], motion[30:50]], [motion[:30], motion[30:50]]))
        assert set(found) == {"mpjpe_mm", "pa_mpjpe_mm", "acceleration_error_mm"}
        assert found == pytest.approx(dict.fromkeys(found, 0.0), abs=1e-9)

    def test_place_costs_nothing_size_costs_mpjpe_alone(self, motion: Poses) -> None:
        walk = motion + np.linspace(0, 3, len(motion))[:, None, None] ** 2
        assert values(outcome([walk], [motion])) == pytest.approx(
            {"mpjpe_mm": 0, "pa_mpjpe_mm": 0, "acceleration_error_mm": 0}, abs=1e-6
        )
        larger = values(outcome([1.1 * motion], [motion]))
        assert larger["mpjpe_mm"] == pytest.approx(100 * np.linalg.norm(motion, axis=-1).mean())
        assert larger["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-6)

    def test_acceleration_is_in_mm_per_frame_squared(self, motion: Poses) -> None:
        shaken = motion.copy()
        # all joints but the pelvis: second difference 2 mm in every frame
        shaken[:, 1:, 0] += 0.001 * np.arange(len(motion))[:, None] ** 2
        assert values(outcome([shaken], [motion]))["acceleration_error_mm"] == pytest.approx(2 * 16 / 17)

    def test_single_frames_have_no_acceleration(self, motion: Poses) -> None:
        frames = list(motion[:5, None])
        assert set(values(outcome(frames, frames))) == {"mpjpe_mm", "pa_mpjpe_mm"}

    def test_right_sigma_covers_as_expected(self, motion: Poses) -> None:
        sigma = np.broadcast_to(np.linspace(0.02, 0.1, 17), (len(motion), 17))
        noise = np.random.default_rng(0).normal(size=motion.shape) * sigma[..., None]
        noise[:, 0] = 0
        right = values(outcome([motion + noise], [motion], [sigma]))
        for name, expected in EXPECTED_COVERAGE.items():
            assert right[name] == pytest.approx(expected, abs=0.02), name
        half = values(outcome([motion + noise], [motion], [sigma / 2]))
        assert half["coverage_1_sigma"] == pytest.approx(0.383, abs=0.02)
        assert half["coverage_2_sigma"] == pytest.approx(right["coverage_1_sigma"])
        # the pelvis, whose root-relative error is none, does not make it look better
        assert values(outcome([motion + 9 * noise], [motion], [sigma / 1e9]))["coverage_2_sigma"] == 0

    def test_angles_cover_what_is_right(self, motion: Poses) -> None:
        sigma = np.full((len(motion), 17), 0.02)
        same = values(outcome([motion], [motion], [sigma]))
        assert same["angle_coverage_1_sigma"] == same["angle_coverage_2_sigma"] == 1
        noise = np.random.default_rng(0).normal(size=motion.shape) * 0.2
        wrong = values(outcome([motion + noise], [motion], [sigma / 50]))
        assert wrong["angle_coverage_1_sigma"] < wrong["angle_coverage_2_sigma"] < 0.3

    def test_errors_by_joint(self, motion: Poses) -> None:
        wrong = motion.copy()
        wrong[:, 3] += [0.03, 0.0, 0.0]
        rows = joint_errors(outcome([wrong], [motion], [np.full(motion.shape[:2], 0.02)]))
        assert [row["joint"] for row in rows[:3]] == ["right_hip", "right_knee", "right_ankle"]
        assert rows[2]["rms_error_mm"] == pytest.approx(30 / np.sqrt(3))
        assert rows[2]["sigma_mm"] == pytest.approx(20) and rows[2]["coverage_1_sigma"] == pytest.approx(2 / 3)
        assert rows[1]["rms_error_mm"] == 0 and rows[1]["coverage_1_sigma"] == 1


class TestLifting:
    @pytest.fixture
    def lifter(self, prior: Prior, templates: Templates) -> Lifter:
        return Lifter(prior, templates, LiftSettings(steps=8), torch.device("cpu"))

    @pytest.fixture
    def views(self, motion: Poses) -> list[SyntheticView]:
        start, length = np.array([0, 40, 80]), np.array([6, 12, 9])
        return sequence_views(motion, start, length, ["a", "b", "c"], noise_px=3.0, count=3)

    def test_sequences_stay_in_order(self, lifter: Lifter, views: list[SyntheticView]) -> None:
        before, after = lift_sequences(lifter, views)
        for found in (before, after):
            assert found.units == ("a", "b", "c") and found.poses == 27 and found.noise_px == 3.0
            assert [poses.shape for poses in found.predicted] == [poses.shape for poses in found.truth]
            for view, poses in zip(views, found.predicted, strict=True):
                pixels = np.linalg.norm(view.camera.project(poses) - view.keypoints_px, axis=-1)
                assert np.median(pixels) < 25
        assert before.seconds is not None and before.seconds > 0
        assert before.sigma_m is None and after.sigma_m is not None
        # smoothing makes the joints steadier
        steadiness = [values(found)["acceleration_error_mm"] for found in (before, after)]
        assert steadiness[1] < steadiness[0]

    def test_alone_means_without_neighbours(self, lifter: Lifter, views: list[SyntheticView]) -> None:
        alone = lift_alone(lifter, views)
        assert [len(poses) for poses in alone.predicted] == [6, 12, 9]
        again = lift_alone(lifter, views[1:2])
        assert np.allclose(alone.predicted[1], again.predicted[0], atol=0.02)
        together, _ = lift_sequences(lifter, views)
        assert values(together)["acceleration_error_mm"] < 0.5 * values(alone)["acceleration_error_mm"]

    def test_single_frames_are_their_own_units(self, lifter: Lifter, motion: Poses) -> None:
        view = single_frame_views(motion, noise_px=0.0, count=8)
        found = lift_frames(lifter, view)
        assert found.poses == len(found.units) == 8
        assert np.array_equal(np.concatenate(found.truth), view.joints_m)
        assert values(found)["mpjpe_mm"] < 300
