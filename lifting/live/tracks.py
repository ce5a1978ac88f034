"""Poses of a live session as a track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lifting.live.lifter import LivePose
from lifting.tracks import Track3D

__all__ = ["live_track"]


def live_track(frame_index: NDArray[np.int64], time_s: NDArray[np.float64], poses: Sequence[LivePose]) -> Track3D:
    """The track of one person from the M frames in which they were lifted: ``Track3D.from_frames``."""
    same = ("joints_m", "raw_joints_m", "sigma_m", "imputed", "keypoints_px", "confidence")
    values = {name: np.stack([getattr(pose, name) for pose in poses]) for name in same}
    boxes = np.stack([pose.box for pose in poses])
    return Track3D.from_frames(poses[0].track_id, frame_index, time_s, **values, boxes=boxes)
