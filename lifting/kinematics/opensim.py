"""Joints as the generalised coordinates of OpenSim's full-body models (names of Rajagopal et al., 2016), in degrees.

OpenSim turns the pelvis in its ground, the trunk in the pelvis and upper arms in the trunk about Z, then X, then Y.
Seventeen joints do not tell how far the spine bends forwards or the forearm is turned: lumbar_extension is 0 (all of
the trunk's lean is the pelvis's), pro_sup is not there. Angles that a frame does not tell are NaN.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.body.joints import ELBOWS, HIPS, PELVIS, SHOULDERS, THORAX, WRISTS
from lifting.kinematics.angles import LEAST_SINE, JointAngles
from lifting.kinematics.axes import frame, frame_across, inside, turn_about, unit

__all__ = ["LENGTHS", "generalised_coordinates"]

Array = NDArray[np.float64]

#: Coordinates in metres; all others are degrees.
LENGTHS = ("pelvis_tx", "pelvis_ty", "pelvis_tz")
_LEG = {
    "hip_flexion": "hip_flexion",
    "hip_adduction": "hip_adduction",
    "hip_rotation": "hip_rotation",
    "knee_angle": "knee_flexion",
    "ankle_angle": "ankle_dorsiflexion",
}


def generalised_coordinates(joints_m: Array, angles: JointAngles) -> dict[str, Array]:
    """Coordinates by name, each ``[T]``: degrees, and metres for ``LENGTHS``, the place of the middle of the hips.

    Args:
        joints_m: ``[T, 17, 3]`` metres, y up; NaN in gaps.
        angles: of these joints.
    """
    x = torch.from_numpy(np.asarray(joints_m, np.float64))
    across_hips, across_shoulders = x[:, HIPS[0]] - x[:, HIPS[1]], x[:, SHOULDERS[0]] - x[:, SHOULDERS[1]]
    up = x[:, THORAX] - x[:, PELVIS]
    pelvis, trunk = frame_across(across_hips, up), frame(up, across_shoulders)
    found = dict(zip(("pelvis_tilt", "pelvis_list", "pelvis_rotation"), _turned(pelvis), strict=True))
    found |= {name: joints_m[:, PELVIS, axis] for axis, name in enumerate(LENGTHS)}
    for side in ("right", "left"):
        found |= {f"{ours}_{side[0]}": angles[f"{side}_{name}"] for ours, name in _LEG.items()}
    _, bending, rotation = _turned(trunk @ pelvis.transpose(-1, -2))
    found |= {"lumbar_extension": np.where(np.isfinite(bending), 0.0, np.nan)}
    found |= {"lumbar_bending": bending, "lumbar_rotation": rotation}
    for number, side in enumerate(("right", "left")):
        shoulder, elbow, wrist = x[:, SHOULDERS[number]], x[:, ELBOWS[number]], x[:, WRISTS[number]]
        found |= _arm(trunk, shoulder - elbow, wrist - elbow, side)
        found[f"elbow_flex_{side[0]}"] = angles[f"{side}_elbow_flexion"]
    return found


def _turned(axes: Tensor) -> tuple[Array, Array, Array]:
    """Angles about Z, X and Y, one after the other, of frames with their axes as rows: degrees."""
    matrix = axes.transpose(-1, -2).numpy()
    about_x = np.arcsin(np.clip(matrix[:, 2, 1], -1, 1))
    about_z = np.arctan2(-matrix[:, 0, 1], matrix[:, 1, 1])
    about_y = np.arctan2(-matrix[:, 2, 0], matrix[:, 2, 2])
    return np.degrees(about_z), np.degrees(about_x), np.degrees(about_y)


def _arm(trunk: Tensor, upwards: Tensor, forearm: Tensor, side: str) -> dict[str, Array]:
    """The upper arm in the trunk, of its direction from elbow to shoulder and that of the forearm."""
    inwards = 1.0 if side == "right" else -1.0
    x, y, z = inside(trunk, upwards)
    arm = unit(upwards)
    floating = unit(torch.linalg.cross(arm, trunk[:, 2]))
    bent = torch.linalg.cross(unit(forearm), arm).norm(dim=-1) > LEAST_SINE
    seen = x.square() + y.square() > LEAST_SINE**2
    turned = torch.where(bent & seen, turn_about(arm, floating, forearm), torch.nan)
    values = {
        "arm_flex": torch.where(seen, torch.atan2(-x, y), torch.nan),
        "arm_add": inwards * torch.asin(z.clamp(-1, 1)),
        "arm_rot": inwards * turned,
    }
    return {f"{name}_{side[0]}": np.degrees(value.numpy()) for name, value in values.items()}
