from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from detectors.layouts import COCO_17
from detectors.movenet.crops import Crop, crop_for_box, crop_for_person, letterbox, tiles
from detectors.people import Person2D


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("corner", [(40, 30), (-60, -25), (150, 100)], ids=["inside", "beyond-start", "beyond-end"])
def test_a_spot_is_found_again_through_any_crop(corner: tuple[int, int], turns: int) -> None:
    image = np.zeros((200, 240, 3), np.uint8)
    image[118:123, 168:173] = 255  # centre (170.5, 120.5)
    crop = Crop(*corner, side=400 if corner[0] < 0 else 150, turns=turns)
    pixels = crop.cut(image, 256)
    assert pixels.shape == (256, 256, 3)
    weight = pixels[..., 0].astype(float)
    ys, xs = np.mgrid[:256, :256]
    relative = np.array([(weight * (xs + 0.5)).sum(), (weight * (ys + 0.5)).sum()]) / weight.sum() / 256
    assert crop.to_image(relative) == pytest.approx([170.5, 120.5], abs=0.2)


def test_a_crop_without_any_image_is_black() -> None:
    image = np.full((50, 60, 3), 255, np.uint8)
    for crop in (Crop(-300, 0, 100), Crop(0, 50, 10), Crop(60, 10, 10), Crop(0, -100, 100)):
        assert not crop.cut(image, 32).any()


def test_a_crop_is_black_beyond_the_image_and_not_stretched() -> None:
    pixels = Crop(-64, 0, 128).cut(np.full((128, 128, 3), 200, np.uint8), 128)
    assert not pixels[:, :64].any()
    assert (pixels[:, 64:] == 200).all()


def test_a_box_crop_is_a_square_around_the_box_with_margin() -> None:
    crop = crop_for_box(np.array([100.0, 50.0, 180.0, 250.0]))
    assert crop == Crop(15, 25, 250)


@pytest.mark.parametrize(
    ("lean_deg", "turns"),
    [(0, 0), (30, 0), (-50, 0), (75, 1), (90, 1), (170, 2), (-170, 2), (-90, 3), (-60, 3)],
)
def test_a_person_is_turned_upright(standing: Callable[..., Person2D], lean_deg: float, turns: int) -> None:
    person = standing(lean_deg=lean_deg)
    crop = crop_for_person(person)
    assert crop.turns == turns
    # where the crop shows the joints, found by inverting to_image on its corners
    origin, right, down = crop.to_image(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    shown = np.linalg.solve(np.stack([right - origin, down - origin], axis=1), (person.keypoints_px - origin).T).T
    assert shown.min() > 0.0 and shown.max() < 1.0
    if turns:
        assert shown[COCO_17.index("nose"), 1] < shown[COCO_17.index("left_hip"), 1]


def test_somebody_who_bends_down_is_not_turned(standing: Callable[..., Person2D]) -> None:
    person = standing(x=300, y=450, height=400)
    keypoints = person.keypoints_px.copy()
    hips = keypoints[[11, 12]].mean(axis=0)
    above = keypoints[:11] - hips
    keypoints[:11] = hips + np.stack([-above[:, 1], above[:, 0]], axis=1)  # trunk, arms and head horizontal
    assert crop_for_person(replace(person, keypoints_px=keypoints)).turns == 0


def test_a_person_of_whom_only_the_trunk_is_seen_gets_room_for_the_legs(standing: Callable[..., Person2D]) -> None:
    person = standing()
    confidence = np.zeros(17, np.float32)
    trunk = [COCO_17.index(f"{side}_{part}") for side in ("left", "right") for part in ("shoulder", "hip")]
    confidence[trunk] = 0.8
    corners = person.keypoints_px[trunk]
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    crop = crop_for_person(replace(person, confidence=confidence, box=box))
    assert crop.side == pytest.approx(3 * 0.29 * 400, abs=2)


def test_letterbox_keeps_the_aspect_and_says_the_scale() -> None:
    image = np.full((100, 200, 3), 90, np.uint8)
    canvas, scale = letterbox(image, 64)
    assert scale == pytest.approx(0.32)
    assert (canvas[:32] == 90).all() and not canvas[32:].any()


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (720, 1280), (500, 500), (4000, 600)])
def test_tiles_cover_the_image_and_stay_inside(width: int, height: int) -> None:
    covered = np.zeros((height, width), int)
    for x0, y0, x1, y1 in tiles(width, height, 256):
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
        assert x1 - x0 == y1 - y0 == round(min(width, height) * 2 / 3)
        covered[y0:y1, x0:x1] += 1
    assert covered.min() >= 1


def test_a_small_image_is_not_tiled() -> None:
    assert tiles(380, 640, 256) == []
