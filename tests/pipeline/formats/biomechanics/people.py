"""Results of people whose motion is known, for files that others shall read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lifting.tracks import Track3D
from lifting.world.frame import Shot, World
from pipeline.results.result import Result
from tests.lifting.kinematics.figure import RIGHT, posed, turned
from tests.pipeline.results.test_result import CAMERA, metadata, track

#: Of the camera in the world: 3 m before the figure, 1.2 m above the floor.
_CAMERA = np.array([[1.0, 0, 0, 0], [0, -1, 0, 1.2], [0, 0, -1, 3.0], [0, 0, 0, 1]])


def bending(frames: int, rate: float, gap: slice = slice(0, 0), times: NDArray[np.float64] | None = None) -> Track3D:
    """Person 1, whose right knee bends from 20 by a degree every frame."""
    poses = np.concatenate(
        [posed(("right_knee", "right_shank", turned(RIGHT, -20.0 - frame))) for frame in range(frames)]
    )
    there = np.linalg.inv(_CAMERA)
    joints = poses @ there[:3, :3].T + there[:3, 3]
    like = track(1, 0, frames, gap)
    joints[gap] = np.nan
    columns = {name: getattr(like, name) for name in ("imputed", "keypoints_px", "confidence", "boxes")}
    sigma = np.full((frames, 17), 0.01)
    sigma[gap] = np.nan
    seconds = np.arange(frames) / rate if times is None else times
    return Track3D(
        1, like.frame_index, seconds, joints, joints, sigma, **columns, contacts=np.tile([0.2, 0.9], (frames, 1))
    )


def result(*tracks: Track3D, world: bool = True) -> Result:
    """Before a camera that stands still, of which the world is known or not."""
    frames = np.unique(np.concatenate([np.zeros(0, np.int64), *(each.frame_index for each in tracks)]))
    matrices = np.tile(_CAMERA, (len(frames), 1, 1))
    shot = Shot("still", "people", "feet")
    known = World(frames, matrices, np.zeros(len(frames), np.int64), (shot,)) if world else None
    return Result(tracks, CAMERA, metadata(), known)
