"""What exporters share: everybody in axes that stand upright, in words which these are, and poses for gaps.

Files for other programs are in the world of the result (y up, floor at y = 0, z towards the first camera of the shot, x
to its right, metres, right-handed) where it has one. Where it has none, the axes of the camera are turned upright, with
the floor below the feet; whoever walks with a moving camera then walks on the spot. No file leaves out which it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lifting.tracks import Track3D
from lifting.world.frame import World
from lifting.world.upright import upright_world
from pipeline.results.result import Result

__all__ = ["Standing", "gaps", "held_rows", "stand", "standing"]

Array = NDArray[np.float64]

_AXES = "x to the right of the camera, y up, z towards the camera, right-handed"
#: Marks, in a copy that never leaves the exporters, the shots that had no world.
_TURNED = "turned upright"


@dataclass(frozen=True, eq=False)
class Standing:
    """Everybody's joints in axes that stand upright.

    Attributes:
        joints_m: for each track of the result ``[T, 17, 3]``, metres, y up, floor at y = 0; NaN in its gaps, nowhere
            else.
        in_world: whether these are the axes of the world in all shots.
        sentence: one sentence for the header of a file that says which axes these are.
    """

    joints_m: tuple[Array, ...]
    in_world: bool
    sentence: str


def stand(result: Result) -> Result:
    """The same people with a world that has a place for every frame; a second time it changes nothing.

    To be done before people are parted: where there is no world, up and the floor come from all of them.
    """
    old = result.world
    world = upright_world(result.tracks, old)
    known = np.isfinite(old.world_from_camera).all(axis=(1, 2)) if old is not None else np.zeros(0, np.bool_)
    lost = set(range(len(world.shots))) if old is None else set(old.shot[~known].tolist())
    shots = tuple(
        replace(shot, camera_motion=_TURNED) if number in lost else shot for number, shot in enumerate(world.shots)
    )
    return replace(result, world=replace(world, shots=shots))


def standing(result: Result) -> Standing:
    """Joints of a result, which may be one that ``stand`` gave, in upright axes."""
    stood = stand(result)
    world = stood.world
    assert world is not None
    joints = tuple(stood.world_joints(track) for track in stood.tracks)
    present = _present(world, stood.tracks)
    turned = [number for number in present if world.shots[number].camera_motion == _TURNED]
    if not turned:
        return Standing(joints, True, f"{_world_words(world, present)}; {_AXES}, origin below the first camera")
    words = f"axes of the camera turned upright, floor where the lowest feet are, motion of the camera unknown; {_AXES}"
    if len(turned) < len(present):
        numbers = ", ".join(str(number + 1) for number in turned)
        words = f"{_world_words(world, [n for n in present if n not in turned])}, but in shot {numbers} {words}"
    return Standing(joints, False, words)


def gaps(track: Track3D, seen: NDArray[np.bool_] | None = None) -> list[tuple[float, float]]:
    """Times in seconds of the first and the last frame of every gap in a track, or of where ``seen [T]`` is False."""
    missing = np.concatenate([[False], ~(track.seen if seen is None else seen), [False]]).astype(np.int8)
    begins, ends = np.flatnonzero(np.diff(missing) == 1), np.flatnonzero(np.diff(missing) == -1) - 1
    return [(float(track.time_s[a]), float(track.time_s[b])) for a, b in zip(begins, ends, strict=True)]


def held_rows(seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each frame ``[T]``, which of the frames in which somebody was seen it shows.

    That is itself, in gaps the one before, and at the beginning the first one. Raises ValueError if there is none.
    """
    if not seen.any():
        raise ValueError("there is no frame in which the person was seen")
    return np.maximum(np.cumsum(seen) - 1, 0)


def _present(world: World, tracks: tuple[Track3D, ...]) -> list[int]:
    """Shots in which there is somebody, or all if there is nobody."""
    if not tracks:
        return list(range(len(world.shots)))
    shots = [world.shot[world.rows(track.frame_index[track.seen])] for track in tracks]
    return sorted(set(np.concatenate(shots).tolist()))


def _world_words(world: World, shots: list[int]) -> str:
    """What is known of the world in these shots."""
    floors = {world.shots[number].floor for number in shots}
    assumed = " assumed 1.5 m below the camera" if floors == {"assumed"} else ""
    if len(floors) > 1 and "assumed" in floors:
        assumed = " in part assumed 1.5 m below the camera"
    return f"world axes, floor at y = 0{assumed}"
