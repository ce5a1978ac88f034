"""People drawn on the video frame: boxes, id labels, 2D skeletons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from visualize import canvas
from visualize.palette import SIDE_COLOURS, Colour, accent, mix

__all__ = ["OverlayPerson", "draw_overlay", "people_at", "row_of"]

#: Joints below this confidence are drawn faint, below half of it not at all.
CONFIDENT = 0.3
#: The dark rim keeps bright lines visible on bright footage.
_RIM: Colour = (14, 17, 24)


@dataclass(frozen=True)
class OverlayPerson:
    """One person in one frame, in pixels of that frame.

    Attributes:
        track_id: identity, counted from 1.
        keypoints_px: ``[17, 2]`` in the order of ``H36M_17``; NaN where there is none.
        confidence: ``[17]`` in 0..1.
        box: ``[4]`` x0 y0 x1 y1; NaN for none.
        imputed: ``[17]`` bool, joints that the image did not show: drawn hollow and dashed.
        reprojected_px: ``[17, 2]`` the 3D joints in the image, or None; shows imputed joints that have no 2D evidence.
    """

    track_id: int
    keypoints_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    box: NDArray[np.float64]
    imputed: NDArray[np.bool_]
    reprojected_px: NDArray[np.float64] | None = None

    def scaled(self, factor: NDArray[np.float64]) -> OverlayPerson:
        """The same person in an image resized by ``factor`` ``[2]`` (x, y)."""
        again = self.reprojected_px
        return OverlayPerson(
            self.track_id,
            self.keypoints_px * factor,
            self.confidence,
            self.box * np.tile(factor, 2),
            self.imputed,
            None if again is None else again * factor,
        )


def row_of(track: Track3D, frame_index: int) -> int | None:
    """Row of a frame in a track, or None where the person is not there (before, after, or in a gap)."""
    if not len(track):
        return None
    row = frame_index - int(track.frame_index[0])
    return row if 0 <= row < len(track) and bool(track.seen[row]) else None


def people_at(tracks: Sequence[Track3D], frame_index: int, camera: Camera | None = None) -> list[OverlayPerson]:
    """Everybody in a frame; with a camera, the 3D joints are projected into it too."""
    people = []
    for track in tracks:
        row = row_of(track, frame_index)
        if row is None:
            continue
        again = None if camera is None else camera.project(track.joints_m[row])
        people.append(
            OverlayPerson(
                track.track_id,
                track.keypoints_px[row],
                track.confidence[row],
                track.boxes[row],
                track.imputed[row],
                again,
            )
        )
    return people


def stroke(image_size: tuple[int, int]) -> float:
    """Line width in pixels for an image of (width, height): one 240th of the shorter side, at least 1.5."""
    return max(1.5, min(image_size) / 240)


def draw_overlay(image: NDArray[np.uint8], people: Sequence[OverlayPerson]) -> NDArray[np.uint8]:
    """Boxes, skeletons and labels on a copy of an RGB frame ``[H, W, 3]`` uint8.

    Line and letter sizes follow the size of the image. Labels come last, so that no skeleton covers them.
    """
    picture = image.copy()
    width = stroke((image.shape[1], image.shape[0]))
    for person in people:
        if np.isfinite(person.box).all():
            _draw_box(picture, person.box, accent(person.track_id), width)
    for person in people:
        _draw_skeleton(picture, person, width)
    size = max(11, round(6.5 * width))
    for person in people:
        if np.isfinite(person.box).all():
            text = f"{person.track_id}"
            top = person.box[1] - canvas.chip_size(text, size)[1] - 0.5 * width
            canvas.chip(picture, text, float(person.box[0]), float(top), size, accent(person.track_id))
    return picture


def _draw_box(image: NDArray[np.uint8], box: NDArray[np.float64], colour: Colour, width: float) -> None:
    x0, y0, x1, y1 = (float(v) for v in box)
    reach = min(7 * width, (x1 - x0) / 2, (y1 - y0) / 2)
    if reach <= 0:
        return
    quarter = np.linspace(0.0, np.pi / 2, 7)
    corners = [(x1 - reach, y1 - reach), (x0 + reach, y1 - reach), (x0 + reach, y0 + reach), (x1 - reach, y0 + reach)]
    outline = np.concatenate(
        [
            np.array(corner)
            + reach * np.stack([np.cos(quarter + k * np.pi / 2), np.sin(quarter + k * np.pi / 2)], axis=1)
            for k, corner in enumerate(corners)
        ]
    )
    closed = np.concatenate([outline, outline[:1]])[None]
    canvas.polylines(image, closed, mix(colour, _RIM, 0.75), width + 1)
    canvas.polylines(image, closed, colour, max(1.0, 0.6 * width))


def _draw_skeleton(image: NDArray[np.uint8], person: OverlayPerson, width: float) -> None:
    points, imputed = person.keypoints_px, person.imputed
    if person.reprojected_px is not None:
        points = np.where(imputed[:, np.newaxis] & np.isnan(points), person.reprojected_px, points)
    usable = np.isfinite(points).all(axis=1)
    # Imputed joints are shown for what they are, whatever the detector thought of them.
    shown = usable & (imputed | (person.confidence >= CONFIDENT / 2))
    firm = shown & ~imputed & (person.confidence >= CONFIDENT)
    visible = [(a, b) for a, b in H36M_17.edges if shown[a] and shown[b]]
    solid = [edge for edge in visible if firm[edge[0]] and firm[edge[1]]]
    canvas.polylines(image, [points[list(edge)] for edge in solid], _RIM, 1.25 * width + 2)
    for a, b in visible:
        colour = SIDE_COLOURS[H36M_17.bone_side(a, b)]
        if firm[a] and firm[b]:
            canvas.line(image, points[a], points[b], colour, 1.25 * width)
        else:
            canvas.dashed_line(image, points[a], points[b], mix(colour, _RIM, 0.35), max(1.0, 0.6 * width), 2.5 * width)
    dot = max(2.4, 1.35 * width)
    for joint in np.flatnonzero(shown):
        colour = SIDE_COLOURS[H36M_17.side(int(joint))]
        if firm[joint]:
            canvas.disc(image, points[joint], dot + 1, _RIM)
            canvas.disc(image, points[joint], dot, mix(colour, (255, 255, 255), 0.45))
        else:
            canvas.ring(image, points[joint], 1.4 * width, mix(colour, _RIM, 0.2), max(1.0, 0.5 * width))
