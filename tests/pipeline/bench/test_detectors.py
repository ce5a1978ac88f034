"""``zedo-video bench --detectors``: real networks with small work, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detectors.openmmlab import zoo
from detectors.openmmlab.zoo import missing_packages
from pipeline.bench import detectors as detector_bench
from tests.pipeline.command_line import zedo


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The two smallest networks, one of them without weights, on one thread."""
    monkeypatch.setenv("ZEDO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(detector_bench, "NETWORKS", detector_bench.NETWORKS[:2])


@pytest.mark.slow
@pytest.mark.skipif(
    bool(missing_packages()),
    reason="the extra mmpose is not installed: pip install -c constraints.txt -e '.[dev,mmpose]'",
)
def test_both_runtimes_of_each_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zedo("bench", "--detectors", "--quick", "--json", tmp_path / "b.json")
    record = json.loads((tmp_path / "b.json").read_text("utf-8"))
    rows = [tuple(group[name] for name in ("network", "gives", "runtime", "weights")) for group in record["per_group"]]
    assert rows == [
        ("movenet (embedded)", "both", "onnx", "shipped"),
        ("background, 1080p", "background", "opencv", "none"),
        ("movenet-thunder", "keypoints", "onnx", "shipped"), ("movenet-thunder", "keypoints", "torch", "shipped"),
        ("rtmdet_nano_320-8xb32_coco-person", "boxes", "onnx", "random"),
        ("rtmdet_nano_320-8xb32_coco-person", "boxes", "torch", "random"),
    ]  # fmt: skip
    assert all(group["ms"] > 0 and group["cpu_ms"] > 0 for group in record["per_group"])
    assert record["metrics"]["movenet-thunder, torch"] == record["per_group"][3]["ms"]
    assert record["provenance"]["versions"]["mmpose"] and record["time"]["cpu"]
    table = capsys.readouterr().out
    assert table.count("rtmdet_nano_320-8xb32_coco-person") == 2 and "other programs slow them down" in table
    # what was made for the measurement is gone
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
def test_without_the_extra_the_embedded_one_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(zoo, "missing_packages", lambda: ["mmpose"])
    zedo("bench", "--detectors", "--quick", "--json", tmp_path / "b.json")
    record = json.loads((tmp_path / "b.json").read_text("utf-8"))
    assert list(record["metrics"]) == ["movenet (embedded), onnx", "background, 1080p, opencv"]
    assert "MMPose is not installed; zedo-video doctor says how" in capsys.readouterr().out
