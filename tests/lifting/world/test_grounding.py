"""A known motion before synthetic cameras, with the shipped network: nothing but the assets is read."""

from __future__ import annotations

import numpy as np
import pytest

from assets.integrity import asset_path
from lifting.body.joints import ANKLES, PELVIS
from lifting.body.skeleton import bone_lengths
from lifting.geometry.camera import Camera
from lifting.world.floor import KnownGround
from lifting.world.frame import World
from lifting.world.ground import load_ground_network
from lifting.world.grounding import Grounded, LiftedTrack, ground_tracks, on_ground
from lifting.world.motion import CameraMotion

CAMERA = Camera.from_focal(1000.0, (1280, 720))


@pytest.fixture(scope="module")
def motion() -> np.ndarray:
    """``[120, 17, 3]`` somebody who moves on a floor at y = 0, metres, y up."""
    with np.load(asset_path("sample_motion.npz")) as arrays:
        joints = np.asarray(arrays["positions_m"], np.float64)
    joints = joints - joints[:, :1].mean(0) * [1, 0, 1]
    return joints - [0, np.percentile(joints[:, ANKLES, 1].min(1), 5) - 0.085, 0]


def lifted(motion: np.ndarray, pitch_deg: float) -> tuple[LiftedTrack, np.ndarray]:
    """The motion as lifted with errors that last, and the world's up in camera axes."""
    rng = np.random.default_rng(0)
    c, s = np.cos(np.radians(pitch_deg)), np.sin(np.radians(pitch_deg))
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.diag([1.0, -1.0, -1.0])
    truth = (motion - [0, 1.5, 4.5]) @ turn.T
    rays = truth / truth[..., 2:]
    drift = np.cumsum(rng.normal(0, 0.02, (len(truth), 1, 1)), axis=0) * truth[:, :1] / 10
    joints = truth + rng.normal(0, 0.01, (1, 17, 3)) + rng.normal(0, 0.004, truth.shape) + drift
    frames = np.arange(len(truth))
    return LiftedTrack(joints, rays, np.full(truth.shape[:2], 0.9), frames, frames / 30), turn[:, 1]


def grounded(track: LiftedTrack, kind: str = "still", **options: object) -> tuple[World, Grounded]:
    camera = CameraMotion.still(track.frame_index, kind)
    world, found = ground_tracks([track], camera, load_ground_network(), resize=False, **options)  # type: ignore[arg-type]
    return world, found[0]


@pytest.mark.parametrize("pitch_deg", [-8.0, 0.0, 20.0, 33.0])
def test_up_and_floor_are_found_and_feet_stay(motion: np.ndarray, pitch_deg: float) -> None:
    track, up = lifted(motion, pitch_deg)
    world, found = grounded(track)
    assert (world.shots[0].up, world.shots[0].floor, world.known) == ("people", "feet", True)
    told = world.world_from_camera[0, 1, :3]
    assert np.degrees(np.arccos(told @ up)) < 5
    joints = on_ground(track, found, 0.05)
    in_world = world(joints, track.frame_index)
    rests = np.linalg.norm(np.gradient(motion[:, ANKLES], 1 / 30, axis=0), axis=-1) < 0.1
    assert abs(np.median(in_world[:, ANKLES, 1][rests]) - 0.085) < 0.06
    slide, before = (
        np.linalg.norm(np.diff(each[:, ANKLES], axis=0), axis=-1)[rests[:-1]].mean()
        for each in (in_world, track.joints)
    )
    assert slide < 0.004 and slide < 0.6 * before
    np.testing.assert_allclose(bone_lengths(on_ground(track, found, 0.0)), bone_lengths(track.joints), atol=1e-4)


def test_what_the_user_knows_is_taken(motion: np.ndarray) -> None:
    track, up = lifted(motion, 20.0)
    world, _ = grounded(track, known=KnownGround(up, 1.4))
    np.testing.assert_allclose(world.world_from_camera[0, 1, :3], up, atol=1e-3)
    assert world.world_from_camera[0, 1, 3] == pytest.approx(1.4)
    assert (world.shots[0].up, world.shots[0].floor) == ("given", "given")


def test_in_a_shot_whose_camera_is_unknown_nothing_is_changed_or_claimed(motion: np.ndarray) -> None:
    track, _ = lifted(motion, 20.0)
    world, found = grounded(track, "unknown")
    assert np.isnan(world.world_from_camera).all() and not world.known and not found.contacts.any()
    np.testing.assert_array_equal(on_ground(track, found, 0.05), track.joints)


def test_a_camera_that_turns_leaves_the_path_where_it_is(motion: np.ndarray) -> None:
    track, _ = lifted(motion, 10.0)
    still_world, still = grounded(track)
    yaw = np.radians(np.linspace(0, 40, len(motion)))
    rotation = np.zeros((len(yaw), 3, 3))
    rotation[:, 1, 1] = 1
    rotation[:, 0, 0] = rotation[:, 2, 2] = np.cos(yaw)
    rotation[:, 0, 2], rotation[:, 2, 0] = np.sin(yaw), -np.sin(yaw)

    def seen(values: np.ndarray) -> np.ndarray:
        return np.einsum("nji,nkj->nki", rotation, values)

    turned = LiftedTrack(seen(track.joints), seen(track.rays), track.confidence, track.frame_index, track.time_s)
    plain = CameraMotion.still(track.frame_index)
    camera = CameraMotion(**(vars(plain) | {"rotation": rotation, "kind": ("turning",)}))
    world, (found,) = ground_tracks([turned], camera, load_ground_network(), resize=False)
    ours = world(on_ground(turned, found, 0.05), track.frame_index)
    expected = still_world(on_ground(track, still, 0.05), track.frame_index)
    path, wanted = ours[:, PELVIS] - ours[0, PELVIS], expected[:, PELVIS] - expected[0, PELVIS]
    assert np.linalg.norm(path - wanted, axis=1).max() < 0.05


def test_a_camera_that_goes_needs_somebody_to_tell_how_far(motion: np.ndarray) -> None:
    track, _ = lifted(motion[:8], 10.0)
    plain = CameraMotion.still(track.frame_index)
    way = np.linspace(0, 1, 8)[:, None] * [1, 0, 0]
    moving = CameraMotion(**(vars(plain) | {"position": way, "kind": ("moving",)}))
    world, (found,) = ground_tracks([track], moving, load_ground_network(), resize=False)
    assert not world.known and not found.known.any()
    assert "how far the camera went" in world.shots[0].note


def test_nobody_in_the_video_leaves_a_level_camera() -> None:
    world, found = ground_tracks([], CameraMotion.still(np.arange(5)), load_ground_network(), resize=True)
    assert found == [] and world.known and (world.shots[0].up, world.shots[0].floor) == ("camera", "assumed")
