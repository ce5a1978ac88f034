"""Weights from files that nobody vouches for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.untrusted import UntrustedFileError, limits_in_force
from assets.untrusted.weights import load_checkpoint, load_safetensors
from detectors.openmmlab.errors import ModelError

if TYPE_CHECKING:
    import torch

__all__ = ["read_weights"]


class _Ignored:
    """What a checkpoint holds beside tensors: takes whatever it is made of, keeps nothing, does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Ignored:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


# OpenMMLab's checkpoints record losses and data sets as numpy values and objects of mmengine, which ``weights_only``
# refuses. These names are read as objects that do nothing; every other name is still refused: no code of a file runs.
_HARMLESS = (
    "mmengine.logging.history_buffer.HistoryBuffer",
    "numpy.ndarray",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "_codecs.encode",
    "__builtin__.getattr",  # how the methods of HistoryBuffer are named
    "builtins.getattr",
)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by name: ``.pth`` in OpenMMLab's format or plain, ``.safetensors``.

    Only tensors are read (``torch.load`` with ``weights_only``); nothing in a file is run, whoever made it.

    Raises ModelError if the file is damaged, holds no weights, or wants something else to be run.
    """
    import torch

    # What another program has normalised by may be any number.
    limits = replace(limits_in_force(), weight=torch.finfo(torch.float32).max)
    try:
        if path.suffix == ".safetensors":
            content: Any = load_safetensors(path, limits)[0]
        else:
            content = load_checkpoint(path, limits, [(_Ignored, name) for name in _HARMLESS])
    except UntrustedFileError as error:
        raise ModelError(str(error)) from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else {}
    tensors = {
        str(name).removeprefix("module."): value for name, value in weights.items() if isinstance(value, torch.Tensor)
    }
    if not tensors:
        raise ModelError(f"{path} holds no weights; give a checkpoint with a state_dict")
    return tensors
