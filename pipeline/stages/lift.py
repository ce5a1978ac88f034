"""The lifting stage as a run uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assets.integrity import AssetError
from detectors.people import PersonTrack2D
from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from pipeline.errors import InputError
from pipeline.progress import Advance
from pipeline.settings import RunSettings

if TYPE_CHECKING:
    from lifting.lifter import Lifter
    from lifting.prior.weights import Prior

__all__ = ["lift_tracks", "load_lifter"]


def load_lifter(settings: RunSettings, **further: Any) -> tuple[Lifter, Prior]:
    """The lifter for the settings of a run, and the prior that it uses.

    ``further`` are fields of ``LiftSettings`` that no run has to choose, such as the window. Raises InputError if
    the prior or the device cannot be used.
    """
    from lifting.device import choose_device
    from lifting.initial.weights import load_templates
    from lifting.lifter import Lifter
    from lifting.prior.weights import PriorError, load_prior
    from lifting.settings import LiftSettings

    try:
        prior = load_prior(settings.prior)
        lifter = Lifter(
            prior,
            load_templates(settings.templates, settings.initialiser),
            LiftSettings(
                preset=settings.preset,
                ipo=settings.ipo,
                steps=settings.steps,
                hypotheses=settings.hypotheses,
                seed=settings.seed,
                smooth_s=settings.smooth,
                person_height_m=settings.person_height,
                **further,
            ),
            choose_device(settings.device),
        )
    except (PriorError, AssetError, ValueError) as error:
        raise InputError(str(error)) from error
    return lifter, prior


def lift_tracks(lifter: Lifter, tracks: Sequence[PersonTrack2D], camera: Camera, on_progress: Advance) -> list[Track3D]:
    """Every track in 3D; see ``lifting.lifter.Lifter.lift``."""
    return lifter.lift(tracks, camera, lambda done, total: on_progress(done))
