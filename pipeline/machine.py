"""What a time was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

__all__ = ["describe_machine", "peak_memory_bytes"]

#: How ``peak_memory_bytes`` knows, for the record.
PEAK_METHOD = "highest resident memory of a process of its own (VmHWM on Linux, else getrusage), weights and libraries included"


def describe_machine() -> dict[str, Any]:
    """CPU, cores, threads of PyTorch and how busy the machine is with everything that runs on it."""
    import torch

    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def peak_memory_bytes() -> int | None:
    """Highest resident memory of this process so far; None where the system does not tell.

    On Linux not from getrusage, whose maximum a child inherits from the process that started it.
    """
    try:
        for line in Path("/proc/self/status").read_text("ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    # macOS counts in bytes, the BSDs in kilobytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
