"""The learnt prior as a file: weights, template poses and body size, loaded without trust."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from assets.integrity import asset_path
from assets.untrusted import UntrustedFileError
from assets.untrusted.texts import parse_json
from assets.untrusted.weights import check_weights, load_checkpoint, load_safetensors
from lifting.prior.control import ControlNetwork
from lifting.prior.network import ScoreNetwork

__all__ = ["DEFAULT_PRIOR", "Prior", "load_prior", "made_of", "read_safetensors", "save_prior", "sha256_of"]

DEFAULT_PRIOR = "prior.safetensors"

Network = TypeVar("Network", bound=nn.Module)


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
        UntrustedFileError: the file is missing, damaged, wants to run code, holds another network, or has no control
            branch where one is asked for.
    """
    path = asset_path(DEFAULT_PRIOR) if path is None else Path(path)
    if path.suffix == ".safetensors":
        weights, _, training = read_safetensors(path)
    else:
        weights, training = _read_checkpoint(path, ema), {}
    try:
        network = _network(weights)
    except (KeyError, RuntimeError, ValueError) as error:
        raise UntrustedFileError(
            f"{path} does not hold the weights of a score network; give a prior trained for ZeDO"
        ) from error
    if control and not isinstance(network, ControlNetwork):
        raise UntrustedFileError(f"{path} holds no control branch; train one with `zedo-video train control`")
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


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], str, dict[str, Any]]:
    """Weights by name, of which kind of network they are, and how they were made. Raises UntrustedFileError."""
    weights, texts = load_safetensors(path)
    record = parse_json(texts.get("training", "{}"), f"the training record of {path}")
    return weights, texts.get("format", ""), record if isinstance(record, dict) else {}


def made_of(weights: dict[str, Tensor], make: Callable[[], Network]) -> Network:
    """The network with these weights, for evaluation. Raises ValueError if it has others than ``make`` gives it."""
    # One tensor may promise a width that the others do not have: compared before anything of that size is made.
    with torch.device("meta"):
        expected = {name: value.shape for name, value in make().state_dict().items()}
    if expected != {name: value.shape for name, value in weights.items()}:
        raise ValueError("weights of other names or shapes")
    network = make()
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return network.eval().requires_grad_(False)


def _read_checkpoint(path: Path, ema: bool) -> dict[str, Tensor]:
    stored = load_checkpoint(path)
    if not isinstance(stored, dict):
        raise UntrustedFileError(f"{path} holds no weights by name; give a checkpoint of a score network")
    weights = stored.get("model_state_dict", stored)
    if not isinstance(weights, dict):
        raise UntrustedFileError(f"{path} holds no weights by name; give a checkpoint of a score network")
    weights = {str(name).removeprefix("module."): value for name, value in weights.items() if isinstance(value, Tensor)}
    # A table of the noise levels of other SDEs that the published code keeps among the weights.
    weights.pop("sigmas", None)
    averaged = stored.get("ema")
    if ema and isinstance(averaged, dict):
        shadow = averaged.get("shadow_params")
        if isinstance(shadow, list) and all(isinstance(value, Tensor) for value in shadow):
            weights |= _averaged(weights, shadow)
    check_weights(path, weights)
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
    return made_of(
        weights, lambda: kind(joints=inputs // 3, hidden=hidden, embed=embed, body_axes="in_body_axes" in weights)
    )
