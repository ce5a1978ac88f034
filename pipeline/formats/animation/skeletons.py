"""What the formats with a skeleton share: the motion of each person of a result, on a skeleton as it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lifting.skeleton.names import SKELETONS, Profile
from lifting.skeleton.rig import held_lengths, make_rig
from lifting.skeleton.solve import Motion, solve
from pipeline.results.result import Result
from pipeline.results.standing import gaps, held_rows, standing

__all__ = ["Mover", "movers"]


@dataclass(frozen=True, eq=False)
class Mover:
    """A person on a skeleton.

    Attributes:
        track_id: who.
        profile: names and axes of the joints.
        motion: at the times of the track; in gaps the pose before is held.
        lead: frames of the video before the first of the motion.
        gaps: first and last time of each gap, seconds.
    """

    track_id: int
    profile: Profile
    motion: Motion
    lead: int
    gaps: list[tuple[float, float]]

    def gap_words(self) -> str:
        """The gaps in a sentence, or nothing."""
        if not self.gaps:
            return ""
        times = ", ".join(f"{first:.3f} to {last:.3f} s" for first, last in self.gaps)
        return f"person {self.track_id} is out of sight at {times} of the video; the pose before is held there"


def movers(result: Result, skeleton: str) -> tuple[list[Mover], str, bool]:
    """Everybody on skeletons, the sentence that says in which axes, and whether these are the world's."""
    profile = SKELETONS[skeleton]
    stood = standing(result)
    first = min((int(track.frame_index[0]) for track in result.tracks), default=0)
    if result.world is not None and len(result.world.frame_index):
        first = int(result.world.frame_index[0])
    found = []
    for track, joints in zip(result.tracks, stood.joints_m, strict=True):
        if not track.seen.any():
            continue
        rig = make_rig(held_lengths(joints), profile.build)
        seen = track.seen
        motion = solve(rig, joints[seen], track.time_s[seen], track.contacts[seen])
        rows = held_rows(seen)
        motion = replace(motion, time_s=track.time_s, root_m=motion.root_m[rows], local=motion.local[rows])
        found.append(Mover(track.track_id, profile, motion, int(track.frame_index[0]) - first, gaps(track)))
    return found, stood.sentence, stood.in_world
