"""People who overlap: whose pose it is that two crops have seen, and the look behind the one who is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from assets.integrity import asset_path
from detectors.layouts import H36M_17
from detectors.movenet.detector import MoveNetDetector
from detectors.movenet.overlap import body_mask, overlooked
from detectors.people import Person2D
from pipeline.media.decode import read_frames

Standing = Callable[..., Person2D]


def test_of_two_who_saw_one_the_other_is_overlooked(standing: Standing) -> None:
    left, right = standing(300), standing(420)
    seen = standing(415, score=0.8)
    again = standing(417, score=0.7)
    # Whoever's crop the better pose is from, it is that of the right one.
    for poses in ([seen, again], [again, seen]):
        assert overlooked([left, right], poses, [seen]) == [(left, seen)]
    assert overlooked([left, right], [standing(303), seen], [seen, standing(303)]) == []


def test_a_newcomer_that_replaces_two_is_one_of_them(standing: Standing) -> None:
    left, right = standing(300), standing(420)
    newcomer = standing(412, score=0.9)
    poses = [standing(405), standing(416)]
    assert overlooked([left, right], poses, [newcomer]) == [(left, newcomer)]
    # One who is only seen better is not overlooked, nor is one who is gone.
    assert overlooked([right], [poses[1]], [newcomer]) == []
    assert overlooked([left, right], [None, seen := standing(420)], [seen]) == []


def test_the_mask_is_the_body_and_not_the_box(standing: Standing) -> None:
    person = standing(300)
    mask = body_mask(person, (640, 900))
    x, y = np.rint(person.keypoints_px).astype(int).T
    assert mask[y, x].all()
    x0, y0, x1, y1 = person.box.astype(int)
    assert 0.1 < mask[y0:y1, x0:x1].mean() < 0.8
    far = replace(person, keypoints_px=person.keypoints_px + np.float32(1e7))
    assert not body_mask(far, (640, 900)).any()


@pytest.mark.slow
def test_somebody_behind_another_is_not_lost() -> None:
    """The figure of the sample walks before itself, mirrored; a tenth of the height apart at the end."""
    frames = [frame.image for frame in read_frames(asset_path("sample.mp4"), stop_s=1.3)]
    with np.load(asset_path("sample_truth.npz")) as data:
        truth = data["keypoints_px"]
    hips = [H36M_17.index("left_hip"), H36M_17.index("right_hip")]
    detector = MoveNetDetector()
    people: list[Person2D] = []
    seen = []
    for index, image in enumerate(frames[:24]):
        # Two copies whose middles come nearer to each other; the nearer one is what is darker than the wall.
        shift = round(170 - 5 * index)
        figure = np.abs(image.astype(int) - np.median(image, axis=1, keepdims=True)).max(axis=2) > 40
        scene = np.roll(image, -shift // 2, axis=1)
        front, where = np.roll(image, shift // 2, axis=1), np.roll(figure, shift // 2, axis=1)
        scene[where] = front[where]
        people = detector.detect(scene, people, index)
        middle = truth[index, hips, 0].mean()
        found = sorted(float(person.keypoints_px[[11, 12], 0].mean()) for person in people)
        near = len(found) == 2 and np.abs(np.subtract(found, (middle - shift / 2, middle + shift / 2))).max() < 25
        seen.append(near)
    assert np.mean(seen) > 0.8
