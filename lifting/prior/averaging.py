"""Several trained networks of one kind made into one: the mean of their weights.

Runs that began from the same weights lie in one valley of the loss; their mean keeps what the first knew and most of
what the later ones learnt (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from assets.untrusted import UntrustedFileError
from lifting.prior.weights import read_safetensors, sha256_of

__all__ = ["average"]


def average(files: Sequence[Path], out: Path) -> None:
    """Write the mean of the weights of priors, or of initialisers, in half precision (``.safetensors``).

    Raises UntrustedFileError if a file is damaged, or of another kind or size than the first.
    """
    from safetensors.torch import save_file

    total: dict[str, Tensor] = {}
    kind = ""
    records: list[dict[str, Any]] = []
    for path in files:
        weights, of, training = read_safetensors(path)
        shapes = {name: value.shape for name, value in weights.items()}
        if not records:
            kind, total = of, {name: torch.zeros_like(value.float()) for name, value in weights.items()}
        elif of != kind or shapes != {name: value.shape for name, value in total.items()}:
            raise UntrustedFileError(
                f"{path} is of another kind or size than {files[0]}; give networks that differ in weights"
            )
        for name, value in weights.items():
            total[name] += value.float() / len(files)
        records.append({"name": path.name, "sha256": sha256_of(path), "training": training})
    mean = {name: value.half().contiguous() for name, value in total.items()}
    save_file(mean, str(out), metadata={"format": kind, "training": json.dumps({"mean_of": records})})
