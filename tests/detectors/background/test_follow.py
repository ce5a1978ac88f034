"""The background is followed: to a fraction of a pixel, without people, and what cannot be followed is let go."""

from __future__ import annotations

from itertools import chain

import cv2
import numpy as np
import pytest

from detectors.background.follow import BackgroundFollower
from detectors.background.picture import people_mask, small_grey
from detectors.layouts import COCO_17
from detectors.people import Person2D
from tests.detectors.background.scenes import HEIGHT, WIDTH, followed, noise, views, wall


def person(x0: float, y0: float, x1: float, y1: float) -> Person2D:
    nowhere = np.zeros((17, 2), np.float32), np.zeros(17, np.float32)
    return Person2D(*nowhere, COCO_17.name, np.array([x0, y0, x1, y1], np.float32), 0.9)


def test_points_stay_where_they_are_while_the_camera_stands() -> None:
    found, points = followed(views(wall(), [(300, 200)] * 40))
    assert len(found[0].point_id) > 60
    first, last = points.matches(0, 39)
    assert len(first) > 0.8 * len(found[0].point_id)
    assert np.abs(points.xy_px[first] - points.xy_px[last]).max() < 0.5
    assert np.abs(points.xy_px[first] - points.xy_px[last]).mean() < 0.1


@pytest.mark.parametrize("speed", [(1.3, 0.2), (9.0, -2.0)])
def test_points_go_with_the_picture(speed: tuple[float, float]) -> None:
    shift = [(200 + speed[0] * f, 250 + speed[1] * f) for f in range(60)]
    _, points = followed(views(wall(), shift))
    for f in (10, 59):
        before, now = points.matches(f - 10, f)
        assert len(now) > 30
        moved = points.xy_px[now] - points.xy_px[before]
        assert np.median(np.abs(moved + 10 * np.array(speed))) < 0.15
        assert (np.abs(moved + 10 * np.array(speed)).max(axis=1) < 1).mean() > 0.95


def test_points_stay_what_they_are_while_the_camera_rolls_and_zooms() -> None:
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    pictures, motions = [], []
    for f in range(30):
        motion = cv2.getRotationMatrix2D((700, 350), 0.6 * f, 1 + 0.012 * f)
        motion[:, 2] += middle - (700, 350)
        turned = cv2.warpAffine(wall(), motion, (WIDTH, HEIGHT))
        pictures.append(np.repeat(turned[..., None], 3, axis=2))
        motions.append(motion)
    _, points = followed(pictures)
    first, last = points.matches(0, 29)
    assert len(first) > 40
    spot = np.linalg.solve(motions[0][:, :2], (points.xy_px[first] - motions[0][:, 2]).T).T
    true = spot @ motions[29][:, :2].T + motions[29][:, 2]
    assert np.median(np.abs(points.xy_px[last] - true)) < 0.1


def test_nothing_is_followed_on_people_and_what_they_hid_comes_back() -> None:
    boxes = [(person(8 * f, 20, 60 + 8 * f, 230),) for f in range(50)]
    found, points = followed(views(wall(), [(300, 200)] * 50), boxes)
    for frame, (someone,) in zip(found, boxes, strict=True):
        x0, y0, x1, y1 = someone.box
        on = (frame.xy_px > (x0, y0)).all(axis=1) & (frame.xy_px < (x1, y1)).all(axis=1)
        assert not on.any()
    # Somebody has walked across all of it; the same points are there again.
    first, _ = points.matches(0, 49)
    assert len(first) > 0.7 * len(found[0].point_id)


def test_the_place_of_a_person_holds_sure_keypoints_outside_the_box() -> None:
    keypoints = np.full((17, 2), 100, np.float32)
    keypoints[9] = (200, 50)
    confidence = np.full(17, 0.9, np.float32)
    box = np.array([80, 80, 120, 200], np.float32)
    mask = people_mask((HEIGHT, WIDTH), [Person2D(keypoints, confidence, COCO_17.name, box, 0.9)], 1.0)
    assert mask[50, 200] and mask[205, 75] and not mask[5, 5]
    confidence[9] = 0.1
    assert not people_mask((HEIGHT, WIDTH), [Person2D(keypoints, confidence, COCO_17.name, box, 0.9)], 1.0)[50, 200]


def test_a_cut_breaks_and_a_flash_does_not() -> None:
    one, other = wall(1), wall(2)
    flash = [np.full((HEIGHT, WIDTH, 3), 255, np.uint8)] * 3
    found, points = followed(
        chain(views(one, [(300, 200)] * 10), flash, views(one, [(301, 200)] * 10), views(other, [(300, 200)] * 10))
    )
    assert found[10].broken and found[23].broken
    # The points of before the flash are back after it, those of before the cut are not.
    assert len(points.matches(9, 14)[0]) > 0.7 * len(found[9].point_id)
    assert len(points.matches(22, 23)[0]) == 0 and len(points.matches(0, 32)[0]) == 0
    assert sum(frame.broken for frame in found) == 2


def test_a_fade_keeps_the_shot() -> None:
    pictures = list(views(wall(), [(300, 200)] * 40))
    dimmed = [
        np.rint(picture * (1 - 0.8 * np.sin(np.pi * f / 39))).astype(np.uint8) for f, picture in enumerate(pictures)
    ]
    found, points = followed(dimmed)
    assert len(points.matches(0, 39)[0]) > 20
    assert not any(frame.broken for frame in found[1:])


def test_a_blank_wall_and_water_give_little_to_follow() -> None:
    found, _ = followed(views(np.full((700, 1400), 120, np.uint8), [(300 + f, 200) for f in range(20)]))
    assert max(len(frame.point_id) for frame in found) < 12
    _, points = followed(noise(20))
    assert len(points.matches(5, 15)[0]) < 8


def test_going_on_from_a_state_is_the_same_as_never_having_stopped() -> None:
    pictures = list(views(wall(), [(200 + 3 * f, 250) for f in range(30)]))
    whole, _ = followed(pictures)
    first = BackgroundFollower()
    for f in range(17):
        first.follow(pictures[f], (), f / 30)
    again = BackgroundFollower(first.state())
    for f in range(17, 30):
        frame = again.follow(pictures[f], (), f / 30)
        assert (frame.point_id == whole[f].point_id).all() and (frame.xy_px == whole[f].xy_px).all()


def test_taking_over_in_a_frame_keeps_its_points() -> None:
    pictures = list(views(wall(), [(300 + 2 * f, 200) for f in range(12)]))
    found, _ = followed(pictures[:6])
    second = BackgroundFollower()
    second.begin(pictures[5], found[5].point_id, found[5].xy_px, 5000)
    frame = second.follow(pictures[6], (), 0.2)
    shared = np.isin(frame.point_id, found[5].point_id)
    assert shared.sum() > 0.8 * len(found[5].point_id) and (frame.point_id[~shared] >= 5000).all()


def test_a_damaged_state_is_refused() -> None:
    follower = BackgroundFollower()
    for f, picture in enumerate(views(wall(), [(300, 200)] * 2)):
        follower.follow(picture, (), f / 30)
    state = follower.state()
    for name in ("at_0", "picture_0", "counts"):
        with pytest.raises((ValueError, KeyError)):
            BackgroundFollower(state | {name: np.zeros((2, 2), np.float32)})


def test_a_large_picture_is_halved_until_it_is_small() -> None:
    grey, scale = small_grey(np.full((1081, 1920, 3), 7, np.uint8))
    assert grey.shape == (270, 480) and scale == 0.25 and (grey == 7).all()
    assert small_grey(np.zeros((10, 11, 3), np.uint8))[1] == 1.0
