"""Does a GPU compute what the CPU computes, and how fast? ``python tests/gpu_check.py [--data FILE]``, in ten minutes.

It stands here and not in the package because it runs the tests: it needs a clone with ``pip install -e '.[dev]'``. In
turn: the tests of what runs on a device; ``evaluate mocap`` on the CPU and on the device, in float32, where only the
order of sums differs, and in the arithmetic that the device prefers; ``bench`` of both presets. One table says what was
found. Exit code 0: all well, 1: something is not, 2: no such device. ``--device cpu --quick`` checks the script itself.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from assets.integrity import asset_path  # noqa: E402
from lifting.benchmarks.synthetic import STRIDE  # noqa: E402
from lifting.device import MATMUL, choose_device, matmul_dtype  # noqa: E402
from pipeline.bench.lifting import bench  # noqa: E402
from pipeline.evaluate.mocap import MocapData, evaluate_mocap, load_mocap  # noqa: E402
from pipeline.evaluate.report import Report, table_text  # noqa: E402
from pipeline.load import load_lifter  # noqa: E402
from pipeline.progress import QuietReporter  # noqa: E402
from pipeline.settings import RunSettings  # noqa: E402

#: Figures of the device and of the CPU may differ by so much, mm; and by so much in the arithmetic that the device
#: prefers, where that is a shorter one: joints are rounded to some millimetres then, and figures are means of them.
TOLERANCE_MM, SHORT_TOLERANCE_MM = 0.1, 1.0
FIGURES = ("mpjpe_mm", "pa_mpjpe_mm")
COLUMNS = ("what", "CPU, float32", "device, float32", "device, its own", "well?")
Row = tuple[str, str, str, str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description="Check lifting on a GPU against the CPU.")
    parser.add_argument("--device", default="cuda", choices=["cuda", "mps", "cpu"])
    parser.add_argument("--data", type=Path, help="test sequences (.npz); without them the motion of the shipped clip")
    parser.add_argument("--quick", action="store_true", help="few tests, poses and batches")
    given = parser.parse_args(arguments)
    try:
        device = choose_device(given.device)
    except ValueError:
        sys.stderr.write(f"PyTorch finds no {given.device} device on this machine, so there is nothing to check\n")
        return 2
    rows = [
        device_tests(given.device, quick=given.quick),
        *mocap_rows(
            given.device,
            load_mocap(given.data) if given.data else shipped_motion(48 if given.quick else 120),
            quick=given.quick,
        ),
        *bench_rows(given.device, quick=given.quick),
    ]
    name = torch.cuda.get_device_name() if given.device == "cuda" else given.device
    own = str(matmul_dtype(device)).removeprefix("torch.")
    title = f"{name}, PyTorch {torch.__version__}; its own arithmetic is {own}"
    sys.stdout.write(table_text(title, COLUMNS, rows) + "\n")
    return int(any(row[-1] == "NO" for row in rows))


def device_tests(device: str, *, quick: bool) -> Row:
    """The tests that run on every device, on this one, and those of what may touch a device at all."""
    where = "tests/lifting/test_accelerator.py" if quick else "tests/lifting"
    command = [sys.executable, "-m", "pytest", where, "-k", f"accelerator or {device}", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout[-10_000:] + done.stderr)
    return "tests", "", "", (done.stdout.strip().splitlines() or ["none"])[-1], "NO" if done.returncode else "yes"


def mocap_rows(device: str, data: MocapData, *, quick: bool) -> Iterator[Row]:
    """Every figure of ``evaluate mocap`` from the CPU and twice from the device."""
    clips = min(len(data.start), 1 if quick else 16)
    frames = min(-(-len(data.poses) // STRIDE), 4 if quick else 300)
    with patch.dict(os.environ, {MATMUL: ""}):
        same = matmul_dtype(choose_device(device)) is torch.float32
    reports = []
    for where, arithmetic in (("cpu", "float32"), (device, "float32"), (device, "")):
        with patch.dict(os.environ, {MATMUL: arithmetic}):
            lifter, prior = load_lifter(RunSettings(device=where))
            reports.append(
                evaluate_mocap(
                    data, lifter, prior, QuietReporter(), count=frames, sequences=clips, noise_px=5.0, seed=0
                )
            )
    for groups in zip(*(report.per_group for report in reports), strict=True):
        noise = f"{groups[0]['noise_px']:g} px" if groups[0]["noise_px"] else "exact"
        for figure in FIGURES:
            values = [group["metrics"][figure]["value"] for group in groups]
            well = np.ptp(values[:2]) < TOLERANCE_MM and np.ptp(values) < (TOLERANCE_MM if same else SHORT_TOLERANCE_MM)
            on_cpu, on_device, its_own = (f"{value:.2f}" for value in values)
            yield f"{groups[0]['name']}, {noise}, {figure}", on_cpu, on_device, its_own, "yes" if well else "NO"


def bench_rows(device: str, *, quick: bool) -> Iterator[Row]:
    """Time of both presets, and how much of the time of their matrix products alone that is."""
    report: Report = bench(
        QuietReporter(), device=device, batches=(1,) if quick else (1, 64, 1024, 4096), budget_s=20,
        least_s=0.1 if quick else 1.0,
    )  # fmt: skip
    for group in report.per_group:
        what = f"{group['preset']}, batch {group['batch']}, ms a pose"
        if "skipped" in group:
            yield what, "", "", f"not measured: {group['skipped']}", ""
            continue
        share = f"{group['share_of_matmul_limit']:.0%} of the matmul limit"
        yield what, "", "", f"{group['ms_per_pose']:.3f} in {group['dtype']}, {share}", ""


def shipped_motion(frames: int) -> MocapData:
    """The motion of the shipped clip as test sequences: few, but at hand."""
    with np.load(asset_path("sample_motion.npz")) as stored:
        poses = stored["positions_m"][:frames].astype(np.float32)
        fps = float(stored["fps"])
    clip = np.array([len(poses)])
    return MocapData("sample_motion.npz", poses, np.zeros(1, np.int64), clip, ["sample"], fps)


if __name__ == "__main__":
    sys.exit(main())
