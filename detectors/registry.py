"""The detectors by name. A new one is one line here (see ``detectors.base`` for the contract)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from detectors.base import PoseDetector
from detectors.options import DetectorOptions, Stage, silent

__all__ = ["DETECTORS", "create_detector"]

# name -> "module:factory", imported only when asked for: a detector may need heavy packages
DETECTORS: dict[str, str] = {
    "mmpose": "detectors.openmmlab.detector:create",
    "movenet": "detectors.movenet.detector:create",
}


def create_detector(name: str, options: DetectorOptions | None = None, stage: Stage = silent) -> PoseDetector:
    """The detector of that name.

    ``auto`` is MMPose if it is installed and its weights are on disk or can be downloaded, else the embedded MoveNet.
    ``mmpose`` is MMPose: where no model was named and the weights of its default ones cannot be had, with the shipped
    MoveNet as its model. In both cases ``chosen`` says why.

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
    if name == "mmpose" and not options.models:
        return _mmpose(options, stage)
    return _create(name, options, stage)


def _create(name: str, options: DetectorOptions, stage: Stage) -> PoseDetector:
    if name not in DETECTORS:
        raise ValueError(f"there is no detector named {name!r}; choose one of: auto, {', '.join(sorted(DETECTORS))}")
    module, _, factory = DETECTORS[name].partition(":")
    create: Callable[[DetectorOptions, Stage], PoseDetector] = getattr(import_module(module), factory)
    return create(options, stage)


def _mmpose(options: DetectorOptions, stage: Stage) -> PoseDetector:
    """MMPose with its default models, or with the one that needs no download."""
    from detectors.openmmlab.errors import WeightsUnavailable
    from detectors.openmmlab.zoo import EMBEDDED_POSE

    try:
        return _create("mmpose", options, stage)
    except WeightsUnavailable as error:
        detector = _create("mmpose", replace(options, pose_config=EMBEDDED_POSE), stage)
        detector.chosen = f"it was asked for; its model is the shipped {EMBEDDED_POSE}, since {error}"
        return detector


def _auto(options: DetectorOptions, stage: Stage) -> PoseDetector:
    from detectors.openmmlab.errors import NotInstalled, WeightsUnavailable
    from detectors.openmmlab.zoo import missing_packages

    if options.models:
        detector, why = _create("mmpose", options, stage), "a model for it was given"
    elif len(missing_packages()) == 0:
        try:
            detector, why = _create("mmpose", options, stage), "it is installed and its weights are on disk"
        except WeightsUnavailable:
            why = "the weights of MMPose are not on disk and cannot be downloaded; zedo-video doctor says more"
            detector = _create("movenet", options, stage)
        except NotInstalled:
            why = "MMPose is installed but cannot be loaded; zedo-video doctor says more"
            detector = _create("movenet", options, stage)
    else:
        detector, why = _create("movenet", options, stage), "MMPose is not installed"
    detector.chosen = why
    return detector
