"""The template poses and the initialiser as files, loaded without trust."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from assets.integrity import asset_path
from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npz
from lifting.initial.network import InitialNetwork
from lifting.prior.weights import made_of, read_safetensors, sha256_of

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

    def single(self) -> NDArray[np.float32]:
        """``[1, 17, 3]`` the template pose of S = 1. Raises ValueError if there is none."""
        if 1 not in self.poses:
            raise ValueError(
                f"there are template poses for S = {', '.join(map(str, sorted(self.poses)))}, not for S = 1"
            )
        return self.poses[1]

    def network_on(self, device: torch.device, dtype: torch.dtype, *, small_batch: bool = False) -> InitialNetwork:
        """A copy of the initialiser on a device, its matrix products in ``dtype``.

        ``small_batch``: it will see a handful of frames at a time (``lifting.prior.small_batch``). Raises ValueError
        if there is none.
        """
        if self.network is None:
            raise ValueError(
                "there is no network of the initialiser; give one (--initialiser), or begin with --ipo grid"
            )
        return copy.deepcopy(self.network).to(device).calculating_in(dtype, small_batch=small_batch)


def load_initialiser(path: str | Path | None = None) -> tuple[InitialNetwork, str]:
    """The shipped initialiser, or the one in a file, and the SHA-256 of the file.

    Raises:
        UntrustedFileError: the file is missing, damaged or holds something else.
    """
    path = asset_path(_INITIALISER) if path is None else Path(path)
    weights, _, _ = read_safetensors(path)
    try:
        return made_of(weights, lambda: InitialNetwork.like(weights)), sha256_of(path)
    except (KeyError, RuntimeError, ValueError) as error:
        raise UntrustedFileError(
            f"{path} does not hold the weights of an initialiser; train them with `zedo-video train initialiser`"
        ) from error


def save_initialiser(path: str | Path, network: InitialNetwork, training: dict[str, Any]) -> None:
    """Write weights as safetensors in half precision."""
    from safetensors.torch import save_file

    tensors = {
        name: value.detach().to("cpu", torch.float16).contiguous() for name, value in network.state_dict().items()
    }
    save_file(tensors, str(path), metadata={"format": "zedo-start", "training": json.dumps(training, sort_keys=True)})


def load_templates(path: str | Path | None = None, network: str | Path | None = None) -> Templates:
    """The shipped template poses and initialiser, or those of files.

    Raises UntrustedFileError if a file is not one of them.
    """
    path = asset_path(_TEMPLATES) if path is None else Path(path)
    arrays = load_npz(path)
    try:
        poses = {int(name.removeprefix("poses_")): array for name, array in arrays.items() if name.startswith("poses_")}
        bones = arrays["bone_lengths_m"].astype(np.float64)
        if bones.shape != (16,) or not poses or any(p.shape != (s, 17, 3) for s, p in poses.items()):
            raise ValueError("other shapes than those of template poses")
        if not ((bones > 0) & (bones < 3)).all() or not all((abs(p) < 3).all() for p in poses.values()):
            raise ValueError("nobody is as large")
    except (ValueError, KeyError, TypeError) as error:
        raise UntrustedFileError(
            f"{path} holds no template poses; write them with `zedo-video train clusters`"
        ) from error
    return Templates(poses, bones, sha256_of(path), *load_initialiser(network))
