"""Several results for every pose, one per template pose, whichever preset finds them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lifting.device import matmul_dtype
from lifting.evidence import Evidence
from lifting.initial.weights import Templates
from lifting.lifter import Lifter
from lifting.optimise.choice import cost
from lifting.optimise.reference import PublishedIPO, ReferenceSolver
from lifting.prior.energy import energy_noise
from lifting.prior.weights import Prior
from lifting.settings import LiftSettings

__all__ = ["Chooser", "FastHypotheses", "Hypotheses", "ReferenceHypotheses", "block_rows"]

Array = NDArray[np.float64]


class Hypotheses(Protocol):
    """S ways to lift a pose."""

    @property
    def count(self) -> int:
        """S."""
        ...

    def lift(self, which: int, rays: Array, confidence: Array) -> Array:
        """Hypothesis ``which`` of every pose.

        Args:
            which: 0 to S - 1; going through them in order is fastest.
            rays: ``[B, J, 3]`` directions with z = 1.
            confidence: ``[B, J]`` in 0..1.

        Returns:
            ``[B, J, 3]`` absolute joints, metres, camera axes.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Preset, steps and IPO, as JSON values."""
        ...


def block_rows(device: torch.device) -> int:
    """How many poses to lift at once: a processor's cache holds a few hundred, a GPU wants thousands."""
    return 300 if device.type == "cpu" else 4096


class ReferenceHypotheses:
    """The published optimiser from each of S template poses.

    Args:
        prior: the score network, J joints.
        poses: ``[S, J, 3]`` template poses, metres, camera axes.
        ipo: how it begins.
        steps: of the optimiser.
        device: where it runs.
    """

    def __init__(
        self, prior: Prior, poses: NDArray[np.float32], ipo: PublishedIPO, steps: int, device: torch.device
    ) -> None:
        network, rows = copy.deepcopy(prior.network).to(device), block_rows(device)
        self._solvers = [
            ReferenceSolver(network, ipo, torch.from_numpy(pose).to(device), steps, rows) for pose in poses
        ]
        self._ipo, self._device = ipo, device

    @property
    def count(self) -> int:
        """See ``Hypotheses``."""
        return len(self._solvers)

    def lift(self, which: int, rays: Array, confidence: Array) -> Array:
        """See ``Hypotheses``."""
        found = self._solvers[which].solve(Evidence.of(rays, confidence, np.arange(len(rays)), self._device))
        return found.X.cpu().numpy().astype(np.float64)

    def describe(self) -> dict[str, Any]:
        """See ``Hypotheses``."""
        ipo = self._ipo
        found = {
            "joints": "all" if ipo.joints is None else list(ipo.joints),
            "axes": ipo.axes,
            "distance_m": ipo.distance_m,
            "distance_scale": list(ipo.distance_scale),
            "begins": "flat on the rays" if ipo.from_rays else "with the turned template pose",
        }
        return {"preset": "reference", "steps": self._solvers[0].steps, "frozen": ipo.frozen, "ipo": found}


class FastHypotheses:
    """The preset of videos, every pose on its own: as in a run, or from each of S > 1 template poses.

    Args:
        prior: the score network, 17 joints.
        templates: with S template poses.
        count: S.
        settings: of the lifter; preset ``"fast"``.
        device: where it runs.

    Raises:
        ValueError: there are no S template poses, or the prior has other joints.
    """

    def __init__(
        self, prior: Prior, templates: Templates, count: int, settings: LiftSettings, device: torch.device
    ) -> None:
        self._prior, self._templates, self._poses = prior, templates, templates.poses[count]
        # Template poses have a say only where IPO takes the best of their turns.
        self._settings = settings if count == 1 else replace(settings, ipo="grid")
        self._device = device
        self._which, self._lifter = 0, self._lifter_of(0)

    @property
    def count(self) -> int:
        """See ``Hypotheses``."""
        return len(self._poses)

    def lift(self, which: int, rays: Array, confidence: Array) -> Array:
        """See ``Hypotheses``."""
        return self.lifter(which).lift_rows(rays, confidence, None)

    def lifter(self, which: int) -> Lifter:
        """What lifts hypothesis ``which``, also of tracks."""
        if which != self._which:
            self._which, self._lifter = which, self._lifter_of(which)
        return self._lifter

    def describe(self) -> dict[str, Any]:
        """See ``Hypotheses``."""
        ipo = {"grid": "best of 12 yaws and 9 rolls of the template pose", "learnt": "learnt"}[self._settings.ipo]
        return {"preset": "fast", "steps": self._settings.optimiser_steps, "ipo": ipo}

    def _lifter_of(self, which: int) -> Lifter:
        one = replace(self._templates, poses={1: self._poses[which : which + 1]})
        return Lifter(self._prior, one, self._settings, self._device)


class Chooser:
    """What we choose among hypotheses by, without truth: how unlikely poses are to the prior, and how far from the 2D.

    Args:
        prior: of 17 joints.
        size_m: sum of the bone lengths to which poses are scaled first.
        seed: of the noise through which the prior looks.
        device: where it runs.
    """

    def __init__(self, prior: Prior, size_m: float, seed: int, device: torch.device) -> None:
        self._network = copy.deepcopy(prior.network).to(device)
        self._noise = energy_noise(torch.Generator().manual_seed(seed)).to(device)
        self._size_m, self._device = size_m, device

    def cost(self, joints_m: Array, rays: Array, confidence: Array) -> Array:
        """``lifting.optimise.choice.cost``, ``[B]``; the least is the best.

        Args:
            joints_m: ``[B, 17, 3]`` absolute, camera axes.
            rays: ``[B, 17, 3]`` what was seen, z = 1; finite also where nothing was.
            confidence: ``[B, 17]`` in 0..1.
        """
        X, r, c = (torch.from_numpy(v).to(self._device, torch.float32) for v in (joints_m, rays, confidence))
        found = cost(self._network, X, r, c, self._size_m, self._noise, matmul_dtype(self._device))
        return found.cpu().numpy().astype(np.float64)
