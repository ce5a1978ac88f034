"""Infants: their proportions, the 12 joints of SyRIP, and the published way to lift them.

The protocol is that of Zhou et al., WACVW 2024, "Efficient Domain Adaptation via Generative Prior for 3D Infant Pose
Estimation": the poses start flat on their rays, at a distance that a typical pose decides, and the translation stays
fixed until the last twentieth of the steps.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["LIMBS_12", "MIRROR_12", "PROPORTIONS", "limbs", "root_of", "typical_infant"]

#: The 12 joints as indices of ``H36M_17``, in its order: right hip, knee, ankle; left hip, knee, ankle; left shoulder,
#: elbow, wrist; right shoulder, elbow, wrist. The origin of such poses is the middle of the hips.
LIMBS_12 = (1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16)
#: The joint on the other side of the body, for each of the 12.
MIRROR_12 = (3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8)

#: Distances between joints as shares of the body length, at birth (50 cm) and at one year (75 cm, the medians of the
#: WHO Child Growth Standards, 2006); docs/infants.md says where they come from.
PROPORTIONS = {
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
        return (poses[..., 0:1, :] + poses[..., 3:4, :]) / 2
    return poses[..., :1, :]


def limbs(poses: Tensor) -> Tensor:
    """The 12 limb joints ``[..., 12, 3]`` of poses ``[..., 17, 3]``, from the middle of the hips."""
    chosen = poses[..., LIMBS_12, :]
    return chosen - root_of(chosen)


def typical_infant(joints: int = 17, length_m: float = 0.62) -> NDArray[np.float32]:
    """An infant on its back, limbs half bent, seen from above: ``[J, 3]`` metres, camera axes, root-centred.

    Args:
        joints: 17 or 12.
        length_m: of the body; PROPORTIONS give the rest.
    """
    grown = np.clip((length_m - 0.50) / 0.25, 0, 1)
    size = {name: length_m * (young + grown * (old - young)) for name, (young, old) in PROPORTIONS.items()}

    def step(name: str, x: float, y: float, z: float) -> NDArray[np.float64]:
        direction = np.array([x, y, z])
        return direction / np.linalg.norm(direction) * size[name]

    # The head is up in the picture, the face towards the camera, the left side at the right of the picture.
    pose = np.zeros((17, 3))
    pose[7] = step("pelvis_spine", 0, -1, 0)
    pose[8] = pose[7] + step("spine_thorax", 0, -1, 0)
    pose[9] = pose[8] + step("thorax_nose", 0, -0.7, -0.7)
    pose[10] = pose[9] + step("nose_head_top", 0, -0.95, 0.3)
    for side, hip, shoulder in ((-1, 1, 14), (1, 4, 11)):
        pose[hip] = step("half_hips", side, 0, 0)
        pose[hip + 1] = pose[hip] + step("thigh", 0.6 * side, 0.5, -0.6)
        pose[hip + 2] = pose[hip + 1] + step("shank", -0.2 * side, 0.9, 0.3)
        pose[shoulder] = pose[8] + step("half_shoulders", side, 0.15, 0)
        pose[shoulder + 1] = pose[shoulder] + step("upper_arm", 0.8 * side, 0.5, -0.1)
        pose[shoulder + 2] = pose[shoulder + 1] + step("forearm", 0.2 * side, -0.8, -0.5)
    if joints == len(LIMBS_12):
        pose = limbs(torch.from_numpy(pose)).numpy()
    return pose.astype(np.float32)
