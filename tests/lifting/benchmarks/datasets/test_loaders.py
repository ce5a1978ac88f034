"""Every benchmark format: the truth comes back from its files, and what is wrong with a file is said in a sentence."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from assets.untrusted import UntrustedFileError
from detectors.layouts import H36M_17
from lifting.benchmarks.datasets import DATASETS, PoseSet
from lifting.body.joints import IN_LIMBS_12, LIMBS_12
from tests.benchmark_files import (
    KINECT,
    PW3D_FOCAL,
    WRITERS,
    h36m_frames,
    mpi_frames,
    people,
    pw3d_arrays,
    ski_arrays,
    write_3dhp,
    write_dataset,
    write_h36m,
    write_mini_rgbd,
    write_mini_rgbd_packed,
    write_syrip,
)

COUNT = 8
INFANT = people(COUNT, 0.9, 0.35)
LIMBS = IN_LIMBS_12


def load(name: str, folder: Path, keypoints: Any = "gt", stride: int = 1) -> PoseSet:
    return DATASETS[name].load(folder, keypoints, stride)


@pytest.mark.parametrize("name", list(DATASETS))
def test_truth_and_2d_come_back(tmp_path: Path, name: str) -> None:
    truth = write_dataset(name, tmp_path / "data", COUNT)
    poses = load(name, tmp_path / "data")
    order = np.arange(COUNT)
    if name == "mini-rgbd":  # one sequence after the other, however the frames lie
        order = np.r_[0:COUNT:2, 1:COUNT:2]
    if name == "syrip":
        assert poses.joints == LIMBS_12.joints and not poses.absolute and poses.projected_error_px() is None
        expected = truth[:, LIMBS]
        middle = poses.truth_m[:, list(poses.root)].mean(axis=1, keepdims=True)
        assert np.allclose(
            poses.truth_m - middle, expected - expected[:, [0, 3]].mean(axis=1, keepdims=True), atol=1e-6
        )
    else:
        assert poses.joints == H36M_17.joints and poses.absolute and poses.root == 0
        assert np.allclose(poses.truth_m, truth[order], atol=1e-5)
        assert poses.projected_error_px() < 0.01
        # the rays pass through the joints
        assert np.allclose(poses.rays() * poses.truth_m[..., 2:], poses.truth_m, atol=1e-4)
    assert len(poses) == poses.frames_in_file == COUNT
    assert len(poses.group) == len(poses.sequence) == COUNT
    assert {frozenset(names) for names in DATASETS[name].judged.values()} >= {frozenset(poses.joints)}


@pytest.mark.parametrize("name", list(DATASETS))
def test_the_stride_takes_whole_frames(tmp_path: Path, name: str) -> None:
    write_dataset(name, tmp_path / "data", COUNT)
    every, some = load(name, tmp_path / "data"), load(name, tmp_path / "data", stride=3)
    assert some.frames_in_file == COUNT and len(some) == 3
    for field in ("keypoints_px", "confidence", "K", "truth_m"):
        assert np.array_equal(getattr(some, field), getattr(every, field)[::3])
    assert (some.group, some.sequence) == (every.group[::3], every.sequence[::3])
    assert every.frame is None or np.array_equal(some.frame, every.frame[::3])


class TestHuman36M:
    def test_actions_and_sequences(self, tmp_path: Path) -> None:
        write_h36m(tmp_path, people(31))
        poses = load("h36m", tmp_path)
        assert poses.group[:5] == ("Directions", "Directions", "Discussion", "Discussion", "Eating")
        assert poses.group[28:] == ("WalkTogether", "WalkTogether", "Directions")
        assert poses.sequence[1] == "s_09_act_02_subact_01_ca_02" and poses.evidence == "annotated"

    @pytest.mark.parametrize("protocol", [2, 5])
    def test_detected_keypoints(self, tmp_path: Path, protocol: int) -> None:
        write_h36m(tmp_path, people(COUNT), protocol)
        gt, found = load("h36m", tmp_path), load("h36m", tmp_path, "detected", 3)
        assert np.allclose(found.keypoints_px, gt.keypoints_px[::3] + 1.5) and found.evidence == "detected"
        assert found.projected_error_px() == pytest.approx(1.5 * np.sqrt(2), abs=0.01)
        # as published, no joint is without any say, and none has more than all
        assert found.confidence[0, 0] == 1e-4 and load("h36m", tmp_path, "detected").confidence.max() == 1
        assert np.allclose(found.confidence[1, :3], np.linspace(0, 1.02, COUNT * 17)[51:54])

    def test_lengths_that_do_not_match(self, tmp_path: Path) -> None:
        write_h36m(tmp_path, people(COUNT))
        (tmp_path / "h36m_test.pkl").write_bytes(pickle.dumps(h36m_frames(people(COUNT - 1))))
        with pytest.raises(UntrustedFileError, match=r"joint3d_image has 8 frames, but h36m_test\.pkl has 7"):
            load("h36m", tmp_path, "detected")


def test_frames_of_3dhp_that_do_not_count_may_hold_anything(tmp_path: Path) -> None:
    write_3dhp(tmp_path, people(15))
    poses = load("3dhp", tmp_path, stride=2)
    assert poses.frames_in_file == 15 and np.isfinite(poses.truth_m).all()
    assert poses.group[:4] == ("Stand/Walk", "Sit on Chair", "On the Floor", "Miscellaneous")


def test_3dpw_has_no_2d_and_projects_its_truth(tmp_path: Path) -> None:
    truth = write_dataset("3dpw", tmp_path / "data", COUNT)
    poses = load("3dpw", tmp_path / "data")
    assert poses.evidence == "projected truth" and np.allclose(poses.K[:, 0, 0], PW3D_FOCAL[0])
    # the joints by name: the head is above the pelvis, the left shoulder beside the right one
    assert np.allclose(poses.truth_m[:, H36M_17.index("head_top")], truth[:, H36M_17.index("head_top")], atol=1e-5)
    assert set(DATASETS["3dpw"].judged[17]) - set(DATASETS["3dpw"].judged[14]) == {"pelvis", "spine", "nose"}


def test_both_names_of_the_ski_file(tmp_path: Path) -> None:
    write_dataset("ski", tmp_path / "data", COUNT)
    before = load("ski", tmp_path / "data")
    (tmp_path / "data" / "ski_test.h5").rename(tmp_path / "data" / "labels.h5")
    after = load("ski", tmp_path / "data")
    assert np.array_equal(before.truth_m, after.truth_m) and after.K[0, 1, 1] == pytest.approx(8.1 * 256)
    assert after.sequence[:2] == ("seq_003/cam_00", "seq_003/cam_01") and after.frame.tolist()[:4] == [0, 0, 1, 1]


def test_texts_and_packed_infants_are_the_same(tmp_path: Path) -> None:
    for folder, write in (("texts", write_mini_rgbd), ("packed", write_mini_rgbd_packed)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, INFANT)
    texts, packed = (load("mini-rgbd", tmp_path / folder) for folder in ("texts", "packed"))
    assert np.allclose(texts.truth_m, packed.truth_m, atol=1e-6)
    assert np.allclose(texts.keypoints_px, packed.keypoints_px, atol=1e-3)
    assert texts.sequence == packed.sequence == ("11",) * 4 + ("12",) * 4
    assert np.array_equal(texts.frame, packed.frame) and np.allclose(texts.K[0, [0, 1, 0, 1], [0, 1, 2, 2]], KINECT)


def test_syrip_joins_its_files_by_name(tmp_path: Path) -> None:
    write_dataset("syrip", tmp_path / "data", COUNT)
    poses = load("syrip", tmp_path / "data")
    wrist = LIMBS_12.index("right_wrist")
    assert (poses.confidence[:, wrist] == 0).all() and poses.confidence.sum() == COUNT * 11  # hidden ones count
    assert np.allclose(poses.K[:, 0, 2], (1536 + np.arange(COUNT)) / 2) and (poses.K[:, 0, 0] == 2000).all()
    rays = poses.rays()
    assert np.allclose(rays[:, wrist], np.delete(rays, wrist, axis=1).mean(axis=1))


Frames = list[dict[str, Any]]


def with_fields(**fields: Any) -> Callable[[Frames], Any]:
    """The frames, of which one has other fields; None takes a field away."""

    def change(frames: Frames) -> Frames:
        changed = {name: value for name, value in {**frames[3], **fields}.items() if value is not None}
        return [*frames[:3], changed, *frames[4:]]

    return change


def scaled(factor: float) -> Callable[[Frames], Any]:
    return lambda frames: [{**frame, "joint_3d_camera": frame["joint_3d_camera"] * factor} for frame in frames]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frames: frames[0], r"h36m_test\.pkl must hold a list with a dict per frame, not a dict"),
        (lambda frames: [], r"h36m_test\.pkl holds no frame"),
        (lambda frames: ["text"], r"frame 0 must be a dict with the field joint_3d_camera, not a str"),
        (with_fields(action=None), "frame 3 has no field action; it has joint_3d_camera"),
        (with_fields(camera_param={"fx": 1000.0}), "frame 3: camera_param has no field fy"),
        (with_fields(camera_param=dict.fromkeys(("fx", "fy", "cx", "cy"), 1.1)), "camera_param is no camera"),
        (with_fields(camera_param=dict.fromkeys(("fx", "fy", "cx", "cy"), (1, 2, 3))), "fx must be a number in pixels"),
        (with_fields(joint_3d_camera=np.zeros((16, 3))), r"frame 3: joint_3d_camera must have the shape \[17, 3\]"),
        (with_fields(joint_3d_camera=np.full((17, 3), np.nan)), "frame 3: joint_3d_camera holds NaN"),
        (with_fields(joint_3d_image=np.full((17, 2), np.inf)), "frame 3: joint_3d_image holds infinite"),
        (with_fields(joint_3d_image=[["a", "b"]] * 17), "frame 3: joint_3d_image must be numbers"),
        (with_fields(action=17), "frame 3: action must be 2 to 16, not 17"),
        (with_fields(action="Eating"), "frame 3: action must be a whole number"),
        (with_fields(action=np.inf), "frame 3: action must be a whole number"),
        (scaled(0.001), r"h36m_test\.pkl: joint_3d_camera is in metres, not in millimetres"),
        (scaled(0.1), r"h36m_test\.pkl: joint_3d_camera is in centimetres, not in millimetres"),
        (scaled(1e6), "which is no person in any unit"),
    ],
)
def test_wrong_fields_of_human36m(tmp_path: Path, change: Callable[[Frames], Any], words: str) -> None:
    (tmp_path / "h36m_test.pkl").write_bytes(pickle.dumps(change(h36m_frames(people(COUNT)))))
    with pytest.raises(UntrustedFileError, match=words):
        load("h36m", tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"root_cam": None}, r"pw3d_test\.npz has no field root_cam"),
        ({"cam_param": np.zeros(3)}, "cam_param must be a dict"),
        ({"cam_param": np.array({"f": np.ones((8, 2))}, object)}, "cam_param has no field c"),
        ({"cam_param": np.array({"f": np.ones((5, 2)), "c": np.ones((5, 2))}, object)}, "f must have 8 entries"),
        ({"root_cam": np.zeros((7, 3))}, "root_cam must have 8 entries"),
        ({"root_cam": np.full((8, 3), -3.0)}, "behind the camera"),
        ({"root_cam": np.full((8, 3), np.nan)}, "root_cam holds NaN"),
        ({"keypoints3d17_relative": np.zeros((8, 17, 2))}, r"must have the shape \[N, 17, 3\]"),
        ({"keypoints3d17_relative": np.zeros((0, 17, 3))}, "holds no frame"),
        ({"image_path": np.array("one")}, "image_path must have 8 entries"),
    ],
)
def test_wrong_arrays_of_3dpw(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    arrays = {name: array for name, array in {**pw3d_arrays(people(COUNT)), **changes}.items() if array is not None}
    np.savez(tmp_path / "pw3d_test.npz", **arrays)
    with pytest.raises(UntrustedFileError, match=words):
        load("3dpw", tmp_path)


def test_3dpw_in_millimetres(tmp_path: Path) -> None:
    arrays = pw3d_arrays(people(COUNT))
    arrays["keypoints3d17_relative"] *= 1000
    np.savez(tmp_path / "pw3d_test.npz", **arrays)
    with pytest.raises(UntrustedFileError, match="keypoints3d17_relative is in millimetres, not in metres"):
        load("3dpw", tmp_path)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"valid_i": np.array([0])}, "no frame whose valid_i is 1"),
        ({"valid_i": "yes"}, "frame 0: valid_i must be a whole number"),
        ({"w": 1}, "w must be the size of the image"),
        ({"joint_2d": np.zeros((17, 1))}, r"joint_2d must have the shape \[17, 2\]"),
        ({"action": 8}, "action must be 1 to 7"),
    ],
)
def test_wrong_fields_of_3dhp(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    frames = [{**frame, **fields} for frame in mpi_frames(people(COUNT))]
    (tmp_path / "mpii3d_test.pkl").write_bytes(pickle.dumps(frames[::2]))
    with pytest.raises(UntrustedFileError, match=words):
        load("3dhp", tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cam": None}, "has no array cam; it has 2D, 3D"),
        ({"frame": np.zeros(5)}, "frame has 5 frames, but seq has 8"),
        ({"seq": np.float64(3)}, "seq holds no frame"),
        ({"3D": np.zeros((8, 48), np.float32)}, r"3D must have the shape \[N, 51\]"),
        ({"2D": np.full((8, 34), 100.0)}, "2D is in pixels, not in shares"),
        ({"2D": np.full((8, 34), np.nan)}, "2D holds NaN"),
        ({"cam_intrinsic": np.ones((8, 3, 3))}, "cam_intrinsic is no matrix"),
        ({"seq": np.array([b"a"] * 8)}, "must be an array of numbers"),
    ],
)
def test_wrong_arrays_of_ski(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with h5py.File(tmp_path / "ski_test.h5", "w") as stored:
        for name, array in {**ski_arrays(people(COUNT)), **changes}.items():
            if array is not None:
                stored[name] = array
    with pytest.raises(UntrustedFileError, match=words):
        load("ski", tmp_path)


class TestInfants:
    def test_frames_without_counterpart(self, tmp_path: Path) -> None:
        write_mini_rgbd(tmp_path, INFANT)
        (tmp_path / "12/joints_3D/syn_joints_3D_00001.txt").unlink()
        with pytest.raises(UntrustedFileError, match=r"12/joints_2Ddep/syn_joints_2Ddep_00001\.txt has no counterpart"):
            load("mini-rgbd", tmp_path)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("1 2 3\n" * 24, r"must have the shape \[25, 3\], not \[24, 3\]"),
            ("1 2\n" * 25, "at least 3 numbers"),
            ("1 2 x\n" * 25, "a line of numbers per joint"),
            ("1 2 nan\n" * 25, "holds NaN"),
        ],
    )
    def test_wrong_texts(self, tmp_path: Path, text: str, words: str) -> None:
        write_mini_rgbd(tmp_path, INFANT)
        (tmp_path / "11/joints_3D/syn_joints_3D_00001.txt").write_text(text)
        with pytest.raises(UntrustedFileError, match=rf"11/joints_3D/syn_joints_3D_00001\.txt.*{words}"):
            load("mini-rgbd", tmp_path)

    def test_missing_sequences(self, tmp_path: Path) -> None:
        with pytest.raises(UntrustedFileError, match=r"no folder .*11.joints_2Ddep; --data must be"):
            load("mini-rgbd", tmp_path)
        np.save(tmp_path / "MINI-RGBD.npy", np.array({"train": {}}, object))
        with pytest.raises(UntrustedFileError, match=r"MINI-RGBD\.npy has no field validate"):
            load("mini-rgbd", tmp_path)

    def test_wrong_files_of_syrip(self, tmp_path: Path) -> None:
        write_syrip(tmp_path, people(COUNT, 3.0, 0.35))
        names, truth = tmp_path / "SyRIP_3d_pred/output_imgnames.npy", tmp_path / "SyRIP_3d_correction/correct_3D.npy"
        stored, poses = np.load(names), np.load(truth)
        np.save(names, np.roll(stored, 3)[:-1])
        with pytest.raises(UntrustedFileError, match=r"output_imgnames\.npy must hold a name for each of the 11 poses"):
            load("syrip", tmp_path)
        np.save(names, np.char.replace(stored, "image_00002", "image_99999"))
        with pytest.raises(UntrustedFileError, match=r"lead from train00103\.jpg to no pose"):
            load("syrip", tmp_path)
        np.save(names, stored)
        np.save(truth, poses * 1000)
        with pytest.raises(UntrustedFileError, match=r"correct_3D\.npy is in millimetres, not in metres"):
            load("syrip", tmp_path)
        np.save(truth, poses)
        path = tmp_path / "SyRIP_2d_gt/train200/person_keypoints_train_infant.json"
        record = json.loads(path.read_text())
        record["annotations"][1]["image_id"] = 7
        path.write_text(json.dumps(record))
        with pytest.raises(UntrustedFileError, match="annotation 1: image_id 7 is none of the images"):
            load("syrip", tmp_path)
        path.write_text("{")
        with pytest.raises(UntrustedFileError, match="not valid JSON"):
            load("syrip", tmp_path)


class _Bait:
    def __reduce__(self) -> Any:
        return os.mkdir, ("made",)


@pytest.mark.parametrize("name", list(WRITERS))
def test_hostile_and_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_dataset(name, tmp_path / "data", COUNT)
    file = {
        "h36m": "h36m_test.pkl", "3dpw": "pw3d_test.npz", "3dhp": "mpii3d_test.pkl", "ski": "ski_test.h5",
        "mini-rgbd": "MINI-RGBD.npy", "syrip": "SyRIP_3d_correction/correct_3D.npy",
    }[name]  # fmt: skip
    path = tmp_path / "data" / file
    if path.suffix == ".npz":
        np.savez(path, cam_param=np.array(_Bait(), object))
    elif path.suffix == ".npy":
        np.save(path, np.array(_Bait(), object))
    else:
        path.write_bytes(pickle.dumps([_Bait()]))
    with pytest.raises(UntrustedFileError, match=r"wants to run posix\.mkdir|wants to run nt\.mkdir|no HDF5 file"):
        load(name, tmp_path / "data")
    assert not (tmp_path / "made").exists()
    path.unlink()
    if name != "mini-rgbd":  # whose texts lie there still
        with pytest.raises(UntrustedFileError, match=rf"there is no .*{Path(file).name}; --data must be"):
            load(name, tmp_path / "data")
