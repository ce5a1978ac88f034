"""The sample clip, its truth and the script that drew them belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from assets.integrity import asset_path, manifest
from detectors.layouts import H36M_17
from lifting.settings import DEFAULT_FOV_DEG
from pipeline.make_assets.render import render
from pipeline.make_assets.sample import Motion, load_motion, truth, views
from pipeline.media.decode import Frame, probe, read_frames

FILES = ("sample.mp4", "sample_motion.npz", "sample_truth.npz")
DRAWN = 60  # the frame that is drawn again: one arm before the body, one behind


@pytest.fixture(scope="module")
def motion() -> Motion:
    return load_motion(asset_path("sample_motion.npz"))


@pytest.fixture(scope="module")
def stored() -> dict[str, NDArray[Any]]:
    with np.load(asset_path("sample_truth.npz"), allow_pickle=False) as data:
        return dict(data)


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return list(read_frames(asset_path("sample.mp4")))


def joint(name: str) -> int:
    return H36M_17.index(name)


@pytest.mark.parametrize("name", FILES)
def test_the_manifest_describes_the_file(name: str) -> None:
    entry = manifest()[name]
    assert asset_path(name).stat().st_size == entry["bytes"]  # asset_path compares the SHA-256
    assert "mocap.cs.cmu.edu" in entry["licence"]
    assert "NSF EIA-0196217" in entry["licence"]


def test_the_truth_is_what_the_script_makes_of_the_motion(motion: Motion, stored: dict[str, NDArray[Any]]) -> None:
    made = truth(motion)
    assert made.keys() == stored.keys()
    for name, value in stored.items():
        if value.dtype.kind == "U":
            np.testing.assert_array_equal(made[name], value)
        else:
            np.testing.assert_allclose(made[name], value, rtol=0, atol=1e-6, err_msg=name)


def test_the_keypoints_are_the_projected_joints(stored: dict[str, NDArray[Any]]) -> None:
    homogeneous = stored["joints_m"] @ stored["K"].T
    pixels = homogeneous[..., :2] / homogeneous[..., 2:]
    np.testing.assert_allclose(stored["keypoints_px"], pixels, rtol=0, atol=1e-6)


def test_the_camera_has_the_field_of_view_that_is_assumed_without_a_flag(stored: dict[str, NDArray[Any]]) -> None:
    width, height = stored["image_size"]
    K = stored["K"]
    assert np.degrees(2 * np.arctan(width / 2 / K[0, 0])) == pytest.approx(DEFAULT_FOV_DEG)
    assert K[1, 1] == K[0, 0]
    assert K[:2, 2].tolist() == [width / 2, height / 2]


def test_the_camera_frame_is_right_down_forward_and_not_mirrored(
    motion: Motion, stored: dict[str, NDArray[Any]]
) -> None:
    seen = stored["joints_m"]
    assert seen[..., 2].min() > 2 and seen[..., 2].max() < 6
    assert (seen[:, joint("head_top"), 1] < seen[:, joint("pelvis"), 1]).all()
    assert (seen[:, joint("pelvis"), 1] < seen[:, joint("left_ankle"), 1]).all()
    # Triple products keep their sign under rotations only, and their size only without scaling.
    corners = [joint(name) for name in ("thorax", "left_wrist", "right_wrist", "head_top")]
    for pose, original in zip(seen[:, corners], motion.joints[:, corners], strict=True):
        assert np.linalg.det(pose[1:] - pose[0]) == pytest.approx(np.linalg.det(original[1:] - original[0]), abs=1e-9)
    # The person faces the camera at first, so the left hand is on the right of the picture.
    assert stored["keypoints_px"][0, joint("left_wrist"), 0] > stored["keypoints_px"][0, joint("right_wrist"), 0]


def test_the_whole_person_is_in_the_picture(stored: dict[str, NDArray[Any]]) -> None:
    room = 45  # pixels: what the hand reaches beyond the wrist where it is nearest
    assert (stored["keypoints_px"] > room).all()
    assert (stored["keypoints_px"] < stored["image_size"] - room).all()


def test_the_person_moves(stored: dict[str, NDArray[Any]]) -> None:
    relative = stored["joints_m"] - stored["joints_m"][:, :1]
    reach = np.ptp(relative[:, [joint("left_wrist"), joint("right_wrist")]], axis=0)
    assert (reach > 0.5).all()  # metres, both hands, every axis


def test_clip_and_truth_have_the_same_frames(frames: list[Frame], stored: dict[str, NDArray[Any]]) -> None:
    info = probe(asset_path("sample.mp4"))
    assert info.codec == "h264"
    assert info.fps == float(stored["fps"])
    assert [info.width, info.height] == stored["image_size"].tolist()
    assert len(frames) == len(stored["joints_m"]) == len(stored["keypoints_px"])
    np.testing.assert_allclose([frame.time_s for frame in frames], stored["time_s"], rtol=0, atol=1e-3)
    assert tuple(stored["joint_names"]) == H36M_17.joints


@pytest.mark.slow
def test_the_script_draws_the_frame_that_is_in_the_clip(motion: Motion, frames: list[Frame]) -> None:
    small, factor = (160, 120), 4
    drawn = render(motion.joints[DRAWN], views(motion, small)[DRAWN], samples=4).astype(float)

    def difference(index: int) -> NDArray[np.float64]:
        blocks = frames[index].image.astype(float).reshape(small[1], factor, small[0], factor, 3)
        return np.abs(blocks.mean(axis=(1, 3)) - drawn)

    pixels = truth(motion)["keypoints_px"][DRAWN] / factor
    (left, top), (right, bottom) = pixels.min(axis=0).astype(int), pixels.max(axis=0).astype(int)
    own = difference(DRAWN)
    figure = np.s_[top:bottom, left:right]
    # Of 255 levels; the encoder takes 1.6 and 2.2. A shirt 15 % brighter makes 3.2 of the second.
    assert own.mean() < 2.1
    assert own[figure].mean() < 2.8
    # Not merely alike: the neighbouring frames fit worse.
    for other in (DRAWN - 1, DRAWN + 1):
        assert difference(other)[figure].mean() > 1.5 * own[figure].mean()


def test_a_motion_with_other_joints_is_refused(tmp_path: Path) -> None:
    with np.load(asset_path("sample_motion.npz")) as data:
        arrays = dict(data)
    path = tmp_path / "motion.npz"
    np.savez(path, **(arrays | {"joint_names": arrays["joint_names"][::-1]}))
    with pytest.raises(ValueError, match="h36m-17"):
        load_motion(path)
