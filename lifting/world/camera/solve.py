"""The decision: is the camera still, turning, moving, or can nothing be said of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detectors.background.points import BackgroundPoints
from lifting.geometry.camera import Camera
from lifting.world.camera.moving import follow_travel
from lifting.world.camera.pairs import vector_of
from lifting.world.camera.turning import Chain, Tracks, as_turns, focal_factor, follow_turn, polished
from lifting.world.motion import CameraMotion

__all__ = ["solve_camera_motion"]

#: Standard deviation of a followed point, as a share of the longer side of the picture: the follower works in pictures
#: of some 500 px, and is off by a tenth to a quarter of a pixel.
_NOISE = 0.2 / 480
#: A camera that stays within these of where it was, in radians and in log zoom, stands still: the rest is vibration.
_STILL, _STILL_ZOOM = math.radians(0.15), 0.004
#: Share of frames with points that a model must explain.
_EXPLAINED = 0.9
#: s without a solution across which poses are interpolated
_GAP_S = 1.0
#: Times the focal length, with which a turn is a shift.
_ENDLESS = 20.0
#: Times the noise that near points of the background may stray while the camera sways.
_LOOSE = 4.0
_FEWEST = 12  # points of a frame that says something


@dataclass(frozen=True)
class _Shot:
    kind: str
    note: str
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]
    zoom: NDArray[np.float64]

    @classmethod
    def plain(cls, frames: int, kind: str, note: str) -> _Shot:
        return cls(kind, note, np.tile(np.eye(3), (frames, 1, 1)), np.zeros((frames, 3)), np.ones(frames))


def solve_camera_motion(points: BackgroundPoints, camera: Camera, *, focal_known: bool = True) -> CameraMotion:
    """How the camera moved, shot by shot.

    Args:
        points: of the background, in pixels of this camera's frames.
        camera: its intrinsics and distortion, those of the first frame of each shot.
        focal_known: whether its focal length is to be relied on; else a camera that turns far enough tells it, and the
            turn is that of the right one.
    """
    frames = len(points)
    if not frames:
        return CameraMotion.still(points.frame_index)
    n = camera.rays(points.xy_px)[:, :2]
    noise = _NOISE * max(camera.image_size) / math.sqrt(float(camera.K[0, 0] * camera.K[1, 1]))
    bounds = _shots(points)
    views = []
    for first, end in bounds:
        rows = slice(int(points.start[first]), int(points.start[end]))
        start = points.start[first : end + 1] - points.start[first]
        views.append(_View(Tracks(n[rows], points.point_id[rows], start, noise), points.time_s[first:end]))
    focal = 1.0 if focal_known else _focal(views)
    shots = [view.solve(focal) for view in views]
    return CameraMotion(
        points.frame_index,
        np.repeat(np.arange(len(bounds)), [end - first for first, end in bounds]),
        tuple(shot.kind for shot in shots),
        np.concatenate([shot.rotation for shot in shots]),
        np.concatenate([shot.position for shot in shots]),
        np.concatenate([shot.zoom for shot in shots]),
        tuple(shot.note for shot in shots),
        focal,
    )


def _shots(points: BackgroundPoints) -> list[tuple[int, int]]:
    """First frame and end of each shot: at cuts, and around stretches in which there is nothing to follow."""
    begins = set(np.flatnonzero(points.cut).tolist()) | {0}
    rich = np.flatnonzero(np.diff(points.start) >= _FEWEST)
    edges = [-1, *rich.tolist(), len(points)]
    for before, after in pairwise(edges):
        first, last = max(before + 1, 0), min(after, len(points)) - 1
        if last < first or points.time_s[last] - points.time_s[first] <= _GAP_S:
            continue
        begins.add(first)
        if after < len(points) and not len(points.matches(max(before, 0), after)[0]):
            begins.add(after)
    ordered = [*sorted(begins), len(points)]
    return list(pairwise(ordered))


class _View:
    """One shot that is being solved."""

    def __init__(self, tracks: Tracks, time_s: NDArray[np.float64]) -> None:
        self.frames = len(tracks)
        rich = np.diff(tracks.start) >= _FEWEST
        #: whether enough is seen for an answer
        self.rich = bool(rich.mean() >= 0.5)
        # The first frames may be too poor to be a reference.
        self.begin = int(np.argmax(rich))
        self.shown = rich[self.begin :]
        self.tracks = tracks.since(self.begin)
        self.time_s = time_s[self.begin :]
        self.chain = follow_turn(self.tracks) if self.rich else None

    def focal(self) -> float:
        """As the turns of this shot tell it; 1 if they do not."""
        return 1.0 if self.chain is None else focal_factor(self.tracks)

    def solve(self, focal: float) -> _Shot:
        """The shot as a camera has seen it whose focal length is that times what was taken."""
        if self.chain is None:
            return _Shot.plain(self.frames, "unknown", "hardly anything of the background can be followed")
        if self.frames == 1:
            return _Shot.plain(self.frames, "still", "")
        tracks, chain = self.tracks, self.chain
        if focal != 1.0:
            tracks = tracks.scaled(focal)
            chain = follow_turn(tracks)
        if self._explains(chain):
            return _Shot.plain(self.frames, "still", "") if _steady(chain) else self._turning(polished(tracks, chain))
        # A window that moves over a larger picture shifts it; so does a turn seen with an endlessly long lens.
        far, first = self.tracks.scaled(_ENDLESS), chain
        chain = follow_turn(far)
        if self._explains(chain):
            return self._turning(as_turns(polished(far, chain), _ENDLESS / focal), "the whole picture is shifted")
        swaying = self._swaying(tracks)
        # Where travel explains no more than a turn does, the places that it would give are made up.
        if swaying is not None and first.travel < 0.0:
            return swaying
        moving = self._moving(focal) or swaying
        if moving is not None:
            return moving
        return _Shot.plain(self.frames, "unknown", "no motion of a camera explains how its background moves")

    def _swaying(self, tracks: Tracks) -> _Shot | None:
        """A turn from which near points stray: nobody turns a camera in the hand about its centre."""
        loose = replace(tracks, noise=_LOOSE * tracks.noise)
        chain = follow_turn(loose)
        if not self._explains(chain) or _steady(chain):
            return None
        return self._turning(polished(loose, chain), "it sways a little, too")

    def _moving(self, focal: float) -> _Shot | None:
        """Places of the camera in units of the middle depth of what is seen first; None if they are not to be had."""
        travel = follow_travel(self.tracks.scaled(focal))
        if travel is None or travel.solved[self.shown].mean() < _EXPLAINED:
            return None
        rotation = travel.rotation.swapaxes(1, 2)
        position = -np.einsum("fij,fj->fi", rotation, travel.translation)
        first = int(np.argmax(travel.solved))
        rotation, position = _gaps_filled(rotation, position, travel.solved, self.time_s)
        position = (position - position[first]) @ rotation[first]
        rotation = rotation[first].T @ rotation
        return _Shot(
            "moving",
            "",
            np.concatenate([np.tile(np.eye(3), (self.begin, 1, 1)), rotation]),
            np.concatenate([np.zeros((self.begin, 3)), position / travel.depth]),
            np.ones(self.frames),
        )

    def _explains(self, chain: Chain) -> bool:
        return bool(chain.solved[self.shown].mean() >= _EXPLAINED) and chain.travel < 0.0

    def _turning(self, chain: Chain, note: str = "") -> _Shot:
        rotation, zoom = _filled(chain, self.time_s)
        # Before the first frame that says something there is only that one to go by.
        before = np.tile(np.eye(3), (self.begin, 1, 1))
        return _Shot(
            "turning",
            note,
            np.concatenate([before, rotation.swapaxes(1, 2)]),
            np.zeros((self.frames, 3)),
            np.concatenate([np.ones(self.begin), zoom]),
        )


def _focal(views: Sequence[_View]) -> float:
    """The focal length that most frames speak for, divided by what was taken; there is one for all shots."""
    told = [(view.focal(), view.frames) for view in views]
    told = sorted((focal, frames) for focal, frames in told if focal != 1.0)
    if not told:
        return 1.0
    middle = np.cumsum([frames for _, frames in told])
    return told[int(np.searchsorted(middle, middle[-1] / 2))][0]


def _steady(chain: Chain) -> bool:
    """Whether all frames show the background where the first one has it."""
    angle = np.linalg.norm(vector_of(chain.rotation[chain.solved]), axis=1)
    return bool(angle.max() < _STILL and np.abs(np.log(chain.zoom[chain.solved])).max() < _STILL_ZOOM)


def _filled(chain: Chain, time_s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations and zooms of all frames, interpolated in time where a frame has none."""
    rotation, zoom = _gaps_filled(chain.rotation, np.log(chain.zoom)[:, None], chain.solved, time_s)
    return rotation, np.exp(zoom[:, 0])


def _gaps_filled(
    rotation: NDArray[np.float64], values: NDArray[np.float64], solved: NDArray[np.bool_], time_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations ``[F, 3, 3]`` and values ``[F, D]``, interpolated in time between frames that are solved."""
    from scipy.spatial.transform import Rotation, Slerp

    known = np.flatnonzero(solved)
    if len(known) == len(time_s):
        return rotation, values
    if len(known) == 1:
        return np.repeat(rotation[known], len(time_s), axis=0), np.repeat(values[known], len(time_s), axis=0)
    # Times may stand still for a frame; a hair keeps them apart.
    clock = time_s + 1e-7 * np.arange(len(time_s))
    inside = np.clip(clock, clock[known[0]], clock[known[-1]])
    turned = Slerp(clock[known], Rotation.from_matrix(rotation[known]))(inside).as_matrix()
    between = [np.interp(inside, clock[known], column) for column in values[known].T]
    return np.asarray(turned), np.stack(between, axis=1)
