"""Where lifting computes, and in which arithmetic."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["DEVICES", "MATMUL", "choose_device", "describe_computing", "matmul_dtype", "mixed_precision"]

DEVICES = ("auto", "cpu", "cuda", "mps")
#: environment variable that chooses the arithmetic of matrix products: for tests and comparisons
MATMUL = "ZEDO_MATMUL"
_CHOICES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` takes CUDA, else Apple's MPS, else the CPU.

    Raises ValueError if it is unknown or not usable on this machine, or if ``MATMUL`` names no arithmetic.
    """
    _asked_for()
    usable = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in usable.items() if there))
    if name not in usable:
        raise ValueError(f"there is no device {name!r}; choose one of {', '.join(DEVICES)}")
    if not usable[name]:
        raise ValueError(f"the device {name} is not usable on this machine; use --device auto or --device cpu")
    return torch.device(name)


def matmul_dtype(device: torch.device) -> torch.dtype:
    """Arithmetic of matrix products: the one that ``MATMUL`` names, else what the device does fast.

    That is bfloat16 with hardware support, else float32: CPUs without bfloat16 instructions emulate it several times
    slower. On MPS, and on GPUs before bfloat16, it is float16. Raises ValueError if ``MATMUL`` names no arithmetic.
    """
    if asked := _asked_for():
        return asked
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.float16
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def _asked_for() -> torch.dtype | None:
    name = os.environ.get(MATMUL)
    if name and name not in _CHOICES:
        raise ValueError(f"{MATMUL} must be {' or '.join(_CHOICES)}, not {name!r}; without it the device decides")
    return _CHOICES[name] if name else None


def mixed_precision(device: torch.device) -> torch.autocast:
    """Training with matrix products in bfloat16, where ``matmul_dtype`` is that; in full precision elsewhere.

    float16 would need its losses scaled, so it is left to inference.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=matmul_dtype(device) is torch.bfloat16)


def describe_computing(
    settings: Mapping[str, Any],
    templates_sha256: str,
    initialiser_sha256: str,
    device: torch.device,
    dtype: torch.dtype,
) -> dict[str, Any]:
    """How poses were lifted, as JSON values, for the provenance of a result."""
    return {
        "lifting": dict(settings),
        "templates_sha256": templates_sha256,
        "initialiser_sha256": initialiser_sha256,
        "computed_on": str(device),
        "matrix_products_in": str(dtype).removeprefix("torch."),
    }
