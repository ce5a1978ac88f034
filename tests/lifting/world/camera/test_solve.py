"""How a camera moved, from synthetic points: within a degree over ten seconds, and never still when it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.background.points import BackgroundPoints
from lifting.geometry.camera import Camera
from lifting.world.camera.solve import solve_camera_motion
from tests.lifting.world.camera.scenes import CAMERA, FPS, off_deg, rotations, seen

Array = NDArray[np.float64]


def turn(seconds: float = 4.0, pan: float = 0.0, tilt: float = 0.0, roll: float = 0.0) -> Array:
    """Degrees a second."""
    time_s = np.arange(round(seconds * FPS)) / FPS
    return np.stack([pan * time_s, tilt * time_s, roll * time_s], axis=1)


def shake(seconds: float = 4.0, degrees: float = 0.15) -> Array:
    steps = np.random.default_rng(3).normal(0, degrees, (round(seconds * FPS), 3))
    return np.asarray(np.cumsum(steps, axis=0))


def test_a_camera_on_a_tripod_is_still_though_things_move_before_it() -> None:
    found = solve_camera_motion(seen(turn(), moving=0.3), CAMERA)
    assert found.kind == ("still",)
    assert (found.rotation == np.eye(3)).all() and (found.zoom == 1).all() and (found.position == 0).all()


@pytest.mark.parametrize(
    ("angles", "zoom"),
    [
        pytest.param(turn(10, pan=25), None, id="pan", marks=pytest.mark.slow),
        pytest.param(turn(3, tilt=-8), None, id="tilt"),
        pytest.param(turn(3), np.linspace(1, 1.8, 90), id="zoom"),
        pytest.param(turn(3, pan=7, tilt=2), np.linspace(1, 0.7, 90), id="pan and zoom"),
        pytest.param(shake(4), None, id="shake"),
        pytest.param(turn(3, pan=0.3), None, id="slow pan"),
    ],
)
def test_turns_and_zooms_are_found(angles: Array, zoom: Array | None) -> None:
    found = solve_camera_motion(seen(angles, zoom=zoom), CAMERA)
    assert found.kind == ("turning",)
    assert off_deg(found.rotation, angles).max() < 0.4
    assert np.abs(found.zoom / (1 if zoom is None else zoom) - 1).max() < 0.01
    assert (found.position == 0).all()


@pytest.mark.slow
def test_the_distortion_of_the_lens_is_known() -> None:
    bent = Camera(CAMERA.K, CAMERA.image_size, distortion=np.array([-0.25, 0.06, 0.0, 0.0]))
    angles = turn(3, pan=10)
    found = solve_camera_motion(seen(angles, camera=bent), bent)
    assert found.kind == ("turning",) and off_deg(found.rotation, angles).max() < 0.3


@pytest.mark.slow
def test_a_turn_tells_the_focal_length() -> None:
    angles = turn(3, pan=12)
    longer = Camera.from_fov(42, CAMERA.image_size)
    points = seen(angles, camera=longer)
    found = solve_camera_motion(points, CAMERA, focal_known=False)
    assert found.focal == pytest.approx(longer.K[0, 0] / CAMERA.K[0, 0], rel=0.04)
    assert off_deg(found.rotation, angles).max() < 1.0
    assert solve_camera_motion(seen(turn()), CAMERA, focal_known=False).focal == 1.0


def walk(seconds: float, *speed: float) -> Array:
    """Metres, at so many metres a second, with the bob of a step."""
    time_s = np.arange(round(seconds * FPS)) / FPS
    bob = np.stack([0 * time_s, 0.02 * np.sin(2 * np.pi * 2 * time_s), 0 * time_s], axis=1)
    return time_s[:, None] * np.array(speed) + bob


@pytest.mark.slow
@pytest.mark.parametrize(
    ("angles", "position"),
    [
        pytest.param(shake(3), walk(3, 1.2, 0, 0), id="walk beside"),
        pytest.param(shake(3, 0.05), walk(3, 0.1, 0, 0.8), id="walk ahead"),
        pytest.param(turn(3, pan=-12), walk(3, 0.6, 0, 0), id="travel and turn"),
        pytest.param(turn(3), np.arange(90)[:, None] / FPS * np.array([0.05, 0, 0]), id="slow"),
    ],
)
def test_a_camera_that_travels_is_found_up_to_scale(angles: Array, position: Array) -> None:
    found = solve_camera_motion(seen(angles, position=position, moving=0.2), CAMERA)
    assert found.kind == ("moving",)
    assert off_deg(found.rotation, angles).max() < 0.5
    true = (position - position[0]) @ rotations(angles)[0]
    scale = (true * found.position).sum() / (found.position**2).sum()
    length = np.linalg.norm(np.diff(true, axis=0), axis=1).sum()
    assert scale > 0 and np.linalg.norm(scale * found.position - true, axis=1).max() < 0.04 * length
    # The unit is the middle depth of what is seen first, some metres.
    assert 3 < scale < 15


@pytest.mark.slow
def test_a_camera_that_is_held_and_sways_turns_about_its_holder() -> None:
    time_s = np.arange(120) / FPS
    sway = 0.02 * np.stack([np.sin(1.3 * time_s), np.sin(time_s + 1), 0.5 * np.sin(0.7 * time_s)], axis=1)
    angles = shake(4, 0.1)
    found = solve_camera_motion(seen(angles, position=sway), CAMERA)
    assert found.kind[0] in ("turning", "moving")
    assert off_deg(found.rotation, angles).max() < 0.6


def test_a_window_that_moves_over_a_larger_picture_is_taken_as_turns() -> None:
    """A digital pan: all points move alike, whatever their depth."""
    room = seen(turn(2))
    frame = np.repeat(np.arange(60), np.diff(room.start))
    shift = 900 * (0.5 - 0.5 * np.cos(np.pi * frame / 59))
    xy = room.xy_px - np.stack([shift, 0 * shift], axis=1).astype(np.float32)
    found = solve_camera_motion(replace(room, xy_px=xy), CAMERA)
    assert found.kind == ("turning",) and found.note == ("the whole picture is shifted",)
    axis = found.rotation[-1, :, 2]
    assert np.degrees(np.arctan2(axis[0], axis[2])) == pytest.approx(
        np.degrees(np.arctan(900 / CAMERA.K[0, 0])), abs=0.3
    )


def shots(*parts: BackgroundPoints) -> BackgroundPoints:
    """One after the other, with cuts between them."""
    counts = [len(part) for part in parts]
    ids = np.concatenate([part.point_id + 100_000 * number for number, part in enumerate(parts)])
    steps = np.concatenate([np.diff(part.start) for part in parts])
    cut = np.zeros(sum(counts), bool)
    cut[np.cumsum(counts)[:-1]] = True
    frame_index = np.arange(sum(counts))
    start = np.concatenate([[0], np.cumsum(steps)])
    return BackgroundPoints(frame_index, frame_index / FPS, start, ids, np.concatenate([p.xy_px for p in parts]), cut)


def test_every_shot_is_solved_by_itself() -> None:
    angles = turn(1.5, pan=15)
    found = solve_camera_motion(shots(seen(turn(1), seed=1), seen(angles, seed=2), seen(turn(1), seed=3)), CAMERA)
    assert found.kind == ("still", "turning", "still")
    assert off_deg(found.rotation[found.frames(1)], angles).max() < 0.3


def noise_points(frames: int, life: int, seed: int = 0) -> BackgroundPoints:
    """Like water: each point stays for a few frames and goes its own way."""
    rng = np.random.default_rng(seed)
    most = 80
    place, way = rng.uniform(0, CAMERA.image_size, (most, 2)), rng.normal(0, 3, (most, 2))
    ids = np.arange(most)
    all_ids, all_places, after = [], [], most
    for _ in range(frames):
        gone = rng.random(most) < 1 / life
        ids = np.where(gone, after + np.arange(most), ids)
        after += most
        place[gone], way[gone] = rng.uniform(0, CAMERA.image_size, (gone.sum(), 2)), rng.normal(0, 3, (gone.sum(), 2))
        place = place + way + rng.normal(0, 1, place.shape)
        order = np.argsort(ids)
        all_ids.append(ids[order])
        all_places.append(place[order])
    frame_index = np.arange(frames)
    start = most * np.arange(frames + 1)
    xy = np.concatenate(all_places).astype(np.float32)
    return BackgroundPoints(frame_index, frame_index / FPS, start, np.concatenate(all_ids), xy)


@pytest.mark.slow
@pytest.mark.parametrize("life", [3, 10, 60])
def test_water_or_a_crowd_is_unknown_and_not_still(life: int) -> None:
    found = solve_camera_motion(noise_points(60, life), CAMERA)
    assert found.kind == ("unknown",) and "background" in found.note[0]


def test_a_blank_wall_is_unknown() -> None:
    none = np.zeros(0, np.int64)
    start = np.zeros(31, np.int64)
    blank = BackgroundPoints(np.arange(30), np.arange(30) / FPS, start, none, np.zeros((0, 2), np.float32))
    found = solve_camera_motion(blank, CAMERA)
    assert found.kind == ("unknown",) and "hardly anything" in found.note[0]


def test_what_follows_a_stretch_without_points_is_not_called_still() -> None:
    """A wall fills the picture for two seconds; nobody knows where the camera looks afterwards."""
    room = seen(turn(1))
    start = np.concatenate([room.start, np.full(60, room.start[-1])])
    frame_index = np.arange(len(room) + 60)
    points = BackgroundPoints(frame_index, frame_index / FPS, start, room.point_id, room.xy_px)
    found = solve_camera_motion(points, CAMERA)
    assert found.kind == ("still", "unknown") and len(room) - 1 <= found.frames(0).stop <= len(room) + 1


def test_a_long_shot_is_polished_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifting.world.camera.turning._PART", 20)
    angles, zoom = turn(2.5, pan=15), np.linspace(1, 1.3, 75)
    found = solve_camera_motion(seen(angles, zoom=zoom), CAMERA)
    assert off_deg(found.rotation, angles).max() < 0.3 and np.abs(found.zoom / zoom - 1).max() < 0.01
    assert np.linalg.norm(np.diff(found.rotation, axis=0), axis=(1, 2)).max() < 0.03


def test_a_few_frames_without_points_are_bridged() -> None:
    angles = turn(2, pan=10)
    room = seen(angles)
    kept = np.ones(len(room.point_id), bool)
    kept[room.start[20] : room.start[26]] = False
    steps = np.diff(room.start)
    steps[20:26] = 0
    start = np.concatenate([[0], np.cumsum(steps)])
    points = replace(room, start=start, point_id=room.point_id[kept], xy_px=room.xy_px[kept])
    found = solve_camera_motion(points, CAMERA)
    assert found.kind == ("turning",) and off_deg(found.rotation, angles).max() < 0.3


def test_no_frames_and_one_frame() -> None:
    none = np.zeros(0, np.int64)
    empty = BackgroundPoints(none, np.zeros(0), np.zeros(1, np.int64), none, np.zeros((0, 2), np.float32))
    assert len(solve_camera_motion(empty, CAMERA)) == 0
    assert solve_camera_motion(seen(turn(1 / FPS)), CAMERA).kind == ("still",)
