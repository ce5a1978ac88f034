"""Infants: their proportions, poses of 12 joints, and the typical infant that the published way to lift them needs.

That way is the one of Zhou et al., WACVW 2024, "Efficient Domain Adaptation via Generative Prior for 3D Infant Pose
Estimation": the poses start flat on their rays, at a distance that a typical pose decides, and the translation stays
fixed until the last twentieth of the steps.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.body.joints import (
    ANKLES,
    ELBOWS,
    HEAD_TOP,
    HIPS,
    IN_LIMBS_12,
    KNEES,
    LIMBS_12,
    NOSE,
    SHOULDERS,
    SPINE,
    THORAX,
    WRISTS,
)

__all__ = ["INFANT_PROPORTIONS", "limbs", "root_of", "typical_infant"]

#: Distances between joints as shares of the body length, at birth (50 cm) and at one year (75 cm, the medians of the
#: WHO Child Growth Standards, 2006); docs/infants.md says where they come from.
INFANT_PROPORTIONS = {
    "half_hips": (0.055, 0.055),
    "thigh": (0.165, 0.185),
    "shank": (0.150, 0.165),
    "pelvis_spine": (0.160, 0.160),
    "spine_thorax": (0.170, 0.165),
    "thorax_nose": (0.100, 0.090),
    "nose_head_top": (0.170, 0.150),
    "half_shoulders": (0.100, 0.100),
    "upper_arm": (0.150, 0.160),
    "forearm": (0.125, 0.135),
}


def root_of(poses: Tensor) -> Tensor:
    """The origin ``[..., 1, 3]`` of poses ``[..., J, 3]``: the pelvis of 17 joints, the middle of the hips of 12."""
    if poses.shape[-2] == len(LIMBS_12):
        right, left = (LIMBS_12.index(f"{side}_hip") for side in ("right", "left"))
        return (poses[..., [right], :] + poses[..., [left], :]) / 2
    return poses[..., :1, :]


def limbs(poses: Tensor) -> Tensor:
    """The 12 limb joints ``[..., 12, 3]`` of poses ``[..., 17, 3]``, from the middle of the hips."""
    chosen = poses[..., IN_LIMBS_12, :]
    return chosen - root_of(chosen)


def typical_infant(joints: int = 17, length_m: float = 0.62) -> NDArray[np.float32]:
    """An infant on its back, limbs half bent, seen from above: ``[J, 3]`` metres, camera axes, root-centred.

    Args:
        joints: 17 or 12.
        length_m: of the body; INFANT_PROPORTIONS give the rest.
    """
    grown = np.clip((length_m - 0.50) / 0.25, 0, 1)
    size = {name: length_m * (young + grown * (old - young)) for name, (young, old) in INFANT_PROPORTIONS.items()}

    def step(name: str, x: float, y: float, z: float) -> NDArray[np.float64]:
        direction = np.array([x, y, z])
        return direction / np.linalg.norm(direction) * size[name]

    # The head is up in the picture, the face towards the camera, the left side at the right of the picture.
    pose = np.zeros((17, 3))
    pose[SPINE] = step("pelvis_spine", 0, -1, 0)
    pose[THORAX] = pose[SPINE] + step("spine_thorax", 0, -1, 0)
    pose[NOSE] = pose[THORAX] + step("thorax_nose", 0, -0.7, -0.7)
    pose[HEAD_TOP] = pose[NOSE] + step("nose_head_top", 0, -0.95, 0.3)
    for side, hip, knee, ankle in zip((-1, 1), HIPS, KNEES, ANKLES, strict=True):
        pose[hip] = step("half_hips", side, 0, 0)
        pose[knee] = pose[hip] + step("thigh", 0.6 * side, 0.5, -0.6)
        pose[ankle] = pose[knee] + step("shank", -0.2 * side, 0.9, 0.3)
    for side, shoulder, elbow, wrist in zip((-1, 1), SHOULDERS, ELBOWS, WRISTS, strict=True):
        pose[shoulder] = pose[THORAX] + step("half_shoulders", side, 0.15, 0)
        pose[elbow] = pose[shoulder] + step("upper_arm", 0.8 * side, 0.5, -0.1)
        pose[wrist] = pose[elbow] + step("forearm", 0.2 * side, -0.8, -0.5)
    if joints == len(LIMBS_12):
        pose = limbs(torch.from_numpy(pose)).numpy()
    return pose.astype(np.float32)
