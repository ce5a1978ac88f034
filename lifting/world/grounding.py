"""Tracks of a video put on the ground, shot by shot: from poses frame by frame to a footing for the optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lifting.temporal.kernel import smooth_track
from lifting.world.floor import ANKLE_M, Floor, KnownGround
from lifting.world.frame import World, world_of
from lifting.world.ground import GroundNetwork
from lifting.world.motion import CameraMotion
from lifting.world.settle import Standing, settle
from lifting.world.walking.legs import reach
from lifting.world.walking.path import Sighting
from lifting.world.walking.scale import first_scale, scale_by_feet

__all__ = ["Grounded", "LiftedTrack", "ground_tracks", "on_ground"]

Array = NDArray[np.float64]

#: How far a resting foot may be from the level of its person and still be put on it, metres.
_ON_LEVEL_M = 0.15


@dataclass(frozen=True, eq=False)
class LiftedTrack:
    """A person as lifted frame by frame, in camera axes.

    Attributes:
        joints: ``[N, 17, 3]`` absolute, metres.
        rays: ``[N, 17, 3]`` directions, z = 1.
        confidence: ``[N, 17]`` of the rays.
        frame_index: ``[N]`` increasing.
        time_s: ``[N]`` increasing.
    """

    joints: Array
    rays: Array
    confidence: Array
    frame_index: NDArray[np.int64]
    time_s: Array


@dataclass(frozen=True, eq=False)
class Grounded:
    """Where the feet of one track rest, and how its camera moved; N rows as in the track.

    Attributes:
        known: ``[N]`` bool, whether the motion of the camera is known there; if not, the rest says nothing.
        size: ``[N]`` factor that joints are to be multiplied by, about the camera, to stand on the floor of others.
        shot: ``[N]`` number of the shot.
        rotation, centre: ``[N, 3, 3]``, ``[N, 3]`` of the camera, to the axes of the shot.
        T: ``[N, 3]`` path of the root, in these axes.
        places: ``[N, 2, 3]`` where the right and the left ankle are, in these axes.
        trust: ``[N, 2]`` how far these places are to be trusted, 0 to 1.
        contacts: ``[N, 2]`` probability that the foot rests.
    """

    known: NDArray[np.bool_]
    size: Array
    shot: NDArray[np.int64]
    rotation: Array
    centre: Array
    T: Array
    places: Array
    trust: Array
    contacts: Array


def ground_tracks(
    tracks: Sequence[LiftedTrack],
    motion: CameraMotion,
    network: GroundNetwork,
    *,
    resize: bool,
    known: KnownGround = KnownGround(),  # noqa: B008 - frozen
) -> tuple[World, list[Grounded]]:
    """World and footing; in shots whose camera is unknown nobody has a footing.

    Args:
        tracks: everybody in the video; their frames are among those of ``motion``.
        motion: of the camera.
        network: see ``lifting.world.ground``.
        resize: sizes of people may be changed so that they share a floor.
        known: of up and the floor beforehand, in the first shot.

    Returns:
        World and footing of each track.
    """
    rows = [np.searchsorted(motion.frame_index, track.frame_index) for track in tracks]
    found = [_nowhere(track, motion, at) for track, at in zip(tracks, rows, strict=True)]
    floors: list[Floor | None] = []
    for shot, kind in enumerate(motion.kind):
        if kind == "unknown":
            floors.append(None)
            continue
        here = [np.flatnonzero(motion.shot[at] == shot) for at in rows]
        present = [number for number, own in enumerate(here) if len(own)]
        sightings = [_sighting(tracks[number], found[number], here[number]) for number in present]
        frames = motion.frames(shot)
        if kind == "moving":
            scale = first_scale(sightings)
            if scale is None:
                floors.append(None)
                for number in present:
                    found[number].known[here[number]] = False
                motion = _scaled(motion, shot, 0.0, "nobody is seen long enough to tell how far the camera went")
                continue
            for _ in range(2):
                scaled = [replace(seen, centre=scale * seen.centre) for seen in sightings]
                floor, standings = settle(scaled, motion.rotation[frames], network, resize=False)
                scale = scale_by_feet(sightings, [(each.velocity, each.spread) for each in standings], scale)
            motion = _scaled(motion, shot, scale, motion.note[shot])
            sightings = [replace(seen, centre=scale * seen.centre) for seen in sightings]
            for number, own in zip(present, [here[number] for number in present], strict=True):
                found[number].centre[own] *= scale
        # Of a camera that moves, sizes about it would move people through the world.
        sized = resize and kind != "moving"
        told = known if shot == 0 else KnownGround()
        floor, standings = settle(sightings, motion.rotation[frames], network, resize=sized, known=told)
        floors.append(floor)
        for place, (number, standing) in enumerate(zip(present, standings, strict=True)):
            _stand(found[number], here[number], standing, floor, place)
    return world_of(motion, floors), found


def _scaled(motion: CameraMotion, shot: int, scale: float, note: str) -> CameraMotion:
    """The motion with the positions of a shot in metres."""
    position = motion.position.copy()
    position[motion.frames(shot)] *= scale
    notes = (*motion.note[:shot], note, *motion.note[shot + 1 :])
    return replace(motion, position=position, note=notes)


def _nowhere(track: LiftedTrack, motion: CameraMotion, at: NDArray[np.int64]) -> Grounded:
    count = len(track.joints)
    return Grounded(
        np.array([kind != "unknown" for kind in motion.kind], bool)[motion.shot[at]],
        np.ones(count),
        motion.shot[at],
        motion.rotation[at],
        motion.position[at].copy(),
        np.einsum("nij,nj->ni", motion.rotation[at], track.joints[:, 0]) + motion.position[at],
        np.zeros((count, 2, 3)),
        np.zeros((count, 2)),
        np.zeros((count, 2)),
    )


def _sighting(track: LiftedTrack, found: Grounded, here: NDArray[np.int64]) -> Sighting:
    joints, rotation = track.joints[here], found.rotation[here]
    directions = track.rays[here] / np.linalg.norm(track.rays[here], axis=-1, keepdims=True)
    return Sighting(
        np.einsum("nij,nkj->nki", rotation, joints - joints[:, :1]),
        np.linalg.norm(joints[:, 0], axis=1),
        np.einsum("nij,nkj->nki", rotation, directions),
        found.centre[here],
        np.where(np.isfinite(track.confidence[here]), track.confidence[here], 0.0),
        track.time_s[here],
    )


def _stand(found: Grounded, here: NDArray[np.int64], standing: Standing, floor: Floor, person: int) -> None:
    size, up = floor.size[person], floor.gravity.up
    found.size[here] = size
    found.T[here] = size * standing.T
    found.contacts[here] = standing.resting
    found.places[here] = size * standing.ankles
    found.trust[here] = standing.resting
    level = floor.level[person] + ANKLE_M
    for stance in standing.stances:
        rows = here[stance.rows]
        off = float(size * stance.place @ up - level)
        if abs(off) < _ON_LEVEL_M:
            found.places[rows, stance.foot] -= off * up


def on_ground(track: LiftedTrack, ground: Grounded, smooth_s: float, elsewhere: Array | None = None) -> Array:
    """Joints ``[N, 17, 3]`` in camera axes on their path, smoothed at rest, with legs that reach where the feet rest.

    Args:
        track: as it was lifted.
        ground: its footing.
        smooth_s: width of the smoothing over time, seconds (1 sigma); 0 is none.
        elsewhere: what becomes of frames whose camera is not known, ``[N, 17, 3]``; None is what was lifted.
    """
    joints = track.joints
    found = (joints if elsewhere is None else elsewhere).copy()
    for shot in np.unique(ground.shot[ground.known]):
        rows = np.flatnonzero(ground.shot == shot)
        rotation, size = ground.rotation[rows], ground.size[rows, None, None]
        x = np.einsum("nij,nkj->nki", rotation, joints[rows] - joints[rows, :1])
        at_rest = size * x + ground.T[rows, None]
        if smooth_s > 0 and len(rows) > 2:
            at_rest = smooth_track(at_rest, track.time_s[rows], smooth_s)
        at_rest = reach(at_rest, ground.places[rows], ground.trust[rows])
        found[rows] = np.einsum("nji,nkj->nki", rotation, at_rest - ground.centre[rows, None])
    return found
