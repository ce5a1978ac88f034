"""What lifting can be told. Every value has a default that works on an unknown video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DEFAULT_FOV_DEG", "STEPS", "LiftSettings"]

#: Steps of the optimiser by preset and by where the fast one begins.
STEPS = {"fast": {"learnt": 14, "grid": 40}, "reference": {"learnt": 1000, "grid": 1000}}

#: Assumed horizontal field of view along the longer image side: between a phone's main camera (about 65 degrees) and
#: footage shot with a mild zoom.
DEFAULT_FOV_DEG = 55.0


@dataclass(frozen=True)
class LiftSettings:
    """Settings of the lifting stage.

    Attributes:
        ipo: where the fast preset starts: ``"learnt"``, a network that has seen how people look
            (``lifting.initial.learnt``), or ``"grid"``, the best of many turns of one pose.
        preset: ``"fast"``, or ``"reference"``: the published optimiser with 500 Adam steps to start and 1000 steps in
            float32, every frame on its own. What is not in the paper (coupling, bones, alternatives) is then off.
        steps: number of optimiser steps, at least 1; None is what the preset has.
        alternatives: number of explanations of the same 2D, 1 to 4, among which the prior chooses.
        couple_s: width of the kernel over neighbouring frames inside the loop, seconds (1 sigma); 0 is none.
        doubt_widens: how much wider it is for joints that the detector doubts (``time_kernel``).
        bones: share of the way to the common bone lengths that each step goes; 0 is none.
        smooth_s: width of the kernel over the finished track, seconds (1 sigma); 0 is none.
        person_height_m: standing height of the people, metres; None assumes the average body of the prior.
        imputed_below: joints seen with less confidence count as placed by the prior.
        least_joints: a frame with fewer seen joints is not lifted.
        window: most frames of one track that are optimised together.
        overlap: frames that neighbouring windows share, 0 < overlap < window; they cross-fade in its inner half.
        seed: of the noise with which the prior judges alternatives.
    """

    preset: Literal["fast", "reference"] = "fast"
    ipo: Literal["learnt", "grid"] = "learnt"
    steps: int | None = None
    alternatives: int = 1
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
    def optimiser_steps(self) -> int:
        """``steps``, or those of the preset."""
        return self.steps or STEPS[self.preset][self.ipo]
