"""What lifts the poses of a data set: prior, preset and template poses, and how they are described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from detectors.layouts import H36M_17
from lifting.benchmarks.datasets import PoseSet
from lifting.benchmarks.hypotheses import Chooser, FastHypotheses, Hypotheses, ReferenceHypotheses, block_rows
from lifting.body.infants import typical_infant
from lifting.body.joints import LIMBS_12
from lifting.optimise.reference import PublishedIPO
from lifting.prior.control import ControlNetwork
from lifting.prior.weights import load_prior
from lifting.settings import LiftSettings
from pipeline.errors import InputError, as_input_error
from pipeline.evaluate.report import versions
from pipeline.load import Models

__all__ = ["Subject", "load_subject"]


@dataclass(frozen=True)
class Subject:
    """What lifts.

    Attributes:
        hypotheses: one way to lift per template pose.
        chooser: chooses among them without the truth; None where there is only one.
        joints: names of those of the prior.
        block_rows: how many poses at once.
        protocol: weights, preset and what else belongs to the protocol.
        provenance: prior, versions and device.
    """

    hypotheses: Hypotheses
    chooser: Chooser | None
    joints: tuple[str, ...]
    block_rows: int
    protocol: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def seen(self, poses: PoseSet) -> PoseSet:
        """The poses with the joints of the prior: those that the data do not have were not seen.

        Only the pelvis is known where the hips are: it is their middle.
        """
        if poses.joints == self.joints:
            return poses
        frames = len(poses)
        keypoints, confidence = np.zeros((frames, len(self.joints), 2)), np.zeros((frames, len(self.joints)))
        truth = np.zeros((frames, len(self.joints), 3))
        places = self.places(poses)
        keypoints[:, places], confidence[:, places] = poses.keypoints_px, poses.confidence
        hips = [self.joints.index(name) for name in ("right_hip", "left_hip")]
        pelvis = self.joints.index("pelvis")
        keypoints[:, pelvis], confidence[:, pelvis] = keypoints[:, hips].mean(axis=1), confidence[:, hips].min(axis=1)
        return replace(poses, joints=self.joints, keypoints_px=keypoints, confidence=confidence, truth_m=truth)

    def places(self, poses: PoseSet) -> list[int]:
        """Where the joints of the data are among those of the prior."""
        return [self.joints.index(name) for name in poses.joints]


def load_subject(
    ipo: PublishedIPO,
    models: Models,
    *,
    hypotheses: int = 1,
    preset: Literal["fast", "reference"] | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Subject:
    """What lifts with these models.

    Args:
        ipo: of the published optimiser on the data set.
        models: prior, template poses, initialiser and device; see ``pipeline.load``.
        hypotheses: S, number of template poses.
        preset: None is ``"fast"``, or ``"reference"`` for infants.
        steps: of the optimiser; None is what the preset has.
        seed: of the noise through which the prior looks at hypotheses to choose among them.

    Raises:
        InputError: the models or an option cannot be used for this data set.
    """
    prior, templates = models.prior, models.templates
    settings = LiftSettings(preset=preset or ("reference" if ipo.from_rays else "fast"), steps=steps, seed=seed)
    if ipo.from_rays and hypotheses != 1:
        raise InputError("infants are lifted from their own rays, which is one hypothesis; give --hypotheses 1")
    if hypotheses not in templates.poses:
        there = ", ".join(map(str, sorted(templates.poses)))
        raise InputError(f"there are template poses for S = {there}; --hypotheses cannot be {hypotheses}")
    joints = {17: H36M_17.joints, 12: LIMBS_12.joints}.get(prior.network.joints)
    if joints is None or (joints == LIMBS_12.joints and not ipo.from_rays):
        raise InputError(f"the prior {prior.name} has {prior.network.joints} joints; this data set needs one of 17")
    with as_input_error():
        found = _HYPOTHESES[settings.preset](models, ipo, hypotheses, settings)
    return Subject(
        hypotheses=found,
        chooser=Chooser(prior, templates.size_m, seed, models.device) if hypotheses > 1 else None,
        joints=joints,
        block_rows=block_rows(models.device),
        protocol={
            **found.describe(),
            "weights": _weights(models),
            "control": isinstance(prior.network, ControlNetwork),
            "prior": prior.name,
        },
        provenance={
            "versions": versions("zedo-video", "numpy", "torch"),
            "prior": prior.describe(),
            "templates_sha256": templates.sha256,
            "initialiser_sha256": templates.network_sha256 if found.describe()["ipo"] == "learnt" else "",
            "device": str(models.device),
            "choosing_seed": seed,
        },
    )


def _fast(models: Models, ipo: PublishedIPO, count: int, settings: LiftSettings) -> Hypotheses:
    if ipo.from_rays:
        raise InputError("the fast preset expects the size of adults; lift infants with --preset reference")
    return FastHypotheses(models.prior, models.templates, count, settings, models.device)


def _reference(models: Models, ipo: PublishedIPO, count: int, settings: LiftSettings) -> Hypotheses:
    poses = typical_infant(models.prior.network.joints)[None] if ipo.from_rays else models.templates.poses[count]
    return ReferenceHypotheses(models.prior, poses, ipo, settings.optimiser_steps, models.device)


_HYPOTHESES = {"fast": _fast, "reference": _reference}


def _weights(models: Models) -> str:
    """Which weights these are: a file may hold both kinds, or one of which it does not say which."""
    prior, file = models.prior, models.file
    if file is None or file.suffix == ".safetensors":
        return str(prior.training.get("weights", "as in the file"))
    control = isinstance(prior.network, ControlNetwork)
    other = load_prior(file, ema=not models.ema, control=control).network.state_dict()
    if all(torch.equal(value, other[name]) for name, value in prior.network.state_dict().items()):
        return "raw"
    return "ema" if models.ema else "raw"
