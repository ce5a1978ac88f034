"""What lifting can be told. Every value has a default that works on an unknown video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lifting.schedule import Schedule, fast_schedule, reference_schedule

__all__ = ["LiftSettings"]


@dataclass(frozen=True)
class LiftSettings:
    """Settings of the lifting stage.

    Attributes:
        preset: ``"fast"`` or ``"reference"`` (the published schedule of 1000 steps, every frame on its own).
        steps: number of optimiser steps; None is what the preset has.
        clusters: number of starting poses S, one of those in the file (1, 10, 50).
        couple_s: width of the kernel over neighbouring frames inside the loop, seconds (1 sigma); 0 is none.
        smooth_s: width of the kernel over the finished track, seconds (1 sigma); 0 is none.
        person_height_m: standing height of the people, metres; None assumes the average body of the prior.
        imputed_below: joints seen with less confidence count as placed by the prior.
        least_joints: a frame with fewer seen joints is not lifted.
        window: most frames of one track that are optimised together.
        overlap: frames that neighbouring windows share and cross-fade.
    """

    preset: Literal["fast", "reference"] = "fast"
    steps: int | None = None
    clusters: int = 1
    couple_s: float = 2 / 30
    smooth_s: float = 0.05
    person_height_m: float | None = None
    imputed_below: float = 0.1
    least_joints: int = 5
    window: int = 300
    overlap: int = 40

    def schedule(self) -> Schedule:
        """The steps of the preset."""
        if self.preset == "reference":
            return reference_schedule(self.steps or 1000)
        return fast_schedule(self.steps or 50, t_low=0.03)

    @property
    def loop_couple_s(self) -> float:
        """``couple_s``, or 0 in the reference preset."""
        return self.couple_s if self.preset == "fast" else 0.0
