"""How often poses are drawn: postures that few others resemble more often, whichever way the person faces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lifting.training.variety.body_parts import take_apart
from lifting.training.variety.sampling import rarity, sampling_weights

RIGHT_KNEE, RIGHT_ANKLE, LEFT_WRIST = 2, 3, 13


def turned(poses: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Every pose turned about the vertical by an angle of its own."""
    yaw = rng.uniform(-np.pi, np.pi, len(poses))
    c, s, o, i = np.cos(yaw), np.sin(yaw), np.zeros(len(poses)), np.ones(len(poses))
    rotation = np.stack([np.stack([c, o, s], -1), np.stack([o, i, o], -1), np.stack([-s, o, c], -1)], axis=-2)
    return np.einsum("nij,nkj->nki", rotation, poses)


@pytest.fixture
def crowd(body: NDArray[np.float64]) -> NDArray[np.float64]:
    """500 people who stand nearly alike, and 10 who raise a shank, each a little differently."""
    rng = np.random.default_rng(0)
    poses = np.repeat(body[None], 510, axis=0) + 0.003 * rng.standard_normal((510, 17, 3))
    lifted = np.linalg.norm(body[RIGHT_ANKLE] - body[RIGHT_KNEE])
    poses[500:, RIGHT_ANKLE] = poses[500:, RIGHT_KNEE] + lifted * np.array([0.0, 0.2, -0.98])
    poses[500:, RIGHT_ANKLE] += 0.003 * rng.standard_normal((10, 3))
    return poses


def test_tilted_poses_weigh_more(body: NDArray[np.float64]) -> None:
    def tilted(degrees: float) -> NDArray[np.float64]:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return body @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T

    poses = np.stack([tilted(angle) for angle in (0, 19, 40, 60, 90, 180, -90)])
    assert sampling_weights(poses, 3.0).tolist() == pytest.approx([1, 1, 2, 3, 3, 3, 3])
    assert sampling_weights(poses, 1.0).tolist() == pytest.approx([1] * 7)


def test_few_others_make_a_pose_rare(crowd: NDArray[np.float64]) -> None:
    found = rarity(take_apart(torch.from_numpy(crowd).float()), torch.Generator().manual_seed(0))
    assert float(found.mean()) == pytest.approx(1.0, abs=1e-5)
    assert found[500:].min() > 5 * found[:500].max()


def test_which_way_people_face_makes_no_pose_rare(crowd: NDArray[np.float64]) -> None:
    rng = np.random.default_rng(1)
    still, facing = (
        rarity(take_apart(torch.from_numpy(poses).float()), torch.Generator().manual_seed(0))
        for poses in (crowd, turned(crowd, rng))
    )
    torch.testing.assert_close(facing, still, rtol=1e-3, atol=1e-4)


def test_an_arm_counts_in_the_axes_of_the_pelvis(body: NDArray[np.float64]) -> None:
    poses = np.repeat(body[None], 40, axis=0)
    poses[-1, LEFT_WRIST] += [0.0, 0.5, 0.1]
    found = rarity(take_apart(torch.from_numpy(poses).float()), torch.Generator().manual_seed(0))
    assert int(found.argmax()) == 39 and found[-1] > 10 * found[:-1].max()


def test_rarity_multiplies_the_weights(crowd: NDArray[np.float64]) -> None:
    plain, rare, rarer = (sampling_weights(crowd, 3.0, exponent) for exponent in (0.0, 1.0, 2.0))
    factor = rare / plain
    torch.testing.assert_close(rarer / plain, factor**2)
    assert factor[500:].min() > 5 * factor[:500].max()
    # always the same: a run must resume as it began
    assert torch.equal(rare, sampling_weights(crowd, 3.0, 1.0))
