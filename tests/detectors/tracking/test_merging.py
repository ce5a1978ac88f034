from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from detectors.layouts import COCO_17
from detectors.people import Person2D
from detectors.tracking.merging import box_iou, pose_similarity, remove_duplicates

Standing = Callable[..., Person2D]


def _shaken(person: Person2D, px: float, seed: int = 0) -> Person2D:
    noise = np.random.default_rng(seed).normal(0, px, person.keypoints_px.shape).astype(np.float32)
    return replace(person, keypoints_px=person.keypoints_px + noise)


@pytest.mark.parametrize(
    ("other", "expected"),
    [((0, 0, 10, 10), 1.0), ((5, 0, 15, 10), 1 / 3), ((10, 0, 20, 10), 0.0), ((3, 3, 3, 8), 0.0), ((2, 2, 4, 7), 0.1)],
)
def test_box_iou(other: tuple[float, ...], expected: float) -> None:
    assert box_iou(np.array([0.0, 0.0, 10.0, 10.0]), np.array(other, float)) == pytest.approx(expected)


def test_similarity_is_one_for_the_same_pose_symmetric_and_falls_with_distance(standing: Standing) -> None:
    person = standing(300)
    moved = [pose_similarity(person, standing(300 + shift)) for shift in (0, 20, 60, 200)]
    assert moved[0] == pytest.approx(1.0)
    assert moved == sorted(moved, reverse=True) and moved[-1] < 0.01
    near = standing(315, height=380)
    assert pose_similarity(person, near) == pytest.approx(pose_similarity(near, person))


def test_a_pose_with_left_and_right_exchanged_is_the_same_person(standing: Standing) -> None:
    person = standing()
    exchanged = replace(person, keypoints_px=person.keypoints_px[list(COCO_17.flip)])
    assert pose_similarity(person, exchanged) == pytest.approx(1.0)


def test_unsure_joints_do_not_make_people_similar(standing: Standing) -> None:
    person = standing()
    faint = np.full(17, 0.05, np.float32)
    faint[:3] = 0.9
    assert pose_similarity(person, replace(person, confidence=faint)) == 0.0


def test_two_crops_that_locked_on_one_person_give_the_better_pose(standing: Standing) -> None:
    person = standing(score=0.7)
    again = replace(_shaken(person, 6.0), score=0.6)
    assert remove_duplicates([again, person]) == [person]


def test_people_who_overlap_are_both_kept(standing: Standing) -> None:
    front, behind = standing(300, height=400), standing(345, height=390)
    assert box_iou(front.box, behind.box) > 0.4
    assert len(remove_duplicates([front, behind])) == 2


def test_a_child_before_an_adult_is_kept(standing: Standing) -> None:
    adult, child = standing(300, 450, 400), standing(300, 450, 220)
    assert len(remove_duplicates([adult, child])) == 2


def test_the_pose_that_continues_somebody_stays_unless_it_is_much_worse(standing: Standing) -> None:
    before = standing(300)
    # the rival is similar to the continuing pose, but too far away to continue the earlier one itself
    continuing, rival = standing(322), standing(350)
    assert pose_similarity(continuing, rival) > 0.5 > pose_similarity(before, rival)
    slightly, much = replace(rival, score=0.75), replace(rival, score=0.85)
    assert remove_duplicates([slightly, continuing], previous=[before]) == [continuing]
    assert remove_duplicates([slightly, continuing]) == [slightly]
    assert remove_duplicates([much, continuing], previous=[before]) == [much]
