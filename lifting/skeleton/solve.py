"""How a skeleton follows a person: the rotation of every joint in every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.skeleton.feet import foot
from lifting.skeleton.frames import as_quaternions, continuous, frame, matrices, swing, turned, unit
from lifting.skeleton.limbs import Limb, bend, reach
from lifting.skeleton.rig import Rig

__all__ = ["Motion", "solve"]

Array = NDArray[np.float64]

_LEFT, _UP, _FORWARD = np.eye(3)


@dataclass(frozen=True, eq=False)
class Motion:
    """A skeleton over time.

    Attributes:
        rig: the skeleton.
        time_s: ``[T]``.
        root_m: ``[T, 3]`` its root in the world.
        local: ``[T, J, 4]`` rotations relative to the parents, quaternions with the real part first, each in the
            hemisphere of the frame before.
    """

    rig: Rig
    time_s: Array
    root_m: Array
    local: Array

    def rotations(self) -> Array:
        """Global rotations ``[T, J, 3, 3]``."""
        turns = matrices(self.local)
        for joint, parent in enumerate(self.rig.parents):
            if parent >= 0:
                turns[:, joint] = turns[:, parent] @ turns[:, joint]
        return turns

    def positions(self) -> Array:
        """Joints ``[T, J, 3]`` in the world, metres: forward kinematics."""
        turns, places = self.rotations(), np.empty((len(self.time_s), len(self.rig.joints), 3))
        for joint, parent in enumerate(self.rig.parents):
            places[:, joint] = (
                self.root_m if parent < 0 else places[:, parent] + turned(turns[:, parent], self.rig.offsets[joint])
            )
        return places


class _Pose:
    """Global rotations and places of a rig while they are found, parents first."""

    def __init__(self, rig: Rig, frames: int) -> None:
        self.rig = rig
        self.turns = np.tile(np.eye(3), (frames, len(rig.joints), 1, 1))
        self.places = np.zeros((frames, len(rig.joints), 3))

    def place(self, joint: str) -> Array:
        """``[T, 3]`` of a joint whose parent is known."""
        index = self.rig.index(joint)
        parent = self.rig.parents[index]
        if parent >= 0:
            self.places[:, index] = self.places[:, parent] + turned(self.turns[:, parent], self.rig.offsets[index])
        return self.places[:, index]

    def turn(self, joint: str, rotations: Array) -> None:
        self.turns[:, self.rig.index(joint)] = rotations

    def turn_of(self, joint: str) -> Array:
        return self.turns[:, self.rig.index(joint)]


def solve(rig: Rig, joints_m: Array, time_s: Array, contacts: Array) -> Motion:
    """The motion of a skeleton that follows joints.

    From the pelvis outwards each bone points to where the joint at its end was found. The pelvis turns with the hips
    and the spine, the joints of the spine share the twist between hips and shoulders; collar bones do not twist; arms,
    legs and head twist with the plane in which they bend (``limbs``).

    Args:
        rig: the skeleton of this person.
        joints_m: ``[T, 17, 3]`` in the world, the floor at y = 0, metres, without gaps.
        time_s: ``[T]``.
        contacts: ``[T, 2]`` probability that the right and the left foot rest.
    """
    at = {name: joints_m[:, index] for index, name in enumerate(H36M_17.joints)}
    pose = _Pose(rig, len(joints_m))
    _trunk(pose, at)
    for side in ("left", "right"):
        _arm(pose, at, side, time_s)
        _leg(pose, at, side, time_s, contacts[:, 0 if side == "right" else 1])
    _head(pose, at, time_s)
    turns = pose.turns
    local = turns.copy()
    for joint, parent in enumerate(rig.parents):
        if parent >= 0:
            local[:, joint] = turns[:, parent].transpose(0, 2, 1) @ turns[:, joint]
    return Motion(rig, time_s, at["pelvis"], continuous(as_quaternions(local)))


def _trunk(pose: _Pose, at: dict[str, Array]) -> None:
    hips = unit(at["left_hip"] - at["right_hip"])
    shoulders = unit(at["left_shoulder"] - at["right_shoulder"])
    pose.places[:, 0] = at["pelvis"]
    pose.turn("pelvis", frame(_LEFT, _UP, hips, at["spine"] - at["pelvis"]))
    chain = [("lower_back", "spine"), ("spine", "thorax"), *([("chest", "thorax")] if pose.rig.build.high else [])]
    for step, (joint, target) in enumerate(chain, start=1):
        share = step / len(chain)
        twist = (1 - share) * hips + share * shoulders
        pose.turn(joint, frame(_UP, _LEFT, at[target] - pose.place(joint), twist))
    pose.place("thorax")


def _arm(pose: _Pose, at: dict[str, Array], side: str, time_s: Array) -> None:
    out = _LEFT if side == "left" else -_LEFT
    chest = pose.turn_of(pose.rig.joints[pose.rig.parents[pose.rig.index(f"{side}_clavicle")]])
    rest = unit(pose.rig.offsets[pose.rig.index(f"{side}_shoulder")])
    wanted = unit(at[f"{side}_shoulder"] - pose.place(f"{side}_clavicle"))
    clavicle = swing(turned(chest, rest), wanted) @ chest
    pose.turn(f"{side}_clavicle", clavicle)
    limb = Limb(np.stack([out, out]), -_UP if side == "left" else _UP)
    _limb(pose, at, limb, chest, [f"{side}_{name}" for name in ("shoulder", "elbow", "wrist")], time_s)
    pose.turn(f"{side}_wrist", pose.turn_of(f"{side}_elbow"))


def _leg(pose: _Pose, at: dict[str, Array], side: str, time_s: Array, rests: Array) -> None:
    limb = Limb(np.stack([-_UP, -_UP]), _LEFT)
    names = [f"{side}_{name}" for name in ("hip", "knee", "ankle")]
    _limb(pose, at, limb, pose.turn_of("pelvis"), names, time_s)
    toe = f"{side}_toe"
    bone = pose.rig.offsets[pose.rig.index(toe)] if pose.rig.build.toes else pose.rig.ends[names[2]]
    ankle, toes = foot(pose.turn_of(names[1]), pose.place(names[2]), bone, rests)
    pose.turn(names[2], ankle)
    if pose.rig.build.toes:
        pose.place(toe)
        pose.turn(toe, toes)


def _limb(pose: _Pose, at: dict[str, Array], limb: Limb, parent: Array, names: list[str], time_s: Array) -> None:
    """Rotations of two bones that begin at ``names[0]``."""
    first, second, third = names
    origin = pose.place(first)
    long = [float(np.linalg.norm(pose.rig.offsets[pose.rig.index(name)])) for name in (second, third)]
    middle, end = reach(origin, at[second], at[third], (long[0], long[1]))
    upper, lower = bend(limb, parent, unit(middle - origin), unit(end - middle), time_s)
    pose.turn(first, upper)
    pose.place(second)
    pose.turn(second, lower)
    pose.place(third)


def _head(pose: _Pose, at: dict[str, Array], time_s: Array) -> None:
    rig = pose.rig
    bones = np.stack([unit(rig.offsets[rig.index("nose")]), unit(rig.ends["nose"])])
    chest = pose.turn_of(rig.joints[rig.parents[rig.index("thorax")]])
    neck = unit(at["nose"] - pose.place("thorax"))
    upper, lower = bend(Limb(bones, -_LEFT), chest, neck, unit(at["head_top"] - at["nose"]), time_s)
    pose.turn("thorax", upper)
    pose.place("nose")
    pose.turn("nose", lower)
