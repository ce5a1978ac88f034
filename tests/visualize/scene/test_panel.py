from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.tracks import Track3D
from visualize.palette import SIDE_COLOURS, accent
from visualize.scene.panel import SkeletonScene

Convert = Callable[..., NDArray[np.float64]]
MakeTrack = Callable[..., Track3D]
_SIZE = (320, 320)
_LEFT_LEG = [H36M_17.index("left_knee"), H36M_17.index("left_ankle")]


def _mask(image: NDArray[np.uint8], colour: tuple[int, int, int], within: float = 45) -> NDArray[np.bool_]:
    return np.asarray(np.linalg.norm(image.astype(float) - colour, axis=2) < within)


def _middle_x(mask: NDArray[np.bool_]) -> float:
    return float(np.nonzero(mask)[1].mean())


@pytest.fixture
def track(body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack) -> Track3D:
    return make_track(np.tile(in_camera(body), (30, 1, 1)))


def test_the_same_frame_looks_the_same_whatever_was_drawn_before(track: Track3D) -> None:
    scene = SkeletonScene([track], _SIZE)
    first = scene.draw(10, 10 / 30)
    scene.draw(25, 25 / 30)
    assert (scene.draw(10, 10 / 30) == first).all()
    assert (SkeletonScene([track], _SIZE).draw(10, 10 / 30) == first).all()


@pytest.mark.parametrize("time_s", [0.0, 3.0, 9.0])
def test_left_is_left(body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack, time_s: float) -> None:
    # Somebody who faces the video camera has the left side on the right of the picture; from behind, on the left.
    for turn, sign in ((1.0, 1), (-1.0, -1)):
        joints = np.tile(in_camera(body * [turn, 1.0, turn]), (2, 1, 1))
        image = SkeletonScene([make_track(joints)], _SIZE).draw(0, time_s)
        left, right = (_middle_x(_mask(image, SIDE_COLOURS[side])) for side in ("left", "right"))
        assert sign * (left - right) > 20


def test_head_is_up_and_feet_stand_on_their_ring(track: Track3D) -> None:
    scene = SkeletonScene([track], _SIZE)
    figure, view = scene.figures(0)[0], scene.camera.view(0.0)
    pixels, _ = view.project(figure.joints_m)
    floor, _ = view.project(figure.joints_m[0] * [1.0, 0.0, 1.0])
    head, ankle = pixels[H36M_17.index("head_top")], pixels[H36M_17.index("left_ankle")]
    assert head[1] < pixels[0, 1] < ankle[1] < floor[1] + 15
    image = scene.draw(0, 0.0)
    ys, _ = np.nonzero(_mask(image, accent(1), 90))
    # The label above the head, the ring around the feet.
    assert ys.min() < head[1] and ys.max() > floor[1]


def test_label_stays_clear_of_raised_hands(
    body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack
) -> None:
    raised = body.copy()
    for side in ("left", "right"):
        raised[H36M_17.index(f"{side}_elbow")] = raised[H36M_17.index(f"{side}_shoulder")] + [0.0, 0.28, 0.0]
        raised[H36M_17.index(f"{side}_wrist")] = raised[H36M_17.index(f"{side}_shoulder")] + [0.0, 0.54, 0.0]
    scene = SkeletonScene([make_track(np.tile(in_camera(raised), (2, 1, 1)))], _SIZE)
    pixels, _ = scene.camera.view(0.0).project(scene.figures(0)[0].joints_m)
    label = _mask(scene.draw(0, 0.0)[: int(pixels[0, 1])], accent(1))
    ys, xs = np.nonzero(label)
    assert len(ys) > 50 and ys.max() < pixels[:, 1].min() and ys.min() > 0
    assert xs.mean() == pytest.approx(pixels[H36M_17.index("head_top"), 0], abs=8)


def test_nobody_is_drawn_before_after_and_in_gaps(track: Track3D) -> None:
    joints = track.joints_m.copy()
    joints[10:20] = np.nan
    scene = SkeletonScene([replace(track, joints_m=joints)], _SIZE)
    for frame, there in ((-1, False), (0, True), (12, False), (20, True), (29, True), (30, False)):
        image = scene.draw(frame, frame / 30)
        painted = [_mask(image, colour).any() for colour in (*SIDE_COLOURS.values(), accent(1))]
        assert painted == 4 * [there], frame


def test_missing_joints_leave_out_their_limbs_only(track: Track3D) -> None:
    joints, full = track.joints_m.copy(), SkeletonScene([track], _SIZE)
    joints[5, _LEFT_LEG] = np.nan
    scene = SkeletonScene([replace(track, joints_m=joints)], _SIZE)
    blue = _mask(scene.draw(5, 5 / 30), SIDE_COLOURS["left"]).sum()
    all_blue = _mask(full.draw(5, 5 / 30), SIDE_COLOURS["left"]).sum()
    assert 0 < blue < 0.8 * all_blue
    joints[5, 1:] = np.nan
    SkeletonScene([replace(track, joints_m=joints)], _SIZE).draw(5, 5 / 30)


@pytest.mark.parametrize("change", ["imputed", "sigma_m"])
def test_what_is_not_certain_is_fainter(track: Track3D, change: str) -> None:
    value = getattr(track, change).copy()
    value[:, _LEFT_LEG] = True if change == "imputed" else 0.25
    certain = SkeletonScene([track], _SIZE).draw(0, 0.0)
    unsure = SkeletonScene([replace(track, **{change: value})], _SIZE).draw(0, 0.0)
    before, after = (_mask(image, SIDE_COLOURS["left"]).sum() for image in (certain, unsure))
    assert 0.2 * before < after < 0.8 * before
    # The other side is untouched.
    assert (_mask(certain, SIDE_COLOURS["right"]) == _mask(unsure, SIDE_COLOURS["right"])).mean() > 0.995


def test_unknown_uncertainty_is_not_drawn_as_doubt(track: Track3D) -> None:
    unknown = replace(track, sigma_m=np.full_like(track.sigma_m, np.nan))
    assert (SkeletonScene([unknown], _SIZE).draw(0, 0.0) == SkeletonScene([track], _SIZE).draw(0, 0.0)).all()


def test_who_is_nearer_hides_who_is_behind(
    body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack
) -> None:
    near = make_track(np.tile(in_camera(body), (3, 1, 1)), track_id=1)
    scene = SkeletonScene([near], _SIZE)
    view = scene.camera.view(0.0)
    back = view.axes[2] * [1.0, 0.0, 1.0]
    behind = make_track(np.tile(in_camera(body - 1.0 * back / np.linalg.norm(back)), (3, 1, 1)), track_id=2)
    alone, order = scene.draw(0, 0.0), ([near, behind], [behind, near])
    spine, _ = view.project(scene.figures(0)[0].joints_m[H36M_17.index("spine")])
    x, y = np.rint(spine).astype(int)
    for tracks in order:
        both = SkeletonScene(tracks, _SIZE)
        both.camera, both.world = scene.camera, scene.world
        image = both.draw(0, 0.0)
        assert (image != alone).any()
        assert (image[y - 3 : y + 4, x - 3 : x + 4] == alone[y - 3 : y + 4, x - 3 : x + 4]).all()


def test_a_shadow_falls_below_and_fades_with_height(
    body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack
) -> None:
    darkness = []
    for height in (0.0, 0.8):
        joints = np.tile(in_camera(body), (40, 1, 1))
        joints[20:22] -= [0.0, height, 0.0]
        scene = SkeletonScene([make_track(joints)], _SIZE)
        with_person, empty = scene.draw(20, 20 / 30), scene.draw(99, 20 / 30)
        floor, _ = scene.camera.view(20 / 30).project(scene.figures(20)[0].joints_m[0] * [1.0, 0.0, 1.0])
        x, y = np.rint(floor).astype(int)
        patch = np.s_[y + 2 : y + 8, x - 8 : x + 8]
        darkness.append(float(empty[patch].mean() - with_person[patch].mean()))
    assert darkness[0] > darkness[1] + 3 > 3


def test_one_stray_pose_does_not_shrink_the_scene(
    body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack
) -> None:
    joints = np.tile(in_camera(body), (300, 1, 1))
    astray = joints.copy()
    astray[150] += [0.0, 0.0, 60.0]
    calm, upset = (SkeletonScene([make_track(poses)], _SIZE) for poses in (joints, astray))
    assert upset.camera.distances_m.max() == pytest.approx(calm.camera.distances_m.max(), rel=0.02)
    # Even a pose at the viewer's own place is no problem.
    view = upset.camera.view(5.0)
    viewer = view.target_m + (view.distance_m - 0.3) * view.axes[2]
    at_viewer = joints.copy()
    at_viewer[150] += (viewer - upset.world(joints[150, 0])) @ upset.world.rotation
    SkeletonScene([make_track(at_viewer)], _SIZE).draw(150, 5.0)


def test_empty_video_says_so() -> None:
    image = SkeletonScene([], _SIZE).draw(0, 0.0)
    assert image.shape == (320, 320, 3) and image[40:90].max() > 120


@pytest.mark.parametrize("size", [(16, 16), (33, 71), (500, 120)])
def test_any_size_is_drawn(track: Track3D, size: tuple[int, int]) -> None:
    image = SkeletonScene([track], size).draw(0, 0.0)
    assert image.shape == (size[1], size[0], 3) and image.dtype == np.uint8


def test_tiny_panels_are_refused(track: Track3D) -> None:
    with pytest.raises(ValueError, match="16 x 16"):
        SkeletonScene([track], (300, 15))
