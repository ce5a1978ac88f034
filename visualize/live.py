"""The picture of a live session: the video with its people beside a 3D panel whose camera knows no future."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lifting.body.joints import ANKLES
from lifting.geometry.camera import Camera
from lifting.live.lifter import LivePose
from lifting.live.tracks import live_track
from lifting.world.upright import WorldFrame
from visualize import canvas
from visualize.overlay import OverlayPerson, draw_overlay
from visualize.palette import Colour
from visualize.scene.orbit import MIN_DISTANCE_M, View, axes_at, azimuth_deg, focal_px
from visualize.scene.panel import SkeletonScene

__all__ = ["LiveComposer", "Note"]

#: How long poses are kept for the trail on the floor, and lowest feet for the height of the floor, seconds.
_TRAIL_S, _FLOOR_S = 1.6, 10.0
#: Time constants with which the view follows people, draws back for them, and comes closer again, seconds.
_FOLLOW_S, _BACK_S, _NEARER_S = 0.4, 0.2, 3.0
#: Share of the panel kept free at each side.
_MARGIN = 0.1
#: From the ankle joint down to where its limb ends in the drawing, metres (see ``lifting.world.upright``).
_ANKLE_M = 0.05
_UPRIGHT = np.diag([1.0, -1.0, -1.0])
_MIN_HEIGHT, _MAX_HEIGHT = 360, 540
_PLATE: Colour = (14, 17, 24)
_RED: Colour = (232, 72, 72)


@dataclass(frozen=True)
class Note:
    """A line of text in the upper left corner of the video; ``alert`` makes it red."""

    text: str
    alert: bool = False


class _Following:
    """The camera of the 3D panel: swings as that of a film does, and follows the people with a delay."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._half = np.array(size) / 2 / focal_px(size) * (1 - 2 * _MARGIN)
        self._time_s: float | None = None
        self._target = np.array([0.0, 0.9, -3.0])
        self._distance = MIN_DISTANCE_M + 1.5
        self.distances_m = np.array([self._distance])

    def see(self, points_m: NDArray[np.float64], time_s: float) -> None:
        """Move towards where all points ``[M, 3]`` of the world would be in the picture."""
        if len(points_m):
            target = (points_m.min(axis=0) + points_m.max(axis=0)) / 2
            local = (points_m - target) @ axes_at(azimuth_deg(time_s)).T
            distance = max(MIN_DISTANCE_M, float((local[:, 2:] + np.abs(local[:, :2]) / self._half).max()))
            if self._time_s is None:
                self._target, self._distance = target, distance
            else:
                step_s = max(time_s - self._time_s, 0.0)
                slowness = _BACK_S if distance > self._distance else _NEARER_S
                self._target = self._target + (1 - np.exp(-step_s / _FOLLOW_S)) * (target - self._target)
                self._distance += (1 - np.exp(-step_s / slowness)) * (distance - self._distance)
            self._time_s = time_s

    def view(self, time_s: float) -> View:
        """See ``visualize.scene.orbit.OrbitCamera.view``."""
        axes = axes_at(azimuth_deg(time_s))
        return View(axes, self._target, self._distance, focal_px(self._size), np.array(self._size) / 2)


class _LiveScene(SkeletonScene):
    """The 3D panel of a video, fed frame by frame."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__([], size)
        self.camera: _Following = _Following(size)  # type: ignore[assignment]
        self._recent: dict[int, deque[tuple[float, LivePose]]] = {}
        self._feet: deque[tuple[float, float]] = deque()

    def reset(self) -> None:
        """Forget where everybody was."""
        self._recent.clear()
        self._feet.clear()
        self.camera = _Following(self.size)

    def show(self, poses: Sequence[LivePose], time_s: float) -> canvas.Image:
        """The panel with these people."""
        present = {pose.track_id for pose in poses}
        self._recent = {i: poses for i, poses in self._recent.items() if i in present}
        for pose in poses:
            past = self._recent.setdefault(pose.track_id, deque())
            past.append((time_s, pose))
            while time_s - past[0][0] > _TRAIL_S:
                past.popleft()
            self._feet.append((time_s, float((pose.joints_m[ANKLES] @ _UPRIGHT[1]).min())))
        while self._feet and time_s - self._feet[0][0] > _FLOOR_S:
            self._feet.popleft()
        if self._feet:
            floor = float(np.percentile([height for _, height in self._feet], 5)) - _ANKLE_M
            self.world = WorldFrame(_UPRIGHT, floor)
        self._tracks = []
        for _, past in sorted(self._recent.items()):
            times, shown = zip(*past, strict=True)
            self._tracks.append(live_track(np.arange(1 - len(past), 1), np.array(times), shown))
        points = [self.world(pose.joints_m) for pose in poses]
        ground = [place[:1] * np.array([1.0, 0.0, 1.0]) for place in points]
        self.camera.see(np.concatenate([np.zeros((0, 3)), *points, *ground]), time_s)
        return self.draw(0, time_s)


class LiveComposer:
    """Composes the picture of a live session; what it keeps does not grow.

    Args:
        image_size: width and height of the frames in pixels.
        camera: of the frames.

    Attributes:
        size: width and height of the picture in pixels, both even.
    """

    def __init__(self, image_size: tuple[int, int], camera: Camera) -> None:
        width, height = image_size
        tall = min(max(height, _MIN_HEIGHT), _MAX_HEIGHT) // 2 * 2
        wide = max(2, 2 * round(width * tall / height / 2))
        self.size = (wide + tall, tall)
        self._video, self._camera, self._width = (wide, tall), camera, width
        self._factor = np.array([wide / width, tall / height])
        self._scene = _LiveScene((tall, tall))
        self._mirrored = False

    def reset(self) -> None:
        """Forget where everybody was."""
        self._scene.reset()

    def compose(
        self,
        image_rgb: NDArray[np.uint8],
        poses: Sequence[LivePose],
        time_s: float,
        notes: Sequence[Note] = (),
        *,
        mirrored: bool = False,
    ) -> NDArray[np.uint8]:
        """The picture ``[size[1], size[0], 3]`` uint8 RGB.

        Args:
            image_rgb: the frame.
            poses: people in it.
            time_s: of the frame, increasing.
            notes: lines of text over the video.
            mirrored: as in a mirror, both halves; the letters stay legible, and left stays blue.
        """
        if mirrored != self._mirrored:
            self.reset()
            self._mirrored = mirrored
        video = canvas.resized(image_rgb, self._video)
        people = [self._person(pose) for pose in poses]
        if mirrored:
            video = np.ascontiguousarray(video[:, ::-1])
            people = [_mirrored_person(person, self._video[0]) for person in people]
            poses = [_mirrored_pose(pose) for pose in poses]
        left = draw_overlay(video, people)
        right = self._scene.show(poses, time_s)
        _write(left, notes)
        return np.hstack([left, right])

    def _person(self, pose: LivePose) -> OverlayPerson:
        again = self._camera.project(pose.joints_m)
        return OverlayPerson(
            pose.track_id, pose.keypoints_px, pose.confidence, pose.box, pose.imputed, again
        ).scaled(self._factor)  # fmt: skip


def _mirrored_person(person: OverlayPerson, width: int) -> OverlayPerson:
    def turned(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return points * [-1.0, 1.0] + [width, 0.0]

    x0, y0, x1, y1 = person.box
    return replace(
        person,
        keypoints_px=turned(person.keypoints_px),
        box=np.array([width - x1, y0, width - x0, y1]),
        reprojected_px=None if person.reprojected_px is None else turned(person.reprojected_px),
    )


def _mirrored_pose(pose: LivePose) -> LivePose:
    return replace(pose, joints_m=pose.joints_m * [-1.0, 1.0, 1.0])


def _write(picture: canvas.Image, notes: Sequence[Note]) -> None:
    size = max(12, round(picture.shape[0] / 34))
    top = 0.6 * size
    for note in notes:
        colour = _RED if note.alert else _PLATE
        canvas.chip(picture, note.text, 0.6 * size, top, size, colour, 1.0 if note.alert else 0.72)
        top += 1.25 * canvas.chip_size(note.text, size)[1]
