"""The learnt prior as a file: weights, template poses and body size, loaded without trust."""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from assets.integrity import asset_path
from lifting.prior.control import ControlNetwork
from lifting.prior.network import ScoreNetwork

__all__ = ["DEFAULT_PRIOR", "Prior", "PriorError", "load_prior", "save_prior"]

DEFAULT_PRIOR = "prior.safetensors"


class PriorError(ValueError):
    """The file is no prior that can be used."""


@dataclass(frozen=True)
class Prior:
    """A score network and where it came from.

    Attributes:
        network: float32, evaluation mode; a ``ControlNetwork`` if the file holds a control branch.
        name: file name.
        sha256: of the file.
        training: how it was made, as written in the file; empty for foreign checkpoints.
    """

    network: ScoreNetwork
    name: str
    sha256: str
    training: dict[str, Any]

    def describe(self) -> dict[str, Any]:
        """Name, checksum and training record as JSON values; and that there is a control branch, if there is one."""
        branch = {"control": True} if isinstance(self.network, ControlNetwork) else {}
        return {"name": self.name, "sha256": self.sha256, "training": self.training, **branch}


def load_prior(path: str | Path | None = None, *, ema: bool = True, control: bool | None = None) -> Prior:
    """The shipped prior, or the one in a file.

    Reads safetensors and, as plain tensors only, checkpoints in the published layout: a state_dict, or a dict with
    ``model_state_dict`` (names may start with ``module.``) and ``ema``.

    Args:
        path: ``None`` is the shipped prior.
        ema: take the averaged weights where a checkpoint has both.
        control: True asks for a control branch, False leaves one aside and gives the prior under it, None takes what
            the file has.

    Raises:
        PriorError: the file is missing, damaged, wants to run code, holds another network, or has no control branch
            where one is asked for.
    """
    path = asset_path(DEFAULT_PRIOR) if path is None else Path(path)
    if not path.is_file():
        raise PriorError(f"there is no prior {path}; check the name")
    training: dict[str, Any] = {}
    if path.suffix == ".safetensors":
        weights, training = read_safetensors(path)
    else:
        weights = _read_checkpoint(path, ema)
    try:
        network = _network(weights)
    except (KeyError, RuntimeError, ValueError) as error:
        raise PriorError(
            f"{path} does not hold the weights of a score network; give a prior trained for ZeDO"
        ) from error
    if control and not isinstance(network, ControlNetwork):
        raise PriorError(f"{path} holds no control branch; train one with `zedo-video train control`")
    if control is False and isinstance(network, ControlNetwork):
        network = network.trunk()
    return Prior(network, path.name, sha256_of(path), training)


def save_prior(
    path: str | Path, network: ScoreNetwork, training: dict[str, Any], dtype: torch.dtype | None = None
) -> None:
    """Write weights as safetensors, or as a checkpoint in the published layout if the name ends in ``.pth``.

    Args:
        path: file to write.
        network: with or without control branch.
        training: how it was made; a ``.pth`` does not hold it.
        dtype: None is half precision (the poses change by less than 0.1 mm), unless that would change the prior under a
            control branch, which stays as it is.
    """
    from safetensors.torch import save_file

    if dtype is None:
        kept = network.trunk().parameters() if isinstance(network, ControlNetwork) else ()
        dtype = torch.float16 if all(torch.equal(value, value.half().float()) for value in kept) else torch.float32
    tensors = {name: value.detach().to("cpu", dtype).contiguous() for name, value in network.state_dict().items()}
    if Path(path).suffix == ".pth":
        step = int(training.get("step", 0))
        torch.save({"model_state_dict": {f"module.{k}": v for k, v in tensors.items()}, "step": step}, path)
        return
    save_file(tensors, str(path), metadata={"format": "zedo-prior", "training": json.dumps(training, sort_keys=True)})


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as stored:
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no dict
            record = json.loads((stored.metadata() or {}).get("training", "{}"))
    except (SafetensorError, ValueError, OSError) as error:
        raise PriorError(f"{path} is damaged or no safetensors file; copy it again") from error
    return weights, record if isinstance(record, dict) else {}


def _read_checkpoint(path: Path, ema: bool) -> dict[str, Tensor]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    # What torch.load raises on garbage depends on where in the file it stumbles.
    except (pickle.UnpicklingError, RuntimeError, LookupError, ValueError, TypeError, EOFError, OSError) as error:
        raise PriorError(f"{path} is damaged or holds more than plain tensors, so it was not opened") from error
    if not isinstance(stored, dict):
        raise PriorError(f"{path} holds no weights by name; give a checkpoint of a score network")
    weights = stored.get("model_state_dict", stored)
    if not isinstance(weights, dict):
        raise PriorError(f"{path} holds no weights by name; give a checkpoint of a score network")
    weights = {str(name).removeprefix("module."): value for name, value in weights.items() if isinstance(value, Tensor)}
    # A table of the noise levels of other SDEs that the published code keeps among the weights.
    weights.pop("sigmas", None)
    averaged = stored.get("ema")
    if ema and isinstance(averaged, dict):
        shadow = averaged.get("shadow_params")
        if isinstance(shadow, list) and all(isinstance(value, Tensor) for value in shadow):
            weights |= _averaged(weights, shadow)
    return weights


def _averaged(weights: dict[str, Tensor], shadow: list[Tensor]) -> dict[str, Tensor]:
    """The averages by name: the published code keeps a list of them, in the order of the parameters that it trained."""
    branch = [name for name in weights if _in_branch(name)]
    names = next((names for names in (list(weights), branch) if len(names) == len(shadow)), [])
    return dict(zip(names, shadow, strict=False))


def _in_branch(name: str) -> bool:
    return "_copy" in name or name.startswith("zc_") or name == "infant_cond"


def _network(weights: dict[str, Tensor]) -> ScoreNetwork:
    hidden, inputs = weights["pre_dense.weight"].shape
    embed = weights["pre_dense_t.weight"].shape[1]
    if inputs % 3:
        raise ValueError("the input of the network is not a list of 3D points")
    kind = ControlNetwork if any(map(_in_branch, weights)) else ScoreNetwork
    network = kind(joints=inputs // 3, hidden=hidden, embed=embed, body_axes="in_body_axes" in weights)
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    if not all(torch.isfinite(value).all() for value in network.state_dict().values()):
        raise ValueError("weights are not finite")
    return network.eval().requires_grad_(False)
