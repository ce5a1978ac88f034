"""Several trained networks of one kind made into one: the mean of their weights.

Runs that began from the same weights lie in one valley of the loss; their mean keeps what the first knew and most of
what the later ones learnt (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lifting.prior.weights import PriorError

__all__ = ["average"]


def average(files: Sequence[Path], out: Path) -> None:
    """Write the mean of the weights of priors, or of initialisers, in half precision (``.safetensors``).

    Raises PriorError if a file is damaged, or of another kind or size than the first.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import save_file

    total: dict[str, Tensor] = {}
    kind: str | None = None
    records: list[dict[str, Any]] = []
    for path in files:
        try:
            with safe_open(str(path), framework="pt") as stored:
                weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118 - no dict
                metadata = stored.metadata() or {}
            training = json.loads(metadata.get("training", "{}"))
        except (SafetensorError, OSError, ValueError) as error:
            raise PriorError(f"{path} is missing, damaged or no safetensors file; check the name") from error
        shapes = {name: value.shape for name, value in weights.items()}
        if not records:
            kind, total = metadata.get("format"), {name: torch.zeros_like(value) for name, value in weights.items()}
        elif metadata.get("format") != kind or shapes != {name: value.shape for name, value in total.items()}:
            raise PriorError(f"{path} is of another kind or size than {files[0]}; give networks that differ in weights")
        for name, value in weights.items():
            total[name] += value / len(files)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        records.append({"name": path.name, "sha256": sha256, "training": training})
    mean = {name: value.half().contiguous() for name, value in total.items()}
    save_file(mean, str(out), metadata={"format": kind or "", "training": json.dumps({"mean_of": records})})
