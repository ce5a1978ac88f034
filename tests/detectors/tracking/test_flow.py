"""Keypoints carried by the picture: known shifts of a textured scene, and what happens where nothing is followed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.layouts import COCO_17
from detectors.people import Person2D
from detectors.tracking.flow import carried, grey_frame

WRISTS = [COCO_17.index("left_wrist"), COCO_17.index("right_wrist")]


def scene(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth blobs, as large as what cameras show."""
    small = np.random.default_rng(seed).uniform(0, 255, (height // 8, width // 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def shifted(image: NDArray[np.uint8], x: float, y: float) -> NDArray[np.uint8]:
    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    return np.asarray(cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT), np.uint8)


def person(width: int, height: int, seed: int = 1) -> Person2D:
    """Joints in the middle of the picture."""
    spot = np.random.default_rng(seed).uniform(0.3, 0.7, (17, 2)) * [width, height]
    keypoints = spot.astype(np.float32)
    box = np.concatenate([keypoints.min(0), keypoints.max(0)])
    return Person2D(keypoints, np.full(17, 0.8, np.float32), COCO_17.name, box, 0.8, track_id=3)


@pytest.mark.parametrize("size", [(320, 240), (1280, 720)])
def test_keypoints_go_where_the_picture_goes(size: tuple[int, int]) -> None:
    first = scene(*size)
    somebody = person(*size)
    (moved,) = carried([somebody], grey_frame(first), grey_frame(shifted(first, 5.0, -3.0)))
    assert np.abs(moved.keypoints_px - somebody.keypoints_px - [5.0, -3.0]).max() < 0.3
    assert np.abs(moved.box - somebody.box - [5.0, -3.0, 5.0, -3.0]).max() < 0.3
    assert moved.track_id == 3 and np.array_equal(moved.confidence, somebody.confidence)


def test_people_go_their_own_ways() -> None:
    first = scene(640, 240)
    second = first.copy()
    second[:, :320] = shifted(first, 4.0, 0.0)[:, :320]
    second[:, 320:] = shifted(first, 0.0, 4.0)[:, 320:]
    left, right = person(320, 240), person(320, 240, seed=2)
    right = replace(right, keypoints_px=right.keypoints_px + np.array([320, 0], np.float32))
    found = carried([left, right], grey_frame(first), grey_frame(second))
    assert np.abs(found[0].keypoints_px - left.keypoints_px - [4.0, 0.0]).max() < 0.3
    assert np.abs(found[1].keypoints_px - right.keypoints_px - [0.0, 4.0]).max() < 0.3


def test_a_small_person_in_a_large_picture() -> None:
    """Whoever is a tenth of the picture high stands out from a background that stays."""
    behind, before = scene(1920, 1080), scene(1920, 1080, seed=3)
    middle = person(110, 110)
    somebody = replace(middle, keypoints_px=middle.keypoints_px + np.array([900, 500], np.float32))
    low, high = somebody.keypoints_px.min(axis=0) - 8, somebody.keypoints_px.max(axis=0) + 8
    mask = np.zeros((1080, 1920, 1), bool)
    mask[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])] = True
    first, second = (
        np.where(shifted(mask.astype(np.uint8), x, 0.0)[..., None] > 0, shifted(before, x, 0.0), behind)
        for x in (0.0, 6.0)
    )
    (moved,) = carried([somebody], grey_frame(first), grey_frame(second))
    off = np.linalg.norm(moved.keypoints_px - somebody.keypoints_px - [6.0, 0.0], axis=1)
    assert np.median(off) < 0.5 and off.max() < 2.0


@pytest.mark.parametrize("height", [60, 1200])
@pytest.mark.parametrize("way", [(-1, 0), (1, 0), (0, -1), (0, 1), (1, 1)])
def test_people_leave_the_picture(height: int, way: tuple[int, int]) -> None:
    first = scene(640, 480)
    before, now = grey_frame(first), grey_frame(shifted(first, 3.0, 0.0))
    drift = np.full((17, 2), 2.0, np.float32)
    middle = person(height, height)
    for away in (200, 320, 500, 900, 1500):
        corner = np.array([320 - height / 2, 240 - height / 2]) + away * np.array(way)
        leaving = replace(middle, keypoints_px=(middle.keypoints_px + corner).astype(np.float32))
        (moved,) = carried([leaving], before, now, [drift])
        assert np.isfinite(moved.keypoints_px).all() and np.isfinite(moved.box).all()
    # long gone: nothing is to be seen of them
    assert np.allclose(moved.keypoints_px, leaving.keypoints_px + 2.0, atol=1e-3)
    assert (moved.confidence < leaving.confidence).all()


def test_who_shows_hardly_anything_is_followed() -> None:
    first = scene(640, 480)
    before, now = grey_frame(first), grey_frame(shifted(first, 8.0, 2.0))
    tiny = person(60, 60)  # 25 px high
    tiny = replace(tiny, keypoints_px=tiny.keypoints_px + np.array([300, 200], np.float32))
    one = replace(tiny, confidence=np.where(np.arange(17) == 3, 0.8, 0.0).astype(np.float32))
    for somebody in (tiny, one):
        (moved,) = carried([somebody], before, now)
        seen = somebody.confidence > 0
        assert np.abs(moved.keypoints_px - somebody.keypoints_px - [8.0, 2.0])[seen].max() < 0.5
        assert np.array_equal(moved.confidence, somebody.confidence)
    nobody = replace(tiny, confidence=np.zeros(17, np.float32))
    assert np.isfinite(carried([nobody], before, now)[0].keypoints_px).all()


class TestLost:
    """The wrists are where the second picture shows something else."""

    first, somebody = scene(320, 240), person(320, 240)

    def second(self) -> NDArray[np.uint8]:
        picture = shifted(self.first, 4.0, 2.0)
        other = scene(320, 240, seed=9)
        for x, y in self.somebody.keypoints_px[WRISTS].astype(int):
            picture[y - 24 : y + 24, x - 24 : x + 24] = other[y - 24 : y + 24, x - 24 : x + 24]
        return picture

    @pytest.fixture
    def apart(self) -> Person2D:
        """Wrists and elbows far from all other joints."""
        keypoints = self.somebody.keypoints_px.copy()
        keypoints[WRISTS] = [[40, 40], [280, 40]]
        self.somebody = replace(self.somebody, keypoints_px=keypoints)
        return self.somebody

    def test_goes_with_the_person_and_is_trusted_less(self, apart: Person2D) -> None:
        (moved,) = carried([apart], grey_frame(self.first), grey_frame(self.second()))
        assert np.abs(moved.keypoints_px[WRISTS] - apart.keypoints_px[WRISTS] - [4.0, 2.0]).max() < 0.5
        assert (moved.confidence[WRISTS] < 0.5 * apart.confidence[WRISTS]).all()
        others = np.setdiff1d(np.arange(17), WRISTS)
        assert (moved.confidence[others] == apart.confidence[others]).mean() > 0.8

    def test_goes_on_as_it_went(self, apart: Person2D) -> None:
        drift = np.zeros((17, 2), np.float32)
        drift[WRISTS] = [-7.0, 6.0]
        (moved,) = carried([apart], grey_frame(self.first), grey_frame(self.second()), [drift])
        assert np.allclose(moved.keypoints_px[WRISTS] - apart.keypoints_px[WRISTS], [-7.0, 6.0], atol=1e-4)


def test_a_picture_without_anything_keeps_people_where_they_are() -> None:
    flat = grey_frame(np.full((240, 320, 3), 90, np.uint8))
    somebody = person(320, 240)
    (moved,) = carried([somebody], flat, flat)
    assert np.array_equal(moved.keypoints_px, somebody.keypoints_px)
    assert carried([], flat, flat) == []
