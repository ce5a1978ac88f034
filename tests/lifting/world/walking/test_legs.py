from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lifting.body.joints import ANKLES, HIPS, KNEES
from lifting.body.skeleton import bone_lengths
from lifting.world.walking.legs import reach


def test_ankles_reach_their_targets_and_bones_stay(body: NDArray[np.float64]) -> None:
    poses = np.tile(body, (3, 1, 1))
    targets = poses[:, ANKLES] + [[[0.05, 0.06, 0.1]], [[-0.1, 0.1, 0.05]], [[0.0, 0.2, 0.0]]]
    found = reach(poses, targets, np.ones((3, 2)))
    np.testing.assert_allclose(found[:, ANKLES], targets, atol=1e-5)
    np.testing.assert_allclose(bone_lengths(found), bone_lengths(poses), atol=1e-9)
    # The knee stays in front of the straight line, as it was.
    assert (found[:, KNEES, 2] > (found[:, HIPS, 2] + found[:, ANKLES, 2]) / 2 + 0.01).all()


def test_what_is_too_far_is_not_reached_and_the_share_counts(body: NDArray[np.float64]) -> None:
    far = body[None, ANKLES] - [0.0, 1.0, 0.0]
    found = reach(body[None], far, np.ones((1, 2)))
    np.testing.assert_allclose(bone_lengths(found), bone_lengths(body[None]), atol=1e-5)
    half = reach(body[None], body[None, ANKLES] + [0.0, 0.1, 0.0], np.array([[0.5, 0.0]]))[0]
    np.testing.assert_allclose(half[ANKLES[0]], body[ANKLES[0]] + [0, 0.05, 0], atol=1e-6)
    np.testing.assert_array_equal(half[ANKLES[1]], body[ANKLES[1]])
