"""``zedo-video evaluate video``: a folder made from the shipped clip, whose truth is known."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.integrity import asset_path
from detectors.layouts import H36M_17
from lifting.benchmarks.multiview import LIMBS
from pipeline.errors import InputError
from pipeline.evaluate.video import load_clips
from tests.pipeline.command_line import leftovers, refused, run, zedo

# OpenSim's names, and one that nobody asks for.
BODIES = {"hip": "femur", "knee": "tibia", "ankle": "talus", "shoulder": "humerus", "elbow": "ulna", "wrist": "hand"}
NAMES = [f"{BODIES[joint]}_{side[0]}" for side, joint in (name.split("_") for name in LIMBS)] + ["calcn_r"]
TURN = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])


def truth_arrays() -> dict[str, Any]:
    """Of the shipped clip in a world of its own at 100 Hz; one rival is 10 mm off along x, another is 5 % too large."""
    with np.load(asset_path("sample_truth.npz")) as stored:
        joints = stored["joints_m"][:24, H36M_17.indices(LIMBS)].astype(np.float64)
    joints = np.concatenate([joints, joints[:, :1]], axis=1) @ TURN
    time_s = np.arange(0, 23 / 30, 0.01)
    frames = time_s * 30
    before = frames.astype(int)
    share = (frames - before)[:, None, None]
    joints = (1 - share) * joints[before] + share * joints[before + 1]
    return {
        "joints": np.array(NAMES), "mocap": joints.astype(np.float32), "mocap_time": time_s,
        "near": joints + np.array([0.01, 0, 0]), "near_time": time_s,
        "large": 1.05 * joints[10:], "large_time": time_s[10:],
        "note": np.array("not a motion"),
    }  # fmt: skip


def write_truth(folder: Path, **change: Any) -> Path:
    folder.mkdir(exist_ok=True)
    arrays = {name: value for name, value in {**truth_arrays(), **change}.items() if value is not None}
    np.savez(folder / "truth.npz", allow_pickle=False, **arrays)
    return folder


@pytest.mark.slow
def test_report(short_clip: Path, empty_room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, video in (("person", short_clip), ("room", empty_room)):
        shutil.copy(video, write_truth(tmp_path / name) / "video.mp4")
    arguments = ("evaluate", "video", "--json", tmp_path / "r.json", "--data")
    zedo(*arguments, tmp_path / "person", "--steps", 6, "--camera-motion", "still")
    table = capsys.readouterr().out
    record = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert list(record) == ["protocol", "metrics", "per_group", "time", "provenance"]
    assert record["protocol"]["joints"] == {"person": list(LIMBS)} and record["protocol"]["steps"] == 6
    groups = {group["who"]: group for group in record["per_group"]}
    assert list(groups) == ["zedo-video", "near", "large", "truth"]
    ours, near, large, truth = groups.values()
    assert (ours["frames"], ours["frames_found"], ours["axes"]) == (23, 23, "world")
    assert 5 < ours["pa_mpjpe_mm"] < 120 and 5 < ours["mpjpe_mm"] < 200 and 0 < ours["knee_error_deg"] < 60
    assert near["rigid_fit_mm"] == pytest.approx(0, abs=1e-3) and near["frames_found"] == 23
    assert large["wa_mpjpe_mm"] == pytest.approx(0, abs=1e-3) and large["mpjpe_mm"] > 5
    assert large["frames_found"] == 20 and large["found"] == pytest.approx(20 / 23)
    assert near["jitter_10_m_s3"] == pytest.approx(truth["jitter_10_m_s3"], rel=1e-4) and "mpjpe_mm" not in truth
    assert record["metrics"]["pa_mpjpe_mm"] == ours["pa_mpjpe_mm"]
    assert record["metrics"]["others"]["large"]["mpjpe_mm"] == large["mpjpe_mm"]
    line = next(line for line in table.splitlines() if line.split()[:2] == ["person", "zedo-video"])
    assert "world" in line and f" {ours['pa_mpjpe_mm']:.1f} " in line
    assert f"{ours['knee_error_deg']:.1f} ({ours['knee_bias_deg']:+.1f})" in line
    assert str(tmp_path) not in json.dumps(record) and leftovers(tmp_path / "person") == ["truth.npz", "video.mp4"]

    # nobody is in the second video: that is said, and does not pass as a good result
    zedo(*arguments, tmp_path, "--steps", 2, "--camera-motion", "off")
    table = capsys.readouterr().out
    record = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert record["protocol"]["clips"] == ["person", "room"] and record["per_group"][0]["axes"] == "camera"
    assert record["metrics"]["pa_mpjpe_mm"] is None and record["metrics"]["found"] == 0.5
    assert re.search(r"^ ?room +zedo-video +0 % *$", table, re.MULTILINE)
    assert record["metrics"]["others"]["near"]["clips"] == 2


def test_not_the_right_folder(short_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        load_clips(short_clip)
    with pytest.raises(InputError, match=r"has no truth\.npz"):
        load_clips(tmp_path)
    folder = write_truth(tmp_path / "clip")
    with pytest.raises(InputError, match=r"video\.mp4 does not exist"):
        load_clips(tmp_path)
    (folder / "truth.npz").write_text("no archive")
    done = run("evaluate", "video", "--data", tmp_path, "--json", tmp_path / "r.json", cwd=tmp_path)
    refused(done, "truth.npz is damaged or no .npz")
    assert done.stdout == "" and leftovers(tmp_path) == ["clip"]


def test_joints_by_our_own_names(short_clip: Path, tmp_path: Path) -> None:
    shutil.copy(short_clip, write_truth(tmp_path / "clip", joints=np.array([*LIMBS, "nose"])) / "video.mp4")
    (clip,) = load_clips(tmp_path)
    assert clip.joints == LIMBS and clip.name == "clip" and list(clip.rivals) == ["near", "large"]
    assert clip.truth.joints_m.shape == (77, 12, 3)
    half = clip.truth.at(np.array([0.105]))[0]
    assert half == pytest.approx(clip.truth.joints_m[10:12].mean(axis=0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"joints": None}, "no array joints"),
        ({"joints": np.arange(13)}, "must be a list of names"),
        ({"joints": np.array(["femur_r"] * 13)}, "needs both hips"),
        ({"mocap": None}, "no array mocap"),
        ({"mocap_time": None}, "no array mocap_time"),
        ({"mocap": np.zeros((77, 12, 3))}, r"must be \[T, 13, 3\]"),
        ({"mocap": np.full((77, 13, 3), np.nan)}, "mocap in .* finite and in metres"),
        ({"mocap": np.full((77, 13, 3), "a")}, "must be numbers"),
        ({"mocap_time": np.zeros(77)}, "seconds that increase"),
        ({"mocap_time": np.arange(77) + 5.0}, "must be seconds from that frame"),
        ({"near": np.full((77, 13, 3), 1e30)}, "near in .* finite and in metres"),
        ({"large_time": np.full(67, np.nan)}, "large_time in .* seconds that increase"),
    ],
)
def test_wrong_arrays(short_clip: Path, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    shutil.copy(short_clip, write_truth(tmp_path, **change) / "video.mp4")
    with pytest.raises(InputError, match=words):
        load_clips(tmp_path)
