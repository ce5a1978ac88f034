"""What a user may say about detectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

__all__ = ["DetectorOptions", "Stage", "silent"]

#: Begins a part of the work that takes time, by name, number of steps (None: unknown) and what a step is; the value of
#: the block is called with the number of steps done.
Stage = Callable[[str, int | None, str], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class DetectorOptions:
    """The options of the command line of the same names.

    Attributes:
        det_config, pose_config: names in the model zoos of MMDet and MMPose, or files.
        det_weights, pose_weights: files or addresses; None is what the zoo has for the configuration.
        flip_test: average each pose with that of the mirrored picture.
        runtime: what runs the networks of ``mmpose``.
        offline: download nothing.
        device: where ``runtime="torch"`` runs.
    """

    det_config: str | None = None
    det_weights: str | None = None
    pose_config: str | None = None
    pose_weights: str | None = None
    flip_test: bool = False
    runtime: Literal["onnx", "torch"] = "onnx"
    offline: bool = False
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    @property
    def models(self) -> bool:
        """Whether a model of MMDet or MMPose was named."""
        return any((self.det_config, self.det_weights, self.pose_config, self.pose_weights))


@contextmanager
def silent(name: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """A ``Stage`` of which nothing is shown."""
    yield lambda done: None
