"""BVH files: what readers that we did not write get of them is what we have."""

from __future__ import annotations

import re
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pybvh
import pytest

from detectors.layouts import H36M_17
from lifting.skeleton.names import SKELETONS
from lifting.tracks import Track3D
from lifting.training.mocap.bvh import parse_bvh, world_frames
from lifting.world.frame import Shot, World
from pipeline.errors import OutputError
from pipeline.results.exporters import ExportOptions, save
from pipeline.results.result import Result
from tests.lifting.skeleton.dancer import dance, joints_of
from tests.pipeline.results.test_result import CAMERA

#: From the world to camera axes of a camera that stands 1.5 m above the origin.
CAMERA_FROM_WORLD = np.diag([1.0, -1.0, -1.0])


def person(times: np.ndarray, first: int = 0, gap: slice = slice(0, 0), track_id: int = 1) -> Track3D:
    """The dancer of the tests as a track; the world of ``world`` takes the joints back."""
    joints = (joints_of(dance(times)) - [0, 1.5, 0]) @ CAMERA_FROM_WORLD
    joints[gap] = np.nan
    count = len(times)
    nothing = {"sigma_m": np.zeros((count, 17)), "imputed": np.zeros((count, 17), np.bool_)}
    evidence = {
        "keypoints_px": np.zeros((count, 17, 2)),
        "confidence": np.ones((count, 17)),
        "boxes": np.zeros((count, 4)),
    }
    return Track3D(track_id, first + np.arange(count), times, joints, joints, **nothing, **evidence)


def world(frames: int) -> World:
    matrix = np.diag([1.0, -1.0, -1.0, 1.0])
    matrix[1, 3] = 1.5
    return World(
        np.arange(frames),
        np.tile(matrix, (frames, 1, 1)),
        np.zeros(frames, np.int64),
        (Shot("still", "people", "feet"),),
    )


def result(*tracks: Track3D, frames: int = 1000) -> Result:
    return Result(tracks, CAMERA, {}, world(frames))


def read(path: Path) -> pybvh.Bvh:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pybvh.read_bvh_file(path)


@pytest.mark.parametrize("rate", [24000 / 1001, 30000 / 1001, 60.0, "variable"])
def test_an_independent_reader_gets_our_joints(tmp_path: Path, rate: float | str) -> None:
    times = (
        np.arange(180) / rate
        if isinstance(rate, float)
        else np.cumsum(np.random.default_rng(1).choice([1, 2], 180, p=[0.8, 0.2])) / 60
    )
    people = result(person(times))
    assert people.save(tmp_path / "a.bvh") == [tmp_path / "a.bvh"]
    bvh = read(tmp_path / "a.bvh")
    step = float(re.search(r"Frame Time: (\S+)", (tmp_path / "a.bvh").read_text())[1])
    at = times[0] + step * np.arange(bvh.frame_count)
    assert abs(at[min(len(at), 180) - 1] - times[-1]) < 1 / 120 or rate == "variable"
    truth = joints_of(dance(np.minimum(at, times[-1])))
    filmed = np.abs(at[:, None] - times).min(axis=1) < 1e-3
    assert filmed.sum() == 180
    places, names = bvh.joint_positions() / 100, bvh.joint_names
    for index, name in enumerate(H36M_17.joints):
        if name != "head_top":
            error = np.linalg.norm(places[:, names.index(name)] - truth[:, index], axis=1)
            # Where the video has no frame it is as good as a straight way between two is.
            assert error[filmed].max() < 0.001 and error.max() < 0.002, name
    ours = parse_bvh((tmp_path / "a.bvh").read_text())
    for node, (place, _) in world_frames(ours, ours.values, range(len(ours.names))).items():
        if ours.names[node] in names:
            np.testing.assert_allclose(place / 100, places[:, names.index(ours.names[node])], atol=1e-5)
    top = world_frames(ours, ours.values, [ours.names.index("nose/End")])
    np.testing.assert_allclose(next(iter(top.values()))[0] / 100, truth[:, H36M_17.index("head_top")], atol=1e-3)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_one_order_of_rotations_and_the_names_asked_for(tmp_path: Path, skeleton: str) -> None:
    save(tmp_path / "a.bvh", result(person(np.arange(20) / 30)), ExportOptions(skeleton))
    text = (tmp_path / "a.bvh").read_text()
    orders = {line.split()[-3:].__str__() for line in text.splitlines() if "CHANNELS" in line}
    assert len(orders) == 1 and len(re.findall("CHANNELS 6", text)) == 1
    assert re.search(r"^Frame Time: 0\.\d{6,}$", text, re.MULTILINE)
    names = set(read(tmp_path / "a.bvh").joint_names)
    wanted = {
        "h36m": set(H36M_17.joints) - {"head_top"},
        "lafan1": {"Hips", "Spine2", "LeftToe", "RightUpLeg", "LeftForeArm"},
        "mixamo": {"mixamorig:Hips", "mixamorig:LeftToeBase", "mixamorig:RightForeArm"},
        "unreal": {"pelvis", "spine_03", "clavicle_l", "upperarm_r", "ball_l", "head"},
    }
    assert wanted[skeleton] <= names


@pytest.mark.parametrize("skeleton", ["h36m", "mixamo", "unreal"])
def test_the_rest_pose_is_a_t_pose(tmp_path: Path, skeleton: str) -> None:
    save(tmp_path / "a.bvh", result(person(np.arange(20) / 30)), ExportOptions(skeleton))  # type: ignore[arg-type]
    ours = parse_bvh((tmp_path / "a.bvh").read_text())
    profile = SKELETONS[skeleton]
    places = {ours.names[n]: p[0][0] for n, p in world_frames(ours, None, range(len(ours.names))).items()}
    at = {
        joint: places[profile.name(joint)]
        for joint in ("left_wrist", "left_shoulder", "right_wrist", "left_ankle", "left_hip", "nose")
    }
    arm = at["left_wrist"] - at["left_shoulder"]
    assert arm[0] == pytest.approx(54, abs=0.1) and np.abs(arm[1:]).max() < 1e-3
    assert at["right_wrist"][0] == pytest.approx(-at["left_wrist"][0])
    leg = at["left_ankle"] - at["left_hip"]
    assert leg[1] == pytest.approx(-82, abs=0.1) and at["nose"][2] > 0 and at["nose"][1] > 50


def test_what_retargeters_ask_of_lafan1(tmp_path: Path) -> None:
    """Its 22 joints in its order, centimetres, bones along x, in lines for readers that split at one blank."""
    save(tmp_path / "a.bvh", result(person(np.arange(20) / 30)), ExportOptions("lafan1"))
    text = (tmp_path / "a.bvh").read_text()
    legs, arms = ("UpLeg", "Leg", "Foot", "Toe"), ("Shoulder", "Arm", "ForeArm", "Hand")
    limbs = [[f"{side}{part}" for side in ("Left", "Right") for part in parts] for parts in (legs, arms)]
    order = ["Hips", *limbs[0], "Spine", "Spine1", "Spine2", "Neck", "Head", *limbs[1]]
    assert re.findall(r"(?:ROOT|JOINT) (\w+)", text) == order
    assert "CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation" in text
    assert not re.search(r"OFFSET .*[+e]", text) and text.endswith("\n") and not text.endswith("\n\n")
    table = [[float(word) for word in line.split(" ")] for line in text.partition("Frame Time")[2].splitlines()[1:]]
    assert {len(row) for row in table} == {69} and len(table) == 20
    ours = parse_bvh(text)
    found = {
        ours.names[n]: (p[0], turn[0])
        for n, (p, turn) in world_frames(ours, ours.values, range(len(ours.names))).items()
    }
    assert found["Hips"][0][1] == pytest.approx(95, abs=6)
    for joint, child in (
        ("LeftLeg", "LeftFoot"),
        ("RightArm", "RightForeArm"),
        ("LeftForeArm", "LeftHand"),
        ("LeftFoot", "LeftToe"),
    ):
        bone = found[child][0] - found[joint][0]
        np.testing.assert_allclose(found[joint][1][:, 0], bone / np.linalg.norm(bone), atol=1e-3)
    # The person faces +z: up, forward and left are the axes of the hips; down, forward and right those of a thigh.
    assert (np.diag(found["Hips"][1][[1, 2, 0]]) > 0.9).all()
    thigh = found["LeftUpLeg"][1]
    assert thigh[1, 0] < -0.5 and thigh[2, 1] > 0.5 and thigh[0, 2] < -0.9


def test_files_of_all_people_begin_with_the_video_and_hold_poses_in_gaps(tmp_path: Path) -> None:
    times = np.arange(30) / 30
    late = person(times + 0.5, first=15, gap=slice(10, 14), track_id=4)
    with pytest.warns(UserWarning, match=r"a-4\.bvh: person 4 is out of sight at 0\.833 to 0\.933 s of the video"):
        files = result(person(times), late).save(tmp_path / "a.bvh")
    assert [file.name for file in files] == ["a-1.bvh", "a-4.bvh"]
    values = [parse_bvh(file.read_text()).values for file in files]
    assert [len(rows) for rows in values] == [30, 45]
    assert (values[1][:16] == values[1][15]).all() and (values[1][25:29] == values[1][24]).all()
    assert not (values[1][29] == values[1][24]).all()


def test_axes_that_are_no_world_are_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"axes of the camera turned upright"):
        replace(result(person(np.arange(5) / 30)), world=None).save(tmp_path / "a.bvh")


def test_one_frame_and_nobody_to_be_seen(tmp_path: Path) -> None:
    result(person(np.zeros(1))).save(tmp_path / "a.bvh")
    assert read(tmp_path / "a.bvh").frame_count == 1
    with pytest.raises(OutputError, match="person 1 was never seen"):
        result(person(np.arange(3) / 30, gap=slice(0, 3))).save(tmp_path / "b.bvh")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bvh"]


def test_the_frame_time_of_an_hour_does_not_drift(tmp_path: Path) -> None:
    from pipeline.formats.animation.bvh import _frame_time

    assert _frame_time(1001 / 30000, 300) == "0.033367"
    hour = 3600 * 30
    assert abs(float(_frame_time(1001 / 30000, hour)) * hour - hour * 1001 / 30000) < 1e-3


@pytest.mark.slow
def test_two_thousand_frames_a_second(tmp_path: Path) -> None:
    people = result(person(np.arange(6000) / 30), frames=6000)
    began = time.process_time()
    save(tmp_path / "a.bvh", people, ExportOptions("lafan1"))
    assert 6000 / (time.process_time() - began) > 2000
