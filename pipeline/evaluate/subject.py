"""What lifts the poses of a data set: prior, preset and template poses, and how they are described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from assets.integrity import AssetError
from detectors.layouts import H36M_17
from lifting.benchmarks.datasets import PoseSet
from lifting.benchmarks.hypotheses import FastHypotheses, Hypotheses, Judge, ReferenceHypotheses, block_rows
from lifting.body.infants import typical_infant
from lifting.body.joints import LIMBS_12
from lifting.device import choose_device
from lifting.initial.weights import load_templates
from lifting.optimise.reference import PublishedIPO
from lifting.prior.weights import Prior, PriorError, load_prior
from lifting.settings import LiftSettings
from pipeline.errors import InputError
from pipeline.results.report import versions

__all__ = ["Subject", "load_subject"]

Weights = Literal["ema", "raw"]


@dataclass(frozen=True)
class Subject:
    """What lifts.

    Attributes:
        hypotheses: one way to lift per template pose.
        judge: chooses among them without the truth; None where there is only one.
        joints: names of those of the prior.
        block_rows: how many poses at once.
        protocol: weights, preset and what else belongs to the protocol.
        provenance: prior, versions and device.
    """

    hypotheses: Hypotheses
    judge: Judge | None
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
    *,
    hypotheses: int = 1,
    preset: Literal["fast", "reference"] | None = None,
    steps: int | None = None,
    prior_file: Path | None = None,
    initialiser: Path | None = None,
    weights: Weights = "ema",
    control: bool = False,
    device: str = "auto",
    seed: int = 0,
) -> Subject:
    """The prior and what lifts with it.

    Args:
        ipo: of the published optimiser on the data set.
        hypotheses: S, number of template poses.
        preset: None is ``"fast"``, or ``"reference"`` for infants.
        steps: of the optimiser; None is what the preset has.
        prior_file, initialiser: None is what is shipped.
        weights: which weights of a checkpoint that has both.
        control: use its control branch; without, it is left aside.
        device: by name.
        seed: of the noise with which hypotheses are judged.

    Raises:
        InputError: the prior, the device or an option cannot be used.
    """
    preset = preset or ("reference" if ipo.from_rays else "fast")
    if ipo.from_rays and preset == "fast":
        raise InputError("the fast preset expects the size of adults; lift infants with --preset reference")
    if ipo.from_rays and hypotheses != 1:
        raise InputError("infants are lifted from their own rays, which is one hypothesis; give --hypotheses 1")
    if steps is not None and steps < 1:
        raise InputError(f"--steps must be at least 1, not {steps}")
    try:
        prior = load_prior(prior_file, ema=weights == "ema", control=control)
        starts = load_templates(None, initialiser)
        where = choose_device(device)
    except (PriorError, AssetError, ValueError) as error:
        raise InputError(str(error)) from error
    if hypotheses not in starts.poses:
        raise InputError(
            f"there are template poses for S = {_listed(starts.poses)}; --hypotheses cannot be {hypotheses}"
        )
    joints = {17: H36M_17.joints, 12: LIMBS_12.joints}.get(prior.network.joints)
    if joints is None or (joints == LIMBS_12.joints and not ipo.from_rays):
        raise InputError(f"the prior {prior.name} has {prior.network.joints} joints; this data set needs one of 17")
    found: Hypotheses
    if preset == "fast":
        settings = LiftSettings(preset="fast", steps=steps, seed=seed)
        found = FastHypotheses(prior, starts, hypotheses, settings, where)
    else:
        poses = typical_infant(len(joints))[None] if ipo.from_rays else starts.poses[hypotheses]
        found = ReferenceHypotheses(prior, poses, ipo, 1000 if steps is None else steps, where)
    return Subject(
        hypotheses=found,
        judge=Judge(prior, starts.size_m, seed, where) if hypotheses > 1 else None,
        joints=joints,
        block_rows=block_rows(where),
        protocol={
            **found.describe(),
            "weights": _weights(prior_file, prior, weights, control),
            "control": control,
            "prior": prior.name,
        },
        provenance={
            "versions": versions("zedo-video", "numpy", "torch"),
            "prior": prior.describe(),
            "templates_sha256": starts.sha256,
            "initialiser_sha256": starts.network_sha256 if preset == "fast" and hypotheses == 1 else "",
            "device": str(where),
            "judging_seed": seed,
        },
    )


def _weights(file: Path | None, prior: Prior, wanted: Weights, control: bool) -> str:
    """Which weights these are: a file may hold both kinds, or one of which it does not say which."""
    if file is None or file.suffix == ".safetensors":
        return str(prior.training.get("weights", "as in the file"))
    other = load_prior(file, ema=wanted != "ema", control=control).network.state_dict()
    same = all(torch.equal(value, other[name]) for name, value in prior.network.state_dict().items())
    return "raw" if same else wanted


def _listed(numbers: Mapping[int, Any]) -> str:
    return ", ".join(map(str, sorted(numbers)))
