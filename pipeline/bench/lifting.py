"""``zedo-video bench``: both presets side by side, time, memory, accuracy and the distance to the matmul limit."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

from pipeline.bench.case import Case, Timing
from pipeline.errors import UserError
from pipeline.evaluate.report import Report, describe_lifting, table_text
from pipeline.machine import PEAK_METHOD, describe_machine
from pipeline.progress import Reporter

__all__ = ["BATCHES", "PRESETS", "bench", "bench_table", "run_apart"]

PRESETS = ("fast", "reference")
BATCHES = (1, 4, 16, 64, 256, 1024, 4096)

_NOISE_PX = 5.0


def bench(
    reporter: Reporter,
    *,
    batches: Sequence[int] = BATCHES,
    budget_s: float = 30.0,
    least_s: float = 2.0,
    data: Path | None = None,
    count: int = 300,
    prior_file: Path | None = None,
    device: str | None = None,
    seed: int = 0,
) -> Report:
    """Measure every preset at every batch size, each case in a process of its own.

    A case that would take longer than the budget, by the time per pose of the batch before, is left out and says so;
    nothing is extrapolated.

    Args:
        reporter: gets the progress.
        batches: numbers of poses that are lifted together.
        budget_s: longest time of one case.
        least_s: a case is repeated until this time is spent, at most 5 times.
        data: test sequences to measure the accuracy on; None measures none.
        count: number of single frames for that.
        prior_file: None is the shipped prior.
        device: where lifting runs.
        seed: of the cameras and the noise before which accuracy is measured.

    Raises:
        InputError: the data, the prior or the device cannot be used.
    """
    from pipeline.evaluate.mocap import frame_views, load_mocap
    from pipeline.load import load_lifter
    from pipeline.settings import load_settings

    began = time.perf_counter()
    # What cannot be used is found before the long part of the work.
    mocap = None if data is None else load_mocap(data)
    if mocap is not None:
        frame_views(mocap, count=count, noise_px=_NOISE_PX, seed=seed)
    common = {"prior": prior_file, "device": device}
    lifters = {preset: load_lifter(load_settings(None, {"preset": preset, **common})) for preset in PRESETS}
    sizes = sorted(set(batches))
    groups: list[dict[str, Any]] = []
    with reporter.stage("bench", len(PRESETS) * len(sizes)) as advance:
        per_pose_s: dict[str, float] = {}
        # One preset right after the other: their ratio suffers less from programs that come and go.
        for batch, preset in product(sizes, PRESETS):
            case = Case(preset, batch, None if prior_file is None else str(prior_file), device, least_s)
            group = _skip(per_pose_s.get(preset), batch, budget_s) or run_apart(case)
            groups.append({"preset": preset, "batch": batch, **group})
            if "ms_per_pose" in group:
                per_pose_s[preset] = group["ms_per_pose"] / 1000
            advance(len(groups))
    groups.sort(key=lambda group: (PRESETS.index(group["preset"]), group["batch"]))
    accuracy: list[dict[str, Any]] = []
    if mocap is not None:
        with reporter.stage("accuracy", len(PRESETS)) as advance:
            for preset in PRESETS:
                accuracy += _accuracy(mocap, lifters[preset][0], preset, count, seed)
                advance(len(accuracy) // 2)
    provenance = {preset: describe_lifting(*lifters[preset]) for preset in PRESETS}
    return Report(
        protocol={
            "name": "bench",
            "batch": "independent poses lifted in one go by Lifter.lift_rows: start, optimiser, body size",
            "evidence_2d": "the shipped sample clip, its frames over and over, confidence 1",
            "ms_per_pose": "fastest repetition; all are in seconds",
            "repeated": f"until {least_s:g} s are spent, at most 5 times, after a warm-up",
            "skipped": f"cases that would take more than {budget_s:g} s by the time per pose of the batch before",
            "peak_memory": PEAK_METHOD,
            "matmul_limit": "2 operations per weight of the dense layers, pose and evaluation, against the rate of "
            "these matrix products alone: same shapes and dtype, same process, before and after",
            "accuracy": f"{count} single frames of {mocap.file}, projected truth, exact and {_NOISE_PX:g} px noise"
            if mocap is not None
            else "not measured: no --data was given",
        },
        metrics=_metrics(groups, accuracy),
        per_group=groups,
        time={"seconds": time.perf_counter() - began, **describe_machine()},
        provenance=provenance["fast"] | {"settings": {preset: provenance[preset]["settings"] for preset in PRESETS}},
    )


def _skip(per_pose_s: float | None, batch: int, budget_s: float) -> dict[str, Any] | None:
    if per_pose_s is None or per_pose_s * batch <= budget_s:
        return None
    return {"skipped": f"about {per_pose_s * batch:.0f} s, more than the budget of {budget_s:g} s"}


def run_apart(case: Case) -> dict[str, Any]:
    """The figures of a case, measured in a process of its own; raises UserError if that fails."""
    command = [sys.executable, "-P", "-m", "pipeline.bench.case", json.dumps(asdict(case))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return {"skipped": f"ended by signal {-done.returncode}, probably for lack of memory"}
    if done.returncode:
        sentence = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
        raise UserError(f"{case.preset} at batch {case.batch} could not be measured: {sentence}")
    timing = Timing(**json.loads(done.stdout))
    best = min(timing.seconds)
    reached = timing.gflop_per_pose * case.batch / best
    return {
        "dtype": timing.dtype,
        "ms_per_pose": best / case.batch * 1000,
        "seconds": timing.seconds,
        "gflop_per_pose": timing.gflop_per_pose,
        "gflops": reached,
        "matmul_gflops": timing.matmul_gflops,
        "share_of_matmul_limit": reached / timing.matmul_gflops,
        "peak_memory_mb": timing.peak_mb,
        "device_peak_memory_mb": timing.device_peak_mb,
    }


def _accuracy(mocap: Any, lifter: Any, preset: str, count: int, seed: int) -> list[dict[str, Any]]:
    import numpy as np

    from lifting.benchmarks.mocap import lift_frames, scores
    from pipeline.evaluate.mocap import frame_views

    rows = []
    for view in frame_views(mocap, count=count, noise_px=_NOISE_PX, seed=seed):
        found = scores(lift_frames(lifter, view), np.random.default_rng(seed))
        rows.append({"preset": preset, "noise_px": view.noise_px, **{k: asdict(v) for k, v in found.items()}})
    return rows


def _metrics(groups: list[dict[str, Any]], accuracy: list[dict[str, Any]]) -> dict[str, Any]:
    """The speed of both at the largest batch that both ran, and how good ``fast`` is at its best."""
    times = {(group["preset"], group["batch"]): group for group in groups if "ms_per_pose" in group}
    common = [batch for preset, batch in times if preset == "fast" and ("reference", batch) in times]
    fast = [group for (preset, _), group in times.items() if preset == "fast"]
    metrics: dict[str, Any] = {"speed_ratio": None, "speed_ratio_batch": None, "accuracy": accuracy}
    if common:
        batch = max(common)
        ratio = times["reference", batch]["ms_per_pose"] / times["fast", batch]["ms_per_pose"]
        metrics |= {"speed_ratio": ratio, "speed_ratio_batch": batch}
    if fast:
        best = min(fast, key=lambda group: float(group["ms_per_pose"]))
        metrics |= {name: best[name] for name in ("ms_per_pose", "share_of_matmul_limit", "batch", "peak_memory_mb")}
    for row in accuracy:
        if row["preset"] == "fast" and row["noise_px"]:
            metrics |= {name: row[name]["value"] for name in ("mpjpe_mm", "pa_mpjpe_mm")}
    return metrics


def bench_table(report: Report) -> str:
    """The report for people."""
    rows, skipped = [], []
    for group in report.per_group:
        if "skipped" in group:
            skipped.append(f"not measured: {group['preset']} at batch {group['batch']}: {group['skipped']}")
            continue
        memory = group["peak_memory_mb"]
        rows.append(
            [
                group["preset"],
                str(group["batch"]),
                group["dtype"],
                f"{group['ms_per_pose']:.2f}",
                "unknown" if memory is None else f"{memory:.0f}",
                f"{group['gflop_per_pose']:.2f}",
                f"{group['gflops']:.1f}",
                f"{group['matmul_gflops']:.1f}",
                f"{group['share_of_matmul_limit'] * 100:.0f} %",
            ]
        )
    metrics, machine = report.metrics, report.time
    notes = list(skipped)
    if metrics["speed_ratio"] is not None:
        notes.append(
            f"fast is {metrics['speed_ratio']:.0f} times as fast as reference at batch {metrics['speed_ratio_batch']}"
        )
    for row in metrics["accuracy"]:
        kind = f"{row['noise_px']:g} px noise" if row["noise_px"] else "exact 2D"
        values = " / ".join(
            f"{row[name]['value']:.1f} [{row[name]['low']:.1f}, {row[name]['high']:.1f}]"
            for name in ("mpjpe_mm", "pa_mpjpe_mm")
        )
        notes.append(f"{row['preset']}, {kind}: MPJPE / PA-MPJPE {values} mm")
    notes.append(f"accuracy: {report.protocol['accuracy']}")
    notes.append("matmul limit: GFLOP/s of the dense layers alone, same shapes and dtype, same process")
    notes.append(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, load {machine['load_average']}; "
        "times are ratios of this run, other programs slow them down"
    )
    columns = [
        "preset", "batch", "dtype", "ms/pose", "peak MB", "GFLOP/pose", "GFLOP/s", "matmul GFLOP/s", "share"
    ]  # fmt: skip
    return table_text("Lifting, by batch size", columns, rows, notes)
