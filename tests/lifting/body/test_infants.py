"""Infants: their bodies and joints, and the published protocol of lifting them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from detectors.layouts import H36M_17
from lifting.body.infants import limbs, root_of, typical_infant
from lifting.body.joints import IN_LIMBS_12, LIMBS_12
from lifting.body.skeleton import bone_lengths, stature
from lifting.optimise import reference
from lifting.optimise.reference import MINI_RGBD, InfantProtocol, lift_infants
from lifting.optimise.schedule import Schedule
from lifting.prior.network import ScoreNetwork


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


class Nothing(ScoreNetwork):
    """Sees no noise, so that poses stay where the rays put them, and keeps what it saw."""

    def __init__(self, joints: int = 17) -> None:
        super().__init__(joints, hidden=32, embed=4)
        self.seen: list[Tensor] = []

    def folded(
        self, times: Tensor, dtype: torch.dtype, *, small_batch: bool = False
    ) -> Callable[[Tensor, int], Tensor]:
        def noise(x: Tensor, step: int) -> Tensor:
            self.seen.append(x.unflatten(1, (-1, 3)))
            return torch.zeros_like(x)

        return noise


def rays_of(X: Tensor) -> Tensor:
    return X / X[..., 2:]


@pytest.mark.parametrize("joints", [17, 12])
def test_poses_start_flat_at_the_distance_of_the_start(joints: int) -> None:
    start = torch.from_numpy(typical_infant(joints))
    X = torch.stack([start, start]) + torch.tensor([[[0.1, -0.05, 0.9]], [[0.0, 0.0, 1.4]]])
    network = Nothing(joints)
    found = lift_infants(network, start, rays_of(X), torch.ones(2, joints), InfantProtocol(steps=20))
    assert found.shape == (2, joints, 3) and len(network.seen) == 20
    assert network.seen[0][..., 2].abs().max() < 1e-5
    # the size of the start tells the distance, and the camera sees what it saw
    assert torch.allclose(root_of(found)[:, 0, 2], torch.tensor([0.9, 1.4]), rtol=0.06)
    assert torch.allclose(rays_of(found), rays_of(X), atol=0.01)


def test_a_prior_of_larger_bodies_sees_larger_infants() -> None:
    start = torch.from_numpy(typical_infant())
    X = start[None] + torch.tensor([0.0, 0.0, 1.0])
    networks = Nothing(), Nothing()
    results = [
        lift_infants(network, start, rays_of(X), torch.ones(1, 17), InfantProtocol(steps=5), size=size)
        for network, size in zip(networks, (1.0, 2.8), strict=True)
    ]
    assert torch.allclose(results[0], results[1], rtol=0.02, atol=0.01)
    assert float(networks[1].seen[0].norm() / networks[0].seen[0].norm()) == pytest.approx(2.8, rel=0.02)


def test_the_translation_is_free_in_the_last_twentieth_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    schedules: list[Schedule] = []

    def watched(
        network: object, schedule: Schedule, x: Tensor, T: Tensor, *others: object, **options: object
    ) -> object:
        schedules.append(schedule)
        return x, T

    monkeypatch.setattr(reference, "optimise", watched)
    start = torch.from_numpy(typical_infant())
    lift_infants(Nothing(), start, rays_of(start[None] + torch.tensor([0, 0, 1.0])), torch.ones(1, 17), MINI_RGBD)
    assert (len(schedules[0]), schedules[0].frozen) == (1000, 950)
    assert float(schedules[0].times[0]) == pytest.approx(0.1) and float(schedules[0].times[-1]) == pytest.approx(0.01)
