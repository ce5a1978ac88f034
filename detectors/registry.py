"""The detectors by name. A new one is one line here (see ``detectors.base`` for the contract)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from detectors.base import PoseDetector
from detectors.options import DetectorOptions, Stage, silent

__all__ = ["DETECTORS", "create_detector"]

# name -> "module:factory", imported only when asked for: a detector may need heavy packages
DETECTORS: dict[str, str] = {
    "mmpose": "detectors.openmmlab.detector:create",
    "movenet": "detectors.movenet:create",
}


def create_detector(name: str, options: DetectorOptions | None = None, stage: Stage = silent) -> PoseDetector:
    """The detector of that name.

    ``auto`` is MMPose if it is installed and its weights are on disk or can be downloaded, else the embedded MoveNet;
    why stands in ``chosen``.

    Args:
        name: one of ``DETECTORS``, or ``auto``.
        options: models and how they run.
        stage: told of downloads.

    Raises:
        ValueError: there is no detector of that name, or it cannot be used.
    """
    options = options or DetectorOptions()
    if name == "auto":
        return _auto(options, stage)
    if name not in DETECTORS:
        raise ValueError(f"there is no detector named {name!r}; choose one of: auto, {', '.join(sorted(DETECTORS))}")
    module, _, factory = DETECTORS[name].partition(":")
    create: Callable[[DetectorOptions, Stage], PoseDetector] = getattr(import_module(module), factory)
    return create(options, stage)


def _auto(options: DetectorOptions, stage: Stage) -> PoseDetector:
    from detectors.openmmlab.errors import NotInstalled, WeightsUnavailable
    from detectors.openmmlab.zoo import missing_packages

    if options.models:
        detector, why = create_detector("mmpose", options, stage), "a model for it was given"
    elif len(missing_packages()) == 0:
        try:
            detector, why = create_detector("mmpose", options, stage), "it is installed and its weights are on disk"
        except WeightsUnavailable:
            why = "the weights of MMPose are not on disk and cannot be downloaded; zedo-video doctor says more"
            detector = create_detector("movenet", options, stage)
        except NotInstalled:
            why = "MMPose is installed but cannot be loaded; zedo-video doctor says more"
            detector = create_detector("movenet", options, stage)
    else:
        detector, why = create_detector("movenet", options, stage), "MMPose is not installed"
    detector.chosen = why
    return detector
