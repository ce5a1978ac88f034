"""The check for machines with a GPU works where there is none."""

from __future__ import annotations

import pytest
import torch

from tests import gpu_check
from tests.pipeline.bench.test_lifting import pretend

pytestmark = pytest.mark.slow


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_check.main([]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "no cuda device" in err


def test_the_cpu_agrees_with_itself(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("pipeline.bench.lifting.run_apart", pretend)  # what is measured has tests of its own
    assert gpu_check.main(["--device", "cpu", "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    tests = next(line for line in lines if line.lstrip().startswith("tests "))
    assert " passed" in tests and tests.endswith("yes")
    assert sum("mpjpe_mm" in line and line.endswith("yes") for line in lines) == 16
    for preset in ("fast", "reference"):
        assert any(f"{preset}, batch 1, ms a pose" in line and "of the matmul limit" in line for line in lines)


@pytest.mark.parametrize(
    ("off_mm", "arithmetic", "code"),
    [(0.05, torch.float32, 0), (0.2, torch.float32, 1), (0.2, torch.bfloat16, 0), (2.0, torch.bfloat16, 1)],
)
def test_figures_that_differ_are_a_failure(
    off_mm: float,
    arithmetic: torch.dtype,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Measured:
        def __init__(self, mm: float) -> None:
            metrics = {name: {"value": mm} for name in gpu_check.FIGURES}
            self.per_group = [{"name": "sequences", "noise_px": 5.0, "metrics": metrics}]

    monkeypatch.setattr(gpu_check, "matmul_dtype", lambda device: arithmetic)
    found = iter([Measured(30.0), Measured(30.0), Measured(30.0 + off_mm)])
    monkeypatch.setattr(gpu_check, "evaluate_mocap", lambda *_, **__: next(found))
    monkeypatch.setattr(gpu_check, "device_tests", lambda *_, **__: ("tests", "", "", "1 passed", "yes"))
    monkeypatch.setattr(gpu_check, "bench_rows", lambda *_, **__: [])
    assert gpu_check.main(["--device", "cpu"]) == code
    assert ("NO" in capsys.readouterr().out) == bool(code)
