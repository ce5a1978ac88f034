"""The skeleton of a person: joints in a tree, and their places in a T-pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.body.skeleton import BONES, bone_lengths

__all__ = ["Build", "Rig", "held_lengths", "make_rig"]

Array = NDArray[np.float64]

_BONE = {H36M_17.joints[child]: bone for bone, (_, child) in enumerate(BONES)}
_MIRROR = [_BONE[H36M_17.joints[H36M_17.flip[child]]] for _, child in BONES]

#: Directions in the T-pose of what is not along an axis, as people stand: shoulders hang, the head leans forward.
_SHOULDER = np.array([0.98, -0.2, 0.0]) / np.hypot(0.98, 0.2)
_NECK = np.array([0.0, np.cos(np.pi / 6), 0.5])
_HEAD = np.array([0.0, np.cos(np.pi / 6), -0.5])
#: Of what was not seen, in lengths of a shank: ankle to ball of the foot, the drop from one to the other, ball to tip
#: of the toes, wrist to fingertips.
_FOOT, _FOOT_DROP, _TOE, _HAND = 0.41, 0.17, 0.15, 0.4


@dataclass(frozen=True)
class Build:
    """How a skeleton divides what the 17 joints leave open.

    Attributes:
        low: the joint below the middle of the spine is so far from the pelvis, in parts of the way to it.
        high: the joint above it so far from it, in parts of the way to the neck; 0 is none.
        clavicle: the inner end of the collar bone is so far from the neck, in parts of the way to the shoulder.
        toes: the foot bends at its ball.
    """

    low: float
    high: float
    clavicle: float
    toes: bool


@dataclass(frozen=True, eq=False)
class Rig:
    """A skeleton in its T-pose, which faces +z, y up, left at +x; metres.

    Attributes:
        build: how it was made.
        lengths: ``[16]`` bones of the person, in the order of ``BONES``.
        joints: names, parents first and depth first; the first is the root.
        parents: index of each one's parent, -1 for the root.
        offsets: ``[J, 3]`` from the parent; of the root, 0.
        ends: name of the last joint of each limb -> ``[3]`` from there to the end of its bone.
    """

    build: Build
    lengths: Array
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array
    ends: dict[str, Array]

    def index(self, joint: str) -> int:
        """Where a joint is in the arrays."""
        return self.joints.index(joint)

    def positions(self) -> Array:
        """``[J, 3]`` joints of the T-pose, relative to the root."""
        places = np.zeros_like(self.offsets)
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                places[joint] = places[parent] + self.offsets[joint]
        return places


def held_lengths(joints_m: Array) -> Array:
    """Lengths ``[16]`` of the bones of a person ``[T, 17, 3]``: medians over time, of both sides together; metres."""
    lengths = np.nanmedian(bone_lengths(joints_m), axis=0)
    return np.asarray(np.maximum((lengths + lengths[_MIRROR]) / 2, 1e-3))


def make_rig(lengths: Array, build: Build) -> Rig:
    """The skeleton with bones of these lengths ``[16]``, metres."""
    long = {joint: float(lengths[bone]) for joint, bone in _BONE.items()}
    shank = long["left_ankle"]
    rows: list[tuple[str, str, Array]] = []
    ends: dict[str, Array] = {}
    up = np.array([0.0, 1.0, 0.0])

    def add(name: str, parent: str, offset: Array) -> None:
        rows.append((name, parent, offset))

    add("pelvis", "", np.zeros(3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        foot = shank * np.array([0.0, -_FOOT_DROP, np.sqrt(_FOOT**2 - _FOOT_DROP**2)])
        add(f"{side}_hip", "pelvis", long[f"{side}_hip"] * np.array([sign, 0.0, 0.0]))
        add(f"{side}_knee", f"{side}_hip", -long[f"{side}_knee"] * up)
        add(f"{side}_ankle", f"{side}_knee", -shank * up)
        ends[f"{side}_ankle"] = foot
        if build.toes:
            add(f"{side}_toe", f"{side}_ankle", foot)
            ends[f"{side}_toe"] = np.array([0.0, 0.0, _TOE * shank])
            del ends[f"{side}_ankle"]
    add("lower_back", "pelvis", build.low * long["spine"] * up)
    add("spine", "lower_back", (1 - build.low) * long["spine"] * up)
    chest, to_neck = "spine", long["thorax"]
    if build.high:
        add("chest", "spine", build.high * to_neck * up)
        chest, to_neck = "chest", (1 - build.high) * to_neck
    add("thorax", chest, to_neck * up)
    add("nose", "thorax", long["nose"] * _NECK)
    ends["nose"] = long["head_top"] * _HEAD
    for side, sign in (("left", 1.0), ("right", -1.0)):
        out = np.array([sign, 0.0, 0.0])
        shoulder = long[f"{side}_shoulder"] * _SHOULDER * [sign, 1, 1]
        add(f"{side}_clavicle", chest, to_neck * up + build.clavicle * shoulder)
        add(f"{side}_shoulder", f"{side}_clavicle", (1 - build.clavicle) * shoulder)
        add(f"{side}_elbow", f"{side}_shoulder", long[f"{side}_elbow"] * out)
        add(f"{side}_wrist", f"{side}_elbow", long[f"{side}_wrist"] * out)
        ends[f"{side}_wrist"] = _HAND * shank * out
    names = [name for name, _, _ in rows]
    parents = tuple(names.index(parent) if parent else -1 for _, parent, _ in rows)
    return Rig(build, lengths, tuple(names), parents, np.stack([offset for _, _, offset in rows]), ends)
