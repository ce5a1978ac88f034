"""Infants made from adults: bodies, postures, and a floor under them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lifting.body.skeleton import bone_lengths, stature
from lifting.training.variety.infants import infant_poses


@pytest.fixture(scope="module")
def made(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    poses = infant_poses(torch.from_numpy(motion), 200, torch.Generator().manual_seed(0))
    return poses.double().numpy()


def angles(poses: NDArray[np.float64], first: int, middle: int, last: int) -> NDArray[np.float64]:
    u, v = poses[:, first] - poses[:, middle], poses[:, last] - poses[:, middle]
    cosine = (u * v).sum(axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
    return np.asarray(np.degrees(np.arccos(cosine)))


def test_bodies_are_those_of_infants(made: NDArray[np.float64], motion: NDArray[np.float64]) -> None:
    assert made.shape == (200, 17, 3) and np.abs(made[:, 0]).max() < 1e-6
    heights = stature(made)
    assert 0.42 < heights.min() < 0.53 and 0.67 < heights.max() < 0.82

    def head_to_leg(poses: NDArray[np.float64]) -> NDArray[np.float64]:
        bones = bone_lengths(poses)
        return np.asarray((bones[:, 8] + bones[:, 9]) / (bones[:, 1] + bones[:, 2]))

    assert head_to_leg(made).min() > 0.45 > head_to_leg(motion).max()
    bones = bone_lengths(made)
    for right, left in ((0, 3), (1, 4), (2, 5)):
        assert np.allclose(bones[:, right], bones[:, left], atol=1e-5)


def test_they_lie_and_bend_their_limbs(made: NDArray[np.float64]) -> None:
    trunk = made[:, 8] - made[:, 0]
    assert np.degrees(np.arcsin(np.abs(trunk[:, 1]) / np.linalg.norm(trunk, axis=1))).max() < 35
    ahead = np.cross(made[:, 4] - made[:, 1], trunk)
    up = ahead[:, 1] / np.linalg.norm(ahead, axis=1)
    assert 0.5 < (up > 0.6).mean() < 0.7 and 0.15 < (up < -0.6).mean() < 0.25 and (np.abs(up) < 0.5).mean() > 0.1
    for joints in ((1, 2, 3), (4, 5, 6), (11, 12, 13), (14, 15, 16)):
        bent = angles(made, *joints)
        assert np.median(bent) < 130 and bent.min() > 25
    assert np.median(angles(made, 8, 1, 2)) < 140


def test_no_limb_is_under_the_floor(made: NDArray[np.float64]) -> None:
    trunk, wrists_and_ankles = made[:, [0, 1, 4, 7, 8, 9, 10, 11, 14], 1], made[:, [3, 6, 13, 16], 1]
    assert (wrists_and_ankles.min(axis=1) > trunk.min(axis=1) - 0.031).all()


def test_left_and_right_stay_apart(made: NDArray[np.float64]) -> None:
    # A person whose thorax lies up the trunk and whose nose is ahead has the left hip at the left.
    trunk, left = made[:, 8] - made[:, 0], made[:, 4] - made[:, 1]
    knees = (made[:, 2] + made[:, 5]) / 2
    ahead = np.cross(left, trunk)
    assert ((knees * ahead).sum(axis=1) > 0).mean() > 0.8, "hips bend forward"


def test_they_are_a_function_of_the_seed(motion: NDArray[np.float64]) -> None:
    poses = torch.from_numpy(motion)
    one, same, other = (infant_poses(poses, 20, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_poses_that_are_no_people(motion: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="enough plausible infants"):
        infant_poses(torch.full((5, 17, 3), torch.nan), 4, torch.Generator().manual_seed(0))
