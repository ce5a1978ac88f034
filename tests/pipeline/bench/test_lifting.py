"""``zedo-video bench``: what is counted, what is measured, and what is left out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assets.integrity import asset_path
from lifting.prior.network import ScoreNetwork
from lifting.settings import LiftSettings
from pipeline.bench import lifting as benchmarking
from pipeline.bench.case import Case, dense_flops, matmul_rate
from pipeline.errors import InputError, UserError
from pipeline.machine import peak_memory_bytes, reset_peak_memory
from tests.pipeline.command_line import zedo


def pretend(case: Case) -> dict[str, Any]:
    """Times of a machine that does a pose in 2 ms, or 100 ms as published, whatever the batch."""
    per_pose = {"fast": 2.0, "reference": 100.0}[case.preset]
    return {
        "dtype": "float32", "ms_per_pose": per_pose, "seconds": [per_pose * case.batch / 1000], "gflop_per_pose": 0.4,
        "gflops": 200.0, "matmul_gflops": 400.0, "share_of_matmul_limit": 0.5, "peak_memory_mb": 300.0 + case.batch,
        "device_peak_memory_mb": None,
    }  # fmt: skip


def test_operations_of_the_dense_layers() -> None:
    network = ScoreNetwork(joints=17, hidden=64, embed=16)
    assert dense_flops(network) == 2 * (51 * 64 + 4 * 64 * 64 + 64 * 51)
    assert dense_flops(ScoreNetwork()) == pytest.approx(0.43e9 / 50, rel=0.001)


def test_matmul_rate_is_that_of_the_products() -> None:
    # 1.1 MFLOP per row: anything between a wristwatch and a supercomputer
    rate = matmul_rate(ScoreNetwork(hidden=256, embed=16), 64, torch.float32, torch.device("cpu"))
    assert 1e8 < rate < 1e14


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can forget a peak")
def test_peak_memory_can_be_reset() -> None:
    reset_peak_memory()
    before = peak_memory_bytes()
    ballast = np.ones(25_000_000)
    high = peak_memory_bytes()
    del ballast
    assert peak_memory_bytes() == pytest.approx(high, rel=0.01)
    reset_peak_memory()
    after = peak_memory_bytes()
    assert before is not None and high is not None and after is not None
    assert 190e6 < high - before < 230e6 and after < high - 150e6


@pytest.mark.slow
def test_a_case_is_measured_in_a_process_of_its_own() -> None:
    found = benchmarking.run_apart(Case("fast", 3, None, "cpu", 0.0))
    assert len(found["seconds"]) == 1
    assert found["ms_per_pose"] == pytest.approx(found["seconds"][0] / 3 * 1000)
    settings = LiftSettings()
    needed = dense_flops(ScoreNetwork()) * settings.optimiser_steps * settings.alternatives
    assert found["gflop_per_pose"] == pytest.approx(needed / 1e9)
    assert found["gflops"] == pytest.approx(found["gflop_per_pose"] * 3 / found["seconds"][0])
    assert 0 < found["share_of_matmul_limit"] < 1.5
    assert found["peak_memory_mb"] is None or 100 < found["peak_memory_mb"] < 2000
    with pytest.raises(UserError, match=r"batch 3 could not be measured.*missing"):
        benchmarking.run_apart(Case("fast", 3, "missing.pt", "cpu", 0.0))


@pytest.mark.slow
def test_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(benchmarking, "run_apart", pretend)
    zedo("bench", "--batch", 64, "--batch", 1, "--batch", 1024, "--json", tmp_path / "b.json")
    table = capsys.readouterr().out
    record = json.loads((tmp_path / "b.json").read_text("utf-8"))
    assert list(record) == ["protocol", "metrics", "per_group", "time", "provenance"]
    cases = [(group["preset"], group["batch"], "skipped" in group) for group in record["per_group"]]
    # 1024 poses at 100 ms are more than 30 s
    assert cases == [
        ("fast", 1, False), ("fast", 64, False), ("fast", 1024, False),
        ("reference", 1, False), ("reference", 64, False), ("reference", 1024, True),
    ]  # fmt: skip
    assert record["per_group"][-1] == {
        "preset": "reference", "batch": 1024, "skipped": "about 102 s, more than the budget of 30 s"
    }  # fmt: skip
    assert record["metrics"]["speed_ratio"] == 50 and record["metrics"]["speed_ratio_batch"] == 64
    assert record["metrics"]["share_of_matmul_limit"] == 0.5 and "mpjpe_mm" not in record["metrics"]
    assert record["provenance"]["settings"]["reference"]["preset"] == "reference"
    assert record["time"]["cpu"] and record["time"]["threads"] == 1
    assert "50 times as fast as reference at batch 64" in table and "about 102 s" in table
    assert "no --data was given" in table


def test_accuracy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(benchmarking, "run_apart", pretend)
    monkeypatch.setattr(benchmarking, "PRESETS", ("fast",))  # the published one takes seconds
    with np.load(asset_path("sample_motion.npz")) as stored:
        poses = stored["positions_m"]
    np.savez(tmp_path / "m.npz", poses=poses, start=[0], length=[9], clip_name=["walk"], allow_pickle=False)
    zedo("bench", "--batch", 1, "--data", tmp_path / "m.npz", "--count", 1, "--json", tmp_path / "b.json")
    assert "fast, 5 px noise: MPJPE" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "b.json").read_text("utf-8"))["metrics"]
    rows = [(row["preset"], row["noise_px"]) for row in metrics["accuracy"]]
    assert rows == [("fast", 0.0), ("fast", 5.0)]
    assert metrics["mpjpe_mm"] == metrics["accuracy"][1]["mpjpe_mm"]["value"] > 0


def test_bad_input_is_found_before_the_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(benchmarking, "run_apart", lambda case: pytest.fail("the work began"))
    for arguments, words in (
        (("--data", tmp_path / "missing.npz"), "does not exist"),
        (("--prior", tmp_path / "missing.pt"), "missing.pt"),
    ):
        with pytest.raises(InputError, match=words):
            zedo("bench", *arguments, "--json", tmp_path / "b.json", "--quiet")
    assert list(tmp_path.iterdir()) == []
