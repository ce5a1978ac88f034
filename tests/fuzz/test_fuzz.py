"""Whatever is in a file: it is read, or refused in one printable line, in 10 s and 1.5 GB, and nothing is left behind.

``ZEDO_FUZZ_SEED`` changes the inputs, ``pytest -m fuzz -s`` shows the figures.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.readers import READERS
from tests.fuzz.worker import EVERY

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("ZEDO_FUZZ_SEED", "1")
_MOST_FINDINGS = 5
_FEW = 8


def fuzzed(reader: str, count: int) -> tuple[list[dict[str, Any]], list[str]]:
    """The inputs with what became of them, and what must not happen."""
    inputs: list[dict[str, Any]] = []
    findings: list[str] = []
    first = 0
    while first < count and len(findings) < _MOST_FINDINGS:
        command = [sys.executable, "-m", "tests.fuzz.worker", SEED, reader, str(first), str(count - first)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=1800)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, done.stderr
        for line in lines:
            if "outcome" in line:
                inputs.append(line)
                if line["outcome"] not in ("loaded", "refused"):
                    findings.append(f"{line['reader']}, input {line['number']}: {line['outcome']}")
        if done.returncode:
            died = signal.Signals(-done.returncode).name if done.returncode < 0 else done.stderr[-1000:]
            findings.append(f"{lines[-1]['reader']}, input {lines[-1]['number']}: the process ended, {died}")
        first = lines[-1]["number"] + 1
    return inputs, findings


@pytest.mark.slow
def test_a_little_damage_of_every_kind_of_file() -> None:
    inputs, findings = fuzzed(EVERY, _FEW)
    assert not findings, f"seed {SEED}\n" + "\n".join(findings)
    assert len(inputs) == _FEW * len(READERS) > 300
    assert {line["outcome"] for line in inputs} == {"loaded", "refused"}


@pytest.mark.fuzz
@pytest.mark.parametrize("reader", READERS)
def test_much_damage(reader: str) -> None:
    inputs, findings = fuzzed(reader, READERS[reader].inputs)
    refused = sum(line["outcome"] == "refused" for line in inputs)
    slowest = max(line["seconds"] for line in inputs)
    print(f"| {reader} | {len(inputs)} | {refused} | {slowest:.1f} s | {len(findings)} |")  # noqa: T201
    assert not findings, f"seed {SEED}\n" + "\n".join(findings)
