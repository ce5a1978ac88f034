"""What the formats with a skeleton share: the motion of each person of a result, on a skeleton as it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton.names import SKELETONS, Profile
from lifting.skeleton.rig import Rig, held_lengths, make_rig
from lifting.skeleton.solve import Motion, solve
from lifting.tracks import Track3D
from pipeline.errors import OutputError
from pipeline.results.result import Result
from pipeline.results.standing import gaps, held_rows, standing

__all__ = ["Mover", "in_axes", "movers", "offsets_in_axes"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mover:
    """A person on a skeleton.

    Attributes:
        track_id: who.
        profile: names and axes of the joints.
        motion: at the times of the track; in gaps the pose before is held.
        lead: frames of the video before the first of the motion.
        start_s: time of the first frame of the video, about; the earliest time there is.
        gaps: first and last time of each gap, seconds.
    """

    track_id: int
    profile: Profile
    motion: Motion
    lead: int
    start_s: float
    gaps: list[tuple[float, float]]

    def axes(self) -> Array:
        """``[J, 3, 3]`` the axes of each joint in the T-pose, as columns."""
        return self.profile.axes(self.motion.rig)

    def gap_words(self) -> str:
        """The gaps in a sentence, or nothing."""
        if not self.gaps:
            return ""
        times = ", ".join(f"{first:.3f} to {last:.3f} s" for first, last in self.gaps)
        return f"person {self.track_id} is out of sight at {times} of the video; the pose before is held there"


def movers(result: Result, skeleton: str) -> tuple[list[Mover], str, bool]:
    """Everybody on skeletons, the sentence that says in which axes, and whether these are the world's.

    Who was never seen is left out. Raises OutputError if somebody has frames without a time.
    """
    profile = SKELETONS[skeleton]
    stood = standing(result)
    first = min((int(track.frame_index[0]) for track in result.tracks), default=0)
    if result.world is not None and len(result.world.frame_index):
        first = int(result.world.frame_index[0])
    start_s = min((_start_s(track, first) for track in result.tracks), default=0.0)
    found = []
    for track, joints in zip(result.tracks, stood.joints_m, strict=True):
        if not np.isfinite(track.time_s).all():
            raise OutputError(f"person {track.track_id} has frames without a time; a skeleton cannot move without")
        seen = np.asarray(np.isfinite(joints).all(axis=(1, 2)))
        if not seen.any():
            continue
        rig = make_rig(held_lengths(joints[seen]), profile.build)
        motion = solve(rig, joints[seen], track.time_s[seen], track.contacts[seen])
        rows = held_rows(seen)
        motion = replace(motion, time_s=track.time_s, root_m=motion.root_m[rows], local=motion.local[rows])
        found.append(
            Mover(track.track_id, profile, motion, int(track.frame_index[0]) - first, start_s, gaps(track, seen))
        )
    return found, stood.sentence, stood.in_world


def in_axes(motion: Motion, axes: Array) -> Array:
    """Local rotations ``[T, J, 3, 3]`` of joints whose axes in the T-pose are ``[J, 3, 3]``."""
    turns = motion.rotations() @ axes
    local = turns.copy()
    for joint, parent in enumerate(motion.rig.parents):
        if parent >= 0:
            local[:, joint] = turns[:, parent].transpose(0, 2, 1) @ turns[:, joint]
    return local


def offsets_in_axes(rig: Rig, axes: Array) -> Array:
    """Offsets ``[J, 3]`` of such joints in the axes of their parents; that of the root is 0."""
    return np.stack(
        [
            offset @ axes[parent] if parent >= 0 else offset
            for offset, parent in zip(rig.offsets, rig.parents, strict=True)
        ]
    )


def _start_s(track: Track3D, first: int) -> float:
    """When frame ``first`` was, if frames came as those of the track do."""
    step = float(np.median(np.diff(track.time_s))) if len(track) > 1 else 0.0
    return float(track.time_s[0]) - step * (int(track.frame_index[0]) - first)
