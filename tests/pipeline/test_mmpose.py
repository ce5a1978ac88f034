"""MMPose from the command line: the embedded MoveNet as its model, from video to files, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from detectors.openmmlab.zoo import EMBEDDED_POSE, missing_packages
from pipeline.errors import InputError
from pipeline.results.result import load_result
from tests.pipeline.command_line import zedo


@pytest.mark.slow
@pytest.mark.skipif(
    bool(missing_packages()),
    reason="the extra mmpose is not installed: pip install -c constraints.txt -e '.[dev,mmpose]'",
)
def test_a_video_by_mmpose_is_that_by_movenet(short_clip: Path, tmp_path: Path) -> None:
    by_pose = ("--detector", "mmpose", "--pose-config", EMBEDDED_POSE, "--offline")
    zedo(short_clip, *by_pose, "--end", 0.39, "--out", tmp_path / "a.npz", "-q")
    zedo(short_clip, "--detector", "movenet", "--end", 0.39, "--out", tmp_path / "b.npz", "-q")
    by_mmpose, by_movenet = load_result(tmp_path / "a.npz"), load_result(tmp_path / "b.npz")
    (a,), (b,) = by_mmpose.tracks, by_movenet.tracks
    assert len(a) == len(b) == 12
    # The same network, but boxes of every frame in place of crops around the frame before.
    assert np.nanmedian(np.linalg.norm(a.keypoints_px - b.keypoints_px, axis=-1)) < 3
    record = json.loads(json.dumps(by_mmpose.metadata["detector"]))
    assert record["name"] == "mmpose" and record["versions"]["mmpose"] and "chosen" not in record
    assert record["networks"]["keypoints"]["runtime"] == "onnx"
    assert "movenet_thunder_fp16.onnx" in record["networks"]["keypoints"]["files"]


@pytest.mark.slow
@pytest.mark.skipif(
    bool(missing_packages()),
    reason="the extra mmpose is not installed: pip install -c constraints.txt -e '.[dev,mmpose]'",
)
def test_mmpose_alone_takes_the_shipped_model(
    short_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZEDO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    zedo(short_clip, "--end", 0.2, "--detector", "mmpose", "--offline", "--out", tmp_path / "r.npz")
    detector = load_result(tmp_path / "r.npz").metadata["detector"]
    assert detector["name"] == "mmpose" and "movenet_thunder_fp16.onnx" in detector["networks"]["keypoints"]["files"]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("detector: ")]
    assert said == [f"detector: mmpose, because {detector['chosen']}"] and "leave out --offline" in said[0]


@pytest.mark.slow
def test_auto_says_what_it_took_and_why(short_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zedo(short_clip, "--end", 0.2, "--offline", "--out", tmp_path / "r.npz")
    detector = load_result(tmp_path / "r.npz").metadata["detector"]
    assert detector["name"] == "movenet" and "MMPose" in detector["chosen"]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("detector: ")]
    assert said == [f"detector: movenet, because {detector['chosen']}"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--detector", "movenet", "--pose-config", "x"], "go with --detector mmpose"),
        (["--detector", "mmpose", "--pose-config", "no-such-model"], "no-such-model|not installed"),
        (["--detector", "mmpose", "--offline", "--pose-config", "rtmo-s_8xb32-600e_body7-640x640"],
         "is not on disk|not installed"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_sentence(short_clip: Path, tmp_path: Path, options: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        zedo(short_clip, *options, "--out", tmp_path / "r.npz", "-q")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
