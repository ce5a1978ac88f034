"""The body as sticks: bone lengths and the size of a person. Poses are ``[..., 17, 3]`` metres, ``H36M_17`` order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.body.joints import ANKLES, HEAD_TOP, HIPS, KNEES, NOSE, SPINE, THORAX

__all__ = ["BONES", "bone_lengths", "facing_camera", "stature"]

#: ``[16, 2]`` parent and child of every bone.
BONES = np.array(H36M_17.edges)
_LEGS, _SPINE_TO_HEAD = (
    [bone for bone, end in enumerate(BONES[:, 1]) if end in ends]
    for ends in (KNEES + ANKLES, [SPINE, THORAX, NOSE, HEAD_TOP])
)


def bone_lengths(poses: NDArray[np.floating]) -> NDArray[np.float64]:
    """Lengths of the 16 bones, ``[..., 16]`` metres; NaN where a joint is NaN."""
    return np.linalg.norm(np.asarray(poses, np.float64)[..., BONES[:, 1], :] - poses[..., BONES[:, 0], :], axis=-1)


def facing_camera(poses: NDArray[np.floating]) -> NDArray[np.float64]:
    """Root-centred poses turned about the vertical so that the hips lie parallel to the image, the person facing it.

    Args:
        poses: ``[N, 17, 3]`` metres in a world with y up, right-handed.

    Returns:
        ``[N, 17, 3]`` metres in camera axes (x right, y down, z forward).
    """
    x = np.asarray(poses, np.float64) - poses[:, :1]
    right = x[:, HIPS[0]] - x[:, HIPS[1]]
    yaw = np.arctan2(right[:, 2], -right[:, 0])
    turn = np.zeros((len(x), 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(yaw)
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = -np.sin(yaw), np.sin(yaw), 1.0
    return np.einsum("nij,nkj->nki", turn, x) * np.array([1.0, -1.0, -1.0])


def stature(poses: NDArray[np.floating]) -> NDArray[np.float64]:
    """Standing height of a body, ``[...]`` metres: legs, trunk and head one after the other, whatever the posture.

    The chain from the ankles to the head-top joint lacks sole and crown, about 6 % of the height.
    """
    lengths = bone_lengths(poses)
    return np.asarray(1.06 * (lengths[..., _LEGS].sum(axis=-1) / 2 + lengths[..., _SPINE_TO_HEAD].sum(axis=-1)))
