"""A person who walks, as known joints and as BVH files of many kinds. Kinematics by scipy, not by what is tested."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

#: Metres, y up, facing +z, left at +x: part -> (parent, place in the frame of the parent when standing in T pose).
BODY: dict[str, tuple[str, tuple[float, float, float]]] = {
    "root": ("", (0.0, 0.95, 0.0)),
    "waist": ("root", (0.0, 0.13, 0.0)),
    "chest": ("waist", (0.0, 0.2, 0.01)),
    "neck": ("chest", (0.0, 0.22, -0.01)),
    "head": ("neck", (0.0, 0.1, 0.01)),
    "head_end": ("head", (0.0, 0.16, 0.0)),
}
for _side, _sign in (("l", 1.0), ("r", -1.0)):
    BODY |= {
        f"{_side}_collar": ("chest", (_sign * 0.03, 0.15, 0.0)),
        f"{_side}_shoulder": (f"{_side}_collar", (_sign * 0.14, 0.02, 0.0)),
        f"{_side}_elbow": (f"{_side}_shoulder", (_sign * 0.29, 0.0, 0.0)),
        f"{_side}_wrist": (f"{_side}_elbow", (_sign * 0.25, 0.0, 0.0)),
        f"{_side}_hip": ("root", (_sign * 0.1, -0.06, 0.0)),
        f"{_side}_knee": (f"{_side}_hip", (0.0, -0.42, 0.0)),
        f"{_side}_ankle": (f"{_side}_knee", (0.0, -0.41, 0.0)),
        f"{_side}_toe": (f"{_side}_ankle", (0.0, -0.05, 0.14)),
    }

_HUMAN = {
    "root": "Hips", "waist": "Spine", "chest": "Spine1", "neck": "Neck", "head": "Head",
    "collar": "{}Shoulder", "shoulder": "{}Arm", "elbow": "{}ForeArm", "wrist": "{}Hand",
    "hip": "{}UpLeg", "knee": "{}Leg", "ankle": "{}Foot", "toe": "{}ToeBase",
}  # fmt: skip
_XSENS = {
    "root": "Hips", "waist": "Chest", "chest": "Chest2", "neck": "Neck", "head": "Head",
    "collar": "{}Collar", "shoulder": "{}Shoulder", "elbow": "{}Elbow", "wrist": "{}Wrist",
    "hip": "{}Hip", "knee": "{}Knee", "ankle": "{}Ankle", "toe": "{}Toe",
}  # fmt: skip
_BANDAI = {
    "root": "Hips", "waist": "Spine", "chest": "Chest", "neck": "Neck", "head": "Head",
    "collar": "Shoulder_{}", "shoulder": "UpperArm_{}", "elbow": "LowerArm_{}", "wrist": "Hand_{}",
    "hip": "UpperLeg_{}", "knee": "LowerLeg_{}", "ankle": "Foot_{}", "toe": "Toes_{}",
}  # fmt: skip
_MIXAMO = {key: f"mixamorig:{name}" for key, name in (_HUMAN | {"chest": "Spine2", "head_end": "HeadTop_End"}).items()}
#: Names of parts in several kinds of skeleton, and what stands for {}.
NAMES: dict[str, tuple[dict[str, str], tuple[str, str]]] = {
    "human": (_HUMAN, ("Left", "Right")),
    "mixamo": (_MIXAMO, ("Left", "Right")),
    "xsens": (_XSENS, ("Left", "Right")),
    "bandai": (_BANDAI, ("L", "R")),
}


@dataclass(frozen=True)
class Walk:
    """Places and rotations (to the world) of every part in every frame."""

    fps: float
    body: dict[str, tuple[str, tuple[float, float, float]]]
    places: dict[str, NDArray[np.float64]]
    turns: dict[str, Rotation]

    def __len__(self) -> int:
        return len(self.places["root"])


def walk(frames: int = 60, fps: float = 30.0, speed: float = 1.2, body: dict | None = None) -> Walk:
    """Arms hang and swing, knees bend, the head looks left and right; the person walks towards +z."""
    body = BODY if body is None else body
    time = np.arange(frames) / fps
    phase = 2 * np.pi * time

    def about(axis: str, degrees: NDArray[np.float64] | float) -> Rotation:
        return Rotation.from_euler(axis, np.broadcast_to(degrees, (frames,))[:, None], degrees=True)

    own = {part: about("x", 0.0) for part in body}
    own["root"] = about("y", 10 * np.sin(phase / 2)) * about("z", 3 * np.sin(phase))
    own["waist"] = about("x", 5.0) * about("y", 6 * np.sin(phase))
    own["head"] = about("y", 25 * np.sin(phase)) * about("x", 5 * np.cos(phase))
    for side, sign in (("l", 1.0), ("r", -1.0)):
        swing = sign * np.sin(phase)
        own[f"{side}_hip"] = about("x", -25 * swing)
        own[f"{side}_knee"] = about("x", 30 + 25 * np.cos(phase + sign))
        own[f"{side}_shoulder"] = about("z", -sign * 75.0) * about("y", -sign * 20 * swing)
        own[f"{side}_elbow"] = about("y", -sign * (30 + 15 * swing))
    places, turns = {}, {}
    for part, (parent, offset) in body.items():
        if parent:
            places[part] = places[parent] + turns[parent].apply(offset)
            turns[part] = turns[parent] * own[part]
        else:
            places[part] = np.array(offset) + np.outer(time, [0.0, 0.0, speed])
            turns[part] = own[part]
    return Walk(fps, body, places, turns)


def expected(walked: Walk) -> NDArray[np.float64]:
    """The 17 joints by the definitions of docs/preparing.md, ``[T, 17, 3]``."""
    at = walked.places
    pelvis = (at["l_hip"] + at["r_hip"]) / 2
    chain = [pelvis, at["waist"], at["chest"], at["neck"]]
    lengths = [float(np.linalg.norm(b[0] - a[0])) for a, b in pairwise(chain)]
    left, start = 0.48 * sum(lengths), 0
    while left > lengths[start]:
        left -= lengths[start]
        start += 1
    spine = chain[start] + left / lengths[start] * (chain[start + 1] - chain[start])
    length = np.linalg.norm(at["head_end"] - at["neck"], axis=1, keepdims=True)
    nose = (at["neck"] + at["head_end"]) / 2 + 0.34 * length * walked.turns["head"].apply([0.0, 0.0, 1.0])
    legs = [at[f"{side}_{part}"] for side in "rl" for part in ("hip", "knee", "ankle")]
    arms = [at[f"{side}_{part}"] for side in "lr" for part in ("shoulder", "elbow", "wrist")]
    return np.stack([pelvis, *legs, spine, at["neck"], nose, at["head_end"], *arms], axis=1)


def names(kind: str) -> dict[str, str]:
    """Part -> name of the joint; parts without a name are end sites."""
    table, sides = NAMES[kind]
    filled = {}
    for part in BODY:
        key = part[2:] if part[1] == "_" else part
        if key in table:
            filled[part] = table[key].format(sides["lr".index(part[0])]) if part[1] == "_" else table[key]
    return filled


def scrambled(walked: Walk) -> Walk:
    """The same motion on joints whose own axes point anywhere, so that the rest pose is no person (as in LaFAN1)."""
    random = np.random.default_rng(3)
    axes = {part: Rotation.random(random_state=random) for part in walked.body}
    turns = {part: turn * axes[part] for part, turn in walked.turns.items()}
    body = {
        part: (parent, tuple(axes[parent].inv().apply(offset)) if parent else offset)
        for part, (parent, offset) in walked.body.items()
    }
    return replace(walked, turns=turns, body=body)


def write_bvh(
    walked: Walk,
    joints: dict[str, str],
    *,
    order: str = "ZXY",
    per_metre: float = 1.0,
    up: str = "y",
    positions: bool = False,
) -> str:
    """The text of a BVH file.

    Args:
        walked: the motion.
        joints: name of each part; others become end sites.
        order: of the rotation channels.
        per_metre: units of the file in a metre.
        up: ``y`` or ``z``.
        positions: position channels on every joint (with an offset that is not to be used), not only on the root.
    """
    world = Rotation.identity() if up == "y" else Rotation.from_euler("x", 90, degrees=True)
    lines, columns = ["HIERARCHY"], []

    def add(part: str, depth: int) -> None:
        parent, offset = walked.body[part]
        pad = "\t" * depth
        place = world.apply(offset) * per_metre if parent else np.zeros(3)
        children = [child for child, (above, _) in walked.body.items() if above == part]
        free = not parent or positions
        if part not in joints:
            lines.extend(
                [f"{pad}End Site", f"{pad}{{", f"{pad}\tOFFSET " + " ".join(f"{v:.9f}" for v in place), f"{pad}}}"]
            )
            return
        given = place * 0.5 if parent and positions else place
        kinds = ["Xposition Yposition Zposition"] * free + [" ".join(f"{axis}rotation" for axis in order)]
        lines.extend([
            f"{pad}{'JOINT' if parent else 'ROOT'} {joints[part]}", f"{pad}{{",
            f"{pad}\tOFFSET " + " ".join(f"{v:.9f}" for v in given),
            f"{pad}\tCHANNELS {6 if free else 3} {' '.join(kinds)}",
        ])  # fmt: skip
        own = walked.turns[parent].inv() * walked.turns[part] if parent else walked.turns[part]
        if free:
            columns.append(np.tile(place, (len(walked), 1)) if parent else world.apply(walked.places[part]) * per_metre)
        # Capital letters: about the axes of the joint, one after the other, which is what BVH means.
        columns.append((world * own * world.inv()).as_euler(order, degrees=True))
        for child in children:
            add(child, depth + 1)
        lines.append(f"{pad}}}")

    add("root", 0)
    table = np.concatenate(columns, axis=1)
    rows = [" ".join(f"{value:.9f}" for value in row) for row in table]
    return "\n".join([*lines, "MOTION", f"Frames: {len(walked)}", f"Frame Time: {1 / walked.fps:.7f}", *rows, ""])
