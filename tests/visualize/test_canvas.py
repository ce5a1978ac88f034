from __future__ import annotations

import numpy as np
import pytest

from visualize import canvas


@pytest.fixture
def image() -> canvas.Image:
    return np.full((60, 80, 3), 100, dtype=np.uint8)


def test_disc_covers_its_circle_and_nothing_else(image: canvas.Image) -> None:
    canvas.disc(image, (40.0, 30.0), 10.0, (200, 0, 50))
    y, x = np.mgrid[0:60, 0:80]
    distance = np.hypot(x - 40, y - 30)
    assert (image[distance < 9] == (200, 0, 50)).all()
    assert (image[distance > 11.5] == 100).all()


def test_capsule_covers_the_limb_between_its_circles(image: canvas.Image) -> None:
    canvas.Capsule((20.0, 30.0), (60.0, 30.0), 10.0, 4.0).fill(image, [canvas.Layer((255, 0, 0))])
    covered = (image == (255, 0, 0)).all(axis=2)
    assert covered[30, 12:63].all() and not covered[30, :9].any() and not covered[30, 66:].any()
    assert covered[22:39, 20].all() and covered[27:34, 58].all() and not covered[20, 50]


def test_layers_lie_on_each_other_and_lean_to_the_light(image: canvas.Image) -> None:
    layers = [canvas.Layer((0, 0, 255), grow=3), canvas.Layer((255, 0, 0), scale=0.5, lean=0.4)]
    canvas.Capsule((40.0, 30.0), (40.0, 30.0), 16.0, 16.0).fill(image, layers)
    ys, xs = np.nonzero((image == (255, 0, 0)).all(axis=2))
    assert xs.mean() == pytest.approx(40 - 0.2 * 16, abs=0.5) and ys.mean() == pytest.approx(30 - 0.344 * 16, abs=0.5)
    assert (image == (0, 0, 255)).all(axis=2)[30, [22, 58]].all() and (image[30, [19, 61]] == 100).all()


def test_capsule_seen_from_its_end_is_the_larger_circle(image: canvas.Image) -> None:
    canvas.Capsule((40.0, 30.0), (42.0, 30.0), 3.0, 12.0).fill(image, [canvas.Layer((255, 0, 0))])
    area = (image == (255, 0, 0)).all(axis=2).sum()
    assert area == pytest.approx(np.pi * 12**2, rel=0.1)


@pytest.mark.parametrize("opacity", [1.0, 0.5])
def test_blend_mask_mixes_by_alpha_and_clips_at_the_border(image: canvas.Image, opacity: float) -> None:
    mask = np.full((10, 10), 255, dtype=np.uint8)
    mask[:, 5:] = 51
    canvas.blend_mask(image, mask, -2, 55, (200, 0, 100), opacity)
    for column, alpha in ((0, opacity), (5, opacity / 5)):
        expected = 100 + alpha * (np.array([200, 0, 100]) - 100)
        assert np.abs(image[57, column] - expected).max() <= 2
    assert (image[:55] == 100).all() and (image[:, 8:] == 100).all()


def test_blend_mask_outside_changes_nothing(image: canvas.Image) -> None:
    for left, top in ((80, 0), (-4, 0), (0, 60), (0, -4)):
        canvas.blend_mask(image, np.full((4, 4), 255, dtype=np.uint8), left, top, (0, 0, 0))
    assert (image == 100).all()


def test_shapes_at_absurd_places_are_clipped(image: canvas.Image) -> None:
    far = (1e9, -1e9)
    canvas.line(image, far, (2e9, -1e9), (255, 0, 0), 3)
    canvas.disc(image, far, 5, (255, 0, 0))
    canvas.ring(image, far, 5, (255, 0, 0), 2)
    canvas.soft_disc(image, far, 5, (255, 0, 0), 1.0)
    canvas.dashed_line(image, far, (3e9, -1e9), (255, 0, 0), 2, 4)
    assert (image == 100).all()


def test_dashed_line_has_gaps(image: canvas.Image) -> None:
    canvas.dashed_line(image, (5, 30), (75, 30), (255, 0, 0), 1, 5)
    lit = (image[30, 5:75, 0] > 180).astype(int)
    assert (np.diff(lit) == 1).sum() >= 5 and 0.3 < lit.mean() < 0.8


def test_chip_stays_inside_the_picture(image: canvas.Image) -> None:
    width, height = canvas.chip_size("7", 12)
    canvas.chip(image, "7", 500.0, -40.0, 12, (250, 214, 65))
    changed = (image != 100).any(axis=2)
    ys, xs = np.nonzero(changed)
    assert (xs.min(), xs.max()) == (80 - width, 79) and (ys.min(), ys.max()) == (0, height - 1)


def test_text_is_readable_ink_in_its_box(image: canvas.Image) -> None:
    width, height = canvas.text_size("12", 16)
    canvas.write_text(image, "12", 10, 10, 16, (255, 255, 255))
    changed = image[..., 0] > 100
    assert changed[10 : 10 + height, 10 : 10 + width].sum() == changed.sum() > 20


def test_resized_keeps_places_and_does_not_alias() -> None:
    x = np.tile(np.arange(1280), (720, 1))
    stripes = np.repeat((x % 2 * 255)[..., None], 3, axis=2).astype(np.uint8)
    small = canvas.resized(stripes, (400, 225))
    assert small.shape == (225, 400, 3) and np.abs(small[:, 2:-2].astype(int) - 127).max() <= 2
    ramp = np.repeat((x * 255 // 1280)[..., None], 3, axis=2).astype(np.uint8)
    assert canvas.resized(ramp, (400, 225))[0, [50, 200, 350], 0] == pytest.approx(
        255 * np.array([50, 200, 350]) / 400, abs=2
    )
    assert (canvas.resized(ramp, (1280, 720)) == ramp).all()
