"""Damaged files read in a process of their own, with limits: ``python -m tests.fuzz.worker SEED READER FIRST COUNT``.

Two lines of JSON per input on standard output, before and after. ``SEED READER NUMBER 1`` shows one input again;
``every`` reader gets ``COUNT`` inputs.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

from pipeline.machine import peak_memory_bytes, reset_peak_memory
from tests.fuzz.mutate import mutated
from tests.fuzz.readers import READERS, Reader

SECONDS, BYTES = 10, 1_500_000_000
EVERY = "every"


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def tried(reader: Reader, valid: dict[str, bytes], random: Random, folder: Path) -> str:
    """What happened: ``loaded``, ``refused``, or what must not."""
    name = random.choice(list(valid))
    for file, content in valid.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(mutated(content, random) if file == name else content)
    before = files_of(folder)
    reset_peak_memory()
    base = peak_memory_bytes() or 0
    outcome = "loaded"
    try:
        reader.read(folder)
    except reader.errors as error:
        outcome = "refused"
        if not str(error) or not str(error).isprintable():
            return f"{name}: no printable line: {str(error)!r:.2000}"
    except BaseException:
        return f"{name}: {traceback.format_exc()}"
    if (peak_memory_bytes() or 0) - base > BYTES:
        return f"{name}: took {((peak_memory_bytes() or 0) - base) / 1e9:.1f} GB"
    if not reader.writes and files_of(folder) != before:
        return f"{name}: files changed or left behind: {files_of(folder).keys() ^ before.keys()}"
    parts = [file for file in files_of(folder) if ".part" in file]
    return f"{name}: left behind {parts}" if parts and parts[0] not in before else outcome


def main(seed: str, wanted: str, first: int, count: int) -> None:
    # Libraries print what they think of the damage.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for name in READERS if wanted == EVERY else [wanted]:
        reader = READERS[name]
        with tempfile.TemporaryDirectory() as valid_folder:
            reader.build(Path(valid_folder))
            valid = files_of(Path(valid_folder))
            reader.read(Path(valid_folder))
        limit()
        for number in range(first, first + count):
            with tempfile.TemporaryDirectory() as folder:
                out.write(json.dumps({"reader": name, "number": number}) + "\n")
                began = time.perf_counter()
                signal.alarm(SECONDS)
                outcome = tried(reader, valid, Random(f"{seed} {name} {number}"), Path(folder))
                signal.alarm(0)
            done = {"reader": name, "number": number, "outcome": outcome, "seconds": time.perf_counter() - began}
            out.write(json.dumps(done) + "\n")


def limit() -> None:
    """Far above what is measured: an allocation that fails is an error that a reader may hide."""
    status = Path("/proc/self/status")
    if status.exists():
        size = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmSize"))
        resource.setrlimit(resource.RLIMIT_AS, (size * 1024 + 4 * BYTES, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
