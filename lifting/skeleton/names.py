"""Skeletons as other programs know them: what their joints are called, and which way the axes of each one point.

``h36m`` has the joints of the result and few besides, so it is nearest to it. ``mixamo`` and ``unreal`` have the names
that Blender's add-ons, Unreal and Unity look for. ``lafan1`` is the skeleton of Ubisoft's LaForge motion capture, which
retargeters to robots take; its bones lie along the x axes of its joints, so that without rotations it is a straight
line: the rest pose of that data, not a T-pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton.rig import Build, Rig

__all__ = ["SKELETONS", "Profile"]

Array = NDArray[np.float64]

_FINE = Build(low=0.02, high=0.0, clavicle=0.0, toes=False)
_WHOLE = Build(low=0.28, high=0.3, clavicle=0.3, toes=True)


@dataclass(frozen=True)
class Profile:
    """A skeleton of other programs.

    Attributes:
        build: how it divides the body.
        names: of the joints of a ``Rig``; those that are not named keep their own.
        order: of rotations, such as "ZXY": about the turned axes, from left to right.
        along: the axes of joints follow their bones, as in LAFAN1, in place of those of the T-pose.
    """

    build: Build
    names: dict[str, str]
    order: Literal["ZXY", "ZYX"]
    along: bool = False

    def name(self, joint: str) -> str:
        """What a joint is called."""
        return self.names.get(joint, joint)

    def axes(self, rig: Rig) -> Array:
        """``[J, 3, 3]`` the axes of each joint as columns, in the T-pose."""
        if not self.along:
            return np.tile(np.eye(3), (len(rig.joints), 1, 1))
        return np.stack([_along(joint, rig) for joint in rig.joints])


def _along(joint: str, rig: Rig) -> Array:
    """x along the bone; z to the person's left in the trunk, to the right in the legs; elbows bend about z."""
    side, _, part = joint.rpartition("_")
    if side not in ("left", "right"):
        x, z = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)
    elif part in ("hip", "knee"):
        x, z = (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)
    elif part == "ankle":
        foot = rig.offsets[rig.index(f"{side}_toe")]
        x, z = tuple(foot / np.linalg.norm(foot)), (-1.0, 0.0, 0.0)
    elif part == "toe":
        x, z = (0.0, 0.0, 1.0), (-1.0, 0.0, 0.0)
    else:
        sign = 1.0 if side == "left" else -1.0
        x, z = (sign, 0.0, 0.0), (0.0, sign, 0.0)
    return np.stack([x, np.cross(z, x), z], axis=1)


def _sides(trunk: dict[str, str], limbs: dict[str, str]) -> dict[str, str]:
    """Names of both sides; ``{S}`` is Left or Right, ``{s}`` l or r."""
    both = {
        f"{side}_{joint}": name.format(S=side.capitalize(), s=side[0])
        for side in ("left", "right")
        for joint, name in limbs.items()
    }
    return trunk | both


_LAFAN1 = _sides(
    {
        "pelvis": "Hips", "lower_back": "Spine", "spine": "Spine1", "chest": "Spine2", "thorax": "Neck", "nose": "Head",
    },
    {
        "hip": "{S}UpLeg", "knee": "{S}Leg", "ankle": "{S}Foot", "toe": "{S}Toe",
        "clavicle": "{S}Shoulder", "shoulder": "{S}Arm", "elbow": "{S}ForeArm", "wrist": "{S}Hand",
    },
)  # fmt: skip
_MIXAMO = {joint: f"mixamorig:{name}{'Base' if name.endswith('Toe') else ''}" for joint, name in _LAFAN1.items()}
_UNREAL = _sides(
    {
        "lower_back": "spine_01", "spine": "spine_02", "chest": "spine_03", "thorax": "neck_01", "nose": "head",
    },
    {
        "hip": "thigh_{s}", "knee": "calf_{s}", "ankle": "foot_{s}", "toe": "ball_{s}",
        "clavicle": "clavicle_{s}", "shoulder": "upperarm_{s}", "elbow": "lowerarm_{s}", "wrist": "hand_{s}",
    },
)  # fmt: skip

#: By the names of ``--skeleton``.
SKELETONS: dict[str, Profile] = {
    "h36m": Profile(_FINE, {}, "ZXY"),
    "lafan1": Profile(_WHOLE, _LAFAN1, "ZYX", along=True),
    "mixamo": Profile(_WHOLE, _MIXAMO, "ZXY"),
    "unreal": Profile(_WHOLE, _UNREAL, "ZXY"),
}
