"""Proportions: what they are of, and what they do not depend on."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from detectors.layouts import H36M_17
from lifting.body.proportions import PROPORTIONS, limb_lengths, log_proportions
from lifting.body.skeleton import BONES, bone_lengths
from lifting.geometry.rotations import rotation_matrix


def stretched(poses: Tensor, first: str, second: str, factor: float) -> Tensor:
    """Both limbs between two joints, of which the second is their end."""
    moved = poses.clone()
    for side in ("left", "right"):
        middle, end = (H36M_17.index(f"{side}_{name}") for name in (first, second))
        moved[:, end] = poses[:, middle] + factor * (poses[:, end] - poses[:, middle])
    return moved


@pytest.mark.slow
def test_they_do_not_depend_on_size_place_or_side(people: Tensor) -> None:
    logs = log_proportions(people)
    assert logs.shape == (12, 8) == (len(people), len(PROPORTIONS))
    turned = people @ rotation_matrix("y", torch.tensor([0.7]))[0].T
    mirrored = people[:, list(H36M_17.flip)] * torch.tensor([-1.0, 1.0, 1.0])
    for same in (1.3 * people, people + torch.tensor([1.0, 2.0, 3.0]), turned, mirrored):
        torch.testing.assert_close(log_proportions(same), logs, atol=1e-5, rtol=0)
    # nobody is far from typical
    assert logs.abs().max() < 0.5


def test_a_longer_forearm_is_a_longer_forearm(people: Tensor) -> None:
    change = log_proportions(stretched(people, "elbow", "wrist", 1.2)) - log_proportions(people)
    # of four limbs that together are the unit one is longer
    expected = torch.full((8,), -math.log(1.2) / 4)
    expected[PROPORTIONS.index("forearm")] += math.log(1.2)
    torch.testing.assert_close(change, expected.expand(12, -1), atol=1e-5, rtol=0)
    shank = (log_proportions(stretched(people, "knee", "ankle", 0.9)) - log_proportions(people)).mean(dim=0)
    assert int(shank.argmin()) == PROPORTIONS.index("shank")


def test_joints_that_coincide_are_no_infinity() -> None:
    assert torch.isfinite(log_proportions(torch.zeros(1, 17, 3))).all()


def test_lengths_of_proportions(people: Tensor) -> None:
    lengths = torch.from_numpy(bone_lengths(people.numpy()))
    ends = [H36M_17.joints[child] for child in BONES[:, 1]]
    names = ("hip", "knee", "ankle", "elbow", "wrist")
    limbs = torch.stack(
        [(lengths[:, ends.index(f"left_{end}")] + lengths[:, ends.index(f"right_{end}")]) / 2 for end in names], dim=1
    )
    found = limb_lengths(log_proportions(people).double(), limbs[:, 1:].log().mean(dim=1).exp())
    assert found.shape == (12, 5)
    torch.testing.assert_close(found[:, 1:], limbs[:, 1:], rtol=1e-3, atol=0)
    # hips do not lie quite opposite each other
    assert (found[:, 0] / limbs[:, 0] - 1).abs().max() < 0.05
