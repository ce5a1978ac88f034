"""The template poses and the initialiser as files, loaded without trust."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from assets.integrity import asset_path
from lifting.initial.network import InitialNetwork
from lifting.prior.weights import PriorError, read_safetensors, sha256_of

__all__ = ["Templates", "load_initialiser", "load_templates", "save_initialiser"]


_TEMPLATES = "templates.npz"
_INITIALISER = "initialiser.safetensors"


@dataclass(frozen=True)
class Templates:
    """Where the optimiser starts, and how large people are.

    Attributes:
        poses: number of cluster centres S -> ``[S, 17, 3]`` float32, metres, pelvis at the origin, camera axes, facing
            the camera.
        bone_lengths_m: ``[16]`` mean length of each bone of ``H36M_17``, metres.
        sha256: of the file; empty if they come from none.
        network: the initialiser, or None without one.
        network_sha256: of its file.
    """

    poses: dict[int, NDArray[np.float32]]
    bone_lengths_m: NDArray[np.float64]
    sha256: str = ""
    network: InitialNetwork | None = None
    network_sha256: str = ""

    @cached_property
    def size_m(self) -> float:
        """Sum of the mean bone lengths, the measure of body size."""
        return float(self.bone_lengths_m.sum())


def load_initialiser(path: str | Path | None = None) -> tuple[InitialNetwork, str]:
    """The shipped initialiser, or the one in a file, and the SHA-256 of the file.

    Raises:
        PriorError: the file is missing, damaged or holds something else.
    """
    path = asset_path(_INITIALISER) if path is None else Path(path)
    if not path.is_file():
        raise PriorError(f"there are no weights of a initialiser {path}; check the name")
    weights, _ = read_safetensors(path)
    try:
        network = InitialNetwork.like(weights)
        network.load_state_dict({name: value.float() for name, value in weights.items()})
        if not all(torch.isfinite(value).all() for value in network.state_dict().values()):
            raise ValueError("weights are not finite")
    except (KeyError, RuntimeError, ValueError) as error:
        raise PriorError(
            f"{path} does not hold the weights of a initialiser; train them with `zedo-video train initialiser`"
        ) from error
    return network.eval().requires_grad_(False), sha256_of(path)


def save_initialiser(path: str | Path, network: InitialNetwork, training: dict[str, Any]) -> None:
    """Write weights as safetensors in half precision."""
    from safetensors.torch import save_file

    tensors = {
        name: value.detach().to("cpu", torch.float16).contiguous() for name, value in network.state_dict().items()
    }
    save_file(tensors, str(path), metadata={"format": "zedo-start", "training": json.dumps(training, sort_keys=True)})


def load_templates(path: str | Path | None = None, network: str | Path | None = None) -> Templates:
    """The shipped template poses and initialiser, or those of files. Raises PriorError if a file is not one of them."""
    path = asset_path(_TEMPLATES) if path is None else Path(path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            poses = {
                int(name.removeprefix("poses_")): stored[name] for name in stored.files if name.startswith("poses_")
            }
            bones = stored["bone_lengths_m"].astype(np.float64)
        if bones.shape != (16,) or not poses or any(p.shape != (s, 17, 3) for s, p in poses.items()):
            raise ValueError("other shapes than those of template poses")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise PriorError(f"{path} holds no template poses; write them with `zedo-video train clusters`") from error
    return Templates(poses, bones, sha256_of(path), *load_initialiser(network))
