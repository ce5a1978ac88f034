"""The value that lifting hands on: a person in metres, along the video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17

__all__ = ["Track3D"]


@dataclass(frozen=True, eq=False)
class Track3D:
    """One person from first to last sight, one row per decoded frame; frames in a gap hold NaN.

    Joints are those of ``detectors.layouts.H36M_17``, in metres, in the camera frame: x right, y down, z forward,
    absolute (the root translation is ``joints_m[:, 0]``).

    Attributes:
        track_id: identity, as in the 2D track.
        frame_index: ``[T]`` int64, consecutive.
        time_s: ``[T]`` float64, presentation times.
        joints_m: ``[T, 17, 3]`` float64, smoothed over time.
        raw_joints_m: ``[T, 17, 3]`` float64, as lifted, before smoothing.
        sigma_m: ``[T, 17]`` float64, standard deviation of each coordinate of a joint relative to the pelvis;
            how far away the whole person is has an uncertainty of its own (docs/camera-file.md).
        imputed: ``[T, 17]`` bool, joints placed by the prior because the image did not show them.
        keypoints_px: ``[T, 17, 2]`` float64, the 2D evidence in this joint order (NaN where there is none).
        confidence: ``[T, 17]`` float64 in 0..1.
        boxes: ``[T, 4]`` float64, x0 y0 x1 y1 in pixels.
        contacts: ``[T, 2]`` float64 in 0..1, probability that the right and the left foot rest; 0 in a gap
            and if not given.
    """

    track_id: int
    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    joints_m: NDArray[np.float64]
    raw_joints_m: NDArray[np.float64]
    sigma_m: NDArray[np.float64]
    imputed: NDArray[np.bool_]
    keypoints_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    boxes: NDArray[np.float64]
    contacts: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))

    def __post_init__(self) -> None:
        frames, joints = len(self.frame_index), len(H36M_17)
        if not len(self.contacts):
            object.__setattr__(self, "contacts", np.zeros((frames, 2)))
        expected = {
            "time_s": (frames,),
            "joints_m": (frames, joints, 3),
            "raw_joints_m": (frames, joints, 3),
            "sigma_m": (frames, joints),
            "imputed": (frames, joints),
            "keypoints_px": (frames, joints, 2),
            "confidence": (frames, joints),
            "boxes": (frames, 4),
            "contacts": (frames, 2),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} of a 3D track must be {shape}, not {getattr(self, name).shape}")

    @classmethod
    def from_frames(
        cls,
        track_id: int,
        frame_index: NDArray[np.int64],
        time_s: NDArray[np.float64],
        every_s: NDArray[np.float64] | None = None,
        **values: NDArray[Any],
    ) -> Track3D:
        """A track from the M frames in which the person was lifted.

        In the frames between them joints count as imputed, confidence is 0, times are interpolated, all else is NaN.

        Args:
            track_id: identity.
            frame_index: ``[M]`` increasing.
            time_s: ``[M]``.
            every_s: times of frame 0 and all that follow, which then all get a row; None is from the first
                sight to the last.
            values: the other attributes, ``[M, ...]`` each.
        """
        begin = int(frame_index[0]) if every_s is None else 0
        at = frame_index - begin
        rows = np.arange(int(at[-1]) + 1 if every_s is None else len(every_s))

        def spread(name: str, of_frames: NDArray[Any]) -> NDArray[Any]:
            empty = {"imputed": True, "confidence": 0.0, "contacts": 0.0}.get(name, np.nan)
            full = np.full((len(rows), *of_frames.shape[1:]), empty)
            full[at] = of_frames
            return full

        spread_out = {name: spread(name, of_frames) for name, of_frames in values.items()}
        times = np.interp(rows, at, time_s) if every_s is None else every_s
        return cls(track_id, rows + begin, times, **spread_out)

    def __len__(self) -> int:
        return len(self.frame_index)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """``[T]`` frames in which the person was lifted (False inside gaps)."""
        return ~np.isnan(self.joints_m[:, 0, 0])
