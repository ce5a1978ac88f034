"""What live lifting remembers of a person, and the frames of the last moments of everybody taken together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.body.bones import BoneKeeper
from lifting.body.proportions import PROPORTIONS
from lifting.evidence import Evidence
from lifting.temporal.body_filter import BodyFilter
from lifting.temporal.jitter import Jitter

__all__ = [
    "BODY_FRAMES",
    "KnownBones",
    "MovingRows",
    "PersonMemory",
    "Row",
    "SeenBody",
    "later_rows",
    "newest_rows",
    "shift",
    "together",
]

#: The body is known after about this many frames; it goes on being learnt as if these were all, so that a wrong
#: beginning is forgotten.
BODY_FRAMES = 300


@dataclass
class Row:
    """A frame of a person: what was seen, and what was made of it ``[17, 3]`` (None if nothing yet)."""

    time_s: float
    rays: NDArray[np.float64]
    confidence: NDArray[np.float64]
    x: Tensor | None = None


@dataclass
class SeenBody:
    """What all frames of a person have told the initialiser of the proportions (``lifting.body.proportions``)."""

    told: Tensor = field(default_factory=lambda: torch.zeros(len(PROPORTIONS)))
    certainty: Tensor = field(default_factory=lambda: torch.zeros(len(PROPORTIONS)))

    def mean(self) -> Tensor:
        """``[8]``; NaN if there was no frame."""
        return self.told / self.certainty

    def see(self, proportions: Tensor, certainty: Tensor) -> None:
        """One more frame: ``[8]`` each (``lifting.initial.learnt.LearntPoses``)."""
        left = 1 - 1 / BODY_FRAMES
        self.told, self.certainty = left * self.told + proportions * certainty, left * self.certainty + certainty


@dataclass
class PersonMemory:
    """What is remembered of a person."""

    rows: list[Row] = field(default_factory=list)
    lengths: Tensor | None = None
    frames: int = 0
    body: SeenBody = field(default_factory=SeenBody)
    filter: BodyFilter | None = None
    jitter: Jitter = field(default_factory=Jitter)

    def restart(self) -> None:
        """Poses of the past no longer count; what was seen, and the body, do."""
        for row in self.rows:
            row.x = None
        self.filter = None


class KnownBones(BoneKeeper):
    """Bone lengths of this window and of all frames before it, by their numbers."""

    def __init__(self, mean_m: Tensor, evidence: Evidence, pasts: Sequence[PersonMemory]) -> None:
        body = torch.stack([past.body.mean() for past in pasts]).to(mean_m.device)[evidence.group]
        super().__init__(mean_m, evidence.group, evidence.groups, evidence.confidence, body)
        nothing = torch.zeros_like(mean_m)
        known = torch.stack([nothing if past.lengths is None else past.lengths for past in pasts])
        share = torch.tensor([float(past.frames) for past in pasts], device=mean_m.device)
        share = share / (share + self.frames)
        self._known, self._share = known[evidence.group], share[evidence.group, None]

    def lengths(self, x: Tensor) -> Tensor:
        """See ``BoneKeeper.lengths``."""
        own = super().lengths(x)
        return own + self._share * (self._known - own)


class MovingRows:
    """A constraint: what the moving frames know of all others after each step.

    Args:
        x: ``[B, 17, 3]`` all frames; the attribute holds them as they are now.
        moving: ``[M]`` which of them are optimised.
        kernel: from all frames to the moving ones; None if they know nothing of each other.
    """

    def __init__(self, x: Tensor, moving: Tensor, kernel: Callable[[Tensor], Tensor] | None) -> None:
        self.x = x
        self._moving, self._kernel = moving, kernel

    def __call__(self, x: Tensor, step: int) -> Tensor:
        """The moving frames ``[M, 17, 3]`` to go on with."""
        self.x[self._moving] = x
        if self._kernel is not None:
            x = self._kernel(self.x)
            self.x[self._moving] = x
        return x


def together(people: Sequence[Sequence[Row]]) -> tuple[list[Row], NDArray[np.int64]]:
    """The frames of everybody in one list, and whose each of them is."""
    group = np.repeat(np.arange(len(people)), [len(rows) for rows in people])
    return [row for rows in people for row in rows], group


def later_rows(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many rows of the same person follow each."""
    return np.searchsorted(group, group, side="right") - 1 - np.arange(len(group))


def newest_rows(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """The last row of each person."""
    return np.flatnonzero(later_rows(group) == 0)


def shift(before: Row, now: Row) -> float:
    """How far a person moved through the picture, in spreads of the keypoints (see ``LiveSettings.jumped``)."""
    both = np.minimum(before.confidence, now.confidence)
    if both.sum() <= 0:
        return math.inf
    weight = (both / both.sum())[:, None]
    old, new = before.rays[:, :2], now.rays[:, :2]
    centre = (weight * old).sum(axis=0)
    spread = math.sqrt(float((weight * (old - centre) ** 2).sum()))
    return float(np.linalg.norm((weight * (new - old)).sum(axis=0))) / max(spread, 1e-3)
