"""glTF files: joints by the rules of the specification, the figure by a reader that we did not write."""

from __future__ import annotations

import base64
import json
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation, Slerp

from detectors.layouts import H36M_17
from lifting.skeleton.names import SKELETONS
from pipeline.results.exporters import ExportOptions, save
from pipeline.results.result import Result
from tests.lifting.skeleton.dancer import dance, joints_of
from tests.pipeline.formats.animation.test_bvh import person, result
from tests.pipeline.results.test_result import CAMERA

TIMES = np.arange(60) / 30


class Gltf:
    """A file read as the specification says: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        if path.suffix == ".gltf":
            self.tree: dict[str, Any] = json.loads(data)
            self.data = base64.b64decode(self.tree["buffers"][0]["uri"].partition("base64,")[2])
            return
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        long, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON" and long % 4 == 0
        self.tree = json.loads(data[20 : 20 + long])
        self.data = data[28 + long :]

    def array(self, index: int) -> np.ndarray:
        accessor = self.tree["accessors"][index]
        view = self.tree["bufferViews"][accessor["bufferView"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor["type"]]
        kind = {5126: "<f4", 5121: "<u1", 5123: "<u2"}[accessor["componentType"]]
        assert view["byteOffset"] % 4 == 0
        found = np.frombuffer(self.data, kind, accessor["count"] * width, view["byteOffset"]).reshape(-1, width)
        if "min" in accessor:
            assert found.min(axis=0).tolist() == accessor["min"] and found.max(axis=0).tolist() == accessor["max"]
        return found

    def places(self, second: float | None) -> dict[int, np.ndarray]:
        """``[4, 4]`` of every node in the scene at a time, None at rest."""
        moved: dict[tuple[int, str], np.ndarray] = {}
        for channel in self.tree["animations"][0]["channels"] if second is not None else []:
            sampler = self.tree["animations"][0]["samplers"][channel["sampler"]]
            times, values = self.array(sampler["input"])[:, 0], self.array(sampler["output"])
            assert sampler["interpolation"] == "LINEAR" and (np.diff(times) > 0).all() and times[0] >= 0
            at = float(np.clip(second, times[0], times[-1]))
            target = (channel["target"]["node"], channel["target"]["path"])
            if target[1] == "rotation":
                np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, atol=1e-6)
                assert ((values[1:] * values[:-1]).sum(axis=1) >= 0).all()
                moved[target] = Slerp(times, Rotation.from_quat(values))(at).as_quat()
            else:
                moved[target] = np.array([np.interp(at, times, column) for column in values.T])
        found: dict[int, np.ndarray] = {}
        todo = [(root, np.eye(4)) for root in self.tree["scenes"][0]["nodes"]]
        while todo:
            node, above = todo.pop()
            own, known = np.eye(4), self.tree["nodes"][node]
            own[:3, 3] = moved.get((node, "translation"), known.get("translation", [0, 0, 0]))
            turn = moved.get((node, "rotation"), known.get("rotation", [0, 0, 0, 1]))
            own[:3, :3] = Rotation.from_quat(turn).as_matrix()
            found[node] = above @ own
            todo += [(child, found[node]) for child in known.get("children", [])]
        return found

    def vertices(self, mesh: int, second: float | None) -> np.ndarray:
        """``[V, 3]`` of a mesh moved by its skin, as in section 3.7.3.3."""
        node = next(node for node in self.tree["nodes"] if node.get("mesh") == mesh)
        skin, places = self.tree["skins"][node["skin"]], self.places(second)
        inverse = self.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        joints = np.stack([places[joint] for joint in skin["joints"]]) @ inverse
        moved = []
        for primitive in self.tree["meshes"][mesh]["primitives"]:
            attributes = {name: self.array(index) for name, index in primitive["attributes"].items()}
            assert (attributes["WEIGHTS_0"].sum(axis=1) == 1).all()
            points = np.concatenate([attributes["POSITION"], np.ones((len(attributes["POSITION"]), 1))], axis=1)
            matrix = np.einsum("vk,vkij->vij", attributes["WEIGHTS_0"], joints[attributes["JOINTS_0"]])
            moved.append(np.einsum("vij,vj->vi", matrix, points)[:, :3])
        return np.concatenate(moved)


@pytest.mark.parametrize("name", ["a.glb", "a.gltf"])
def test_joints_are_ours_at_every_time(tmp_path: Path, name: str) -> None:
    uneven = np.cumsum(np.random.default_rng(3).choice([1, 2], 60)) / 60
    save(tmp_path / name, result(person(uneven)))
    gltf = Gltf(tmp_path / name)
    truth = joints_of(dance(uneven))
    nodes = [node["name"] for node in gltf.tree["nodes"]]
    start = uneven[0]
    for row in range(0, 60, 7):
        places = gltf.places(uneven[row] - start)
        for index, joint in enumerate(H36M_17.joints):
            if joint != "head_top":
                assert np.abs(places[nodes.index(joint)][:3, 3] - truth[row, index]).max() < 0.001, joint


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_the_figure_stands_at_rest_and_follows_its_joints(tmp_path: Path, skeleton: str) -> None:
    save(tmp_path / "a.glb", result(person(TIMES)), ExportOptions(skeleton))  # type: ignore[arg-type]
    gltf = Gltf(tmp_path / "a.glb")
    bound = np.concatenate(
        [gltf.array(part["attributes"]["POSITION"]) for part in gltf.tree["meshes"][0]["primitives"]]
    )
    profile = SKELETONS[skeleton]
    rest = gltf.places(None)
    nodes = [node["name"] for node in gltf.tree["nodes"]]
    if not profile.along:
        # Nothing moves where all rotations are those of the T-pose.
        np.testing.assert_allclose(gltf.vertices(0, None), bound, atol=1e-5)
    assert bound[:, 1].min() == pytest.approx(0.0, abs=1e-4) and 1.4 < bound[:, 1].max() < 2.0
    assert rest[nodes.index(profile.name("pelvis"))][1, 3] == pytest.approx(0.9, abs=0.1)
    moved = gltf.vertices(0, 1.0)
    joints = joints_of(dance(TIMES))[30]
    for joint in joints:
        assert np.linalg.norm(moved - joint, axis=1).min() < 0.2
    top, low = moved[:, 1].max(), moved[:, 1].min()
    assert top - joints[:, 1].max() < 0.15 and low > joints[:, 1].min() - 0.3


def test_another_reader_gets_closed_surfaces_in_metres(tmp_path: Path) -> None:
    save(tmp_path / "a.glb", result(person(TIMES), person(TIMES, track_id=7)))
    scene = trimesh.load_scene(tmp_path / "a.glb")
    assert len(scene.geometry) == 6 and 1.4 < scene.extents[1] < 2.0
    for part in scene.geometry.values():
        part.merge_vertices(merge_norm=True)
        part.update_faces(part.nondegenerate_faces())
        outside = np.einsum("fi,fi->f", part.face_normals, part.vertex_normals[part.faces].mean(axis=1))
        assert (outside > 0).all()
        for solid in part.split(only_watertight=True):
            assert solid.volume > 0
    assert sum(part.volume for part in scene.geometry.values()) > 0.02


def test_several_people_in_one_scene(tmp_path: Path) -> None:
    late = person(TIMES + 0.5, first=15, gap=slice(10, 14), track_id=4)
    assert save(tmp_path / "a.glb", result(person(TIMES), late)) == [tmp_path / "a.glb"]
    gltf = Gltf(tmp_path / "a.glb")
    assert [node["name"] for node in gltf.tree["nodes"] if "extras" in node] == ["person 1", "person 4"]
    extras = [node["extras"] for node in gltf.tree["nodes"] if "extras" in node]
    assert extras[0] == {"track_id": 1, "gaps_s": []}
    assert extras[1] == {"track_id": 4, "gaps_s": [[pytest.approx(25 / 30), pytest.approx(28 / 30)]]}
    starts = {float(gltf.array(sampler["input"])[0, 0]) for sampler in gltf.tree["animations"][0]["samplers"]}
    assert starts == {0.0, 0.5}
    assert gltf.tree["asset"]["extras"]["axes"].startswith("world axes") and gltf.tree["asset"]["extras"]["in_world"]
    truth = joints_of(dance(TIMES + 0.5))
    node = [n for n, known in enumerate(gltf.tree["nodes"]) if known["name"] == "left_wrist"][1]
    for second in (0.8, 0.9):
        np.testing.assert_allclose(gltf.places(second)[node][:3, 3], truth[9, 13], atol=1e-3)


@pytest.mark.slow
def test_fifty_people_of_one_frame(tmp_path: Path) -> None:
    save(tmp_path / "a.glb", result(*(person(TIMES[:1], track_id=n) for n in range(1, 51))))
    assert len(Gltf(tmp_path / "a.glb").tree["skins"]) == 50


def test_nobody(tmp_path: Path) -> None:
    save(tmp_path / "none.glb", Result((), CAMERA, {}))
    tree = Gltf(tmp_path / "none.glb").tree
    assert tree["scenes"] == [{"name": "people"}] and "nodes" not in tree and "buffers" not in tree
    save(tmp_path / "b.glb", result(person(TIMES[:3], gap=slice(0, 3)), person(TIMES[:3], track_id=2)))
    assert len(Gltf(tmp_path / "b.glb").tree["skins"]) == 1


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.glb", "b.glb"):
        save(tmp_path / name, result(person(TIMES)))
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


@pytest.mark.slow
def test_two_thousand_frames_a_second(tmp_path: Path) -> None:
    people = result(person(np.arange(6000) / 30), frames=6000)
    began = time.process_time()
    save(tmp_path / "a.glb", people, ExportOptions("lafan1"))
    assert 6000 / (time.process_time() - began) > 2000
