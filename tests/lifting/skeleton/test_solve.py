"""A skeleton follows: joints are met, twists are found, nothing jumps."""

from __future__ import annotations

import time

import numpy as np
import pytest

from detectors.layouts import H36M_17
from lifting.skeleton.euler import angles
from lifting.skeleton.feet import foot
from lifting.skeleton.frames import continuous, frame, swing, turned, unit
from lifting.skeleton.limbs import Limb, bend, reach
from lifting.skeleton.names import SKELETONS
from lifting.skeleton.resample import even
from lifting.skeleton.rig import held_lengths, make_rig
from lifting.skeleton.solve import Motion, solve
from tests.lifting.skeleton.dancer import LENGTHS, dance, joints_of

TIMES = np.arange(150) / 30
RNG = np.random.default_rng(5)


def solved(joints: np.ndarray, skeleton: str = "h36m", times: np.ndarray = TIMES) -> Motion:
    rig = make_rig(held_lengths(joints), SKELETONS[skeleton].build)
    return solve(rig, joints, times, np.zeros((len(joints), 2)))


def degrees_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle of the rotation between rotations ``[T, 3, 3]``."""
    return np.degrees(np.arccos(np.clip((np.einsum("tij,tij->t", a, b) - 1) / 2, -1, 1)))


@pytest.mark.parametrize(("skeleton", "trunk_mm"), [("h36m", 0.5), ("mixamo", 6.0)])
def test_joints_are_where_they_were(skeleton: str, trunk_mm: float) -> None:
    joints = joints_of(dance(TIMES))
    motion = solved(joints, skeleton)
    places = motion.positions()
    for index, name in enumerate(H36M_17.joints):
        if name in motion.rig.joints:
            error = np.linalg.norm(places[:, motion.rig.index(name)] - joints[:, index], axis=1).max()
            trunk = name in ("spine", "thorax", "nose", "left_shoulder", "right_shoulder")
            assert error < (trunk_mm if trunk else 1.0) / 1000, (name, error)


def test_bones_are_the_held_lengths() -> None:
    joints = joints_of(dance(TIMES)) + RNG.normal(size=(150, 17, 3)) * 0.005
    motion = solved(joints)
    places = motion.positions()
    for joint, parent in enumerate(motion.rig.parents[1:], start=1):
        long = np.linalg.norm(places[:, joint] - places[:, parent], axis=1)
        assert np.ptp(long) < 1e-9
    lengths = held_lengths(joints)
    np.testing.assert_allclose(lengths, LENGTHS, atol=0.004)
    assert lengths[1] == lengths[4] and lengths[11] == lengths[14]


def test_twists_are_found() -> None:
    truth = dance(TIMES)
    found = solved(joints_of(truth))
    for joint in ("pelvis", "left_hip", "right_knee", "left_shoulder", "right_elbow", "nose"):
        index = truth.rig.index(joint)
        error = degrees_between(truth.rotations()[:, index], found.rotations()[:, index])
        assert np.median(error) < 3 and error.max() < 9, (joint, error.max())


def test_nothing_jumps_while_somebody_turns_round_and_round() -> None:
    motion = solved(joints_of(dance(TIMES, turns=1.0)))
    assert ((motion.local[1:] * motion.local[:-1]).sum(axis=-1) > 0.9).all()
    for name in ("mixamo", "lafan1"):
        profile = SKELETONS[name]
        own = solved(joints_of(dance(TIMES, turns=1.0)), name)
        euler = angles(own.rotations()[:, :1] @ profile.axes(own.rig)[:1], profile.order)
        assert np.abs(np.diff(euler, axis=0)).max() < 30, name
    # Five turns of 360 degrees, unwound.
    assert abs(np.ptp(angles(motion.rotations()[:, :1], "ZXY")[:, 0, 2]) - 360 * 149 / 30) < 20


def test_straight_limbs_keep_their_plane() -> None:
    """Bent about one axis, straight for a second with noise of 3 mm, bent about another axis."""
    times = np.arange(90) / 30
    limb = Limb(np.array([[0.0, -1, 0], [0, -1, 0]]), np.array([1.0, 0, 0]))
    flexion = np.radians(np.interp(times, [0.5, 1.0, 2.0, 2.5], [60, 0, 0, 60]))
    yaw = np.radians(np.interp(times, [0, 1, 2, 3], [0, 0, 40, 40]))
    back = np.stack([-np.sin(yaw), 0 * yaw, -np.cos(yaw)], axis=1)
    noise = RNG.normal(size=(2, 90, 3)) * 0.003 / 0.4
    first = unit(np.array([0, -1.0, 0]) + noise[0])
    second = unit(-np.cos(flexion)[:, None] * [0, 1.0, 0] + np.sin(flexion)[:, None] * back + noise[1])
    upper, lower = bend(limb, np.tile(np.eye(3), (90, 1, 1)), first, second, times)
    turned_by = np.unwrap(np.arctan2(-upper[:, 2, 0], upper[:, 0, 0]))
    assert abs(np.degrees(turned_by[0])) < 5 and abs(np.degrees(turned_by[-1]) - 40) < 5
    assert np.abs(np.degrees(np.diff(turned_by))).max() < 6
    np.testing.assert_allclose(turned(lower, limb.bones[1]), second, atol=1e-9)


def test_a_limb_that_never_bends_does_not_twist() -> None:
    limb = Limb(np.array([[0.0, -1, 0], [0, -1, 0]]), np.array([1.0, 0, 0]))
    down = np.tile([0.0, -1, 0], (5, 1))
    upper, lower = bend(limb, np.tile(np.eye(3), (5, 1, 1)), down, down, np.arange(5) / 30)
    np.testing.assert_allclose(upper, np.tile(np.eye(3), (5, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(lower, upper, atol=1e-12)


def test_a_straight_limb_that_is_too_short_does_not_bend_for_it() -> None:
    origin = np.zeros((1, 3))
    middle, end = np.array([[0.001, -0.3, 0]]), np.array([[0.0, -0.598, 0]])
    knee, ankle = reach(origin, middle, end, (0.3, 0.3))
    assert np.abs(knee - middle).max() < 0.004 and np.abs(ankle - end).max() < 0.003
    # Where it is bent, the end is met.
    middle, end = np.array([[0.2, -0.22, 0]]), np.array([[0.0, -0.42, 0]])
    knee, ankle = reach(origin, middle, end, (0.3, 0.3))
    assert np.abs(ankle - end).max() < 0.004
    for long in (np.linalg.norm(knee), np.linalg.norm(ankle - knee)):
        assert abs(long - 0.3) < 1e-9


def test_feet_that_rest_lie_on_the_floor_and_none_goes_through_it() -> None:
    bone = np.array([0.0, -0.07, 0.15])
    ankle = np.array([[0.0, 0.09, 0], [0, 0.14, 0], [0, 0.03, 0], [0, 0.5, 0], [0, -1.2, 0]])
    shank = np.tile(frame(np.eye(3)[1], np.eye(3)[0], np.array([[0.0, 1, 0.3]]), np.eye(3)[:1]), (5, 1, 1))
    for rests in (np.ones(5), np.zeros(5)):
        turn, toes = foot(shank, ankle, bone, rests)
        ball = ankle + turned(turn, bone)
        assert (ball[:4, 1] > 0.02 - 1e-6).all()
        if rests[0]:
            np.testing.assert_allclose(ball[:3, 1], 0.02, atol=1e-6)
            np.testing.assert_allclose(turned(toes, np.eye(3)[2]), np.tile([0, 0, 1.0], (5, 1)), atol=1e-6)
        assert (ball[:, 2] > 0.03).all()
        np.testing.assert_allclose(np.linalg.det(turn), 1)


def test_smallest_turns() -> None:
    start, end = unit(RNG.normal(size=(50, 3))), unit(RNG.normal(size=(50, 3)))
    start[0] = -end[0]
    turn = swing(start, end)
    np.testing.assert_allclose(np.einsum("tij,tj->ti", turn, start), end, atol=1e-7)
    np.testing.assert_allclose(np.linalg.det(turn), 1)
    cosine = (np.trace(turn[1:], axis1=1, axis2=2) - 1) / 2
    np.testing.assert_allclose(cosine, (start * end).sum(axis=1)[1:], atol=1e-9)


def test_quaternions_stay_in_their_hemisphere() -> None:
    half = np.radians(np.arange(0, 720, 10)) / 2
    turn = np.stack([np.cos(half), 0 * half, np.sin(half), 0 * half], axis=1)
    signs = np.sign(RNG.normal(size=len(turn)))
    signs[0] = 1
    np.testing.assert_allclose(continuous(turn * signs[:, None]), turn)


class TestEven:
    def test_even_times_stay(self) -> None:
        motion = dance(TIMES)
        same, step = even(motion, lead=3)
        assert step == pytest.approx(1 / 30) and len(same.time_s) == 153
        np.testing.assert_array_equal(same.local[3:], motion.local)
        np.testing.assert_array_equal(same.root_m[:4], motion.root_m[[0, 0, 0, 0]])
        assert same.time_s[0] == pytest.approx(-0.1)

    def test_uneven_times(self) -> None:
        times = np.cumsum(RNG.choice([1 / 60, 1 / 30], 200, p=[0.8, 0.2]))
        found, step = even(dance(times))
        assert step == 1 / 60
        truth = dance(found.time_s)
        assert np.abs(found.positions()[:-1] - truth.positions()[:-1]).max() < 0.001
        long = np.linalg.norm(np.diff(found.positions()[:, [1, 2]], axis=1), axis=-1)
        assert np.ptp(long) < 1e-9

    def test_one_frame_and_frames_at_the_same_time(self) -> None:
        one, step = even(dance(TIMES[:1]))
        assert len(one.time_s) == 1 and step == 1 / 30
        twice, step = even(dance(np.array([0.0, 0.0, 1 / 30, 2 / 30])))
        assert len(twice.time_s) == 3 and step == pytest.approx(1 / 30)


@pytest.mark.slow
def test_two_thousand_frames_a_second() -> None:
    times = np.arange(6000) / 30
    joints = joints_of(dance(times))
    began = time.process_time()
    solved(joints, "lafan1", times)
    assert len(times) / (time.process_time() - began) > 2000
