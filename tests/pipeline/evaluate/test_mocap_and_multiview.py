"""``zedo-video evaluate``: small data made from the shipped clip, whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from assets.integrity import asset_path
from detectors.layouts import COCO_17, H36M_17
from lifting.benchmarks.multiview import LIMBS
from lifting.initial.network import InitialNetwork
from lifting.initial.weights import save_initialiser
from pipeline.errors import InputError
from pipeline.evaluate.mocap import load_mocap
from pipeline.evaluate.multiview import load_reference
from tests.pipeline.command_line import leftovers, refused, run, zedo
from tests.pipeline.conftest import write_frames

FRAMES = 14


def mocap_arrays() -> dict[str, Any]:
    with np.load(asset_path("sample_motion.npz")) as stored:
        poses = stored["positions_m"]
    return {
        "poses": poses, "start": np.array([0, 20, 50]), "length": np.array([8, 12, 6]),
        "clip_name": np.array(["walk", "turn", "wave"]), "fps": np.float32(30),
    }  # fmt: skip


@pytest.fixture(scope="module")
def mocap_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mocap") / "test.npz"
    np.savez(path, allow_pickle=False, **mocap_arrays())
    return path


def reference_arrays() -> dict[str, NDArray[Any]]:
    """The truth of the shipped clip as if triangulated, seen by two cameras at the same place."""
    with np.load(asset_path("sample_truth.npz")) as stored:
        joints, K = stored["joints_m"], stored["K"]
    names = [name if name in H36M_17.joints else "nose" for name in COCO_17.joints]
    frames = np.arange(0, FRAMES, 2)
    turn = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    reprojection = np.zeros((len(frames), 17))
    reprojection[1, COCO_17.index("left_knee")] = 40
    return {
        "frames": frames, "x3d": (joints[frames][:, [H36M_17.index(name) for name in names]] - [0, 0, 3]) @ turn,
        "reproj": reprojection, "K": np.stack([K, K]), "D": np.zeros((2, 4)), "R": np.stack([turn, turn]),
        "T": np.array([[0, 0, 3.0], [0, 0, 3.0]]),
    }  # fmt: skip


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """Two videos of the same person and the truth."""
    folder = tmp_path_factory.mktemp("views")
    with av.open(str(sample)) as container:
        decoded = zip(container.decode(video=0), range(FRAMES), strict=False)
        frames = [image.to_ndarray(format="rgb24") for image, _ in decoded]
    write_frames(folder / "cam1.mp4", frames)
    write_frames(folder / "cam2.mp4", [np.full_like(frame, 120) for frame in frames])
    np.savez(folder / "reference.npz", allow_pickle=False, **reference_arrays())
    return folder


class TestMocap:
    @pytest.mark.slow
    def test_report(self, mocap_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ("evaluate", "mocap", "--data", mocap_file, "--count", 6, "--sequences", 2, "--steps", 4)
        zedo(*arguments, "--json", tmp_path / "r.json")
        table = capsys.readouterr().out
        record = json.loads((tmp_path / "r.json").read_text("utf-8"))
        assert list(record) == ["protocol", "metrics", "per_group", "time", "provenance"]
        assert {"evidence_2d", "camera", "joints", "preset", "steps", "alternatives", "choice", "seed"} <= set(
            record["protocol"]
        )
        assert record["protocol"]["frames"] == 6 and record["protocol"]["sequence_poses"] == 14
        rows = [tuple(group[name] for name in ("name", "noise_px", "poses", "units")) for group in record["per_group"]]
        assert rows == [
            ("single frames", 0.0, 6, 6), ("single frames", 5.0, 6, 6),
            ("sequences, every frame alone", 0.0, 14, 2), ("sequences, before smoothing", 0.0, 14, 2),
            ("sequences", 0.0, 14, 2), ("sequences, every frame alone", 5.0, 14, 2),
            ("sequences, before smoothing", 5.0, 14, 2), ("sequences", 5.0, 14, 2),
        ]  # fmt: skip
        last = record["per_group"][-1]
        for name, value in record["metrics"].items():
            assert last["metrics"][name]["value"] == value
            assert last["metrics"][name]["low"] <= value <= last["metrics"][name]["high"]
        assert {"mpjpe_mm", "pa_mpjpe_mm", "acceleration_error_mm", "coverage_1_sigma"} <= set(record["metrics"])
        assert [clip["name"] for clip in last["clips"]] == ["walk", "wave"]
        weighted = np.average([clip["pa_mpjpe_mm"] for clip in last["clips"]], weights=[8, 6])
        assert weighted == pytest.approx(record["metrics"]["pa_mpjpe_mm"])
        assert record["provenance"]["prior"]["sha256"] and record["provenance"]["settings"]["steps"] == 4
        row = [line for line in table.splitlines() if line.strip().startswith("sequences  ")][-1]
        assert f" {record['metrics']['mpjpe_mm']:.1f} [" in row and " 5 px " in row
        assert str(mocap_file.parent) not in json.dumps(record)

        zedo(*arguments, "--json", tmp_path / "again.json", "--quiet")
        assert capsys.readouterr().out == ""
        again = json.loads((tmp_path / "again.json").read_text("utf-8"))
        assert again["metrics"] == record["metrics"]

    @pytest.mark.slow
    def test_single_frames_from_many_templates(self, mocap_file: Path, tmp_path: Path) -> None:
        arguments = ("evaluate", "mocap", "--data", mocap_file, "--count", 6, "--sequences", 1, "--steps", 3, "--quiet")
        zedo(*arguments, "--hypotheses", 10, "--json", tmp_path / "many.json")
        zedo(*arguments, "--json", tmp_path / "one.json")
        many, one = (json.loads((tmp_path / f"{name}.json").read_text("utf-8")) for name in ("many", "one"))
        rows = {(group["name"], group["noise_px"]): group["metrics"] for group in many["per_group"]}
        for noise in (0.0, 5.0):
            ours, oracle = (
                rows[f"single frames, 10 template poses, {choice}", noise] for choice in ("our choice", "oracle")
            )
            for name in ("mpjpe_mm", "pa_mpjpe_mm"):
                assert oracle[name]["value"] < ours[name]["value"]
        assert many["protocol"]["from_templates"]["hypotheses"] == 10
        # nothing else changes
        assert many["metrics"] == one["metrics"] and "from_templates" not in one["protocol"]
        with pytest.raises(InputError, match="S = 1, 10, 50"):
            zedo(*arguments, "--hypotheses", 7)

    @pytest.mark.slow
    def test_more_than_the_file_holds(self, mocap_file: Path) -> None:
        with pytest.raises(InputError, match="--count 8"):
            zedo("evaluate", "mocap", "--data", mocap_file, "--count", 9, "--quiet")
        with pytest.raises(InputError, match="--sequences 3"):
            zedo("evaluate", "mocap", "--data", mocap_file, "--count", 2, "--sequences", 4, "--quiet")

    def test_prepared_poses(self, tmp_path: Path) -> None:
        arrays = {name: mocap_arrays()[name] for name in ("poses", "clip_name")} | {"fps": np.float32(12)}
        count = len(arrays["poses"])
        clip = np.repeat([2, 0, 1], [count - 12, 10, 2]).astype(np.int32)
        np.savez(tmp_path / "train.npz", allow_pickle=False, **arrays, clip_index=clip)
        data = load_mocap(tmp_path / "train.npz")
        # the clip of two poses is left out
        assert data.start.tolist() == [0, count - 12] and data.length.tolist() == [count - 12, 10]
        assert data.names == ["wave", "walk"] and data.fps == 12 and not data.timed
        np.savez(tmp_path / "bad.npz", allow_pickle=False, **arrays, clip_index=np.arange(count))
        with pytest.raises(InputError, match="no clip of 3 poses"):
            load_mocap(tmp_path / "bad.npz")
        np.savez(tmp_path / "bad.npz", allow_pickle=False, **arrays, clip_index=clip[1:])
        with pytest.raises(InputError, match=r"clip_index in .* one for each"):
            load_mocap(tmp_path / "bad.npz")

    @pytest.mark.slow
    def test_another_initialiser(self, mocap_file: Path, tmp_path: Path) -> None:
        small = InitialNetwork(hidden=32, blocks=1)
        save_initialiser(tmp_path / "small.safetensors", small, {})
        arguments = ("evaluate", "mocap", "--data", mocap_file, "--count", 3, "--sequences", 1, "--steps", 2, "--quiet")
        zedo(*arguments, "--initialiser", tmp_path / "small.safetensors", "--json", tmp_path / "small.json")
        zedo(*arguments, "--json", tmp_path / "own.json")
        small_report, own = (json.loads((tmp_path / f"{name}.json").read_text("utf-8")) for name in ("small", "own"))
        assert small_report["metrics"]["pa_mpjpe_mm"] > 1.5 * own["metrics"]["pa_mpjpe_mm"]
        records = [report["provenance"]["initialiser_sha256"] for report in (small_report, own)]
        assert records[0] != records[1] and all(records)
        with pytest.raises(InputError, match=r"no\.safetensors does not exist"):
            zedo(*arguments, "--initialiser", tmp_path / "no.safetensors")

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"poses": None}, "poses"),
            ({"start": None}, "no array start"),
            ({"poses": np.zeros((4, 16, 3))}, r"\[N, 17, 3\]"),
            ({"length": np.array([8, 12])}, "equal length"),
            ({"start": np.array([0, 20, 115])}, "within its 120 poses"),
            ({"length": np.array([8, 2, 6])}, "at least 3 frames"),
            ({"fps": np.float32(0)}, "frame rate"),
        ],
    )
    def test_wrong_arrays(self, tmp_path: Path, change: dict[str, Any], words: str) -> None:
        arrays = {name: value for name, value in {**mocap_arrays(), **change}.items() if value is not None}
        np.savez(tmp_path / "bad.npz", allow_pickle=False, **arrays)
        with pytest.raises(InputError, match=words):
            load_mocap(tmp_path / "bad.npz")
        with pytest.raises(InputError, match="does not exist"):
            load_mocap(tmp_path / "missing.npz")


class TestMultiview:
    @pytest.mark.slow
    def test_report(self, views: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        zedo(
            "evaluate", "multiview", "--data", views, "--json", tmp_path / "r.json", "--steps", 6,
            "--hypotheses", 10,
        )  # fmt: skip
        table = capsys.readouterr().out
        record = json.loads((tmp_path / "r.json").read_text("utf-8"))
        assert list(record) == ["protocol", "metrics", "per_group", "time", "provenance"]
        assert record["protocol"]["joints"] == list(LIMBS)
        assert "6 of 7" in record["protocol"]["frames"]
        groups = {(group["camera"], group["video"]): group for group in record["per_group"]}
        assert set(groups) == {
            (kind, video) for kind in ("calibrated", "assumed") for video in ("cam1.mp4", "cam2.mp4")
        }
        seen = groups["calibrated", "cam1.mp4"]
        assert (seen["frames"], seen["frames_found"], seen["found"], seen["people"]) == (6, 6, 1.0, 1)
        assert 5 < seen["pa_mpjpe_mm"] < 120 and seen["pa_mpjpe_mm"] < seen["mpjpe_mm"]
        assert seen["source"] == "calibration" and "assumed" in groups["assumed", "cam1.mp4"]["source"]
        assert 5 < seen["oracle_pa_mpjpe_mm"] <= seen["our_choice_pa_mpjpe_mm"] < 120
        assert "PA, S = 10, oracle" in table and f"{seen['oracle_pa_mpjpe_mm']:.1f}" in table
        # nobody is in the second video: that is said, and does not pass as a good result
        empty = groups["calibrated", "cam2.mp4"]
        assert (empty["frames_found"], empty["pa_mpjpe_mm"]) == (0, None)
        assert record["metrics"]["pa_mpjpe_mm"] is None and record["metrics"]["found"] == 0.5
        assert "not found" in table and f"{seen['pa_mpjpe_mm']:.1f}" in table
        assert record["provenance"]["detector"]["name"] == "movenet"
        assert sorted(path.name for path in views.iterdir()) == ["cam1.mp4", "cam2.mp4", "reference.npz"]

    def test_not_the_right_folder(self, views: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is no folder"):
            load_reference(views / "cam1.mp4")
        with pytest.raises(InputError, match=r"no reference\.npz"):
            load_reference(tmp_path)
        np.savez(tmp_path / "reference.npz", allow_pickle=False, **reference_arrays())
        with pytest.raises(InputError, match=r"0 videos cam\*\.mp4 for 2 cameras"):
            load_reference(tmp_path)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"x3d": None}, "no array x3d"),
            ({"x3d": np.zeros((7, 16, 3))}, "joints_m must be"),
            ({"reproj": np.full((7, 17), 99.0)}, "no frame"),
            ({"K": np.array("text")}, "cannot be used"),
        ],
    )
    def test_wrong_arrays(self, tmp_path: Path, change: dict[str, Any], words: str) -> None:
        arrays = {name: value for name, value in {**reference_arrays(), **change}.items() if value is not None}
        np.savez(tmp_path / "reference.npz", allow_pickle=False, **arrays)
        for number in (1, 2):
            (tmp_path / f"cam{number}.mp4").touch()
        with pytest.raises(InputError, match=words):
            load_reference(tmp_path)


def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    done = run("evaluate", "mocap", "--data", "text.npz", "--json", "out/r.json", cwd=tmp_path)
    refused(done, "text.npz is damaged or no .npz")
    assert done.stdout == "" and done.stderr.count("\n") == 1 and leftovers(tmp_path) == ["text.npz"]
