"""OpenMMLab's released wheels on a current, CPU-only stack without a compiler: what has to be put right, line by line.

``mmpose 1.3.2``, ``mmdet 3.3.0``, ``mmengine 0.10.7`` and ``mmcv-lite 2.1.0`` are what the extra ``mmpose`` pins. Three
things are in the way of importing them; each is looked at on its own, and nothing is done where the real thing works:

1. ``mmcv._ext``, the compiled operators, is not in mmcv-lite, and ``mmdet`` imports wrappers of them. A stand-in
   holds non-maximum suppression, the only one that RTMDet and RTMO call; any other operator can be imported and says
   what is missing when it is called.
2. ``xtcocotools`` has a wheel that was compiled for numpy 1 and cannot be loaded on numpy 2. ``mmpose`` imports it for
   masks and annotation files; ``pycocotools``, which ``mmdet`` brings along, has the same functions.
3. They call what PyTorch and setuptools have since deprecated (``torch.cuda.amp.autocast``, ``torch.meshgrid`` without
   ``indexing``, ``pkg_resources``, which setuptools < 81 still has). It works; the warnings are not the user's to fix.

``torchvision`` needs nothing: only the drawing code of mmpose imports it, which is never loaded here.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import torch

__all__ = ["install", "nms"]


def install() -> list[str]:
    """Make ``import mmdet`` and ``import mmpose`` work; to be called before the first of them, may be repeated.

    Returns:
        What had to be replaced, by module name; empty where the real packages work.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module="mm(cv|det|engine|pose)")
    for message in ("pkg_resources is deprecated", "torch.meshgrid: in an upcoming release"):
        warnings.filterwarnings("ignore", message=message)
    importlib.import_module("mmengine")
    replaced = []
    if _lacks("mmcv._ext"):
        sys.modules["mmcv._ext"] = _Operators("mmcv._ext")
    if _lacks("xtcocotools.mask"):
        _replace_xtcocotools()
    for name in ("mmcv._ext", "xtcocotools"):
        if getattr(sys.modules.get(name), "__zedo_stand_in__", False):
            replaced.append(name)
    return replaced


def nms(bboxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float, offset: int = 0) -> torch.Tensor:
    """Greedy non-maximum suppression with the contract of mmcv's compiled operator.

    Args:
        bboxes: ``[N, 4]`` x0 y0 x1 y1.  scores: ``[N]``.
        iou_threshold: a box that overlaps a better one by more than this is dropped.
        offset: 1 if boxes include their last pixel.
    Returns:
        ``[K]`` int64 indices of the boxes that stay, best first.
    """
    import numpy as np
    import torch

    order = scores.detach().argsort(descending=True, stable=True).cpu().numpy()
    # Infinite boxes, which a network may give, have no overlap that could be computed.
    x0, y0, x1, y1 = np.nan_to_num(bboxes.detach().double().cpu().numpy().reshape(-1, 4), posinf=1e9, neginf=-1e9).T
    area = (x1 - x0 + offset) * (y1 - y0 + offset)
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        width = np.minimum(x1[best], x1[rest]) - np.maximum(x0[best], x0[rest]) + offset
        height = np.minimum(y1[best], y1[rest]) - np.maximum(y0[best], y0[rest]) + offset
        shared = width.clip(min=0) * height.clip(min=0)
        order = rest[shared <= iou_threshold * (area[best] + area[rest] - shared)]
    return torch.as_tensor(kept, dtype=torch.int64, device=bboxes.device)


class _Operators(ModuleType):
    """Stands in for ``mmcv._ext``."""

    __zedo_stand_in__ = True
    nms = staticmethod(nms)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        # Dunder names are Python's own questions ("have you a __path__?"), which deserve an honest no.
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*args: Any, **kwargs: Any) -> NoReturn:
            raise NotImplementedError(f"it needs mmcv's compiled operator {name}, which mmcv-lite does not have")

        return missing


def _lacks(name: str) -> bool:
    """Whether a module cannot be imported: it is not there, or was compiled for another numpy."""
    if name in sys.modules:
        return False
    package = name.partition(".")[0]
    if find_spec(package) is None and package == "mmcv":
        return False  # without mmcv its own error message is the right one
    try:
        importlib.import_module(name)
    except (ImportError, ValueError, AttributeError):
        # What was imported half-way would be found again.
        for loaded in [key for key in sys.modules if key.partition(".")[0] == package and package != "mmcv"]:
            del sys.modules[loaded]
        return True
    return False


def _replace_xtcocotools() -> None:
    """``pycocotools`` under the name of its fork, as far as mmpose imports it."""
    package = ModuleType("xtcocotools")
    package.__path__ = []
    package.__spec__ = ModuleSpec("xtcocotools", None, is_package=True)
    vars(package)["__zedo_stand_in__"] = True
    sys.modules["xtcocotools"] = package
    # cocoeval is imported with mmpose's metrics and never called: nothing is evaluated through it here.
    for name in ("mask", "coco", "cocoeval"):
        module = importlib.import_module(f"pycocotools.{name}")
        sys.modules[f"xtcocotools.{name}"] = module
        setattr(package, name, module)
