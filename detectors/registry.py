"""The detectors by name. A new one is one line here (see ``detectors.base`` for the contract)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from detectors.base import PoseDetector

__all__ = ["DETECTORS", "create_detector"]

# name -> "module:factory", imported only when asked for: a detector may need heavy packages
DETECTORS: dict[str, str] = {
    "movenet": "detectors.movenet:MoveNetDetector",
}


def create_detector(name: str) -> PoseDetector:
    """The detector of that name; ``auto`` is the best one that is installed. Raises ValueError for an unknown name."""
    if name == "auto":
        name = "movenet"
    if name not in DETECTORS:
        raise ValueError(f"there is no detector named {name!r}; choose one of: auto, {', '.join(sorted(DETECTORS))}")
    module, _, factory = DETECTORS[name].partition(":")
    create: Callable[[], PoseDetector] = getattr(import_module(module), factory)
    return create()
