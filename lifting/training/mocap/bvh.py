"""BVH files: the text of one becomes a hierarchy with a table of channels, and that becomes joint positions.

Our own reader, because data sets with position channels on every joint are common (Bandai Namco, mocopi) and the
maintained library without compiled parts, pybvh, refuses them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["END", "Bvh", "parse_bvh", "world_frames"]

#: What follows a joint's name in the name of its end site.
END = "/End"

_MOTION = re.compile(
    r"^[^\S\n]*MOTION\s+Frames\s*:\s*(\S+)\s+Frame\s+Time\s*:\s*(\S+)[^\S\n]*$", re.IGNORECASE | re.MULTILINE
)
_CHANNEL = re.compile(r"([XYZ])(position|rotation)", re.IGNORECASE)


@dataclass(frozen=True)
class Bvh:
    """A recording as the file has it: its own units and axes, angles in degrees.

    Attributes:
        names: of the ``J`` joints and end sites, parents first; an end site is called ``<joint>/End``.
        parents: ``[J]`` index of the parent, -1 for the root.
        offsets: ``[J, 3]`` from the parent, in the parent's frame.
        channels: for each node, pairs such as ``("rotation", 2)`` (kind, axis) in the order of the table.
        values: ``[T, C]`` the table, one row per frame, columns in the order of nodes and their channels.
        frame_time: seconds from frame to frame.
    """

    names: tuple[str, ...]
    parents: NDArray[np.int64]
    offsets: NDArray[np.float64]
    channels: tuple[tuple[tuple[str, int], ...], ...]
    values: NDArray[np.float64]
    frame_time: float


def parse_bvh(text: str) -> Bvh:
    """The recording in the text of a BVH file.

    Raises:
        ValueError: it is none, or damaged; the message says how, as the second half of a sentence.
    """
    if not text.strip():
        raise ValueError("is empty")
    if not text.lstrip().upper().startswith("HIERARCHY"):
        raise ValueError("is no BVH file (it does not begin with HIERARCHY)")
    motion = _MOTION.search(text)
    if motion is None:
        raise ValueError("has no MOTION part with its Frames and Frame Time; the file may be cut off")
    names, parents, offsets, channels = _parse_hierarchy(text[: motion.start()])
    try:
        count, frame_time = int(motion[1]), float(motion[2])
    except ValueError as error:
        raise ValueError(f"has {motion[1]!r} frames of {motion[2]!r} s, which are no numbers") from error
    if not 0.0005 <= frame_time <= 1:
        raise ValueError(f"has a frame time of {frame_time:g} s, which no recording has")
    columns = sum(map(len, channels))
    # What a joint takes in every frame is paid for by the numbers of the file.
    if len(names) > 2 * columns:
        raise ValueError(f"has {len(names)} joints and end sites for {columns} numbers per frame, which moves nobody")
    values = _parse_numbers(text[motion.end() :])
    if values.size != count * columns:
        raise ValueError(
            f"promises {count} frames of {columns} numbers, but {values.size} numbers follow; the file may be cut off"
        )
    if not np.isfinite(values).all():
        raise ValueError("has values that are no finite numbers")
    return Bvh(names, parents, offsets, channels, values.reshape(count, columns), frame_time)


def world_frames(
    bvh: Bvh, values: NDArray[np.float64] | None, nodes: Collection[int]
) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Where some nodes are: positions ``[T, 3]`` and rotations to world ``[T, 3, 3]``, by node index.

    A position channel takes the place of the offset along its axis, as in MotionBuilder and Blender.

    Args:
        bvh: the recording.
        values: rows of its table, or None for the rest pose (one frame, all rotations zero).
        nodes: indices of the nodes.
    """
    needed: set[int] = set()
    for node in nodes:
        while node >= 0 and node not in needed:
            needed.add(node)
            node = int(bvh.parents[node])
    starts = np.cumsum([0, *map(len, bvh.channels)])
    rows = 1 if values is None else len(values)
    frames: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for node in sorted(needed):
        place = np.tile(bvh.offsets[node], (rows, 1))
        turn = np.tile(np.eye(3), (rows, 1, 1))
        for column, (kind, axis) in enumerate(bvh.channels[node], start=int(starts[node])):
            if values is None:
                break
            if kind == "position":
                place[:, axis] = values[:, column]
            else:
                turn = turn @ _axis_rotation(np.radians(values[:, column]), axis)
        parent = int(bvh.parents[node])
        if parent >= 0:
            origin, carried = frames[parent]
            place = origin + np.einsum("tij,tj->ti", carried, place)
            turn = carried @ turn
        frames[node] = place, turn
    return {node: frames[node] for node in nodes}


def _axis_rotation(angle: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Rotations ``[T, 3, 3]`` by ``[T]`` radians about a coordinate axis."""
    matrix = np.zeros((len(angle), 3, 3))
    following, last = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, axis, axis] = 1
    matrix[:, following, following] = matrix[:, last, last] = np.cos(angle)
    matrix[:, last, following] = np.sin(angle)
    matrix[:, following, last] = -np.sin(angle)
    return matrix


def _parse_hierarchy(
    text: str,
) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.float64], tuple[tuple[tuple[str, int], ...], ...]]:
    names: list[str] = []
    parents: list[int] = []
    offsets: dict[int, list[float]] = {}
    channels: dict[int, tuple[tuple[str, int], ...]] = {}
    open_nodes: list[int] = []
    named_last = False
    # Braces may share a line with names; names may hold spaces.
    for line in re.sub(r"([{}])", r"\n\1\n", text).splitlines()[1:]:
        word, *rest = line.split(maxsplit=1) or [""]
        key, value = word.upper(), rest[0].strip() if rest else ""
        if not key:
            continue
        if named_last != (key == "{") or (key == "}" and not open_nodes):
            raise ValueError("has a hierarchy with braces that do not match")
        named_last = key in ("ROOT", "JOINT", "END")
        if named_last:
            if (key == "ROOT") == bool(names) or (key != "ROOT" and not open_nodes):
                raise ValueError("holds more than one skeleton, or a joint outside of one; give one person per file")
            if open_nodes and names[open_nodes[-1]].endswith(END):
                raise ValueError("has an end site with something in it")
            parents.append(open_nodes[-1] if open_nodes else -1)
            names.append(names[parents[-1]] + END if key == "END" else value)
        elif key == "{":
            open_nodes.append(len(names) - 1)
        elif key == "}":
            open_nodes.pop()
        elif key == "OFFSET" and open_nodes:
            offsets[open_nodes[-1]] = _offset(value, names[open_nodes[-1]])
        elif key == "CHANNELS" and open_nodes:
            channels[open_nodes[-1]] = _channels(value, names[open_nodes[-1]])
        else:
            raise ValueError(f"has a line that makes no sense in its hierarchy: {line.strip()[:60]!r}")
    if not names or open_nodes:
        raise ValueError("has a hierarchy without a joint, or with braces that do not match; the file may be cut off")
    missing = [name for node, name in enumerate(names) if node not in offsets]
    if missing:
        raise ValueError(f"has no OFFSET for {missing[0]!r}")
    nodes = range(len(names))
    return (
        tuple(names),
        np.array(parents, dtype=np.int64),
        np.array([offsets[node] for node in nodes]),
        tuple(channels.get(node, ()) for node in nodes),
    )


def _offset(text: str, name: str) -> list[float]:
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError as error:
        raise ValueError(f"has an OFFSET of {name!r} that is no numbers: {text[:60]!r}") from error
    if len(numbers) != 3 or not np.isfinite(numbers).all():
        raise ValueError(f"has an OFFSET of {name!r} that is not three finite numbers: {text[:60]!r}")
    return numbers


def _channels(text: str, name: str) -> tuple[tuple[str, int], ...]:
    count, *words = text.split() or [""]
    matches = [_CHANNEL.fullmatch(word) for word in words]
    if not count.isdigit() or int(count) != len(words) or not all(matches):
        raise ValueError(f"has CHANNELS of {name!r} that make no sense: {text[:60]!r}")
    return tuple((match[2].lower(), "XYZ".index(match[1].upper())) for match in matches if match)


def _parse_numbers(text: str) -> NDArray[np.float64]:
    if not text.strip():
        return np.zeros(0)
    with warnings.catch_warnings():
        # numpy only warns when it stops at something that is no number.
        warnings.simplefilter("error")
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")
        except (DeprecationWarning, ValueError) as error:
            raise ValueError("has a table of frames with something in it that is no number") from error
