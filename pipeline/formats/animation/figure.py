"""A body for a skeleton: tapered limbs and round joints, each part moved by one joint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton.frames import frame, unit
from lifting.skeleton.rig import Rig

__all__ = ["Part", "figure"]

Array = NDArray[np.float64]

#: Radius at a joint, in lengths of a shank.
_RADII = {
    "pelvis": 0.22, "lower_back": 0.22, "spine": 0.24, "chest": 0.25, "thorax": 0.14, "nose": 0.12,
    "clavicle": 0.12, "shoulder": 0.12, "elbow": 0.09, "wrist": 0.065, "hip": 0.18, "knee": 0.12, "ankle": 0.085,
    "toe": 0.075,
}  # fmt: skip
#: Radius where a limb ends, in that of its last joint.
_TIP = 0.6
#: Half axes of the head, across, along, and from the back to the face, and of the nose, in lengths of a shank.
_HEAD, _FACE = np.array([0.19, 0.3, 0.24]), 0.05
#: Bones that are shorter have no limb, in lengths of a shank.
_SHORT = 0.03


@dataclass(frozen=True, eq=False)
class Part:
    """Triangles of one side of the body.

    Attributes:
        side: "left", "right" or "centre".
        vertices: ``[V, 3]`` in the T-pose, relative to the root, metres.
        normals: ``[V, 3]``.
        joints: ``[V]`` the joint that moves a vertex.
        triangles: ``[F, 3]`` indices, counter-clockwise from outside.
    """

    side: str
    vertices: Array
    normals: Array
    joints: NDArray[np.int64]
    triangles: NDArray[np.int64]


def figure(rig: Rig) -> list[Part]:
    """The body of a skeleton in its T-pose, a part for each side."""
    places = rig.positions()
    shank = float(np.linalg.norm(rig.offsets[rig.index("left_ankle")]))
    pieces: dict[str, list[tuple[Array, Array, int, NDArray[np.int64]]]] = {"left": [], "right": [], "centre": []}

    def radius(joint: str) -> float:
        return _RADII[joint.removeprefix("left_").removeprefix("right_")] * shank

    def add(name: str, joint: int, solid: tuple[Array, Array, NDArray[np.int64]]) -> None:
        side = name.partition("_")[0] if name.startswith(("left_", "right_")) else "centre"
        pieces[side].append((solid[0], solid[1], joint, solid[2]))

    for joint, name in enumerate(rig.joints):
        add(name, joint, _ball(places[joint], np.full(3, radius(name))))
        parent = rig.parents[joint]
        if parent >= 0 and np.linalg.norm(rig.offsets[joint]) > _SHORT * shank:
            begin = min(radius(rig.joints[parent]), 1.3 * radius(name))
            add(name, parent, _limb(places[parent], places[joint], begin, radius(name)))
    for name, end in rig.ends.items():
        joint = rig.index(name)
        if name == "nose":
            middle = places[joint] + 0.7 * end
            add(name, joint, _ball(middle, _HEAD * shank))
            add(name, joint, _ball(middle + np.array([0, -0.1, _HEAD[2]]) * shank, np.full(3, _FACE * shank)))
        else:
            tip = places[joint] + end
            add(name, joint, _limb(places[joint], tip, radius(name), _TIP * radius(name)))
            add(name, joint, _ball(tip, np.full(3, _TIP * radius(name))))
    return [_joined(side, solids) for side, solids in pieces.items()]


def _joined(side: str, solids: list[tuple[Array, Array, int, NDArray[np.int64]]]) -> Part:
    starts = np.cumsum([0, *(len(vertices) for vertices, _, _, _ in solids)])
    return Part(
        side,
        np.concatenate([vertices for vertices, _, _, _ in solids]),
        np.concatenate([normals for _, normals, _, _ in solids]),
        np.concatenate([np.full(len(vertices), joint) for vertices, _, joint, _ in solids]),
        np.concatenate([triangles + start for (_, _, _, triangles), start in zip(solids, starts, strict=False)]),
    )


def _ball(centre: Array, half: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    points, triangles = _sphere()
    return centre + points * half, unit(points / half), triangles


def _limb(begin: Array, end: Array, first: float, last: float) -> tuple[Array, Array, NDArray[np.int64]]:
    """A tapered tube; balls close its ends."""
    along = unit(end - begin)[None]
    aside = np.eye(3)[np.abs(along[0]).argmin()][None]
    turn = frame(np.array([0.0, 1, 0]), np.array([1.0, 0, 0]), along, aside)[0]
    ring, triangles = _tube()
    out = ring @ turn.T
    return np.concatenate([begin + first * out, end + last * out]), np.concatenate([out, out]), triangles


@cache
def _tube(sides: int = 12) -> tuple[Array, NDArray[np.int64]]:
    """A ring about y, and the triangles between two of them."""
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    here = np.arange(sides)
    after = (here + 1) % sides
    lower = np.stack([here, here + sides, after], axis=1)
    return ring, np.concatenate([lower, np.stack([after, here + sides, after + sides], axis=1)])


@cache
def _sphere(sides: int = 12, rows: int = 7) -> tuple[Array, NDArray[np.int64]]:
    """Points of a ball of radius 1 and its triangles."""
    polar = np.pi * np.arange(rows + 1) / rows
    angle = 2 * np.pi * np.arange(sides) / sides
    height, around = np.meshgrid(polar, angle, indexing="ij")
    points = np.stack([np.sin(height) * np.cos(around), np.cos(height), np.sin(height) * np.sin(around)], axis=-1)
    here = np.arange(rows * sides).reshape(rows, sides)
    after = np.roll(here, -1, axis=1)
    upper = np.stack([here, after, here + sides], axis=-1)[1:].reshape(-1, 3)
    lower = np.stack([after, after + sides, here + sides], axis=-1)[:-1].reshape(-1, 3)
    return points.reshape(-1, 3), np.concatenate([upper, lower])
