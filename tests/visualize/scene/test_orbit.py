from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from visualize.scene.orbit import NEAR_M, PERIOD_S, OrbitCamera, azimuth_deg, focal_px

_SIZE = (480, 360)


def _crossing(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two people for ten seconds; the second one enters after three, crosses far off, leaves after six."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 10, 1 / 30)
    first = np.stack([np.sin(times), 1 + 0 * times, -4 + np.cos(0.7 * times)], axis=1)
    inside = (times > 3) & (times < 6)
    second = np.stack([6 - 3 * (times - 3), 1 + 0 * times, -9 + 0 * times], axis=1)[inside]
    points = np.concatenate([first, second])
    spread = rng.uniform(-0.9, 0.9, (len(points), 6, 3))
    return (points[:, None] + spread).reshape(-1, 3), np.repeat(np.concatenate([times, times[inside]]), 6)


def test_axes_are_orthonormal_upright_and_never_mirrored() -> None:
    camera = OrbitCamera.fitted(np.zeros((0, 3)), np.zeros(0), _SIZE)
    for time_s in np.linspace(0, 2 * PERIOD_S, 97):
        right, up, back = camera.view(float(time_s)).axes
        assert np.allclose(np.stack([right, up, back]) @ np.stack([right, up, back]).T, np.eye(3))
        assert np.allclose(np.cross(right, up), back)
        assert right[1] == pytest.approx(0.0) and up[1] > 0.9
        # Less than a quarter turn from the video's own view: left in the video is left here.
        assert right[0] > 0.3 and back[2] > 0.3


def test_swing_is_slow_periodic_in_time_and_wide_enough_to_show_depth() -> None:
    turns = [azimuth_deg(t) for t in np.linspace(0, PERIOD_S, 361).tolist()]
    assert max(turns) - min(turns) > 40
    assert np.abs(np.diff(turns)).max() / (PERIOD_S / 360) < 25
    assert azimuth_deg(1.7) == pytest.approx(azimuth_deg(1.7 + 3 * PERIOD_S))


def test_projection_keeps_up_right_and_near() -> None:
    view = OrbitCamera.fitted(np.zeros((0, 3)), np.zeros(0), _SIZE).view(1.0)
    right, up, back = view.axes
    pixels, depth = view.project(view.target_m + np.stack([0 * up, right, up, back]))
    assert pixels[0] == pytest.approx([240, 180])
    assert depth[0] == pytest.approx(view.distance_m)
    step = focal_px(_SIZE) / view.distance_m
    assert pixels[1] == pytest.approx([240 + step, 180])
    assert pixels[2] == pytest.approx([240, 180 - step])
    assert depth[3] == pytest.approx(view.distance_m - 1)


def test_points_behind_the_viewer_are_nan() -> None:
    view = OrbitCamera.fitted(np.zeros((0, 3)), np.zeros(0), _SIZE).view(0.0)
    viewer = view.target_m + view.distance_m * view.axes[2]
    pixels, depth = view.project(viewer - np.outer([-1.0, 0.5 * NEAR_M, 2 * NEAR_M], view.axes[2]))
    assert np.isnan(depth).tolist() == [True, True, False]
    assert np.isnan(pixels[:2]).all() and np.isfinite(pixels[2]).all()


@pytest.mark.parametrize("size", [(480, 480), (640, 360), (200, 500)])
def test_everybody_is_in_the_picture_at_every_moment(size: tuple[int, int]) -> None:
    points, times = _crossing(0)
    camera = OrbitCamera.fitted(points, times, size)
    for time_s in np.unique(times):
        pixels, depth = camera.view(float(time_s)).project(points[times == time_s])
        assert np.isfinite(depth).all()
        assert (pixels > 0).all() and (pixels < size).all()


def test_people_fill_the_picture() -> None:
    points, times = _crossing(0)
    points, times = points[times > 9], times[times > 9]
    camera = OrbitCamera.fitted(points, times, _SIZE)
    pixels = np.concatenate([camera.view(float(t)).project(points[times == t])[0] for t in np.unique(times)])
    assert (np.ptp(pixels, axis=0) / _SIZE).max() > 0.7


def test_view_never_jumps_when_somebody_enters_or_leaves() -> None:
    camera = OrbitCamera.fitted(*_crossing(0), _SIZE)
    views = [camera.view(t) for t in np.arange(-1, 11, 1 / 30).tolist()]
    assert np.linalg.norm(np.diff([v.target_m for v in views], axis=0), axis=1).max() < 0.12
    assert np.abs(np.diff([v.distance_m for v in views])).max() < 0.2


def test_view_stays_while_nobody_is_there() -> None:
    here, there = np.zeros((30, 3)), np.full((30, 3), 5.0)
    times = np.concatenate([np.linspace(0, 1, 30), np.linspace(60, 61, 30)])
    camera = OrbitCamera.fitted(np.concatenate([here, there]), times, _SIZE)
    assert np.isfinite(camera.targets_m).all()
    assert camera.view(0.5).target_m == pytest.approx(0.0, abs=1e-6)
    assert camera.view(60.5).target_m == pytest.approx(5.0, abs=1e-6)


@pytest.mark.parametrize("gap_s", [60.0, 3.2e7, 1e12])
def test_the_plan_follows_the_frames_not_the_time_that_they_span(gap_s: float) -> None:
    times = np.concatenate([np.linspace(0, 1, 30), gap_s + np.linspace(0, 1, 30)])
    points = np.concatenate([np.zeros((30, 3)), np.full((30, 3), 5.0)])
    camera = OrbitCamera.fitted(points, times, _SIZE)
    assert len(camera.time_s) < 150 and (np.diff(camera.time_s) > 0).all()
    assert camera.view(0.5).target_m == pytest.approx(0.0, abs=1e-6)
    assert camera.view(gap_s + 0.5).target_m == pytest.approx(5.0, abs=1e-3)


def test_order_of_the_points_does_not_matter() -> None:
    points, times = _crossing(1)
    order = np.random.default_rng(0).permutation(len(times))
    first, second = OrbitCamera.fitted(points, times, _SIZE), OrbitCamera.fitted(points[order], times[order], _SIZE)
    assert np.allclose(first.targets_m, second.targets_m) and np.allclose(first.distances_m, second.distances_m)
