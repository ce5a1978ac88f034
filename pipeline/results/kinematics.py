"""Everybody of a result with angles, path and jumps, as tables and the report need them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.kinematics.angles import JointAngles, joint_angles
from lifting.kinematics.path import Jump, Path, jumps, path_of
from lifting.tracks import Track3D
from lifting.world.frame import World
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
    places = standing(stood).joints_m
    angles = _angles(stood.tracks, places, world)
    found = []
    for track, joints, own in zip(stood.tracks, places, angles, strict=True):
        path = path_of(joints, track.time_s)
        found.append(PersonMotion(track, joints, own, path, jumps(joints, track.time_s, track.contacts)))
    return found


def _angles(tracks: Sequence[Track3D], places: Sequence[NDArray[np.float64]], world: World) -> Iterator[JointAngles]:
    """Of everybody. Frames are independent, and all at once take little longer than one person's."""
    if not tracks:
        return
    turns = [world.world_from_camera[world.rows(track.frame_index), :3, :3] for track in tracks]
    rays = [np.einsum("tij,tj->ti", turn, track.joints_m[:, 0]) for turn, track in zip(turns, tracks, strict=True)]
    every = joint_angles(
        np.concatenate(places),
        np.concatenate([track.sigma_m for track in tracks]),
        np.concatenate(rays),
        np.concatenate([track.contacts for track in tracks]),
    )
    ends = np.cumsum([len(track) for track in tracks])[:-1]
    for degrees, sigma in zip(np.split(every.degrees, ends), np.split(every.sigma, ends), strict=True):
        yield JointAngles(degrees, sigma)
