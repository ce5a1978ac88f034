"""Axes of exported files, the words for them, and poses for gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lifting.world.frame import Shot, World
from pipeline.results.result import Result
from pipeline.results.standing import gaps, held_rows, stand, standing
from tests.pipeline.results.test_result import CAMERA, WORLD, track


def people(world: World | None) -> Result:
    return Result((track(1, 3, 6, slice(2, 4)), track(2, 0, 3)), CAMERA, {}, world)


def test_the_world_where_there_is_one() -> None:
    result = people(WORLD)
    found = standing(result)
    assert found.in_world and found.sentence.startswith("world axes, floor at y = 0;")
    for joints, person in zip(found.joints_m, result.tracks, strict=True):
        np.testing.assert_array_equal(joints, result.world_joints(person))


def test_the_camera_turned_upright_where_there_is_none() -> None:
    result = people(None)
    found = standing(result)
    assert not found.in_world and found.sentence.startswith("axes of the camera turned upright")
    first = result.tracks[0].joints_m[0]
    np.testing.assert_allclose(found.joints_m[0][0, 0] - found.joints_m[0][0, 1], (first[0] - first[1]) * [1, -1, -1])
    assert np.isfinite(found.joints_m[0][result.tracks[0].seen]).all()
    assert np.isnan(found.joints_m[0][~result.tracks[0].seen]).all()


def test_people_who_are_parted_stay_in_the_axes_of_all() -> None:
    result = people(None)
    together = standing(result)
    stood = stand(result)
    alone = standing(replace(stood, tracks=stood.tracks[1:]))
    np.testing.assert_array_equal(alone.joints_m[0], together.joints_m[1])
    assert alone.sentence == together.sentence and not alone.in_world
    assert standing(stand(stand(result))).sentence == together.sentence


def test_a_shot_without_a_world_among_others() -> None:
    matrices = WORLD.world_from_camera.copy()
    matrices[:3] = np.nan
    shots = (Shot("unknown", "camera", "assumed"), Shot("still", "people", "assumed"))
    world = World(WORLD.frame_index, matrices, (np.arange(9) > 2).astype(np.int64), shots)
    result = people(world)
    words = standing(result).sentence
    assert words.startswith("world axes, floor at y = 0 assumed 1.5 m below the camera, but in shot 1 axes of the")
    first = standing(replace(stand(result), tracks=stand(result).tracks[:1]))
    assert first.in_world and "turned" not in first.sentence


def test_damaged_frames_are_gaps_and_none_of_the_worlds() -> None:
    keep = ~np.isin(WORLD.frame_index, [5, 6])
    holed = World(WORLD.frame_index[keep], WORLD.world_from_camera[keep], WORLD.shot[keep], WORLD.shots)
    whole, found = standing(people(WORLD)), standing(people(holed))
    for a, b in zip(whole.joints_m, found.joints_m, strict=True):
        np.testing.assert_array_equal(a, b)


def test_nobody() -> None:
    assert standing(Result((), CAMERA, {})).joints_m == ()
    assert standing(Result((), CAMERA, {}, WORLD)).in_world


def test_gaps_hold_the_pose_before() -> None:
    person = track(1, 0, 6, slice(2, 4))
    assert gaps(person) == [(2 / 29.97, 3 / 29.97)]
    assert held_rows(np.array([False, True, True, False, False, True, False])).tolist() == [0, 0, 1, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="no frame"):
        held_rows(np.zeros(2, np.bool_))
    assert gaps(track(2, 0, 3)) == []
