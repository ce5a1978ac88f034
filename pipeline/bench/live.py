"""``zedo-video bench --live``: how live the live picture is, on a file in place of a camera."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.evaluate.report import Report, table_text, versions
from pipeline.machine import describe_machine
from pipeline.progress import Reporter

__all__ = ["bench_live", "live_table"]

#: The beginning, in which everything is loaded and warmed up, does not count, seconds.
_WARM_UP_S = 5.0
_SAMPLE_S = 0.5


def bench_live(
    reporter: Reporter, *, seconds: float, source: Path | None = None, prior_file: Path | None = None
) -> Report:
    """Run a live session on a file that is begun again at its end, and measure it.

    Every frame is composed and made a JPEG for a page, which counts as displayed.

    Args:
        reporter: gets the progress.
        seconds: how long to measure, after 5 s that do not count.
        source: video file; None is the shipped clip: 640 x 480, 30 frames a second, one person.
        prior_file: None is the shipped prior.

    Raises:
        InputError: source or prior cannot be used.
    """
    from assets.integrity import asset_path
    from lifting.geometry.camera import Camera
    from lifting.settings import DEFAULT_FOV_DEG
    from pipeline.live.feed import Feed
    from pipeline.live.session import Session, one_thread
    from pipeline.live.source import open_source
    from pipeline.live.stats import Meter
    from pipeline.load import load_live_detector, load_live_lifter
    from pipeline.settings import RunSettings

    path = source or asset_path("sample.mp4")
    one_thread()
    lifter, prior = load_live_lifter(RunSettings(prior=prior_file))
    detector = load_live_detector()
    opened = open_source(str(path), loop=True)
    video = opened.video
    camera = Camera.from_fov(DEFAULT_FOV_DEG, (video.width, video.height), "assumed field of view")
    meter = Meter(keep_all=True)
    session = Session(opened, detector, lifter, camera, meter, feed=Feed(), encode=True)
    began = time.perf_counter()
    counted_from = began + _WARM_UP_S
    memory: list[float] = []
    with reporter.stage("live", round(seconds)) as advance:
        session.start()
        try:
            captured = displayed = 0
            while session.end is None and (now := time.perf_counter()) < counted_from + seconds:
                if now < counted_from:
                    captured, displayed = meter.captured, meter.displayed
                elif (resident := _resident_mb()) is not None:
                    memory.append(resident)
                advance(max(0, round(now - counted_from)))
                time.sleep(_SAMPLE_S)
            captured, displayed = meter.captured - captured, meter.displayed - displayed
        finally:
            session.close()
    if session.end is not None and session.end.error is not None:
        raise session.end.error
    records = np.array([record for record in meter.all if record[0] >= counted_from]).reshape(-1, 4)
    if len(records) < 2:
        raise UserError("nothing was displayed in time; measure longer with --live-seconds")
    return Report(
        protocol={
            "name": "bench --live",
            "source": f"{path.name}, {video.width} x {video.height} at {video.fps:g} fps, begun again at its end",
            "seconds": seconds,
            "warm_up_s": _WARM_UP_S,
            "displayed": "composed beside the 3D panel and encoded as JPEG, as for the page",
            "latency": "from the moment the source gives a frame until it is displayed",
            "dropped": "frames that the source gave and that were not displayed",
            "growth": "median of the last fifth of the time minus that of the first fifth",
        },
        metrics=_metrics(records, memory, captured, displayed),
        per_group=[],
        time={"seconds": time.perf_counter() - began, **describe_machine()},
        provenance={
            "versions": versions("zedo-video", "numpy", "torch", "onnxruntime", "opencv-python"),
            "prior": prior.describe(),
            "detector": detector.describe(),
            "settings": lifter.describe(),
        },
    )


def _metrics(records: NDArray[np.float64], memory: list[float], captured: int, displayed: int) -> dict[str, Any]:
    shown, latency, lifting, detecting = records.T
    used = np.array(memory)
    return {
        "fps": (len(shown) - 1) / float(shown[-1] - shown[0]),
        "latency_median_ms": float(np.median(latency)) * 1000,
        "latency_p95_ms": float(np.percentile(latency, 95)) * 1000,
        "latency_growth_ms": _growth(latency) * 1000,
        "lift_median_ms": float(np.median(lifting)) * 1000,
        "lift_p95_ms": float(np.percentile(lifting, 95)) * 1000,
        "detect_median_ms": float(np.median(detecting)) * 1000,
        "captured": captured,
        "dropped": max(0, captured - displayed),
        "memory_mb": float(np.median(used)) if len(used) else None,
        "memory_growth_mb": _growth(used) if len(used) else None,
    }


def _resident_mb() -> float | None:
    """Memory of this process now, 1e6 bytes; None where the system does not tell (only Linux does)."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return None


def _growth(values: NDArray[np.float64]) -> float:
    fifth = max(1, len(values) // 5)
    return float(np.median(values[-fifth:]) - np.median(values[:fifth]))


def live_table(report: Report) -> str:
    """The report for people."""
    found, machine, protocol = report.metrics, report.time, report.protocol

    def cell(name: str, unit: str, digits: int = 0) -> str:
        value = found[name]
        return "unknown" if value is None else f"{value:.{digits}f} {unit}".strip()

    rows = [
        ["displayed", cell("fps", "fps", 1)],
        ["latency, median", cell("latency_median_ms", "ms")],
        ["latency, 95th percentile", cell("latency_p95_ms", "ms")],
        ["latency, growth", cell("latency_growth_ms", "ms", 1)],
        ["lifting, median", cell("lift_median_ms", "ms", 1)],
        ["lifting, 95th percentile", cell("lift_p95_ms", "ms", 1)],
        ["detection, median", cell("detect_median_ms", "ms", 1)],
        ["dropped", f"{found['dropped']} of {found['captured']}"],
        ["memory", cell("memory_mb", "MB")],
        ["memory, growth", cell("memory_growth_mb", "MB", 1)],
    ]
    notes = [
        f"{protocol['source']}, {protocol['seconds']:g} s after {protocol['warm_up_s']:g} s; {protocol['displayed']}",
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_average']}: other programs slow it down",
    ]
    return table_text("Live", ["live", "value"], rows, notes)
