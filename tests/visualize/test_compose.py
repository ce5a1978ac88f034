from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from visualize.compose import FrameComposer, clock
from visualize.palette import SIDE_COLOURS
from visualize.stream import Layout


@pytest.fixture
def track(
    body: NDArray[np.float64],
    in_camera: Callable[..., NDArray[np.float64]],
    make_track: Callable[..., Track3D],
) -> Track3D:
    return make_track(np.tile(in_camera(body), (5, 1, 1)))


@pytest.mark.parametrize(
    ("video", "options", "expected"),
    [
        ((1280, 720), {}, (2000, 720)),
        ((1768, 994), {}, (2000, 720)),
        ((1080, 1920), {}, (1124, 720)),
        ((320, 240), {}, (840, 360)),
        ((1280, 720), {"max_height": 480}, (1334, 480)),
        ((1280, 720), {"max_width": 640}, (640, 230)),
        ((1080, 1920), {"max_width": 640}, (640, 408)),
        ((641, 361), {}, (1000, 360)),
    ],
)
def test_output_size_is_as_asked_for(
    video: tuple[int, int], options: dict[str, Any], expected: tuple[int, int]
) -> None:
    composer = FrameComposer([], video, **options)
    assert composer.size == expected
    frame = np.zeros((video[1], video[0], 3), dtype=np.uint8)
    assert composer.compose(frame, 0, 0.0).shape == (expected[1], expected[0], 3)


def test_video_on_the_left_panel_on_the_right(track: Track3D, camera: Camera) -> None:
    composer = FrameComposer([track], camera.image_size, camera=camera)
    frame = np.random.default_rng(0).integers(0, 255, (360, 640, 3)).astype(np.uint8)
    image = composer.compose(frame, 4, 4 / 30)
    blue = (np.linalg.norm(image.astype(float) - SIDE_COLOURS["left"], axis=2) < 12).nonzero()[1]
    assert (blue < 640).sum() > 50 and (blue >= 640).sum() > 500
    # Frames without people show the video as it is.
    assert (composer.compose(frame, 5, 5 / 30)[:, :640] == frame).all()


@pytest.mark.parametrize(
    ("layout", "options", "size"),
    [
        ("overlay", {}, (640, 360)),
        ("overlay", {"max_width": 320}, (320, 180)),
        ("scene", {}, (480, 360)),
        ("scene", {"max_width": 640, "max_height": 540}, (480, 360)),
        ("side", {}, (1000, 360)),
    ],
)
def test_either_alone(
    track: Track3D, camera: Camera, layout: Layout, options: dict[str, Any], size: tuple[int, int]
) -> None:
    composer = FrameComposer([track], camera.image_size, camera=camera, layout=layout, **options)
    assert composer.size == size
    frame = np.full((360, 640, 3), 90, dtype=np.uint8)
    image = composer.compose(frame, 4, 4 / 30)
    assert image.shape == (size[1], size[0], 3)
    both = FrameComposer([track], camera.image_size, camera=camera).compose(frame, 4, 4 / 30)
    if size == (640, 360):
        assert (image == both[:, :640]).all()


def test_the_light_theme_is_light_and_dark_on_it(track: Track3D, camera: Camera) -> None:
    frame = np.full((360, 640, 3), 90, dtype=np.uint8)
    pictures = [
        FrameComposer([track], camera.image_size, camera=camera, theme=theme).compose(frame, 4, 4 / 30)
        for theme in ("light", "dark")
    ]
    assert (pictures[0][:, :640] == pictures[1][:, :640]).all()
    luma = [picture[:, 640:].mean(axis=(0, 1)).mean() for picture in pictures]
    assert luma[0] > 200 and luma[1] < 60
    # limbs have a dark rim there
    assert (pictures[0][:, 640:].mean(axis=2) < 90).sum() > 300


def test_overlay_follows_the_scale_of_the_video(track: Track3D, camera: Camera) -> None:
    frame = np.full((360, 640, 3), 90, dtype=np.uint8)
    x0, _, x1, y1 = track.boxes[0]
    for height in (360, 180):
        composer = FrameComposer([track], camera.image_size, max_height=height)
        left = composer.compose(frame, 0, 0.0)[:, : composer.size[0] - height]
        ys, xs = np.nonzero((left != 90).any(axis=2))
        scale = height / 360
        assert [xs.min(), xs.max(), ys.max()] == pytest.approx([x0 * scale, x1 * scale, y1 * scale], abs=5)


def test_frames_of_another_size_are_refused(track: Track3D) -> None:
    composer = FrameComposer([track], (64, 48))
    with pytest.raises(ValueError, match="48 x 64 pixels, not 64 x 48"):
        composer.compose(np.zeros((64, 48, 3), dtype=np.uint8), 0, 0.0)


@pytest.mark.parametrize(
    ("size", "options"), [((0, 10), {}), ((64, 64), {"max_height": 63}), ((64, 64), {"max_width": 3})]
)
def test_impossible_sizes_are_refused(size: tuple[int, int], options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"area|at least 64"):
        FrameComposer([], size, **options)


@pytest.mark.parametrize(
    ("time_s", "text"), [(0.0, "0:00.0"), (0.999, "0:00.9"), (65.3, "1:05.3"), (3600.0, "60:00.0"), (-1.0, "0:00.0")]
)
def test_clock(time_s: float, text: str) -> None:
    assert clock(time_s) == text
