"""Figures of benchmarks from errors that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from detectors.layouts import H36M_17
from lifting.benchmarks.datasets import PoseSet
from lifting.benchmarks.scoring import chosen, figures, hypothesis_errors, motion_figures, oracle
from lifting.benchmarks.statistics import bootstrap_mean, bootstrap_mean_of_groups
from lifting.body.joints import LIMBS_12
from tests.benchmark_files import people

ALL = range(17)


def pose_set(truth: NDArray[np.float64], **fields: object) -> PoseSet:
    count = len(truth)
    made = PoseSet(
        joints=H36M_17.joints, keypoints_px=truth[..., :2] / truth[..., 2:] * 1000, confidence=np.ones((count, 17)),
        K=np.tile(np.diag([1000.0, 1000.0, 1.0]), (count, 1, 1)), truth_m=truth, absolute=True, group=("all",) * count,
        sequence=tuple(map(str, range(count))), frame=None, evidence="annotated", camera="", frames_in_file=count,
    )  # fmt: skip
    return replace(made, **fields)


@pytest.fixture
def truth() -> NDArray[np.float64]:
    return people(6)


def test_the_truth_has_no_error(truth: NDArray[np.float64]) -> None:
    errors = hypothesis_errors(truth[None], pose_set(truth), slice(None), ALL, reflection=False)
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm"):
        assert errors[name].shape == (1, 6) and np.allclose(errors[name], 0, atol=1e-9)
    assert np.allclose(errors["pck150_percent"], 100) and np.allclose(errors["auc_percent"], 3000 / 31)


def test_a_known_similarity(truth: NDArray[np.float64]) -> None:
    turn = Rotation.from_euler("y", 30, degrees=True)
    moved = 1.2 * turn.apply(truth.reshape(-1, 3)).reshape(truth.shape) + [1.0, 0.0, 2.0]
    errors = hypothesis_errors(moved[None], pose_set(truth), slice(None), ALL, reflection=False)
    assert np.allclose(errors["pa_mpjpe_mm"], 0, atol=1e-6)
    x = truth - truth[:, :1]
    by_hand = np.linalg.norm(1.2 * x @ turn.as_matrix().T - x, axis=-1).mean(axis=1) * 1000
    assert np.allclose(errors["mpjpe_mm"][0], by_hand)
    mirrored = moved * [-1, 1, 1]
    plain, allowed = (
        hypothesis_errors(mirrored[None], pose_set(truth), slice(None), ALL, reflection=r)["pa_mpjpe_mm"]
        for r in (False, True)
    )
    assert (plain > 30).all() and np.allclose(allowed, 0, atol=1e-6)


def test_rows_and_joints_that_are_judged(truth: NDArray[np.float64]) -> None:
    off = truth.copy()
    off[:, 3, 1] += 0.1 * np.arange(6)
    errors = hypothesis_errors(off[None, 2:4], pose_set(truth), slice(2, 4), [3, 4], reflection=False)
    assert np.allclose(errors["mpjpe_mm"], [[100, 150]])


def test_limbs_are_compared_at_the_middle_of_the_hips(truth: NDArray[np.float64]) -> None:
    limbs = pose_set(truth).only(LIMBS_12.joints)
    assert limbs.truth_m.shape == limbs.rays().shape == (6, 12, 3)
    off = limbs.truth_m.copy()
    off[:, LIMBS_12.index("left_hip"), 0] += 0.2
    errors = hypothesis_errors(off[None], limbs, slice(None), range(12), reflection=False)
    assert np.allclose(errors["mpjpe_mm"], 100)  # the middle moves by half of it: all joints are off by that


def test_oracle_and_choice() -> None:
    errors = {
        "mpjpe_mm": np.array([[10.0, 50.0], [20.0, 40.0]]),
        "pa_mpjpe_mm": np.array([[9.0, 30.0], [8.0, 35.0]]),
        "pck150_percent": np.array([[60.0, 70.0], [90.0, 50.0]]),
    }
    best = oracle(errors)
    assert best["mpjpe_mm"].tolist() == [10, 40] and best["pa_mpjpe_mm"].tolist() == [8, 30]
    assert best["pck150_percent"].tolist() == [60, 50]  # of the hypothesis of least MPJPE, not the greatest
    ours = chosen(errors, np.array([1, 0]))
    assert {name: values.tolist() for name, values in ours.items()} == {
        "mpjpe_mm": [20, 50], "pa_mpjpe_mm": [8, 30], "pck150_percent": [90, 70]
    }  # fmt: skip


def test_means_of_groups_and_of_frames(truth: NDArray[np.float64]) -> None:
    poses = pose_set(truth, group=("a", "a", "a", "a", "b", "b"))
    errors = {"mpjpe_mm": np.array([10.0, 10, 10, 10, 40, 60]), "auc_percent": np.array([0.0, 0, 0, 0, 60, 60])}
    rng = np.random.default_rng(0)
    grouped, plain = figures(errors, poses, True, rng), figures(errors, poses, False, rng)
    assert grouped.values["mpjpe_mm"].value == 30 and grouped.frame_means["mpjpe_mm"] == pytest.approx(140 / 6)
    assert plain.values["mpjpe_mm"].value == pytest.approx(140 / 6)
    assert grouped.values["auc_percent"].value == plain.values["auc_percent"].value == 20
    assert grouped.groups == {
        "a": {"poses": 4, "mpjpe_mm": 10, "auc_percent": 0}, "b": {"poses": 2, "mpjpe_mm": 50, "auc_percent": 60}
    }  # fmt: skip
    # only the frames of b differ: drawn within the group, their mean is 40 to 60, and counts one half
    assert (grouped.values["mpjpe_mm"].low, grouped.values["mpjpe_mm"].high) == (25, 35)


def test_intervals_know_that_frames_of_a_sequence_depend_on_each_other() -> None:
    rng = np.random.default_rng(3)
    offsets = rng.normal(50, 10, 40)
    values = offsets[:, None] + rng.normal(0, 1, (40, 25))
    poses = pose_set(people(1000), sequence=tuple(str(i) for i in range(40) for _ in range(25)))
    found = figures({"mpjpe_mm": values.ravel()}, poses, False, rng).values["mpjpe_mm"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * 10 / np.sqrt(40), rel=0.3)
    units = list(values)
    one, two = bootstrap_mean(units, np.random.default_rng(1)), bootstrap_mean(units, np.random.default_rng(1))
    assert one == two and one.low < values.mean() < one.high
    alone = bootstrap_mean([values[0]], rng)  # the frames of the only sequence are drawn
    assert alone.high - alone.low == pytest.approx(2 * 1.96 * values[0].std() / 5, rel=0.3)
    halves = bootstrap_mean_of_groups([units[:20], units[20:], []], rng)
    assert halves.value == pytest.approx(values.mean())


def test_time_where_there_is_time(truth: NDArray[np.float64]) -> None:
    rng = np.random.default_rng(0)
    assert motion_figures(truth, pose_set(truth), rng) == {}
    frame = np.array([3, 4, 5, 9, 2, 10])  # 2 to 5 follow each other, 9 and 10 do not reach three
    poses = pose_set(truth, sequence=("s",) * 6, frame=frame)
    jerky = truth.copy()
    jerky[1, 1:, 0] += 0.1  # frame 4, in the middle of three and at the end of others
    found = motion_figures(jerky, poses, rng)
    second = np.array([0.1, 0.2])  # around frames 3 and 4, mean over 17 joints of which the pelvis has none
    assert found["acceleration_error_mm"].value == pytest.approx(second.mean() * 1000 * 16 / 17)
    assert found["bone_spread_mm"].value > motion_figures(truth, poses, rng)["bone_spread_mm"].value
    assert "acceleration_error_mm" not in motion_figures(truth, replace(poses, frame=frame * 2), rng)
