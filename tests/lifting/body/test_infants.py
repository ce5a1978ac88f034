"""Infants: their bodies and joints, and the published protocol of lifting them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from detectors.layouts import H36M_17
from lifting.body.infants import limbs, root_of, typical_infant
from lifting.body.joints import IN_LIMBS_12, LIMBS_12
from lifting.body.skeleton import bone_lengths, stature


def test_the_twelve_joints_are_the_limbs_and_mirror_to_each_other() -> None:
    assert LIMBS_12.joints == (
        "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    )  # fmt: skip
    assert tuple(H36M_17.joints[joint] for joint in IN_LIMBS_12) == LIMBS_12.joints
    other = {"left": "right", "right": "left"}
    assert [LIMBS_12.joints[joint] for joint in LIMBS_12.flip] == [
        f"{other[side]}_{joint}" for side, joint in (name.split("_") for name in LIMBS_12.joints)
    ]


def test_limbs_stand_around_the_middle_of_the_hips() -> None:
    poses = torch.randn(3, 17, 3, generator=torch.Generator().manual_seed(0))
    twelve = limbs(poses)
    assert twelve.shape == (3, 12, 3) and torch.allclose(root_of(twelve), torch.zeros(3, 1, 3), atol=1e-6)
    assert torch.allclose(twelve[:, 8] - twelve[:, 1], poses[:, 13] - poses[:, 2], atol=1e-6)
    assert torch.equal(root_of(poses), poses[:, :1])


@pytest.mark.parametrize("length", [0.50, 0.62, 0.75])
def test_the_typical_infant_has_an_infants_body(length: float) -> None:
    pose = typical_infant(length_m=length)
    assert pose.shape == (17, 3) and stature(pose) == pytest.approx(length, rel=0.05)
    bones = bone_lengths(pose)
    assert np.allclose(bones[[0, 1, 2]], bones[[3, 4, 5]], atol=1e-6), "both legs are alike"
    head, leg = bones[8] + bones[9], bones[1] + bones[2]
    # adults: head 0.23 m, leg 0.85 m
    assert 0.6 < head / leg < 0.9
    # on its back, seen from above: the left hip at the right of the picture, the face nearer than the thorax
    assert pose[4, 0] > 0 > pose[1, 0] and pose[9, 2] < pose[8, 2] and pose[10, 1] < pose[0, 1]
    assert np.allclose(typical_infant(12, length), pose[IN_LIMBS_12], atol=1e-6)
