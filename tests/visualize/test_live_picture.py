"""The picture of a live session: frame by frame, without knowing what comes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.geometry.camera import Camera
from lifting.live.lifter import LivePose
from visualize.live import LiveComposer, Note
from visualize.palette import SIDE_COLOURS

SIZE = (320, 240)
CAMERA = Camera.from_fov(55, SIZE, "test")
#: Somebody who stands upright, 3 m away, in the order of H36M_17: x right, y down, z forward, metres.
STANDING = np.array(
    [
        [0, 0, 0], [-0.12, 0, 0], [-0.14, 0.45, 0], [-0.15, 0.9, 0], [0.12, 0, 0], [0.14, 0.45, 0], [0.15, 0.9, 0],
        [0, -0.25, 0], [0, -0.5, 0], [0, -0.6, -0.05], [0, -0.72, 0], [0.17, -0.48, 0], [0.4, -0.4, 0], [0.6, -0.3, 0],
        [-0.17, -0.48, 0], [-0.22, -0.2, 0], [-0.24, 0.05, 0],
    ]
) + np.array([0.0, 0.1, 3.0])  # fmt: skip


def pose(x: float = 0.0, z: float = 0.0, track_id: int = 1) -> LivePose:
    joints = STANDING + np.array([x, 0.0, z])
    pixels = CAMERA.project(joints)
    box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    return LivePose(track_id, joints, joints, np.full(17, 0.02), np.zeros(17, bool), pixels, np.ones(17), box, False)


@pytest.fixture
def composer() -> LiveComposer:
    return LiveComposer(SIZE, CAMERA)


GREY = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)


def panel(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[:, -picture.shape[0] :]


def middle_of(image: NDArray[np.uint8], side: str) -> float:
    """Mean column of pixels that have about the colour of a side."""
    near = np.abs(image.astype(int) - SIDE_COLOURS[side]).sum(axis=2) < 60
    assert near.any()
    return float(np.nonzero(near)[1].mean())


def test_size_and_both_halves(composer: LiveComposer) -> None:
    picture = composer.compose(GREY, [pose()], 0.0)
    assert picture.shape == (composer.size[1], composer.size[0], 3) and picture.dtype == np.uint8
    assert composer.size == (480 + 360, 360)
    for half in (picture[:, :480], panel(picture)):
        # somebody who faces the camera has the left side on the right
        assert middle_of(half, "left") > middle_of(half, "right")


@pytest.mark.slow
def test_the_panel_moves_and_the_person_stays_in_it(composer: LiveComposer) -> None:
    before = panel(composer.compose(GREY, [pose()], 0.0))
    for n in range(1, 90):
        after = panel(composer.compose(GREY, [pose(x=n / 45, z=n / 30)], n / 30))
    assert np.abs(after.astype(int) - before).mean() > 2
    for side in ("left", "right"):
        assert 0.1 * after.shape[1] < middle_of(after, side) < 0.9 * after.shape[1]


def test_mirrored(composer: LiveComposer) -> None:
    picture = composer.compose(GREY, [pose()], 0.0, [Note("12 fps")], mirrored=True)
    for half in (picture[:, :480], panel(picture)):
        assert middle_of(half, "left") < middle_of(half, "right")
    marked = GREY.copy()
    marked[:, :10] = 255
    assert composer.compose(marked, [], 0.1, mirrored=True)[200, 475].tolist() == [255, 255, 255]


def test_notes_are_over_the_video(composer: LiveComposer) -> None:
    plain = composer.compose(GREY, [], 0.0)
    told = composer.compose(GREY, [], 0.0, [Note("12 fps"), Note("recording", alert=True)])
    differing = np.nonzero((plain != told).any(axis=2))
    assert differing[0].max() < 80 and differing[1].max() < 240
    assert (np.abs(told[:80, :240].astype(int) - [232, 72, 72]).sum(axis=2) < 10).any()


@pytest.mark.slow
def test_nothing_piles_up(composer: LiveComposer) -> None:
    held = []
    for n in range(240):
        composer.compose(GREY, [pose(track_id=1 + n // 60)], n / 10)
        held.append(len(pickle.dumps(composer)))
    # ten seconds of floor, and of people who are there the last moment
    assert held[239] < 1.01 * held[119]


def test_joints_that_were_not_seen_can_be_drawn(composer: LiveComposer) -> None:
    seen = pose()
    hidden = H36M_17.index("left_wrist")
    seen.keypoints_px[hidden], seen.confidence[hidden], seen.imputed[hidden] = np.nan, 0.0, True
    assert composer.compose(GREY, [seen], 0.0).any()
