"""Everybody of a result with angles, path and jumps, as tables and the report need them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.kinematics.angles import JointAngles, joint_angles
from lifting.kinematics.path import Jump, Path, jumps, path_of
from lifting.tracks import Track3D
from pipeline.results.result import Result
from pipeline.results.standing import stand, standing

__all__ = ["PersonMotion", "motions"]


@dataclass(frozen=True, eq=False)
class PersonMotion:
    """A person in upright axes.

    Attributes:
        track: as in the result.
        joints_m: ``[T, 17, 3]`` metres, y up, floor at y = 0; NaN in gaps.
        angles: of the joints.
        path: of the person.
        jumps: every flight.
    """

    track: Track3D
    joints_m: NDArray[np.float64]
    angles: JointAngles
    path: Path
    jumps: list[Jump]


def motions(result: Result) -> list[PersonMotion]:
    """The motion of everybody, in the order of the tracks."""
    stood = stand(result)
    world = stood.world
    assert world is not None
    found = []
    for track, joints in zip(stood.tracks, standing(stood).joints_m, strict=True):
        turn = world.world_from_camera[world.rows(track.frame_index), :3, :3]
        rays = np.einsum("tij,tj->ti", turn, track.joints_m[:, 0])
        angles = joint_angles(joints, track.sigma_m, rays, track.contacts)
        path = path_of(joints, track.time_s)
        found.append(PersonMotion(track, joints, angles, path, jumps(joints, track.time_s, track.contacts)))
    return found
