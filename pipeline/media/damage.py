"""What is wrong with the pictures of a film and their times, gathered while they are read, told at the end."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import av

__all__ = ["Damage", "Smear"]

#: A hole is longer than this, seconds, and than so many frames.
_HOLE_S, _HOLE_FRAMES = 0.25, 5
#: Films whose steps are less often the usual one are recorded with pauses.
_EVEN_SHARE = 0.9
_NAMED = 5
#: Decoders repair pictures bit by bit where key frames are rare; a person is seen again after about this time, seconds.
_SMEARED_S = 2.0
_PATCHED = "{} frames, patched up by the decoder, count"


@dataclass
class Damage:
    """Frames that decoders patched up and holes between frames.

    Attributes:
        period_s: what the file states as the time from frame to frame.
    """

    period_s: float
    _patched: list[tuple[float, float, int]] = field(default_factory=list)
    _holes: list[tuple[float, float]] = field(default_factory=list)
    _steps: array[float] = field(default_factory=lambda: array("f"))
    _last_s: float | None = None
    _was_patched: bool = False

    def add(self, time_s: float, patched: bool) -> None:
        """A frame by its time, and whether parts of it are made up."""
        if self._last_s is not None:
            step = time_s - self._last_s
            self._steps.append(step)
            if step > max(_HOLE_S, _HOLE_FRAMES * self.period_s):
                self._holes.append((self._last_s, time_s))
        if patched and self._was_patched:
            first_s, _, count = self._patched[-1]
            self._patched[-1] = (first_s, time_s, count + 1)
        elif patched:
            self._patched.append((time_s, time_s, 1))
        self._last_s, self._was_patched = time_s, patched

    def sentences(self, path: Path) -> Iterator[str]:
        """What the user should know."""
        if self._patched:
            count = sum(count for *_, count in self._patched)
            frames = "1 frame, patched up by the decoder, counts" if count == 1 else _PATCHED.format(count)
            where = _listed([(first, last) for first, last, _ in self._patched])
            yield f"{path} is damaged: {frames} as not seen, at {where}"
        steps = np.asarray(self._steps)
        if self._holes and (np.abs(steps - np.median(steps)) < 0.5 * np.median(steps)).mean() >= _EVEN_SHARE:
            yield f"{path} has no new pictures from {_listed(self._holes)}"


@dataclass
class Smear:
    """Which frames are damaged though the decoder says nothing: those that are predicted from damaged ones."""

    _errors: int = 0
    _until_s: float = -math.inf

    def covers(self, frame: av.VideoFrame, time_s: float, errors: int) -> bool:
        """Whether parts of a frame are made up: of itself, or of what it is predicted from.

        Args:
            frame: in the order of presentation.
            time_s: its time.
            errors: how often reading and decoding failed until now.
        """
        from av.video.frame import PictureType

        # Nothing is predicted from what is B, as a rule.
        if errors > self._errors or (frame.is_corrupt and frame.pict_type != PictureType.B):
            self._until_s = time_s + _SMEARED_S
        if frame.key_frame and not frame.is_corrupt:
            self._until_s = -math.inf
        self._errors = errors
        return frame.is_corrupt or time_s < self._until_s


def _listed(spans: list[tuple[float, float]]) -> str:
    texts = [f"{first:.2f} s" if first == last else f"{first:.2f} to {last:.2f} s" for first, last in spans[:_NAMED]]
    return ", ".join(texts) + (f" and {len(spans) - _NAMED} times more" if len(spans) > _NAMED else "")
