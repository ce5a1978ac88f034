"""How the camera moved: the value that its solver hands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "CameraMotion"]

#: still; turning about its centre, zoom included; moving through space; not known: the shot stays in camera axes.
KINDS: Final = ("still", "turning", "moving", "unknown")


@dataclass(frozen=True, eq=False)
class CameraMotion:
    """The motion of the camera in F frames of S shots, each of which has axes of its own: those of its first camera.

    Camera axes: x right, y down, z forward. In a shot that is ``unknown`` rotations are the identity, positions 0 and
    zooms 1, which says nothing. Raises ValueError, in one sentence, if a field has not the form below.

    Attributes:
        frame_index: ``[F]`` int64, strictly increasing index of the decoded frame.
        shot: ``[F]`` int64, number of the shot, 0, 1 ... without gaps.
        kind: of each of the S shots, one of ``KINDS``.
        rotation: ``[F, 3, 3]`` float64, from the axes of a frame's camera to those of the first frame of its shot.
        position: ``[F, 3]`` float64, the centre of the camera in these axes; 0 unless it is moving. The unit is one
            for the whole shot and unknown until something of known size is seen.
        zoom: ``[F]`` float64, focal length divided by that of the first frame of the shot.
        note: of each shot, what the user should know of it, in words; may be empty.
        focal: focal length divided by the one that was taken for the camera, where the motion tells it; with this one
            the rotations were found.
    """

    frame_index: NDArray[np.int64]
    shot: NDArray[np.int64]
    kind: tuple[str, ...]
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]
    zoom: NDArray[np.float64]
    note: tuple[str, ...]
    focal: float = 1.0

    def __post_init__(self) -> None:
        frames = len(self.frame_index)
        shapes = {"shot": (frames,), "rotation": (frames, 3, 3), "position": (frames, 3), "zoom": (frames,)}
        for name, shape in shapes.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"{name} of a camera in {frames} frames must be {list(shape)}, not "
                    f"{list(np.shape(getattr(self, name)))}"
                )
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} of a camera must be finite")
        if (np.diff(self.frame_index) < 1).any():
            raise ValueError("frame_index of a camera must increase")
        if frames and (self.shot[0] != 0 or not np.isin(np.diff(self.shot), (0, 1)).all()):
            raise ValueError("shots are counted 0, 1 ... in the order of the frames")
        shots = int(self.shot[-1]) + 1 if frames else 0
        if len(self.kind) != shots or len(self.note) != shots:
            raise ValueError(f"{shots} shots need as many kinds and notes, not {len(self.kind)} and {len(self.note)}")
        if other := set(self.kind) - set(KINDS):
            raise ValueError(f"a camera is one of {', '.join(KINDS)}, not {min(other)}")
        if (self.zoom <= 0).any() or not 0 < self.focal < np.inf:
            raise ValueError("zoom and focal length of a camera must be above 0")
        off = self.rotation @ self.rotation.swapaxes(1, 2) - np.eye(3)
        if frames and (np.abs(off).max() > 1e-6 or (np.linalg.det(self.rotation) < 0).any()):
            raise ValueError("the rotations of a camera are no rotations")

    @classmethod
    def still(
        cls,
        frame_index: NDArray[np.int64],
        kind: str = "still",
        note: str = "",
        shot: NDArray[np.int64] | None = None,
    ) -> CameraMotion:
        """One shot, or those given, in which nothing moves; with the kind "unknown", of which nothing is known."""
        frames = len(frame_index)
        shot = np.zeros(frames, np.int64) if shot is None else shot
        shots = int(shot[-1]) + 1 if frames else 0
        return cls(
            np.asarray(frame_index, np.int64),
            shot,
            (kind,) * shots,
            np.tile(np.eye(3), (frames, 1, 1)),
            np.zeros((frames, 3)),
            np.ones(frames),
            (note,) * shots,
        )

    def __len__(self) -> int:
        return len(self.frame_index)

    @property
    def reference_from_camera(self) -> NDArray[np.float64]:
        """``[F, 4, 4]`` float64: points in a frame's camera axes to the axes of the first frame of its shot.

        Its translation is in the unit of ``position``.
        """
        pose = np.tile(np.eye(4), (len(self), 1, 1))
        pose[:, :3, :3] = self.rotation
        pose[:, :3, 3] = self.position
        return pose

    def frames(self, shot: int) -> slice:
        """The rows of a shot."""
        first, last = np.searchsorted(self.shot, (shot, shot + 1))
        return slice(int(first), int(last))

    def __str__(self) -> str:
        """In words, for the terminal: one kind and note after the other, equal neighbours once."""
        words = [kind + (f" ({note})" if note else "") for kind, note in zip(self.kind, self.note, strict=True)]
        if len(set(words)) == 1:
            return words[0] + (f" in all {len(words)} shots" if len(words) > 1 else "")
        return ", ".join(f"shot {number} {word}" for number, word in enumerate(words, start=1))
