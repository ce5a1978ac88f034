"""The one builder of what finds and lifts people: detectors, weights and lifters, from what the user said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors.options import DetectorOptions
from pipeline.errors import as_input_error
from pipeline.progress import QuietReporter, Reporter
from pipeline.settings import LIVE_PEOPLE, RunSettings

if TYPE_CHECKING:
    import torch

    from detectors.base import PoseDetector
    from detectors.keypoint_files.read import FileDetector
    from detectors.movenet.detector import MoveNetDetector
    from lifting.initial.weights import Templates
    from lifting.lifter import Lifter
    from lifting.live.lifter import LiveLifter
    from lifting.prior.weights import Prior

__all__ = [
    "Models",
    "load_detector",
    "load_keypoints",
    "load_lifter",
    "load_live_detector",
    "load_live_lifter",
    "load_models",
]

#: Live, newcomers are looked for in every so many frames while somebody is there.
_LOOK_EVERY = 15


@dataclass(frozen=True)
class Models:
    """What lifting needs.

    Attributes:
        prior: the score network.
        templates: template poses, and the initialiser.
        device: where lifting runs.
        file: of the prior; None is the shipped one.
        ema: whether its averaged weights were asked for.
    """

    prior: Prior
    templates: Templates
    device: torch.device
    file: Path | None
    ema: bool


def load_detector(name: str, options: DetectorOptions | None = None, reporter: Reporter | None = None) -> PoseDetector:
    """The detector of that name; if ``auto`` had a choice, the reporter is told which and why.

    Raises InputError if there is none, or a model or its weights cannot be used.
    """
    from detectors.registry import create_detector

    reporter = reporter or QuietReporter()
    with as_input_error():
        detector = create_detector(name, options, reporter.stage)
    if detector.chosen:
        reporter.say(f"detector: {detector.name}, because {detector.chosen}")
    return detector


def load_live_detector(max_people: int = LIVE_PEOPLE) -> MoveNetDetector:
    """MoveNet, which alone is quick enough; people are looked for anew now and then only, and not on tiles.

    Raises InputError if its weights are missing or damaged.
    """
    from detectors.movenet.detector import MoveNetDetector, MoveNetSettings

    with as_input_error():
        return MoveNetDetector(MoveNetSettings(look_every=_LOOK_EVERY, tile_every=0, max_people=max_people))


def load_models(settings: RunSettings, *, ema: bool = True, control: bool | None = None) -> Models:
    """Prior, template poses, initialiser and device.

    ``ema`` and ``control``: see ``lifting.prior.weights.load_prior``. Raises InputError if a file or the device cannot
    be used.
    """
    from lifting.device import choose_device
    from lifting.initial.weights import load_templates
    from lifting.prior.weights import load_prior

    with as_input_error():
        return Models(
            load_prior(settings.prior, ema=ema, control=control),
            load_templates(settings.templates, settings.initialiser),
            choose_device(settings.device),
            file=settings.prior,
            ema=ema,
        )


def load_keypoints(path: Path) -> FileDetector:
    """The people of a file in place of a detector. Raises InputError if it cannot be used."""
    from detectors.keypoint_files.read import FileDetector

    with as_input_error():
        return FileDetector(path)


def load_lifter(settings: RunSettings, **further: Any) -> tuple[Lifter, Prior]:
    """The lifter for the settings of a run, and the prior that it uses.

    ``further`` are fields of ``LiftSettings`` that no run has to choose, such as the window. Raises InputError if
    the prior or the device cannot be used.
    """
    from lifting.lifter import Lifter
    from lifting.settings import LiftSettings
    from lifting.world.ground import load_ground_network

    models = load_models(settings)
    with as_input_error():
        chosen = LiftSettings(
            preset=settings.preset,
            ipo=settings.ipo,
            steps=settings.steps,
            alternatives=settings.alternatives,
            seed=settings.seed,
            smooth_s=settings.smooth,
            person_height_m=settings.person_height,
            **further,
        )
        ground = load_ground_network()
        return Lifter(models.prior, models.templates, chosen, models.device, ground), models.prior


def load_live_lifter(settings: RunSettings) -> tuple[LiveLifter, Prior]:
    """The lifter of a live session, on the processor, and the prior that it uses.

    Raises InputError if the prior or the initialiser cannot be used.
    """
    from lifting.live.lifter import LiveLifter, LiveSettings

    models = load_models(replace(settings, device="cpu"))
    with as_input_error():
        chosen = LiveSettings(person_height_m=settings.person_height)
        return LiveLifter(models.prior, models.templates, models.device, chosen), models.prior
