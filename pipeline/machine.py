"""The machine: what a time was measured on, and how its threads wait."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["PEAK_METHOD", "describe_machine", "peak_memory_bytes", "reset_peak_memory", "yield_waiting_threads"]

#: How ``peak_memory_bytes`` knows, for the record.
PEAK_METHOD = (
    "highest resident memory of a process of its own per case, libraries and weights included: on Linux VmHWM after a "
    "reset behind the loading (clear_refs), elsewhere getrusage over the whole process"
)


def yield_waiting_threads() -> None:
    """To be called before PyTorch is loaded; a user's own setting wins.

    Threads of OpenMP (PyTorch) that wait by spinning take the cores from those they wait for: on a busy machine lifting
    takes twenty times as long.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def describe_machine() -> dict[str, Any]:
    """CPU, cores, threads of PyTorch and how they wait, and how busy the machine is with everything that runs on it."""
    import torch

    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "openmp_waiting": os.environ.get("OMP_WAIT_POLICY", "default"),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def reset_peak_memory() -> None:
    """Forget what was needed so far, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak_memory_bytes() -> int | None:
    """Highest resident memory of this process since it began or was reset; None where the system does not tell.

    On Linux not from getrusage, whose maximum a child inherits from the process that started it.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return peak if platform.system() == "Darwin" else peak * 1024


def _cpu_name() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
