"""Named keypoint layouts: which joints a detector reports, in which order, and how they are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

__all__ = ["COCO_17", "COCO_WHOLEBODY_133", "H36M_17", "HALPE_26", "LAYOUTS", "KeypointLayout"]


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

    def indices(self, joints: Iterable[str]) -> list[int]:
        """``index`` of several joints, in their order."""
        return [self.index(joint) for joint in joints]

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

    def bone_side(self, inner: int, outer: int) -> str:
        """``side`` of a bone: that of its outer end, so a shoulder's is at the side; the trunk has none."""
        side = self.side(outer)
        return side if side != "centre" else self.side(inner)


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

_FEET = (
    ("left_ankle", "left_heel"), ("left_ankle", "left_big_toe"), ("left_big_toe", "left_small_toe"),
    ("right_ankle", "right_heel"), ("right_ankle", "right_big_toe"), ("right_big_toe", "right_small_toe"),
)  # fmt: skip

HALPE_26 = KeypointLayout(
    name="halpe-26",
    joints=(
        *COCO_17.joints,
        "head", "neck", "hip",
        "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel",
    ),
    bones=(
        ("head", "neck"), ("neck", "left_shoulder"), ("neck", "right_shoulder"), ("neck", "hip"),
        ("hip", "left_hip"), ("hip", "right_hip"),
        *COCO_17.bones[:4], *COCO_17.bones[5:9], *COCO_17.bones[12:], *_FEET,
    ),
)  # fmt: skip


def _face() -> tuple[str, ...]:
    """The 68 face points of 300W, named by side, so that mirroring finds its pairs; point 0 is at the right ear."""
    pairs = [
        *((i, 16 - i) for i in range(8)), *((i, 43 - i) for i in range(17, 22)), (31, 35), (32, 34),
        (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (59, 55), (58, 56),
        (60, 64), (61, 63), (67, 65),
    ]  # fmt: skip
    names = {right: f"right_face_{right}" for right, _ in pairs} | {left: f"left_face_{right}" for right, left in pairs}
    return tuple(names.get(i, f"face_{i}") for i in range(68))


_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")


def _hand(side: str) -> tuple[str, ...]:
    return (f"{side}_hand_root", *(f"{side}_{finger}{i}" for finger in _FINGERS for i in range(1, 5)))


def _hand_bones(side: str) -> tuple[tuple[str, str], ...]:
    roots = tuple((f"{side}_hand_root", f"{side}_{finger}1") for finger in _FINGERS)
    return roots + tuple((f"{side}_{finger}{i}", f"{side}_{finger}{i + 1}") for finger in _FINGERS for i in range(1, 4))


COCO_WHOLEBODY_133 = KeypointLayout(
    name="coco-wholebody-133",
    joints=(
        *COCO_17.joints,
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
        *_face(), *_hand("left"), *_hand("right"),
    ),
    bones=(
        *COCO_17.bones, *_FEET, ("left_wrist", "left_hand_root"), ("right_wrist", "right_hand_root"),
        *_hand_bones("left"), *_hand_bones("right"),
    ),
)  # fmt: skip

LAYOUTS: dict[str, KeypointLayout] = {
    layout.name: layout for layout in (COCO_17, H36M_17, HALPE_26, COCO_WHOLEBODY_133)
}
