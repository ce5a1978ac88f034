"""What lifting can be told. Every value has a default that works on an unknown video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lifting.optimise.schedule import Schedule, fast_schedule, reference_schedule, refining_schedule

__all__ = ["LiftSettings"]


@dataclass(frozen=True)
class LiftSettings:
    """Settings of the lifting stage.

    Attributes:
        ipo: where the fast preset starts: ``"learnt"``, a network that has seen how people look
            (``lifting.initial.learnt``), or ``"grid"``, the best of many turns of one pose.
        preset: ``"fast"``, or ``"reference"``: the published optimiser with 500 Adam steps to start and 1000 steps in
            float32, every frame on its own. What is not in the paper (coupling, bones, hypotheses) is then off.
        steps: number of optimiser steps, at least 1; None is what the preset has.
        clusters: number of template poses S, one of those in the file (1, 10, 50).
        hypotheses: number of starts in different directions, 1 to 4; the prior chooses among the results.
        couple_s: width of the kernel over neighbouring frames inside the loop, seconds (1 sigma); 0 is none.
        doubt_widens: how much wider it is for joints that the detector doubts (``time_kernel``).
        bones: share of the way to the common bone lengths that each step goes; 0 is none.
        smooth_s: width of the kernel over the finished track, seconds (1 sigma); 0 is none.
        person_height_m: standing height of the people, metres; None assumes the average body of the prior.
        imputed_below: joints seen with less confidence count as placed by the prior.
        least_joints: a frame with fewer seen joints is not lifted.
        window: most frames of one track that are optimised together.
        overlap: frames that neighbouring windows share, 0 < overlap < window; they cross-fade in its inner half.
        seed: of the noise with which the prior judges hypotheses.
    """

    preset: Literal["fast", "reference"] = "fast"
    ipo: Literal["learnt", "grid"] = "learnt"
    steps: int | None = None
    clusters: int = 1
    hypotheses: int = 1
    couple_s: float = 2 / 30
    doubt_widens: float = 2.0
    bones: float = 0.4
    smooth_s: float = 0.05
    person_height_m: float | None = None
    imputed_below: float = 0.15
    least_joints: int = 5
    window: int = 300
    overlap: int = 60
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"the optimiser needs at least 1 step, not {self.steps}")
        if not 0 < self.overlap < self.window:
            raise ValueError(f"windows of {self.window} frames cannot overlap by {self.overlap}")

    @property
    def candidates(self) -> int:
        """How many results the prior chooses among: the published optimiser has one, whatever was asked for."""
        return self.hypotheses if self.preset == "fast" else 1

    def schedule(self) -> Schedule:
        """The steps of the preset."""
        if self.preset == "reference":
            return reference_schedule() if self.steps is None else reference_schedule(self.steps)
        make = fast_schedule if self.ipo == "grid" else refining_schedule
        return make() if self.steps is None else make(self.steps)
