"""Skeleton maps: how the 17 joints are made of the joints of a motion capture skeleton.

A map is a TOML file (docs/preparing.md); those of common skeletons are in ``lifting/training/mocap/skeletons``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.texts import parse_toml
from detectors.layouts import H36M_17
from lifting.body.joints import ANKLES, HEAD_TOP, HIPS, NOSE, PELVIS, SHOULDERS, SPINE, THORAX
from lifting.training.mocap.bvh import END, Bvh, world_frames

__all__ = ["MappedMotion", "SkeletonMap", "apply_map", "builtin_maps", "detect_map", "parse_map"]

#: A place as the weighted sum of joints.
Point = Mapping[str, float]

_SIDED = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_CENTRAL = ("thorax", "head_top")
_OPTIONAL = ("toe", "spine")
#: The spine joint lies this far up the trunk, from pelvis to thorax along its joints.
_SPINE_SHARE = 0.48
#: The nose lies this far ahead of the middle of thorax and head top, as a share of their distance.
_NOSE_AHEAD = 0.34
_CHUNK = 4096


@dataclass(frozen=True)
class SkeletonMap:
    """How the 17 joints are made.

    Attributes:
        name: as in ``--skeleton NAME``.
        sides: what ``{side}`` stands for, left and right.
        points: for each of hip, knee, ankle, shoulder, elbow, wrist, thorax, head_top (and toe, spine if the map has
            them) the alternatives, of which the first that the skeleton can make counts.
        trunk: joints from pelvis to thorax; those that the skeleton has count.
        head: the joint that turns with the head.
        marks: joints that only this kind of skeleton has.
        restore: joints whose children without an offset get this multiple of the joint's own offset.
    """

    name: str
    sides: tuple[str, str]
    points: Mapping[str, Sequence[Point]]
    trunk: tuple[str, ...]
    head: str
    marks: tuple[str, ...] = ()
    restore: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MappedMotion:
    """A recording as 17 joints, still in the units and axes of its file.

    Attributes:
        poses: ``[T, 17, 3]`` in ``H36M_17`` order.
        toes: ``[T, 2, 3]`` base of the toes, left and right, if the skeleton has both.
        rest_up: ``[3]`` direction of the trunk in the rest pose, if that stands upright.
        fps: frames per second.
    """

    poses: NDArray[np.float64]
    toes: NDArray[np.float64] | None
    rest_up: NDArray[np.float64] | None
    fps: float


def builtin_maps() -> dict[str, SkeletonMap]:
    """The maps that come with the program, by name; the most particular ones first."""
    folder = resources.files("lifting.training.mocap") / "skeletons"
    texts = {item.name.removesuffix(".toml"): item.read_text("utf-8") for item in folder.iterdir()
             if item.name.endswith(".toml")}  # fmt: skip
    maps = [parse_map(text, name) for name, text in sorted(texts.items())]
    return {a_map.name: a_map for a_map in sorted(maps, key=lambda a_map: -len(a_map.marks))}


def parse_map(text: str, name: str) -> SkeletonMap:
    """A map from the text of its TOML file.

    Raises:
        ValueError: it is no TOML, or lacks something; the message says what.
    """
    values = parse_toml(text, f"the skeleton {name}")
    try:
        sides = _names(values.pop("sides"), "sides")
        points = {key: _alternatives(values.pop(key), key) for key in (*_SIDED, *_CENTRAL)}
        points |= {key: _alternatives(values.pop(key), key) for key in _OPTIONAL if key in values}
        trunk, head = _names(values.pop("trunk"), "trunk"), _names([values.pop("head")], "head")
    except KeyError as error:
        raise ValueError(f"has no {error.args[0]}") from error
    marks = _names(values.pop("marks", []), "marks")
    restore = _point(values.pop("restore", {}), "restore")
    if values:
        raise ValueError(f"has {next(iter(values))!r}, which is not known")
    if len(sides) != 2 or sides[0] == sides[1]:
        raise ValueError("must give two different sides, left and right")
    return SkeletonMap(name, (sides[0], sides[1]), points, trunk, head[0], marks, restore)


def detect_map(bvh: Bvh, maps: Mapping[str, SkeletonMap]) -> SkeletonMap:
    """The first map whose joints a recording has.

    Raises:
        ValueError: none fits; the message says what was found.
    """
    known = _index(bvh).keys()
    for a_map in maps.values():
        if all(_plain(mark) in known for mark in a_map.marks) and not _missing(a_map, known):
            return a_map
    some = ", ".join([name for name in bvh.names if not name.endswith(END)][:8])
    raise ValueError(
        f"has a skeleton of none of the kinds {', '.join(maps)} (its joints: {some}, ...); give a map of your own with "
        "--skeleton FILE"
    )


def apply_map(bvh: Bvh, a_map: SkeletonMap) -> MappedMotion:
    """The 17 joints of a recording.

    The pelvis is the middle of the hips; the spine, unless the map says where, is 48 % up the trunk from pelvis to
    thorax; the nose is the middle of thorax and head top, plus 0.34 of their distance straight ahead in the frame of
    the head. Ahead is where the rest pose faces if it stands upright, else where the chest faces on average.

    Raises:
        ValueError: the recording lacks joints that the map needs.
    """
    bvh = _restored(bvh, a_map.restore)
    index = _index(bvh)
    missing = _missing(a_map, index.keys())
    if missing:
        raise ValueError(f"has no joint for the {missing[0]} of the skeleton {a_map.name}; choose another --skeleton")
    nodes = world_frames(bvh, None, range(len(bvh.names)))
    rest_places = np.stack([nodes[node][0][0] for node in range(len(bvh.names))])
    weights, toes = _weights(rest_places, a_map, index)
    rest = weights @ rest_places
    head = index[_plain(a_map.head)]
    used = np.flatnonzero((weights != 0).any(0) | (toes != 0).any(0) | (np.arange(len(bvh.names)) == head))
    poses = np.empty((len(bvh.values), 17, 3))
    toe_places = np.empty((len(bvh.values), 2, 3))
    turns = np.empty((len(bvh.values), 3, 3))
    for start in range(0, len(bvh.values), _CHUNK):
        rows = slice(start, start + _CHUNK)
        frames = world_frames(bvh, bvh.values[rows], used.tolist())
        places = np.stack([frames[node][0] for node in used.tolist()], axis=1)
        poses[rows] = np.einsum("jn,tnc->tjc", weights[:, used], places)
        toe_places[rows] = np.einsum("jn,tnc->tjc", toes[:, used], places)
        turns[rows] = frames[head][1]
    upright = _stands(rest)
    ahead = _facing(rest[None])[0] if upright else np.einsum("tji,tj->i", turns, _facing(poses))
    ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-9)
    length = np.linalg.norm(poses[:, HEAD_TOP] - poses[:, THORAX], axis=-1, keepdims=True)
    poses[:, NOSE] = (poses[:, THORAX] + poses[:, HEAD_TOP]) / 2 + _NOSE_AHEAD * length * (turns @ ahead)
    rest_up = rest[THORAX] - rest[PELVIS]
    return MappedMotion(
        poses, toe_places if toes.any(1).all() else None, rest_up / np.linalg.norm(rest_up) if upright else None,
        1 / bvh.frame_time,
    )  # fmt: skip


def _weights(
    rest: NDArray[np.float64], a_map: SkeletonMap, index: Mapping[str, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 17 joints (but for the nose) and the toes as weights ``[17, J]`` and ``[2, J]`` of the nodes.

    ``rest`` are the places of the nodes in the rest pose, ``[J, 3]``: the lengths along the trunk come from it.
    """
    count = len(rest)

    def row(key: str, side: str = "") -> NDArray[np.float64]:
        weights = np.zeros(count)
        for name, weight in _chosen(a_map.points[key], side, index).items():
            weights[index[_plain(name)]] += weight
        return weights

    joints, toes = np.zeros((17, count)), np.zeros((2, count))
    for number, side in enumerate(a_map.sides):
        for key in _SIDED:
            joints[H36M_17.index(f"{('left', 'right')[number]}_{key}")] = row(key, side)
        if "toe" in a_map.points and _chosen(a_map.points["toe"], side, index):
            toes[number] = row("toe", side)
    for key in _CENTRAL:
        joints[H36M_17.index(key)] = row(key)
    joints[PELVIS] = (joints[HIPS[1]] + joints[HIPS[0]]) / 2
    if "spine" in a_map.points:
        joints[SPINE] = row("spine")
    else:
        trunk = [np.eye(count)[index[_plain(name)]] for name in a_map.trunk if _plain(name) in index]
        chain = np.stack([joints[PELVIS], *trunk, joints[THORAX]])
        reached = np.cumsum([0.0, *np.linalg.norm(np.diff(chain @ rest, axis=0), axis=1)])
        joints[SPINE] = [np.interp(_SPINE_SHARE * reached[-1], reached, column) for column in chain.T]
    return joints, toes


def _index(bvh: Bvh) -> dict[str, int]:
    """Nodes by plain name; an end site at its joint says nothing about where the body part ends, and is left out."""
    index: dict[str, int] = {}
    for node, name in enumerate(bvh.names):
        if not name.endswith(END) or np.linalg.norm(bvh.offsets[node]) > 1e-6:
            index.setdefault(_plain(name), node)
    return index


def _stands(rest: NDArray[np.float64]) -> bool:
    """Whether a rest pose ``[17, 3]`` is that of an upright person: trunk over legs, head over trunk, hips across."""

    def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9)

    trunk, legs, head = rest[THORAX] - rest[PELVIS], rest[PELVIS] - rest[ANKLES].mean(0), rest[HEAD_TOP] - rest[THORAX]
    across = cosine(rest[HIPS[1]] - rest[HIPS[0]], trunk)
    return cosine(trunk, legs) > 0.8 and cosine(trunk, head) > 0.5 > abs(across)


def _facing(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the chest faces, ``[T, 3]`` unit vectors, in right-handed axes."""
    ahead = np.cross(poses[:, SHOULDERS[1]] - poses[:, SHOULDERS[0]], poses[:, THORAX] - poses[:, PELVIS])
    return ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)


def _restored(bvh: Bvh, restore: Mapping[str, float]) -> Bvh:
    if not restore:
        return bvh
    offsets = bvh.offsets.copy()
    factors = {_plain(name): factor for name, factor in restore.items()}
    for node, parent in enumerate(bvh.parents.tolist()):
        if parent >= 0 and _plain(bvh.names[parent]) in factors and not bvh.offsets[node].any():
            offsets[node] = factors[_plain(bvh.names[parent])] * bvh.offsets[parent]
    return Bvh(bvh.names, bvh.parents, offsets, bvh.channels, bvh.values, bvh.frame_time)


def _missing(a_map: SkeletonMap, known: Collection[str]) -> list[str]:
    """What a map cannot make of joints of these plain names, each with the names of the joints it looked for."""
    wanted = [(key, side) for key in _SIDED for side in a_map.sides]
    wanted += [(key, "") for key in (*_CENTRAL, "spine") if key in a_map.points]
    missing = []
    for key, side in wanted:
        if not _chosen(a_map.points[key], side, known):
            looked_for = {name.replace("{side}", side): None for point in a_map.points[key] for name in point}
            missing.append(f"{key} ({', '.join(looked_for)})")
    return missing + ([] if _plain(a_map.head) in known else [f"head ({a_map.head})"])


def _chosen(alternatives: Sequence[Point], side: str, known: Collection[str]) -> Point:
    """The first alternative of which every joint is there, with the side filled in; else an empty one."""
    for point in alternatives:
        filled = {name.replace("{side}", side): weight for name, weight in point.items()}
        if all(_plain(name) in known for name in filled):
            return filled
    return {}


def _plain(name: str) -> str:
    """A joint's name without prefixes (``mixamorig:``, ``mixamorig_``), case and separators."""
    name = re.sub(r"^mixamorig\d*_?", "", name.rpartition(":")[2], flags=re.IGNORECASE)
    return re.sub(r"[ _.-]", "", name).lower()


def _alternatives(value: Any, key: str) -> tuple[Point, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError(f"gives no joint for {key}")
    return tuple({item: 1.0} if isinstance(item, str) else _weighted(item, key) for item in values)


def _weighted(value: Any, key: str) -> Point:
    point = _point(value, key)
    if abs(sum(point.values()) - 1) > 1e-6:
        raise ValueError(f"gives weights of {key} that do not add up to 1")
    return point


def _point(value: Any, key: str) -> Point:
    if not isinstance(value, dict) or not all(type(weight) in (int, float) for weight in value.values()):
        raise ValueError(f"must give {key} as names of joints, or as a table of names and numbers")
    return {name: float(weight) for name, weight in value.items()}


def _names(value: Any, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"must give {key} as a list of names")
    return tuple(value)
