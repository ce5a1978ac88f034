"""Sizes of bodies and which way they face."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from detectors.layouts import H36M_17
from lifting.body.skeleton import BONES, bone_lengths, facing_camera, stature

LEFT_HIP, RIGHT_HIP = H36M_17.index("left_hip"), H36M_17.index("right_hip")
NOSE, HEAD, PELVIS = (H36M_17.index(name) for name in ("nose", "head_top", "pelvis"))


def test_bones_form_a_tree_from_the_pelvis() -> None:
    assert BONES.shape == (16, 2) and sorted(BONES[:, 1]) == list(range(1, 17))
    reached = {PELVIS}
    for parent, child in BONES.tolist():
        assert parent in reached
        reached.add(child)


def test_bone_lengths_by_hand(body: NDArray[np.float64]) -> None:
    lengths = dict(zip((H36M_17.joints[child] for child in BONES[:, 1]), bone_lengths(body), strict=True))
    assert lengths["left_hip"] == pytest.approx(0.11)
    assert lengths["spine"] == pytest.approx(0.26)
    assert lengths["nose"] == pytest.approx(np.hypot(0.11, 0.08))


def test_bone_lengths_of_any_leading_shape_with_gaps(body: NDArray[np.float64]) -> None:
    poses = np.stack([np.stack([body, 2 * body]), np.stack([body, body])])
    poses[1, 1, H36M_17.index("left_wrist")] = np.nan
    lengths = bone_lengths(poses)
    assert lengths.shape == (2, 2, 16)
    assert np.allclose(lengths[0, 1], 2 * lengths[0, 0])
    assert np.flatnonzero(np.isnan(lengths[1, 1])).tolist() == [BONES[:, 1].tolist().index(H36M_17.index("left_wrist"))]


def test_stature_adds_up_legs_trunk_and_head_whatever_the_posture(body: NDArray[np.float64]) -> None:
    leg = np.linalg.norm([0.01, 0.42, 0.02]) + np.linalg.norm([0.01, 0.42, 0.02])
    other = np.linalg.norm([0.01, 0.4, 0.2]) + np.linalg.norm([0.01, 0.42, 0.05])
    head = np.hypot(0.11, 0.08) + np.hypot(0.17, 0.08)
    assert stature(body) == pytest.approx(1.06 * ((leg + other) / 2 + 0.52 + head))
    bent = body.copy()
    # a bow: everything above the spine joint a quarter turn forwards
    upper = [8, 9, 10, *range(11, 17)]
    bent[upper] = Rotation.from_euler("x", 90, degrees=True).apply(bent[upper] - body[7]) + body[7]
    assert stature(bent) == pytest.approx(stature(body))
    assert np.allclose(stature(np.stack([body, 1.1 * body])), [stature(body), 1.1 * stature(body)])


def test_statures_of_motion_capture_are_human(motion: NDArray[np.float64]) -> None:
    assert 1.5 < np.median(stature(motion)) < 2.0


@pytest.mark.parametrize("yaw", range(0, 360, 45))
def test_everybody_faces_the_camera(body: NDArray[np.float64], yaw: float) -> None:
    turned = Rotation.from_euler("y", yaw, degrees=True).apply(body) + np.array([3.0, 1.0, -2.0])
    facing = facing_camera(turned[None])[0]
    assert np.allclose(facing[PELVIS], 0)
    assert np.allclose(facing[LEFT_HIP], [0.11, 0.0, 0.0], atol=1e-9)
    assert np.allclose(facing[RIGHT_HIP], [-0.11, 0.0, 0.0], atol=1e-9)
    # image y goes down, and the nose is nearer to the camera than the head
    assert facing[HEAD, 1] == pytest.approx(-0.8) and facing[NOSE, 2] == pytest.approx(-0.08)


def test_facing_turns_about_the_vertical_only(motion: NDArray[np.float64]) -> None:
    facing = facing_camera(motion)
    assert np.allclose(facing[..., 1], -motion[..., 1], atol=1e-9)
    assert np.allclose(bone_lengths(facing), bone_lengths(motion), atol=1e-9)

    def handedness(poses: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.linalg.det(poses[:, [3, 10, 13]])

    # turned, not mirrored
    assert np.allclose(handedness(facing), handedness(motion), atol=1e-9)
