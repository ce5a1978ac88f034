from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from visualize.overlay import OverlayPerson, draw_overlay, people_at, row_of
from visualize.palette import SIDE_COLOURS, accent

MakeTrack = Callable[..., Track3D]
_GREY = np.full((360, 640, 3), 90, dtype=np.uint8)
_LEFT_WRIST, _LEFT_ELBOW = H36M_17.index("left_wrist"), H36M_17.index("left_elbow")
_RIGHT_WRIST, _RIGHT_ELBOW = H36M_17.index("right_wrist"), H36M_17.index("right_elbow")


@pytest.fixture
def track(body: NDArray[np.float64], in_camera: Callable[..., NDArray[np.float64]], make_track: MakeTrack) -> Track3D:
    joints = np.tile(in_camera(body), (10, 1, 1))
    joints[4:6] = np.nan
    return make_track(joints, track_id=2, first=5)


@pytest.fixture
def person(track: Track3D, camera: Camera) -> OverlayPerson:
    return people_at([track], 5, camera)[0]


def _changed(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((image != _GREY).any(axis=2))


def _near(image: NDArray[np.uint8], point: NDArray[np.float64], reach: int = 3) -> NDArray[np.uint8]:
    x, y = np.rint(point).astype(int)
    return image[y - reach : y + reach + 1, x - reach : x + reach + 1].reshape(-1, 3)


def _has(pixels: NDArray[np.uint8], colour: tuple[int, int, int], within: float = 30) -> bool:
    return bool((np.linalg.norm(pixels.astype(float) - colour, axis=1) < within).any())


def test_rows_exist_only_where_the_person_was_seen(track: Track3D) -> None:
    rows = {frame: row_of(track, frame) for frame in (4, 5, 8, 9, 10, 11, 14, 15)}
    assert rows == {4: None, 5: 0, 8: 3, 9: None, 10: None, 11: 6, 14: 9, 15: None}
    assert [len(people_at([track, track], frame)) for frame in (4, 5, 9, 14)] == [0, 2, 0, 2]


def test_limbs_carry_the_colour_of_their_side(person: OverlayPerson) -> None:
    image = draw_overlay(_GREY, [person])
    points = person.keypoints_px
    for side, elbow, wrist in (("left", _LEFT_ELBOW, _LEFT_WRIST), ("right", _RIGHT_ELBOW, _RIGHT_WRIST)):
        other = SIDE_COLOURS["right" if side == "left" else "left"]
        pixels = _near(image, (points[elbow] + points[wrist]) / 2)
        assert _has(pixels, SIDE_COLOURS[side]) and not _has(pixels, other)


def test_box_and_label_carry_the_colour_of_the_person(person: OverlayPerson) -> None:
    image = draw_overlay(_GREY, [person])
    x0, y0, x1, y1 = person.box
    for point in (((3 * x0 + x1) / 4, y0), ((x0 + x1) / 2, y1), (x0, (y0 + y1) / 2 + 30), (x1, (y0 + y1) / 2 + 30)):
        # A line of one pixel is blended with what lies behind it.
        assert _has(_near(image, np.array(point)), accent(2), 100)
    assert _has(_near(image, np.array([x0 + 6, y0 - 6]), 6), accent(2))


def test_only_the_surroundings_of_the_person_are_painted(person: OverlayPerson) -> None:
    before = _GREY.copy()
    changed = _changed(draw_overlay(_GREY, [person]))
    ys, xs = np.nonzero(changed)
    x0, y0, x1, y1 = person.box
    assert x0 - 6 < xs.min() and xs.max() < x1 + 6 and y0 - 30 < ys.min() and ys.max() < y1 + 6
    assert (before == _GREY).all()


def test_nobody_leaves_the_frame_as_it_is() -> None:
    image = draw_overlay(_GREY, [])
    assert (image == _GREY).all() and image is not _GREY


def test_joints_without_evidence_are_not_drawn(person: OverlayPerson) -> None:
    points, boxless = person.keypoints_px.copy(), np.full(4, np.nan)
    points[_LEFT_WRIST] = np.nan
    unsure = person.confidence.copy()
    unsure[_RIGHT_WRIST] = 0.1
    image = draw_overlay(_GREY, [replace(person, keypoints_px=points, confidence=unsure, box=boxless)])
    full = draw_overlay(_GREY, [replace(person, box=boxless)])
    for wrist, elbow in ((_LEFT_WRIST, _LEFT_ELBOW), (_RIGHT_WRIST, _RIGHT_ELBOW)):
        place = 0.7 * person.keypoints_px[wrist] + 0.3 * person.keypoints_px[elbow]
        assert (_near(image, place) == 90).all() and (_near(full, place) != 90).any()


def test_nothing_known_draws_nothing(person: OverlayPerson) -> None:
    nothing = replace(
        person, keypoints_px=np.full((17, 2), np.nan), box=np.full(4, np.nan), reprojected_px=np.full((17, 2), np.nan)
    )
    assert not _changed(draw_overlay(_GREY, [nothing])).any()


def test_unsure_joints_are_fainter(person: OverlayPerson) -> None:
    boxless = replace(person, box=np.full(4, np.nan))
    firm = _changed(draw_overlay(_GREY, [boxless])).sum()
    faint = _changed(draw_overlay(_GREY, [replace(boxless, confidence=np.full(17, 0.2))])).sum()
    assert 0 < faint < 0.6 * firm


def test_imputed_joints_appear_where_the_camera_would_see_them(person: OverlayPerson) -> None:
    imputed = np.zeros(17, dtype=bool)
    imputed[_LEFT_WRIST] = True
    points = person.keypoints_px.copy()
    points[_LEFT_WRIST] = np.nan
    hidden = replace(person, keypoints_px=points, imputed=imputed, confidence=np.where(imputed, 0.0, 0.9))
    assert person.reprojected_px is not None
    place = person.reprojected_px[_LEFT_WRIST]
    assert _has(_near(draw_overlay(_GREY, [hidden]), place, 4), SIDE_COLOURS["left"], 80)
    assert not _has(
        _near(draw_overlay(_GREY, [replace(hidden, reprojected_px=None)]), place, 4), SIDE_COLOURS["left"], 80
    )


def test_people_outside_the_frame_are_no_problem(person: OverlayPerson) -> None:
    far = replace(person, keypoints_px=person.keypoints_px + 1e6, box=person.box + 1e6)
    ys, xs = np.nonzero(_changed(draw_overlay(_GREY, [far])))
    # The label stays at the nearest corner.
    assert len(ys) and ys.min() > 300 and xs.min() > 580
    draw_overlay(_GREY, [replace(person, box=np.array([50.0, 50.0, 50.0, 40.0]))])


def test_scaling_moves_everything(person: OverlayPerson) -> None:
    half = person.scaled(np.array([0.5, 0.25]))
    assert half.keypoints_px == pytest.approx(person.keypoints_px * [0.5, 0.25])
    assert half.box == pytest.approx(person.box * [0.5, 0.25, 0.5, 0.25])
    assert half.reprojected_px == pytest.approx(person.keypoints_px * [0.5, 0.25])
