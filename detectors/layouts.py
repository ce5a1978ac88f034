"""Named keypoint layouts: which joints a detector reports, in which order, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

__all__ = ["COCO_17", "H36M_17", "LAYOUTS", "KeypointLayout"]


@dataclass(frozen=True)
class KeypointLayout:
    """An ordered set of named joints.

    Attributes:
        name: identifier used in results and on the command line.
        joints: joint names in array order; names of one side start with ``left_`` or ``right_``.
        bones: pairs of joint names that are drawn as a limb.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Array index of a joint name. Raises ValueError for a name the layout does not have."""
        if joint not in self.joints:
            raise ValueError(f"layout {self.name} has no joint {joint!r}")
        return self.joints.index(joint)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """``bones`` as array indices."""
        return tuple((self.index(a), self.index(b)) for a, b in self.bones)

    @cached_property
    def flip(self) -> tuple[int, ...]:
        """Permutation that exchanges left and right: ``keypoints[flip]`` after mirroring the image."""

        def other(name: str) -> str:
            if name.startswith("left_"):
                return "right_" + name[5:]
            if name.startswith("right_"):
                return "left_" + name[6:]
            return name

        return tuple(self.index(other(name)) for name in self.joints)

    def side(self, joint: int) -> str:
        """``"left"``, ``"right"`` or ``"centre"`` for a joint index."""
        name = self.joints[joint]
        return "left" if name.startswith("left_") else "right" if name.startswith("right_") else "centre"


COCO_17 = KeypointLayout(
    name="coco-17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    bones=(
        ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
        ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
        ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
        ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"), ("left_hip", "right_hip"),
        ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
        ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
    ),
)  # fmt: skip

H36M_17 = KeypointLayout(
    name="h36m-17",
    joints=(
        "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "spine", "thorax", "nose", "head_top",
        "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    ),
    bones=(
        ("pelvis", "right_hip"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
        ("pelvis", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
        ("pelvis", "spine"), ("spine", "thorax"), ("thorax", "nose"), ("nose", "head_top"),
        ("thorax", "left_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
        ("thorax", "right_shoulder"), ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ),
)  # fmt: skip

LAYOUTS: dict[str, KeypointLayout] = {layout.name: layout for layout in (COCO_17, H36M_17)}
