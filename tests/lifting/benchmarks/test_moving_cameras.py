"""Cameras that move: what they see is what stands in the world, and the background tells how they moved."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.benchmarks.ground import FEET, floor_level
from lifting.benchmarks.moving_cameras import ANKLE_HEIGHT_M, MOTIONS, WorldView, world_view
from lifting.body.skeleton import bone_lengths

FEET_AT = H36M_17.indices(FEET)


@pytest.fixture(scope="module")
def views(motion: NDArray[np.float64]) -> dict[str, WorldView]:
    """Somebody who walks 4 m, before every kind of camera."""
    walk = motion + np.linspace(0, 4, len(motion))[:, None, None] * [0.6, 0, 0.8] + [5, 0.4, -3]
    return {name: world_view("walk", walk, name, np.random.default_rng(3), fps=30, noise_px=2.0) for name in MOTIONS}


def pixels(view: WorldView) -> NDArray[np.float64]:
    """The true joints as the camera sees them."""
    people = len(view.joints_m)
    joints = np.einsum("fji,fnj->fni", view.rotation[:people], view.joints_m - view.position[:people, None])
    zoomed = joints * np.append(view.zoom[:people, None, None] * np.ones(2), np.ones((people, 1, 1)), axis=-1)
    return view.camera.project(zoomed)


def moved_by(view: WorldView, f: int) -> NDArray[np.float64]:
    """``[N]`` px from where turning and zooming takes points of the first frame to where they are in frame f."""
    a, b = view.points.matches(0, f)
    rays = view.camera.rays(view.points.xy_px[a]) @ view.from_first()[f]
    expected = view.camera.project(rays * np.array([view.zoom[f], view.zoom[f], 1]))
    return np.asarray(np.linalg.norm(expected - view.points.xy_px[b], axis=-1))


@pytest.mark.parametrize("name", MOTIONS)
def test_the_person(views: dict[str, WorldView], motion: NDArray[np.float64], name: str) -> None:
    view = views[name]
    assert view.motion == name and len(view.joints_m) == 120 and len(view.time_s) == 300
    assert np.allclose(bone_lengths(view.joints_m), bone_lengths(motion), atol=1e-5)
    assert floor_level(view.joints_m, view.time_s[:120]) == pytest.approx(ANKLE_HEIGHT_M)
    assert np.allclose(np.linalg.det(view.rotation), 1) and view.position[:, 1].min() > 0.15
    noise = view.keypoints_px - pixels(view)
    assert noise.std() == pytest.approx(2, rel=0.05) and abs(noise.mean()) < 0.1
    inside = ((view.keypoints_px >= 0) & (view.keypoints_px < [1920, 1080])).all(axis=-1)
    assert (view.confidence == inside).all() and inside.mean() > 0.9
    # upright in the picture
    assert (pixels(view)[:, 10, 1] < pixels(view)[:, 0, 1]).all()


def test_what_the_cameras_do(views: dict[str, WorldView]) -> None:
    first = {name: (view.rotation[0], view.position[0]) for name, view in views.items()}
    for name in ("tilt", "zoom", "shake"):
        assert np.allclose(first[name][1], first["still"][1])
    for name, view in views.items():
        turned = np.degrees(np.arccos(np.clip((np.trace(view.from_first(), axis1=1, axis2=2) - 1) / 2, -1, 1)))
        least, most = {"pan": (10, 90), "tilt": (7, 17), "shake": (0.7, 8), "travel": (2, 90)}.get(name, (0, 0))
        assert least <= turned.max() <= most, name
        way = np.linalg.norm(view.position - view.position[0], axis=1).max()
        assert (way > 1) if name == "travel" else (0 < way < 0.2) if name == "shake" else way == 0, name
        assert (view.zoom.max() == pytest.approx(1.5, abs=0.01)) if name == "zoom" else (view.zoom == 1).all(), name
    assert np.ptp(views["pan"].rotation[:, 1, 2]) < 1e-9  # how far it looks down
    roll = np.degrees(np.arcsin(views["still"].rotation[0, 1, 0]))
    assert abs(roll) <= 5


def test_the_background(views: dict[str, WorldView]) -> None:
    for name in ("still", "pan", "tilt", "zoom"):
        off = moved_by(views[name], 20)
        assert len(off) > 50 and 0.2 < np.median(off) < 0.8, name
        assert 0.005 < (off > 5).mean() < 0.12, name  # some are on something that moves
    assert np.median(moved_by(views["travel"], 40)) > 4


def test_points_come_and_go(views: dict[str, WorldView]) -> None:
    view = views["pan"]
    points = view.points
    for number in np.unique(points.point_id)[::50]:
        frames = np.flatnonzero([number in points.point_id[points.rows(f)] for f in range(len(points))])
        assert (np.diff(frames) == 1).all()
    assert ((points.xy_px > -20) & (points.xy_px < [1940, 1100])).mean() > 0.98
    # none is seen through the person; those that move are drawn on their way
    for f in range(0, 120, 10):
        body = pixels(view)[f]
        xy = points.xy_px[points.rows(f)]
        within = ((xy > body.min(axis=0)) & (xy < body.max(axis=0))).all(axis=1)
        assert within.mean() < 0.02


def test_the_seed_alone_decides(motion: NDArray[np.float64], views: dict[str, WorldView]) -> None:
    seen = [world_view("a", motion, "shake", np.random.default_rng(seed), fps=15, noise_px=1.0) for seed in (1, 1, 2)]
    assert np.array_equal(seen[0].points.xy_px, seen[1].points.xy_px) and len(seen[0].time_s) == 150
    assert np.array_equal(seen[0].rotation, seen[1].rotation) and not np.allclose(seen[0].rotation, seen[2].rotation)
