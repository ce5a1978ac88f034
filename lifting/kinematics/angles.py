"""Angles of the joints of the body in degrees, from 17 positions: what each means, and how far it can be trusted.

The definitions are those of ISB where 17 joints tell enough (docs/exports.md): flexion, adduction and inward turn are
positive on both sides, neutral is standing upright with hanging arms. An angle that its joints do not tell is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.body.joints import ANKLES, ELBOWS, HEAD_TOP, HIPS, KNEES, PELVIS, SHOULDERS, THORAX, WRISTS
from lifting.kinematics.axes import between, frame, frame_across, inside, turn_about, unit
from lifting.kinematics.spread import JointSpread, spread_of

__all__ = ["ANGLES", "LEAST_SINE", "Angle", "JointAngles", "joint_angles"]

Array = NDArray[np.float64]

_SIDES = ("right", "left")
#: Closer than this to where an angle is undefined it is not given, as a sine: 20 degrees.
LEAST_SINE = float(np.sin(np.radians(20.0)))
#: A foot rests from this probability on.
_RESTS = 0.5
#: How far the vertical of a world may be off, degrees; angles against it have that beside the errors of joints.
_VERTICAL_DEG = 2.0
#: Ends of the names of angles that depend on the vertical.
_AGAINST_VERTICAL = ("pelvis_obliquity", "trunk_flexion", "trunk_bending", "ankle_dorsiflexion")
#: Frames that are differentiated together.
_AT_ONCE = 2048


@dataclass(frozen=True)
class Angle:
    """One angle: its name, what it is, and which way is positive."""

    name: str
    meaning: str


def _both(name: str, meaning: str) -> list[Angle]:
    return [Angle(f"{side}_{name}", meaning) for side in _SIDES]


#: Every angle, in the order of the columns.
ANGLES: tuple[Angle, ...] = (
    Angle("pelvis_heading", "where the pelvis faces: 0 towards the first camera, positive to the person's left"),
    Angle("pelvis_obliquity", "of the line through the hips against the horizontal, positive with the left hip higher"),
    Angle("trunk_flexion", "lean of pelvis to thorax from the vertical, positive forwards"),
    Angle("trunk_bending", "lean of pelvis to thorax from the vertical, positive to the right"),
    Angle("trunk_rotation", "of the line through the shoulders against that through the hips, positive to the left"),
    Angle("neck_flexion", "lean of thorax to top of the head from the trunk, positive forwards"),
    Angle("neck_bending", "lean of thorax to top of the head from the trunk, positive to the right"),
    *_both("hip_flexion", "of the thigh against the trunk, about the line through the hips, positive forwards"),
    *_both("hip_adduction", "of the thigh against a right angle with the line through the hips, positive inwards"),
    *_both("hip_rotation", "of the thigh about itself, positive inwards; knees bent by 20 degrees and more"),
    *_both("knee_flexion", "0 is straight; bent backwards counts as bent"),
    *_both("ankle_dorsiflexion", "lean of the shank from the vertical, positive forwards; while the foot rests"),
    *_both("shoulder_flexion", "of the upper arm against the trunk, positive forwards"),
    *_both("shoulder_abduction", "of the upper arm against the trunk, positive outwards"),
    *_both("shoulder_elevation", "between upper arm and trunk, 0 is hanging"),
    *_both("shoulder_plane", "in which the arm is raised: 0 outwards, 90 forwards; arms raised by 20 to 160 degrees"),
    *_both("shoulder_rotation", "of the upper arm about itself, positive inwards; elbows bent by 20 degrees and more"),
    *_both("elbow_flexion", "0 is straight"),
)


@dataclass(frozen=True, eq=False)
class JointAngles:
    """The angles of ``ANGLES`` along a track.

    Attributes:
        degrees: ``[T, A]``, NaN where the joints do not tell.
        sigma: ``[T, A]`` degrees, standard deviation; NaN where the angle is.
    """

    degrees: Array
    sigma: Array

    def __getitem__(self, name: str) -> Array:
        """``[T]`` degrees of one angle. Raises ValueError for a name that there is not."""
        return self.degrees[:, [angle.name for angle in ANGLES].index(name)]


def joint_angles(joints_m: Array, sigma_m: Array, rays: Array, contacts: Array) -> JointAngles:
    """The angles of a person along a track, and their standard deviations.

    Args:
        joints_m: ``[T, 17, 3]`` metres in axes with y up that stand still, NaN in gaps.
        sigma_m: ``[T, 17]`` standard deviation of each coordinate of a joint relative to the pelvis.
        rays: ``[T, 3]`` from the camera to the person, in the same axes as the joints.
        contacts: ``[T, 2]`` probability that the right and the left foot rest.
    """
    degrees, sigma = np.full((2, len(joints_m), len(ANGLES)), np.nan)
    vertical = [_VERTICAL_DEG if angle.name.endswith(_AGAINST_VERTICAL) else 0.0 for angle in ANGLES]
    known = np.flatnonzero(np.isfinite(joints_m).all(axis=(1, 2)))
    for begin in range(0, len(known), _AT_ONCE):
        rows = known[begin : begin + _AT_ONCE]
        joints = torch.from_numpy(np.asarray(joints_m[rows], np.float64)).requires_grad_()
        angles, defined = _angles(joints)
        told = defined.numpy() & _feet(contacts[rows])
        spread = np.degrees(spread_of(angles, joints, JointSpread(sigma_m[rows], rays[rows])))
        degrees[rows] = np.where(told, np.degrees(torch.stack(angles, dim=-1).detach().numpy()), np.nan)
        sigma[rows] = np.where(told, np.hypot(spread, vertical), np.nan)
    return JointAngles(degrees, sigma)


def _feet(contacts: Array) -> NDArray[np.bool_]:
    """``[T, A]`` False for angles at feet that do not rest."""
    told = np.ones((len(contacts), len(ANGLES)), bool)
    for number, angle in enumerate(ANGLES):
        for side, name in enumerate(_SIDES):
            if angle.name == f"{name}_ankle_dorsiflexion":
                told[:, number] = np.nan_to_num(contacts[:, side]) >= _RESTS
    return told


def _angles(x: Tensor) -> tuple[list[Tensor], Tensor]:
    """The A angles of poses ``[T, 17, 3]`` in radians, ``[T]`` each, and which of them are defined, ``[T, A]``.

    They are not put together, so that the derivative of one goes through what it is made of alone.
    """
    across_hips = x[:, HIPS[0]] - x[:, HIPS[1]]
    across_shoulders = x[:, SHOULDERS[0]] - x[:, SHOULDERS[1]]
    up = x[:, THORAX] - x[:, PELVIS]
    pelvis, trunk = frame_across(across_hips, up), frame(up, across_shoulders)
    found: dict[str, tuple[Tensor, Tensor | None]] = {}

    vertical = torch.zeros_like(up)
    vertical[:, 1] = 1.0
    level = frame(vertical, across_hips)
    facing = level[:, 0]
    # Hips above one another face nowhere.
    faces = unit(across_hips)[:, [0, 2]].norm(dim=-1) > LEAST_SINE
    found["pelvis_heading"] = torch.atan2(facing[:, 0], facing[:, 2]), faces
    found["pelvis_obliquity"] = torch.asin(-unit(across_hips)[:, 1]), None
    forwards, upwards, right = inside(level, up)
    found["trunk_flexion"] = _sagittal(forwards, upwards, faces)
    found["trunk_bending"] = torch.asin(right), faces
    found["trunk_rotation"] = turn_about(trunk[:, 1], across_hips, across_shoulders), None
    forwards, upwards, right = inside(trunk, x[:, HEAD_TOP] - x[:, THORAX])
    found["neck_flexion"] = _sagittal(forwards, upwards)
    found["neck_bending"] = torch.asin(right), None
    for number, side in enumerate(_SIDES):
        # Positive about the same axes is inwards on the right and outwards on the left.
        inwards = 1.0 if side == "right" else -1.0
        hip, knee, ankle = x[:, HIPS[number]], x[:, KNEES[number]], x[:, ANKLES[number]]
        forwards, upwards, right = inside(pelvis, knee - hip)
        flexion = between(knee - hip, ankle - knee)
        found[f"{side}_hip_flexion"] = _sagittal(forwards, -upwards)
        found[f"{side}_hip_adduction"] = torch.asin(-inwards * right), None
        thigh = unit(hip - knee)
        floating = torch.linalg.cross(thigh, pelvis[:, 2])
        # Shanks bend backwards.
        turned = turn_about(thigh, floating, knee - ankle)
        bent = flexion.sin() > LEAST_SINE
        found[f"{side}_hip_rotation"] = inwards * turned, bent & (right.abs() < 1 - 0.5 * LEAST_SINE**2)
        found[f"{side}_knee_flexion"] = flexion, None
        forwards, upwards, _ = inside(level, knee - ankle)
        found[f"{side}_ankle_dorsiflexion"] = _sagittal(forwards, upwards, faces)

        shoulder, elbow, wrist = x[:, SHOULDERS[number]], x[:, ELBOWS[number]], x[:, WRISTS[number]]
        forwards, upwards, right = inside(trunk, elbow - shoulder)
        flexion = between(elbow - shoulder, wrist - elbow)
        raised = forwards.square() + right.square() > LEAST_SINE**2
        found[f"{side}_shoulder_flexion"] = _sagittal(forwards, -upwards)
        found[f"{side}_shoulder_abduction"] = torch.asin(inwards * right), None
        found[f"{side}_shoulder_elevation"] = between(elbow - shoulder, -up), None
        found[f"{side}_shoulder_plane"] = torch.atan2(forwards, inwards * right), raised
        # What the shortest way from hanging to where the arm is makes of the forward axis of the trunk.
        arm = unit(elbow - shoulder)
        swung = _swung(-trunk[:, 1], arm, trunk[:, 0])
        turned = turn_about(-arm, swung, wrist - elbow)
        known = (flexion.sin() > LEAST_SINE) & (-upwards > -(1 - 0.5 * LEAST_SINE**2))
        found[f"{side}_shoulder_rotation"] = inwards * turned, known
        found[f"{side}_elbow_flexion"] = flexion, None
    every = torch.ones(len(x), dtype=torch.bool)
    values = [found[angle.name][0] for angle in ANGLES]
    defined = torch.stack([every if (told := found[angle.name][1]) is None else told for angle in ANGLES], dim=-1)
    return values, defined


def _sagittal(forwards: Tensor, along: Tensor, told: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The angle of a direction in the plane that it is seen in from the side, and where it is seen at all."""
    seen = forwards.square() + along.square() > LEAST_SINE**2
    return torch.atan2(forwards, along), seen if told is None else seen & told


def _swung(begin: Tensor, end: Tensor, vector: Tensor) -> Tensor:
    """Vectors turned by the smallest rotation that takes unit vectors ``begin`` to ``end`` (Rodrigues)."""
    across = torch.linalg.cross(begin, end)
    cosine = (begin * end).sum(-1, keepdim=True)
    along = (across * vector).sum(-1, keepdim=True) * across / (1 + cosine + 1e-9)
    return cosine * vector + torch.linalg.cross(across, vector) + along
