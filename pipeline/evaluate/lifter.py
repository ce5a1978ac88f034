"""The lifter of a run, as measurements use and describe it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.settings import load_settings
from pipeline.stages.lift import load_lifter

if TYPE_CHECKING:
    from lifting.lifter import Lifter
    from lifting.prior.weights import Prior

__all__ = ["describe_method", "evaluations_per_pose", "load_measured"]


def load_measured(given: Mapping[str, Any], **further: Any) -> tuple[Lifter, Prior]:
    """What ``zedo-video VIDEO`` would lift with, given these options of a run by name; None is not given.

    ``further``: see ``pipeline.stages.lift.load_lifter``. Raises InputError if an option, the prior or the device
    cannot be used.
    """
    return load_lifter(load_settings(None, given), **further)


def describe_method(lifter: Lifter) -> dict[str, Any]:
    """How poses are found and one of several is chosen, for the protocol."""
    settings = lifter.settings
    return {
        "preset": settings.preset,
        "steps": len(settings.schedule()),
        "templates": settings.clusters,
        "hypotheses": _hypotheses(lifter),
        "choice": "without ground truth: starts by their fit to the 2D, hypotheses by how likely the prior finds them",
    }


def evaluations_per_pose(lifter: Lifter) -> int:
    """How often the optimiser asks the network for one pose."""
    return len(lifter.settings.schedule()) * _hypotheses(lifter)


def _hypotheses(lifter: Lifter) -> int:
    # The published optimiser does without further ones, whatever the setting.
    return lifter.settings.hypotheses if lifter.settings.preset == "fast" else 1
