"""Detector and lifter of a live session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError

if TYPE_CHECKING:
    from detectors.movenet.detector import MoveNetDetector
    from lifting.live.lifter import LiveLifter
    from lifting.prior.weights import Prior

__all__ = ["load_live_detector", "load_live_lifter", "one_thread"]

#: Newcomers are looked for in every so many frames while somebody is there.
_LOOK_EVERY = 15


def one_thread() -> None:
    """One frame is too little work for two threads of PyTorch: they would wait for each other and for the detector."""
    import torch

    torch.set_num_threads(1)


def load_live_detector(max_people: int = 3) -> MoveNetDetector:
    """MoveNet, which alone is quick enough; people are looked for anew now and then only, and not on tiles.

    Raises InputError if its weights are missing or damaged.
    """
    from assets.integrity import AssetError
    from detectors.movenet.detector import MoveNetDetector, MoveNetSettings

    try:
        return MoveNetDetector(MoveNetSettings(look_every=_LOOK_EVERY, tile_every=0, max_people=max_people))
    except AssetError as error:
        raise InputError(str(error)) from error


def load_live_lifter(
    *, prior_file: Path | None = None, initialiser: Path | None = None, height_m: float | None = None
) -> tuple[LiveLifter, Prior]:
    """The lifter on one thread of the CPU, and the prior that it uses.

    Args:
        prior_file, initialiser: None is the shipped one.
        height_m: standing height of the people; None assumes the average body of the prior.

    Raises:
        InputError: the prior or the network cannot be used.
    """
    import torch

    from assets.integrity import AssetError
    from lifting.initial.weights import load_templates
    from lifting.live.lifter import LiveLifter, LiveSettings
    from lifting.prior.weights import PriorError, load_prior

    try:
        prior = load_prior(prior_file)
        starts = load_templates(None, initialiser)
        return LiveLifter(prior, starts, torch.device("cpu"), LiveSettings(person_height_m=height_m)), prior
    except (PriorError, AssetError, ValueError) as error:
        raise InputError(str(error)) from error
