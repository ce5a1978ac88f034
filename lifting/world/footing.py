"""Feet that stay and a path without drift, as the optimiser asks for them: one value for the rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.body.joints import ANKLES
from lifting.world.path import FOOT_M, Sighting, independent, ray_path

__all__ = ["Footing"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Footing:
    """B rows of people whose feet rest at known places, in axes at rest: those of their shot.

    Attributes:
        group: ``[B]`` which rows belong together; equal ones stand together.
        time_s: ``[B]`` increasing within a group.
        rotation: ``[B, 3, 3]`` from camera axes to those of the shot.
        centre: ``[B, 3]`` of the camera, metres.
        directions: ``[B, 17, 3]`` unit vectors of the rays.
        confidence: ``[B, 17]`` of the rays.
        distance: ``[B]`` of the person from the camera, metres, about.
        places: ``[B, 2, 3]`` where the right and the left ankle rest, metres; anything where they do not.
        trust: ``[B, 2]`` probability that they do.
    """

    group: NDArray[np.int64]
    time_s: Array
    rotation: Array
    centre: Array
    directions: Array
    confidence: Array
    distance: Array
    places: Array
    trust: Array

    @cached_property
    def _groups(self) -> list[slice]:
        edges = np.flatnonzero(np.diff(self.group, prepend=-1, append=-1))
        return [slice(int(first), int(last)) for first, last in pairwise(edges)]

    def path(self, x: Tensor) -> Tensor:
        """Translations ``[B, 3]`` in camera axes for root-centred poses ``[B, 17, 3]`` in camera axes."""
        turned = np.einsum("bij,bkj->bki", self.rotation, x.detach().cpu().double().numpy())
        found = np.empty((len(turned), 3))
        for rows in self._groups:
            time_s = self.time_s[rows]
            seen = Sighting(
                turned[rows], self.distance[rows], self.directions[rows], self.centre[rows], self.confidence[rows],
                time_s,
            )  # fmt: skip
            problem = ray_path(seen)
            weight = self.trust[rows] * independent(time_s)[:, None] / FOOT_M**2
            problem.at(turned[rows][:, ANKLES], self.places[rows], weight)
            found[rows] = problem.solve()[0]
        back = np.einsum("bji,bj->bi", self.rotation, found - self.centre)
        return torch.from_numpy(back).to(x.device, x.dtype)

    def planted(self, x: Tensor, T: Tensor, share: float) -> Tensor:
        """Poses ``[B, 17, 3]`` whose resting ankles went ``share`` of the way to their places."""
        places, trust = self._in_camera(x.device, x.dtype)
        moved = x.clone()
        ankles = x[:, ANKLES]
        moved[:, ANKLES] = ankles + share * trust[..., None] * (places - T[:, None] - ankles)
        return moved

    def _in_camera(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        places = np.einsum("bji,bfj->bfi", self.rotation, self.places - self.centre[:, None])
        places = np.where(self.trust[..., None] > 0, places, 0.0)
        return torch.from_numpy(places).to(device, dtype), torch.from_numpy(self.trust).to(device, dtype)
