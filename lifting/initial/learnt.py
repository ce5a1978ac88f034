"""Where the fast preset begins: the best of a grid of turned poses, or the initialiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lifting.evidence import Evidence
from lifting.geometry.rays import solve_translation
from lifting.initial.features import view_features
from lifting.initial.grid import grid_poses
from lifting.initial.network import InitialNetwork
from lifting.temporal.kernel import NeighbourRows

__all__ = ["GridInitialiser", "InitialPoses", "Initialiser", "LearntInitialiser", "LearntPoses", "learnt_poses"]


# Detectors place every joint; what lies beyond the picture they give away by a confidence near 0. The network has
# learnt to do without a joint, and not what detectors guess.
_GUESSED = 0.1


@dataclass(frozen=True)
class InitialPoses:
    """H starts for each of B rows.

    Attributes:
        x: ``[H, B, J, 3]`` root-centred, metres, camera axes; the first is the best guess.
        T: ``[H, B, 3]`` translations, metres.
        sigma_m: ``[B, J]`` expected error of each coordinate of the first, metres; None if the start cannot tell.
        body: ``[B, 8]`` proportions (``lifting.body.proportions``) that the start was told; None if it was not.
    """

    x: Tensor
    T: Tensor
    sigma_m: Tensor | None
    body: Tensor | None = None


class Initialiser(Protocol):
    """Finds H starts for all rows of the evidence, on its device."""

    def __call__(self, evidence: Evidence, hypotheses: int) -> InitialPoses: ...


@dataclass(frozen=True)
class GridInitialiser:
    """The best of all turns of a few poses (``lifting.initial.grid.grid_poses``).

    Attributes:
        poses: ``[S, J, 3]`` poses that face the camera.
    """

    poses: Tensor

    def __call__(self, evidence: Evidence, hypotheses: int) -> InitialPoses:
        return InitialPoses(*grid_poses(self.poses, evidence.rays, evidence.confidence, hypotheses), sigma_m=None)


@dataclass(frozen=True)
class LearntInitialiser:
    """What the initialiser makes of every row and its neighbours in time; further hypotheses are its modes.

    Attributes:
        network: on the device of the evidence.
        neighbours: the rows at ``OFFSETS_S`` from each, or None if rows have nothing to do with each other.
        body: ``[B, 8]`` proportions (``lifting.body.proportions``) of the people, if they are known.
    """

    network: InitialNetwork
    neighbours: NeighbourRows | None
    body: Tensor | None = None

    @torch.no_grad()
    def __call__(self, evidence: Evidence, hypotheses: int) -> InitialPoses:
        rays, confidence = evidence.rays, evidence.confidence
        found = self.poses(evidence, hypotheses)
        return InitialPoses(found.x, solve_translation(found.x, rays, confidence**4), found.sigma_m, self.body)

    @torch.no_grad()
    def poses(self, evidence: Evidence, hypotheses: int = 1) -> LearntPoses:
        """What the network makes of every row, and shows of its body."""
        then = (evidence.rays[:, None], evidence.confidence[:, None])
        if self.neighbours is not None:
            then = self.neighbours(evidence.rays, evidence.confidence)
        return learnt_poses(self.network, *then, hypotheses, self.body)


@dataclass(frozen=True)
class LearntPoses:
    """What the initialiser makes of B rows.

    Attributes:
        x, sigma_m: see ``InitialPoses``.
        body: ``[B, 8]`` proportions (``lifting.body.proportions``) that each row shows, if they were not told.
        certainty: ``[B, 8]`` how much it knows of each of them: one over the square of the expected error.
    """

    x: Tensor
    sigma_m: Tensor
    body: Tensor
    certainty: Tensor


def learnt_poses(
    network: InitialNetwork, rays: Tensor, confidence: Tensor, hypotheses: int = 1, body: Tensor | None = None
) -> LearntPoses:
    """What the initialiser makes of rows of which the neighbours have been found.

    Args:
        network: on the device of the evidence.
        rays, confidence: ``[B, W, J, 3]`` and ``[B, W, J]`` of the rows, in the middle, and their neighbours.
        hypotheses: H.
        body: ``[B, 8]`` proportions of the people, NaN in rows where they are not known.
    """
    confidence = torch.where(confidence < _GUESSED, 0.0, confidence)
    seen, log_spread, rotation = view_features(rays, confidence, network.frames)
    guess = network(seen, log_spread, body, explain=hypotheses > 1)
    turned = guess.pose[:, None]
    if hypotheses > 1:
        likely = guess.logits.argsort(dim=1, descending=True)[:, : hypotheses - 1, None, None]
        modes = guess.modes.gather(1, likely.expand(-1, -1, *guess.modes.shape[2:]))
        turned = torch.cat([turned, modes], dim=1)
    return LearntPoses(
        x=(turned @ rotation[:, None]).transpose(0, 1),
        # In three dimensions a Laplace distribution has the variance 4 b^2 along each axis.
        sigma_m=2.0 * guess.log_scale.exp(),
        body=guess.body,
        certainty=(-2.0 * guess.body_log_scale).exp(),
    )
