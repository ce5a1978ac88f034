"""The result files: what goes in comes out, the document is true, and bad files are refused."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.layouts import H36M_17
from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from lifting.world.frame import Shot, World
from pipeline.errors import InputError, OutputError
from pipeline.media.decode import VideoInfo
from pipeline.results.exporters import save
from pipeline.results.result import Result, load_result
from pipeline.results.schema import ROW_FIELDS, build_metadata

DOCUMENT = Path(__file__).parents[3] / "docs" / "result-file.md"
CAMERA = Camera(
    np.array([[900.0, 0, 640], [0, 905, 355], [0, 0, 1]]), (1280, 720), "flag", np.array([0.1, -0.02, 0, 0])
)
VIDEO = VideoInfo(
    Path("/home/somebody/secret/clip.mp4"), 1280, 720, 29.97, 300, 10.01, 90, False, "hevc", 26.0, 1.0, True, False
)


def track(track_id: int, first: int, length: int, gap: slice = slice(0, 0)) -> Track3D:
    rng = np.random.default_rng(track_id)
    columns: dict[str, Any] = {
        "joints_m": rng.normal(size=(length, 17, 3)),
        "raw_joints_m": rng.normal(size=(length, 17, 3)),
        "sigma_m": rng.random((length, 17)),
        "keypoints_px": 100 * rng.random((length, 17, 2)),
        "confidence": rng.random((length, 17)),
        "boxes": 100 * rng.random((length, 4)),
    }
    for column in columns.values():
        column[gap] = np.nan
    index = np.arange(first, first + length)
    return Track3D(track_id, index, index / 29.97, imputed=rng.random((length, 17)) < 0.3, **columns)


SHOT = Shot("still", "people", "feet", "")
SHOTS = [asdict(SHOT)]
WORLD = World(np.arange(9), np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (9, 1, 1)), np.zeros(9, np.int64), (SHOT,))


def metadata(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "camera": CAMERA,
        "prior": {"name": "prior.safetensors", "sha256": "ab" * 32},
        "detector": {"name": "movenet", "files": {"a.onnx": "cd" * 32}, "settings": {"threshold": 0.2}},
        "preset": "fast",
        "seed": 7,
        "settings": {"steps": 50, "person_height_m": None},
    }
    return build_metadata(**(values | changes))


@pytest.fixture
def result() -> Result:
    return Result((track(1, 3, 6, slice(2, 4)), track(2, 0, 3)), CAMERA, metadata(), WORLD)


@pytest.fixture
def stored(tmp_path: Path, result: Result) -> dict[str, Any]:
    save(tmp_path / "whole.npz", result)
    return dict(np.load(tmp_path / "whole.npz", allow_pickle=False))


def test_npz_gives_back_everything(tmp_path: Path, result: Result) -> None:
    save(tmp_path / "a.npz", result)
    again = load_result(tmp_path / "a.npz")
    assert [t.track_id for t in again.tracks] == [1, 2]
    for before, after in zip(result.tracks, again.tracks, strict=True):
        for name in ROW_FIELDS.keys() - {"track_id"}:
            # NaN is equal to NaN here.
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name), name, strict=True)
    assert again.tracks[0].seen.tolist() == [True, True, False, False, True, True]
    np.testing.assert_array_equal(again.camera.K, CAMERA.K)
    np.testing.assert_array_equal(again.camera.distortion, CAMERA.distortion)
    assert (again.camera.image_size, again.camera.source) == ((1280, 720), "flag")
    assert again.metadata == result.metadata


def test_the_world_travels_with_the_result(tmp_path: Path, result: Result) -> None:
    save(tmp_path / "a.npz", result)
    again = load_result(tmp_path / "a.npz").world
    assert again is not None and again.shots == WORLD.shots
    np.testing.assert_array_equal(again.world_from_camera, WORLD.world_from_camera)
    in_world = result.world_joints(result.tracks[0])
    np.testing.assert_array_equal(in_world, result.tracks[0].joints_m * [1, -1, -1])


def test_files_of_version_1_are_read(tmp_path: Path, stored: dict[str, Any]) -> None:
    old = {name: array for name, array in stored.items() if not name.startswith("world") and name != "contacts"}
    np.savez(tmp_path / "old.npz", **(old | changed_metadata(stored, schema_version=1, shots=[])))
    again = load_result(tmp_path / "old.npz")
    assert again.world is None and not again.tracks[0].contacts.any()
    assert np.isnan(again.world_joints(again.tracks[0])).all()


def test_nobody_found(tmp_path: Path) -> None:
    empty = Result((), CAMERA, metadata())
    save(tmp_path / "a.npz", empty)
    save(tmp_path / "a.json", empty)
    assert load_result(tmp_path / "a.npz").tracks == ()
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["joints_m"].shape == (0, 17, 3)
    assert json.loads((tmp_path / "a.json").read_text())["rows"] == []


def test_json_carries_the_same(tmp_path: Path, result: Result, stored: dict[str, Any]) -> None:
    save(tmp_path / "a.json", result)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    read = json.loads(text, parse_constant=refuse)
    assert read["metadata"] == json.loads(str(stored["metadata"]))
    for name in ("K", "distortion", "image_size", "joint_names"):
        assert read[name] == stored[name].tolist()
    assert len(read["rows"]) == 9
    assert len([line for line in text.splitlines() if line.startswith('{"track_id"')]) == 9
    for name, field in read["fields"].items():
        column = np.array([row[name] for row in read["rows"]], dtype=stored[name].dtype)
        np.testing.assert_allclose(column, stored[name], atol=6e-3 if field["unit"] == "px" else 6e-5, err_msg=name)
        assert [field["type"], *field["shape"]] == [stored[name].dtype.name, *stored[name].shape[1:]]
    assert read["rows"][2]["joints_m"][0] == [None, None, None]


def test_same_input_gives_the_same_bytes(tmp_path: Path, result: Result) -> None:
    for name in ("a", "b"):
        save(tmp_path / f"{name}.npz", result)
        save(tmp_path / f"{name}.json", result)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_tracks_need_different_ascending_ids() -> None:
    for ids in ((2, 1), (1, 1)):
        with pytest.raises(ValueError, match="ascending"):
            Result(tuple(track(i, 0, 2) for i in ids), CAMERA, metadata())


def test_metadata_tells_how_it_was_made() -> None:
    record = metadata(video=VIDEO, warnings=[f"{VIDEO.path} seems cut off"])
    assert record["prior"] == {"name": "prior.safetensors", "sha256": "ab" * 32}
    assert record["detector"] == {"name": "movenet", "files": {"a.onnx": "cd" * 32}, "settings": {"threshold": 0.2}}
    assert (record["preset"], record["seed"], record["schema_version"]) == ("fast", 7, 2)
    assert record["settings"] == {"steps": 50, "person_height_m": None}
    assert record["warnings"] == ["clip.mp4 seems cut off"]
    assert {"zedo-video", "numpy", "torch", "onnxruntime", "python"} <= record["versions"].keys()
    assert record["video"]["file"] == "clip.mp4"
    assert (record["video"]["fps"], record["video"]["rotation_deg"], record["video"]["focal_35mm"]) == (29.97, 90, 26.0)
    assert "somebody" not in json.dumps(record)
    assert metadata()["video"] is None


@pytest.mark.parametrize(("size", "fov_deg"), [((1280, 720), 90.0), ((720, 1280), 53.13)])
def test_metadata_states_the_field_of_view_across_the_longer_side(size: tuple[int, int], fov_deg: float) -> None:
    camera = Camera(np.array([[640.0, 0, 360], [0, 1280, 360], [0, 0, 1]]), size, "file")
    assert metadata(camera=camera)["camera"] == {"source": "file", "fov_deg": pytest.approx(fov_deg, abs=0.01)}


def test_the_camera_in_the_file_is_the_one_that_was_used(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", Result((), Camera.from_fov(70, (640, 480), "refined"), metadata()))
    read = load_result(tmp_path / "a.npz")
    assert (read.camera.source, read.metadata["camera"]) == ("refined", {"source": "refined", "fov_deg": 70.0})


def test_settings_of_any_kind_become_json() -> None:
    @dataclass
    class Smoothing:
        window_s: float
        joints: tuple[int, ...]

    settings = {
        "path": Path("prior.pt"), "array": np.array([1.5, np.nan]), "number": np.float32(0.5), "set": {"b", "a"},
        "nested": {1: Smoothing(0.3, (1, 2))}, "endless": float("inf"), "flag": np.bool_(True),
    }  # fmt: skip
    record = json.loads(json.dumps(metadata(settings=settings)["settings"], allow_nan=False))
    assert record == {
        "path": "prior.pt", "array": [1.5, None], "number": 0.5, "set": ["a", "b"],
        "nested": {"1": {"window_s": 0.3, "joints": [1, 2]}}, "endless": None, "flag": True,
    }  # fmt: skip


def documented(heading: str) -> dict[str, list[str]]:
    """First cells of a table of the document, and the cells behind them."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line]
    return {name: cells for first, *cells in rows[2:] for name in re.findall(r"`(\w+)`", first)}


def test_document_names_the_fields_that_are_written(tmp_path: Path, result: Result, stored: dict[str, Any]) -> None:
    rows, once = documented("One row per person and frame"), documented("Once per file")
    assert [*rows, *once] == list(stored)
    for name, (shape, kind, unit, meaning) in rows.items():
        field, array = ROW_FIELDS[name], stored[name]
        assert (shape.strip("`"), kind) == (str(["N", *array.shape[1:]]).replace("'", ""), array.dtype.name), name
        assert (unit, meaning) == (field.unit, field.description)
    for name, (shape, kind, *_) in once.items():
        expected: list[Any] = [*stored[name].shape]
        if name == "distortion":
            expected = ["D"]
        elif name.startswith("world_"):
            expected[0] = "F"
        assert shape.strip("`") == str(expected).replace("'", "")
        assert kind == ("text" if stored[name].dtype.kind == "U" else stored[name].dtype.name)
    assert documented("Metadata").keys() == result.record().keys()
    save(tmp_path / "a.json", result)
    section = DOCUMENT.read_text(encoding="utf-8").split("## JSON\n")[1]
    assert all(f"`{name}`" in section for name in json.loads((tmp_path / "a.json").read_text()))


def test_example_in_the_document_runs(tmp_path: Path, result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "clip.npz", result)
    monkeypatch.chdir(tmp_path)
    code = "".join(re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S))
    names: dict[str, Any] = {}
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "example", "exec"), names)
    expected = np.concatenate([result.world_joints(track) for track in result.tracks])
    np.testing.assert_allclose(names["world"], expected, atol=1e-12)
    assert "person 1: 4 of 6 frames" in printed.getvalue()
    assert "person 2: 3 of 3 frames" in printed.getvalue()


def changed_metadata(stored: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"metadata": np.array(json.dumps(json.loads(str(stored["metadata"])) | changes))}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: {"sigma_m": None, "K": None}, "it has no sigma_m, K"),
        (lambda s: {"joints_m": s["joints_m"][:, :16]}, r"joints_m is float64 \[9, 16, 3\] in place of \[9, 17, 3\]"),
        (lambda s: {"confidence": s["confidence"][:-1]}, r"confidence .* \[8, 17\] in place of \[9, 17\]"),
        (lambda s: {"track_id": np.array(1)}, "track_id"),
        (lambda s: {"imputed": s["imputed"].astype(float)}, "imputed is float64"),
        (lambda s: {"frame_index": s["frame_index"].astype("U9")}, "frame_index is <U9"),
        (lambda s: {"joint_names": s["joint_names"][::-1]}, "its joints are not those of h36m-17"),
        (lambda s: {"joint_names": np.arange(17)}, "joint_names is int64"),
        (lambda s: {"K": np.zeros((3, 3))}, "intrinsics"),
        (lambda s: {"track_id": s["track_id"][::-1]}, "not sorted"),
        (lambda s: {"frame_index": s["frame_index"] * 2}, "not sorted"),
        (lambda s: {"metadata": np.array("{")}, "its metadata is not JSON"),
        (lambda s: {"metadata": np.array("[]")}, "schema version is None"),
        (lambda s: changed_metadata(s, schema_version=3), "schema version is 3, and this version .* reads 1 to 2"),
        (lambda s: changed_metadata(s, camera="phone"), "where the camera came from"),
        (lambda s: changed_metadata(s, shots=[{"up": 1}]), "in words what is known of its shots"),
        (lambda s: changed_metadata(s, shots=SHOTS) | {"world_shot": s["world_shot"] + 1}, "of no shot"),
        (lambda s: {"world_frame_index": s["world_frame_index"] + 2}, "of which its world knows nothing"),
        (lambda s: {"world_from_camera": s["world_from_camera"][:, :3]}, "world_from_camera is float64"),
        (lambda s: {"boxes": np.array([{"a": 1}] * 9, dtype=object)}, "holds objects"),
    ],
)
def test_wrong_contents_are_refused(tmp_path: Path, stored: dict[str, Any], change: Any, words: str) -> None:
    arrays = {name: array for name, array in (stored | change(stored)).items() if array is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=words) as caught:
        load_result(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "a.npz") in str(caught.value)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path, result: Result) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(InputError, match="does not exist"):
        load_result(path)
    save(path, result)
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 3] ^= 0xFF
    picture = io.BytesIO()
    np.save(picture, np.zeros(3))
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}]), allow_pickle=True)
    for bad in (
        b"",
        b"text",
        data[: len(data) // 2],
        data[:-1],
        bytes(flipped),
        picture.getvalue(),
        pickled.getvalue(),
    ):
        path.write_bytes(bad)
        with pytest.raises(InputError, match=r"is damaged or no|holds objects"):
            load_result(path)
    with pytest.raises(InputError, match="is a folder"):
        load_result(tmp_path)


def test_results_cannot_be_saved_in_a_missing_folder(tmp_path: Path, result: Result) -> None:
    for name in ("a.npz", "a.json"):
        with pytest.raises(OutputError, match="cannot be written"):
            save(tmp_path / "missing" / name, result)


def test_failure_amid_writing_keeps_the_older_result(tmp_path: Path, result: Result) -> None:
    path = tmp_path / "a.json"
    path.write_text("older")
    broken = Result(result.tracks, CAMERA, metadata())
    # A track that changes its mind after it was checked: the last rows fail.
    object.__setattr__(broken.tracks[1], "boxes", np.zeros((1, 4)))
    with pytest.raises(IndexError):
        save(path, broken)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "older"


def test_joint_names_are_those_of_the_layout(stored: dict[str, Any]) -> None:
    assert stored["joint_names"].tolist() == list(H36M_17.joints)
