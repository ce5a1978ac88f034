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

__all__ = ["GridInitialiser", "InitialPoses", "Initialiser", "LearntInitialiser", "LearntPoses", "learnt_poses"]


# Detectors place every joint; what lies beyond the picture they give away by a confidence near 0. The network has
# learnt to do without a joint, and not what detectors guess.
_GUESSED = 0.1


@dataclass(frozen=True)
class InitialPoses:
    """H beginnings for each of B rows.

    Attributes:
        x: ``[H, B, J, 3]`` root-centred, metres, camera axes; the first is the best guess.
        T: ``[H, B, 3]`` translations, metres.
        sigma_m: ``[B, J]`` expected error of each coordinate of the first, metres; None if it cannot be told.
    """

    x: Tensor
    T: Tensor
    sigma_m: Tensor | None


class Initialiser(Protocol):
    """Finds H beginnings for all rows of the evidence, on its device."""

    def __call__(self, evidence: Evidence, alternatives: int) -> InitialPoses: ...

    def proportions(self, evidence: Evidence) -> tuple[Tensor, Tensor] | None:
        """What each row shows of its body, ``[B, 8]`` proportions (``lifting.body.proportions``), and how certain each
        of them is (one over the square of the expected error); None if it cannot be told.
        """
        ...


@dataclass(frozen=True)
class GridInitialiser:
    """The best of all turns of a few poses (``lifting.initial.grid.grid_poses``).

    Attributes:
        poses: ``[S, J, 3]`` poses that face the camera.
    """

    poses: Tensor

    def __call__(self, evidence: Evidence, alternatives: int) -> InitialPoses:
        return InitialPoses(*grid_poses(self.poses, evidence.rays, evidence.confidence, alternatives), sigma_m=None)

    def proportions(self, evidence: Evidence) -> None:
        """See ``Initialiser``."""
        return


@dataclass(frozen=True, eq=False)
class LearntInitialiser:
    """What the network makes of every row and its neighbours in time; further alternatives are its modes.

    Attributes:
        network: on the device of the evidence.
    """

    network: InitialNetwork

    @torch.no_grad()
    def __call__(self, evidence: Evidence, alternatives: int) -> InitialPoses:
        found = self._poses(evidence, alternatives)
        T = solve_translation(found.x, evidence.rays, evidence.confidence**4)
        return InitialPoses(found.x, T, found.sigma_m)

    @torch.no_grad()
    def proportions(self, evidence: Evidence) -> tuple[Tensor, Tensor]:
        """See ``Initialiser``."""
        found = self._poses(evidence, 1)
        return found.body, found.certainty

    def _poses(self, evidence: Evidence, alternatives: int) -> LearntPoses:
        then = (evidence.rays[:, None], evidence.confidence[:, None])
        if evidence.neighbours is not None:
            then = evidence.neighbours(evidence.rays, evidence.confidence)
        return learnt_poses(self.network, *then, alternatives, evidence.body)


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
    network: InitialNetwork, rays: Tensor, confidence: Tensor, alternatives: int = 1, body: Tensor | None = None
) -> LearntPoses:
    """What the initialiser makes of rows of which the neighbours have been found.

    Args:
        network: on the device of the evidence.
        rays, confidence: ``[B, W, J, 3]`` and ``[B, W, J]`` of the rows, in the middle, and their neighbours.
        alternatives: H, the first guess and H - 1 modes.
        body: ``[B, 8]`` proportions of the people, NaN in rows where they are not known.
    """
    confidence = torch.where(confidence < _GUESSED, 0.0, confidence)
    seen, log_spread, rotation = view_features(rays, confidence, network.frames)
    guess = network(seen, log_spread, body, explain=alternatives > 1)
    turned = guess.pose[:, None]
    if alternatives > 1:
        likely = guess.logits.argsort(dim=1, descending=True)[:, : alternatives - 1, None, None]
        modes = guess.modes.gather(1, likely.expand(-1, -1, *guess.modes.shape[2:]))
        turned = torch.cat([turned, modes], dim=1)
    return LearntPoses(
        x=(turned @ rotation[:, None]).transpose(0, 1),
        # In three dimensions a Laplace distribution has the variance 4 b^2 along each axis.
        sigma_m=2.0 * guess.log_scale.exp(),
        body=guess.body,
        certainty=(-2.0 * guess.body_log_scale).exp(),
    )
