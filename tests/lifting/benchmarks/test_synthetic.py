"""Synthetic cameras: known truth, known noise, the same cameras for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lifting.benchmarks.synthetic import FOCAL_PX, SyntheticView, sequence_views, single_frame_views
from lifting.body.skeleton import bone_lengths


def same_people(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Equal bones and equal handedness."""
    handed = [np.linalg.det(poses[:, [3, 10, 13]] - poses[:, :1]) for poses in (a, b)]
    return bool(np.allclose(bone_lengths(a), bone_lengths(b)) and np.allclose(*handed))


def single(motion: NDArray[np.float64], noise_px: float, seed: int = 0) -> SyntheticView:
    return single_frame_views(np.tile(motion, (38, 1, 1)), noise_px=noise_px, count=300, seed=seed)


def clips(motion: NDArray[np.float64], noise_px: float = 0.0, seed: int = 0) -> list[SyntheticView]:
    start, length = np.array([0, 20, 40, 60]), np.array([120, 30, 40, 60])
    return sequence_views(motion, start, length, ["a", "b", "c", "d"], noise_px=noise_px, count=4, seed=seed, fps=60.0)


def test_the_seed_alone_decides_cameras(motion: NDArray[np.float64]) -> None:
    exact, noisy, other = single(motion, 0.0), single(motion, 5.0), single(motion, 0.0, seed=1)
    assert np.array_equal(exact.joints_m, noisy.joints_m)
    assert not np.allclose(exact.joints_m, other.joints_m)
    for a, b, c in zip(clips(motion), clips(motion, 5.0), clips(motion, seed=1), strict=True):
        assert np.array_equal(a.joints_m, b.joints_m) and not np.allclose(a.joints_m, c.joints_m)


def test_noise_has_the_level_asked_for(motion: NDArray[np.float64]) -> None:
    for view in (single(motion, 5.0), clips(motion, 5.0)[0]):
        noise = view.keypoints_px - view.camera.project(view.joints_m)
        assert noise.std() == pytest.approx(5.0, rel=0.05) and abs(noise.mean()) < 0.3
    exact = single(motion, 0.0)
    assert np.array_equal(exact.keypoints_px, exact.camera.project(exact.joints_m))
    assert exact.camera.K[0, 0] == FOCAL_PX == 1145.0


def test_single_frames_are_turned_not_bent(motion: NDArray[np.float64]) -> None:
    poses = np.tile(motion, (38, 1, 1))
    view = single(motion, 0.0)
    assert view.joints_m.shape == (300, 17, 3) and np.all(view.time_s == 0)
    lengths = bone_lengths(poses[::15]).round(6)
    assert {tuple(row) for row in bone_lengths(view.joints_m).round(6)} <= {tuple(row) for row in lengths}


def test_single_frames_stand_within_the_documented_ranges(
    motion: NDArray[np.float64], body: NDArray[np.float64]
) -> None:
    view = single_frame_views(np.tile(body, (300 * 15, 1, 1)), noise_px=0.0, count=300)
    pelvis = view.joints_m[:, 0]
    assert np.all((pelvis >= [-0.5, -0.3, 3.0]) & (pelvis <= [0.5, 0.3, 6.0]))
    assert np.all(view.joints_m[..., 2] > 1.5) and np.all(single(motion, 0.0).joints_m[..., 2] > 1.5)
    assert same_people(view.joints_m, np.tile(body * [1, -1, -1], (300, 1, 1)))
    # the trunk of a standing body shows what the camera did: looking down tips the head towards it
    up = view.joints_m[:, 8] - view.joints_m[:, 0]
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    pitch = np.arctan2(-up[:, 2], np.hypot(up[:, 0], up[:, 1]))
    assert -0.051 < pitch.min() < 0.0 < 0.3 < pitch.max() < 0.351
    assert np.std(np.arctan2(up[:, 0], -up[:, 1])) == pytest.approx(0.03, rel=0.2)
    # every direction of looking is as likely
    hips = view.joints_m[:, 4] - view.joints_m[:, 1]
    octants = np.histogram(np.arctan2(hips[:, 2], hips[:, 0]), bins=8, range=(-np.pi, np.pi))[0]
    assert octants.min() > 15


def test_clips_stay_before_one_camera(motion: NDArray[np.float64]) -> None:
    views = clips(motion)
    assert [view.name for view in views] == ["a", "b", "c", "d"]
    assert [len(view.joints_m) for view in views] == [90, 30, 40, 60]
    for view, first in zip(views, (0, 20, 40, 60), strict=True):
        assert np.allclose(view.time_s, np.arange(len(view.time_s)) / 60)
        world = motion[first : first + len(view.joints_m)] * [1, -1, -1]
        flat, seen = world.reshape(-1, 3), view.joints_m.reshape(-1, 3)
        rotation, _ = Rotation.align_vectors(seen - seen.mean(0), flat - flat.mean(0))
        assert np.allclose(rotation.apply(flat - flat.mean(0)), seen - seen.mean(0), atol=1e-6)


def test_nobody_walks_into_the_camera(motion: NDArray[np.float64]) -> None:
    # ten metres there and back again
    walk = motion + np.linspace(-10, 10, 120)[:, None, None] * [0.0, 0.0, 1.0]
    nearest = [view.joints_m[..., 2].min() for view in clips(walk)]
    assert min(nearest) == pytest.approx(1.5)
    for view in clips(walk):
        assert np.isfinite(view.keypoints_px).all()


def test_counts_choose_clips_evenly(motion: NDArray[np.float64]) -> None:
    start, length = np.arange(0, 110, 10), np.full(11, 10)
    views = sequence_views(motion, start, length, [str(i) for i in range(11)], noise_px=0.0, count=3)
    assert [view.name for view in views] == ["0", "5", "10"]
