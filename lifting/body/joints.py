"""The joints of ``H36M_17`` by name, alone and in groups, as indices of poses ``[..., 17, 3]``.

Pairs are in the order right, left. Groups are lists: in a tuple numpy and torch see an index for each axis.
"""

from __future__ import annotations

from detectors.layouts import H36M_17, KeypointLayout

__all__ = [
    "ANKLES",
    "ELBOWS",
    "ENDS",
    "HEAD_TOP",
    "HIPS",
    "IN_LIMBS_12",
    "KNEES",
    "LIMBS_12",
    "NOSE",
    "PELVIS",
    "SHOULDERS",
    "SPINE",
    "THORAX",
    "TRUNK",
    "WRISTS",
]

PELVIS, SPINE, THORAX, NOSE, HEAD_TOP = H36M_17.indices(("pelvis", "spine", "thorax", "nose", "head_top"))
HIPS, KNEES, ANKLES, SHOULDERS, ELBOWS, WRISTS = (
    H36M_17.indices((f"right_{joint}", f"left_{joint}"))
    for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
)
#: Elbows, wrists, knees and ankles, and all other joints, in their order.
ENDS = sorted(KNEES + ANKLES + ELBOWS + WRISTS)
TRUNK = [joint for joint in range(len(H36M_17)) if joint not in ENDS]

#: The 12 joints of legs and arms, in their order: what data of infants agree on. The origin of such poses is the middle
#: of the hips.
LIMBS_12 = KeypointLayout(
    name="limbs-12",
    joints=tuple(name for joint, name in enumerate(H36M_17.joints) if joint in ENDS + HIPS + SHOULDERS),
    bones=tuple(bone for bone in H36M_17.bones if {*H36M_17.indices(bone)} & {*ENDS}),
)
#: Where they are in ``H36M_17``.
IN_LIMBS_12 = H36M_17.indices(LIMBS_12.joints)
