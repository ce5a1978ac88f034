"""Weights of networks: safetensors, and PyTorch's checkpoints as plain tensors only."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.untrusted.arrays import checked_members
from assets.untrusted.limits import Limits, UntrustedFileError, damage, limits_in_force, opened
from assets.untrusted.texts import parse_json

if TYPE_CHECKING:
    import torch

__all__ = ["check_weights", "load_checkpoint", "load_safetensors"]

_HEADER_BYTES = 16 * 2**20


def load_safetensors(path: Path, limits: Limits | None = None) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors of a safetensors file by name, and its texts.

    Raises:
        UntrustedFileError: see there; or the weights are none, see ``check_weights``.
    """
    from safetensors import safe_open

    limits = limits or limits_in_force()
    with opened(path, limits.file_bytes) as (stream, size), damage(path, "safetensors file"):
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= min(size - 8, _HEADER_BYTES):
            raise ValueError("a header longer than the file")
        header = parse_json(stream.read(length).decode(), f"the header of {path}", limits)
        if not isinstance(header, dict) or len(header) > limits.members:
            raise ValueError("too many tensors")
        # It compares shapes and places with the size of the file.
        with safe_open(str(path), framework="pt") as stored:
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no dict
            texts = stored.metadata() or {}
    check_weights(path, weights, limits)
    return weights, texts


def load_checkpoint(path: Path, limits: Limits | None = None, allowed: Sequence[tuple[Any, str]] = ()) -> Any:
    """What a checkpoint holds: tensors and plain values in containers (``torch.load`` with ``weights_only``).

    Args:
        path: the file, in the present or the old format of PyTorch.
        limits: what it may ask for.
        allowed: objects that stand for names in the file, beside those that PyTorch allows.

    Raises:
        UntrustedFileError: see there; or it wants something else to be run.
    """
    import torch

    limits = limits or limits_in_force()
    with opened(path, limits.file_bytes) as (stream, size), damage(path, "checkpoint of PyTorch"):
        packed = zipfile.is_zipfile(stream)
        if packed:
            with zipfile.ZipFile(stream) as archive:
                members = checked_members(archive, path, size, limits)
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("PyTorch packs nothing")
        stream.seek(0)
        try:
            with torch.serialization.safe_globals(list(allowed)):
                content = torch.load(stream, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            if not packed:
                raise
            raise UntrustedFileError(
                f"{path} holds more than plain tensors and would run code, so it was not opened; give weights alone"
            ) from error
        # A tensor of any size can be a view of a single number; parts of one may well be shared.
        tensors = list(_tensors(content))
        dense = all(tensor.layout == torch.strided and tensor.device.type == "cpu" for tensor in tensors)
        if not dense or sum(tensor.nbytes for tensor in tensors) > 2 * size:
            raise ValueError("tensors larger than the file")
    return content


def check_weights(path: Path, weights: Mapping[str, Any], limits: Limits | None = None) -> None:
    """Raise UntrustedFileError if a number among the tensors is not finite or too large for any trained network."""
    limits = limits or limits_in_force()
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not (tensor.float().abs() <= limits.weight).all():
            raise UntrustedFileError(
                f"{path} holds weights ({name[:80]}) that are not finite or beyond {limits.weight:g}; give others"
            )


def _tensors(content: Any) -> Iterable[torch.Tensor]:
    """Every tensor in containers of containers, once."""
    import torch

    seen: set[int] = set()
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple | set):
            waiting.extend(value)
