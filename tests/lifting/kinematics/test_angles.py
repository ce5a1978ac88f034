"""Angles of a figure that was turned by known angles, and their standard deviations against drawn errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lifting.kinematics import spread
from lifting.kinematics.angles import ANGLES, JointAngles, joint_angles
from lifting.kinematics.spread import alike
from tests.lifting.kinematics.figure import FORWARDS, RIGHT, UP, posed, turned

Array = NDArray[np.float64]
NAMES = [angle.name for angle in ANGLES]


def read(poses: Array, sigma_m: float = 0.01, rests: float = 1.0) -> JointAngles:
    frames = len(poses)
    sigma = np.full((frames, 17), sigma_m)
    sigma[:, 0] = 0
    return joint_angles(poses, sigma, np.tile([0.2, -0.3, -1.0], (frames, 1)), np.full((frames, 2), rests))


def test_standing_is_neutral() -> None:
    found = read(posed())
    silent = [name for name, value in zip(NAMES, found.degrees[0], strict=True) if np.isnan(value)]
    assert [name.partition("_")[2] for name in silent] == [
        *(["hip_rotation"] * 2), *(["shoulder_plane"] * 2), *(["shoulder_rotation"] * 2),
    ]  # fmt: skip
    np.testing.assert_allclose(np.nan_to_num(found.degrees), 0, atol=0.01)


FLEX = turned(RIGHT, 1)  # forwards goes up: what hangs goes forwards


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([("pelvis", "all", turned(UP, 50))], {"pelvis_heading": 50}),
        ([("pelvis", "all", turned(FORWARDS, 10))], {"pelvis_obliquity": 10, "trunk_bending": 10}),
        ([("pelvis", "trunk", turned(RIGHT, -30))], {"trunk_flexion": 30, "right_hip_flexion": 30}),
        ([("pelvis", "trunk", turned(UP, 25))], {"trunk_rotation": 25}),
        ([("thorax", "head", turned(RIGHT, -20))], {"neck_flexion": 20}),
        ([("thorax", "head", turned(FORWARDS, 15))], {"neck_bending": 15}),
        ([("right_hip", "right_leg", turned(RIGHT, 70))], {"right_hip_flexion": 70, "left_hip_flexion": 0}),
        ([("left_hip", "left_leg", turned(RIGHT, -20))], {"left_hip_flexion": -20}),
        ([("right_hip", "right_leg", turned(FORWARDS, -25))], {"right_hip_adduction": -25}),
        ([("left_hip", "left_leg", turned(FORWARDS, -25))], {"left_hip_adduction": 25}),
        ([("right_knee", "right_shank", turned(RIGHT, -90))], {"right_knee_flexion": 90, "right_hip_rotation": 0}),
        (
            [("left_knee", "left_shank", turned(RIGHT, -60)), ("left_hip", "left_leg", turned(UP, 30))],
            {"left_hip_rotation": -30, "left_hip_flexion": 0, "left_knee_flexion": 60},
        ),
        (
            [("right_knee", "right_shank", turned(RIGHT, -60)), ("right_hip", "right_leg", turned(UP, 30)),
             ("right_hip", "right_leg", turned(RIGHT, 50))],
            {"right_hip_rotation": 30, "right_hip_flexion": 50},
        ),
        ([("pelvis", "all", turned(RIGHT, -20))], {"right_ankle_dorsiflexion": 20, "trunk_flexion": 20}),
        ([("right_shoulder", "right_arm", turned(RIGHT, 60))],
         {"right_shoulder_flexion": 60, "right_shoulder_elevation": 60, "right_shoulder_plane": 90}),
        ([("left_shoulder", "left_arm", turned(FORWARDS, 70))],
         {"left_shoulder_abduction": 70, "left_shoulder_elevation": 70, "left_shoulder_plane": 0}),
        ([("right_shoulder", "right_arm", turned(FORWARDS, -70))], {"right_shoulder_abduction": 70}),
        ([("left_elbow", "left_forearm", turned(RIGHT, 80)), ("left_shoulder", "left_arm", turned(UP, -35))],
         {"left_elbow_flexion": 80, "left_shoulder_rotation": 35}),
        ([("right_elbow", "right_forearm", turned(RIGHT, 80)), ("right_shoulder", "right_arm", turned(UP, 35)),
          ("right_shoulder", "right_arm", turned(FORWARDS, -90))],
         {"right_elbow_flexion": 80, "right_shoulder_rotation": 35, "right_shoulder_abduction": 90}),
    ],
)  # fmt: skip
def test_turns_are_read(turns: list[tuple[str, str, Array]], expected: dict[str, float]) -> None:
    found = read(posed(*turns))
    assert {name: float(found[name][0]) for name in expected} == pytest.approx(expected, abs=0.01)


def test_a_turned_person_has_the_same_angles() -> None:
    turns = [
        ("right_hip", "right_leg", turned(RIGHT, 40)), ("right_knee", "right_shank", turned(RIGHT, -70)),
        ("left_shoulder", "left_arm", turned(FORWARDS, 50)), ("left_elbow", "left_forearm", turned(RIGHT, 40)),
    ]  # fmt: skip
    here, there = read(posed(*turns)), read(posed(*turns, ("pelvis", "all", turned(UP, 130))) + 3)
    own = [name != "pelvis_heading" for name in NAMES]
    np.testing.assert_allclose(here.degrees[:, own], there.degrees[:, own], atol=1e-3)


def test_what_the_joints_do_not_tell_is_not_given() -> None:
    pose = np.concatenate([posed(), posed()])
    pose[1, 5] = np.nan
    found = read(pose)
    assert np.isnan(found.degrees[1]).all()
    assert np.isnan(found.sigma[1]).all()
    np.testing.assert_array_equal(np.isnan(found.degrees), np.isnan(found.sigma))
    assert np.isnan(read(posed(), rests=0.2)["left_ankle_dorsiflexion"]).all()
    assert read(np.zeros((0, 17, 3))).degrees.shape == (0, len(ANGLES))
    # All joints in one place have no angle, and no error either.
    assert read(np.zeros((1, 17, 3))).degrees.shape == (1, len(ANGLES))


def test_standard_deviations_are_those_of_drawn_errors() -> None:
    pose = posed(
        ("right_hip", "right_leg", turned(RIGHT, 50)), ("right_knee", "right_shank", turned(RIGHT, -80)),
        ("left_knee", "left_shank", turned(RIGHT, -40)), ("left_shoulder", "left_arm", turned(FORWARDS, 60)),
        ("right_shoulder", "right_arm", turned(RIGHT, 70)), ("left_elbow", "left_forearm", turned(RIGHT, 70)),
        ("right_elbow", "right_forearm", turned(RIGHT, 50)), ("pelvis", "trunk", turned(RIGHT, -25)),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.0005, 0.001, 17)
    sigma[0] = 0
    ray = np.array([0.2, -0.3, -1.0]) / np.linalg.norm([0.2, -0.3, -1.0])
    spread_3d = spread.ACROSS * (np.eye(3) - np.outer(ray, ray)) + spread.ALONG * np.outer(ray, ray)
    root = np.linalg.cholesky(alike() + 1e-12 * np.eye(17))
    drawn = pose + sigma[:, None] * (root @ rng.normal(size=(4000, 17, 3)) @ spread_3d)
    many = np.ones((4000, 2))
    angles = joint_angles(drawn, np.tile(sigma, (4000, 1)), np.tile(ray, (4000, 1)), many)
    told = joint_angles(pose, sigma[None], ray[None], many[:1]).sigma[0]
    against_vertical = np.array([2.0 if name.endswith(("obliquity", "trunk_flexion", "trunk_bending", "dorsiflexion"))
                                 else 0.0 for name in NAMES])  # fmt: skip
    told = np.sqrt(told**2 - against_vertical**2)
    assert np.isfinite(told).all()
    np.testing.assert_allclose(angles.degrees.std(axis=0), told, rtol=0.06)


def test_correlations_are_possible() -> None:
    rho = alike()
    np.testing.assert_array_equal(rho, rho.T)
    np.testing.assert_array_equal(np.diag(rho), 1)
    assert np.linalg.eigvalsh(rho).min() > 0
    assert rho[1, 4] == -0.97
    assert rho[3, 1] == pytest.approx(0.18)
    assert rho[16, 8] == pytest.approx(0.9 * 0.7 * 0.87)
    assert rho[16, 3] == 0
