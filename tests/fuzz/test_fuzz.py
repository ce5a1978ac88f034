"""Whatever is in a file: it is read, or refused in one printable line, in 10 s and 1.5 GB, and nothing is left behind.

``ZEDO_FUZZ_SEED`` changes the inputs, ``pytest -m fuzz -s`` shows the figures.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.readers import READERS

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("ZEDO_FUZZ_SEED", "1")
_MOST_FINDINGS = 5


def fuzzed(reader: str, count: int) -> tuple[Counter[str], float, list[str]]:
    """How many inputs were loaded and refused, the longest seconds, and what must not happen."""
    outcomes: Counter[str] = Counter()
    findings, slowest, first = [], 0.0, 0
    while first < count and len(findings) < _MOST_FINDINGS:
        command = [sys.executable, "-m", "tests.fuzz.worker", SEED, reader, str(first), str(count - first)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=1800)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, done.stderr
        for line in lines:
            if outcome := line.get("outcome"):
                slowest = max(slowest, line["seconds"])
                if outcome in ("loaded", "refused"):
                    outcomes[outcome] += 1
                else:
                    findings.append(f"input {line['number']}: {outcome}")
        if done.returncode:
            died = signal.Signals(-done.returncode).name if done.returncode < 0 else done.stderr[-1000:]
            findings.append(f"input {lines[-1]['number']}: the process ended, {died}")
        first = lines[-1]["number"] + 1
    return outcomes, slowest, findings


def holds(reader: str, count: int) -> None:
    outcomes, slowest, findings = fuzzed(reader, count)
    print(f"| {reader} | {count} | {outcomes['loaded']} | {outcomes['refused']} | {slowest:.1f} s | {len(findings)} |")  # noqa: T201
    assert not findings, f"seed {SEED}, {reader}\n" + "\n".join(findings)


@pytest.mark.fuzz
@pytest.mark.parametrize("reader", READERS)
def test_damage(reader: str) -> None:
    holds(reader, READERS[reader].inputs)
