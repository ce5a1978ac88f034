"""glTF 2.0, binary or with its buffer as text: everybody in one scene, each a skinned figure that moves.

Written by hand: what is needed of the format is a list of arrays and a few objects that name them.
"""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton.frames import as_quaternions, continuous
from pipeline.errors import OutputError
from pipeline.formats.animation.figure import Part, figure
from pipeline.formats.animation.skeletons import Mover, in_axes, movers, offsets_in_axes
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result
from visualize.palette import SIDE_COLOURS

__all__ = ["GltfExporter"]

_FLOAT, _BYTE, _SHORT = 5126, 5121, 5123
_VERTICES, _INDICES = 34962, 34963
_SHAPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
#: What a GLB can hold, bytes.
_MOST = 2**32 - 1


class GltfExporter(Exporter):
    """Metres, y up, seconds from the first frame of the video on; rotations between frames are linear.

    The header (``asset.extras``) says which axes these are; each person's node has its id and its gaps.
    """

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        people, sentence, in_world = movers(result, self.options.skeleton)
        scene = _Scene(sentence, in_world)
        for person in people:
            scene.add(person)
        if scene.size + 2**20 > _MOST:
            raise OutputError(
                "the people of this result take more than the 4 GB of a glTF file; export them one by one"
            )
        path.write_bytes(scene.text() if path.suffix.lower() == ".gltf" else scene.binary())


class _Scene:
    """A scene while it grows."""

    def __init__(self, sentence: str, in_world: bool) -> None:
        self.buffer: list[bytes] = []
        self.size = 0
        self.nodes: list[dict[str, Any]] = []
        self.meshes: list[dict[str, Any]] = []
        self.skins: list[dict[str, Any]] = []
        self.samplers: list[dict[str, Any]] = []
        self.channels: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.roots: list[int] = []
        self.header = {
            "version": "2.0",
            "generator": "zedo-video",
            "extras": {"axes": sentence, "in_world": in_world, "unit": "metre"},
        }

    def add(self, person: Mover) -> None:
        """A node with the skeleton and the figure of a person below it, and its motion."""
        motion, axes, name = person.motion, person.axes(), f"person {person.track_id}"
        rig = motion.rig
        first = len(self.nodes)
        joints = [first + 2 + joint for joint in range(len(rig.joints))]
        extras = {"track_id": person.track_id, "gaps_s": [list(gap) for gap in person.gaps]}
        # A mesh with a skin is where its joints are; below another node it would only seem to follow that.
        self.roots += [first, first + 1]
        self.nodes.append({"name": name, "children": [joints[0]], "extras": extras})
        self.nodes.append({"name": f"{name} figure", "mesh": len(self.meshes), "skin": len(self.skins)})
        places = rig.positions()
        # In the T-pose it stands on the floor.
        parts = figure(rig)
        standing = np.array([0.0, -min(part.vertices[:, 1].min() for part in parts), 0.0])
        offsets = offsets_in_axes(rig, axes)
        offsets[0] = standing
        rest = np.stack(
            [axes[parent].T @ axes[joint] if parent >= 0 else axes[joint] for joint, parent in enumerate(rig.parents)]
        )
        rest_turns = _last_real(as_quaternions(rest))
        for joint, inner in enumerate(rig.joints):
            node: dict[str, Any] = {
                "name": person.profile.name(inner),
                "translation": _plain(offsets[joint]),
                "rotation": _plain(rest_turns[joint]),
            }
            if children := [joints[child] for child, parent in enumerate(rig.parents) if parent == joint]:
                node["children"] = children
            self.nodes.append(node)
        self._skin(places + standing, axes, joints)
        self._mesh(parts, standing, name)
        self._move(person, axes, joints)

    def _skin(self, places: NDArray[np.float64], axes: NDArray[np.float64], joints: list[int]) -> None:
        inverse = np.tile(np.eye(4), (len(joints), 1, 1))
        inverse[:, :3, :3] = axes.transpose(0, 2, 1)
        inverse[:, :3, 3] = -np.einsum("jki,jk->ji", axes, places)
        # Matrices are stored by columns.
        matrices = self._accessor(inverse.transpose(0, 2, 1).reshape(-1, 16))
        self.skins.append({"inverseBindMatrices": matrices, "joints": joints, "skeleton": joints[0]})

    def _mesh(self, parts: list[Part], standing: NDArray[np.float64], name: str) -> None:
        primitives = []
        for part in parts:
            bound = np.zeros((len(part.joints), 4))
            bound[:, 0] = part.joints
            whole = np.tile([1.0, 0, 0, 0], (len(part.joints), 1))
            attributes = {
                "POSITION": self._accessor(part.vertices + standing, target=_VERTICES, bounds=True),
                "NORMAL": self._accessor(part.normals, target=_VERTICES),
                "JOINTS_0": self._accessor(bound, _BYTE, target=_VERTICES),
                "WEIGHTS_0": self._accessor(whole, target=_VERTICES),
            }
            indices = self._accessor(part.triangles.reshape(-1, 1), _SHORT, target=_INDICES)
            material = list(SIDE_COLOURS).index(part.side)
            primitives.append({"attributes": attributes, "indices": indices, "material": material})
        self.meshes.append({"name": f"{name} figure", "primitives": primitives})

    def _move(self, person: Mover, axes: NDArray[np.float64], joints: list[int]) -> None:
        motion = person.motion
        times = (motion.time_s - person.start_s).astype(np.float32)
        keep = np.concatenate([[True], np.diff(np.maximum.accumulate(times)) > 0])
        seconds = self._accessor(np.maximum(times[keep], 0)[:, None], bounds=True)
        turns = _last_real(continuous(as_quaternions(in_axes(motion, axes)[keep])))
        self._channel(seconds, self._accessor(motion.root_m[keep]), joints[0], "translation")
        for joint, node in enumerate(joints):
            self._channel(seconds, self._accessor(turns[:, joint]), node, "rotation")

    def _channel(self, times: int, values: int, node: int, path: str) -> None:
        self.channels.append({"sampler": len(self.samplers), "target": {"node": node, "path": path}})
        self.samplers.append({"input": times, "output": values, "interpolation": "LINEAR"})

    def _accessor(
        self, values: NDArray[Any], kind: int = _FLOAT, *, target: int | None = None, bounds: bool = False
    ) -> int:
        """The index of an array ``[N, C]`` in the file."""
        stored = np.ascontiguousarray(values, {_FLOAT: "<f4", _BYTE: "<u1", _SHORT: "<u2"}[kind])
        data = stored.tobytes()
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self.size, "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self.buffer.append(data + b"\0" * (-len(data) % 4))
        self.size += len(self.buffer[-1])
        accessor: dict[str, Any] = {
            "bufferView": len(self.views),
            "componentType": kind,
            "count": len(stored),
            "type": _SHAPES[stored.shape[1]],
        }
        if bounds:
            accessor |= {"min": stored.min(axis=0).tolist(), "max": stored.max(axis=0).tolist()}
        self.views.append(view)
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def _tree(self, buffer: dict[str, Any]) -> bytes:
        tree: dict[str, Any] = {"asset": self.header, "scene": 0, "scenes": [{"name": "people"}]}
        if self.roots:
            tree["scenes"][0]["nodes"] = self.roots
            animation = {"name": "motion", "channels": self.channels, "samplers": self.samplers}
            tree |= {"nodes": self.nodes, "meshes": self.meshes, "skins": self.skins, "animations": [animation]}
            tree |= {"materials": [_material(side) for side in SIDE_COLOURS]}
            tree |= {"accessors": self.accessors, "bufferViews": self.views, "buffers": [buffer]}
        return json.dumps(tree, allow_nan=False, separators=(",", ":")).encode()

    def text(self) -> bytes:
        """One JSON file."""
        data = base64.b64encode(b"".join(self.buffer)).decode()
        return self._tree({"byteLength": self.size, "uri": f"data:application/octet-stream;base64,{data}"})

    def binary(self) -> bytes:
        """GLB: a header, the JSON, the buffer."""
        tree = self._tree({"byteLength": self.size})
        chunks = [(b"JSON", tree + b" " * (-len(tree) % 4))]
        if self.size:
            chunks.append((b"BIN\0", b"".join(self.buffer)))
        body = b"".join(struct.pack("<I", len(data)) + kind + data for kind, data in chunks)
        return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def _material(side: str) -> dict[str, Any]:
    # Of sRGB, where the palette is, to linear.
    colour = (np.array(SIDE_COLOURS[side]) / 255) ** 2.2
    surface = {"baseColorFactor": [*_plain(colour), 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.6}
    return {"name": side, "pbrMetallicRoughness": surface}


def _last_real(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """With the real part last."""
    return quaternions[..., [1, 2, 3, 0]]


def _plain(values: NDArray[np.float64]) -> list[float]:
    return [float(value) for value in np.asarray(values, np.float32) + 0.0]
