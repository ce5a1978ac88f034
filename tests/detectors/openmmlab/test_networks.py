"""Configurations of RTMDet, RTMPose and RTMO with generated weights: both runtimes, batches, layouts, bad input."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from detectors.layouts import LAYOUTS
from detectors.openmmlab.detector import create
from detectors.openmmlab.errors import ModelError, WeightsUnavailable
from detectors.openmmlab.finders import OneStage, TopDown, ZooBoxes
from detectors.openmmlab.network import load_network
from detectors.openmmlab.zoo import DEFAULT_BOXES, DEFAULT_POSE, find_config, zoo_weights
from detectors.options import DetectorOptions, silent
from detectors.people import Person2D
from tests.detectors.openmmlab.conftest import LoadOnce, MakeCheckpoint

pytestmark = pytest.mark.slow

NANO = "rtmdet_nano_320-8xb32_coco-person"
RTMO = "rtmo-t_8xb32-600e_body7-416x416"
SMALL_POSE = "rtmpose-t_8xb1024-700e_body8-halpe26-256x192"
WHOLE_BODY = "rtmpose-t_8xb64-270e_coco-ubody-wholebody-256x192"
HEATMAP = "td-hm_mobilenetv2_8xb64-210e_coco-256x192"
Runtime = Literal["onnx", "torch"]


def bgr(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]


def somewhere(index: int) -> np.ndarray:
    return np.array([200 + 5 * index, 90, 420, 460 - 7 * index, 1], np.float32)


def farthest(a: Sequence[Person2D], b: Sequence[Person2D]) -> float:
    """Largest distance of the same joint of two lists of people, px."""
    assert len(a) == len(b) > 0
    return max(float(np.abs(p.keypoints_px - q.keypoints_px).max()) for p, q in zip(a, b, strict=True))


def assert_same_boxes(some: np.ndarray, others: np.ndarray) -> None:
    """The same scores and, in any order, the same boxes.

    Where scores of random weights are equal to the last bit but one, rounding decides which box comes first, which of
    two overlapping ones stays, and which is the hundredth.
    """
    assert some.shape == others.shape
    assert np.abs(some[:, 4] - others[:, 4]).max() < 1e-3
    apart = np.abs(some[:, None] - others[None]).max(axis=2)
    assert np.mean(apart.min(axis=0) < 1e-3) >= 0.97 and np.mean(apart.min(axis=1) < 1e-3) >= 0.97


def test_boxes_are_the_same_by_both_runtimes_and_for_any_number_of_pictures(
    frames: list[np.ndarray], loaded: LoadOnce
) -> None:
    found = {}
    for runtime in ("torch", "onnx"):
        network = loaded(NANO, "det", runtime)
        assert network.runtime == runtime
        boxes = ZooBoxes(network, 0.3)
        found[runtime] = boxes.find(bgr(frames))
        one_by_one = [boxes.find([picture])[0] for picture in bgr(frames)]
        for together, alone in zip(found[runtime], one_by_one, strict=True):
            assert_same_boxes(together, alone)
    for by_torch, by_onnx in zip(found["torch"], found["onnx"], strict=True):
        assert len(by_torch) > 1
        assert_same_boxes(by_torch, by_onnx)
        assert np.all(by_torch[:, 4] >= 0.3) and np.all(by_torch[:, 2:4] > by_torch[:, :2])


@pytest.mark.parametrize(
    ("name", "layout"), [(SMALL_POSE, "halpe-26"), (WHOLE_BODY, "coco-wholebody-133"), (HEATMAP, "coco-17")]
)
@pytest.mark.parametrize("flip", [False, True], ids=["plain", "flip test"])
def test_keypoints_are_the_same_by_both_runtimes_and_for_any_number_of_people(
    frames: list[np.ndarray], loaded: LoadOnce, name: str, layout: str, flip: bool
) -> None:
    jobs = [(picture, somewhere(index)) for index, picture in enumerate(bgr(frames))]
    found = {}
    for runtime in ("torch", "onnx"):
        network = loaded(name, "pose", runtime)
        network.model.test_cfg["flip_test"] = flip
        poses = TopDown(ZooBoxes(network, 0.3), network)
        assert poses.layout.name == layout
        found[runtime] = poses.place(jobs)
        assert farthest(found[runtime], [poses.place([job])[0] for job in jobs]) < 1e-3
    assert farthest(found["torch"], found["onnx"]) < 1e-3
    assert all(p.confidence.min() >= 0 and p.confidence.max() <= 1 for p in found["onnx"])


def test_one_stage_models_find_people_by_both_runtimes(frames: list[np.ndarray], loaded: LoadOnce) -> None:
    found = {}
    for runtime in ("torch", "onnx"):
        network = loaded(RTMO, "pose", runtime)
        assert network.runtime == runtime and network.one_stage
        found[runtime] = OneStage(network, 0.3).find(bgr(frames))
    for by_torch, by_onnx in zip(found["torch"], found["onnx"], strict=True):
        assert farthest(by_torch, by_onnx) < 1e-3


def test_exported_layers_are_kept_and_a_damaged_file_is_made_anew(
    frames: list[np.ndarray], checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    def boxes() -> np.ndarray:
        config, weights = find_config(NANO, "det"), checkpoint(NANO, "det")
        return ZooBoxes(load_network(config, weights, "det", folder=tmp_path), 0.3).find(bgr(frames[:1]))[0]

    first = boxes()
    (file,) = tmp_path.iterdir()
    made = file.stat().st_mtime_ns
    assert np.array_equal(boxes(), first) and file.stat().st_mtime_ns == made
    file.write_bytes(b"half a file")
    assert np.array_equal(boxes(), first) and file.stat().st_size > 1_000_000


def test_the_default_pair_runs_from_its_configurations(frames: list[np.ndarray], checkpoint: MakeCheckpoint) -> None:
    options = DetectorOptions(
        det_weights=str(checkpoint(DEFAULT_BOXES, "det")),
        pose_weights=str(checkpoint(DEFAULT_POSE, "pose")),
        runtime="torch",
    )
    detector = create(options, silent)
    assert detector.layout == "halpe-26"
    (people,) = detector.detect_batch(frames[:1])
    assert all(person.layout == "halpe-26" and person.score >= 0.25 for person in people)
    record = json.loads(json.dumps(detector.describe()))
    files = record["networks"]["keypoints"]["files"]
    assert f"{DEFAULT_POSE}.py" in files and all(len(sha256) == 64 for sha256 in files.values())
    assert record["versions"]["mmpose"] and "chosen" not in record


def test_the_zoo_knows_the_published_weights() -> None:
    for name, kind in (
        (DEFAULT_BOXES, "det"),
        (DEFAULT_POSE, "pose"),
        (RTMO, "pose"),
        ("yolox_s_8xb8-300e_coco", "det"),
    ):
        url = zoo_weights(find_config(name, kind))
        assert url is not None and url.startswith("https://download.openmmlab.com/") and url.endswith(".pth")


def test_layouts_have_the_joints_and_pairs_of_mmpose() -> None:
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    sources = {
        "coco-17": "coco", "halpe-26": "halpe26", "h36m-17": "h36m", "coco-wholebody-133": "coco_wholebody",
    }  # fmt: skip
    assert sources.keys() == LAYOUTS.keys()
    for name, source in sources.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of where the file is
            meta = parse_pose_metainfo({"from_file": f"configs/_base_/datasets/{source}.py"})
        layout = LAYOUTS[name]
        assert meta["num_keypoints"] == len(layout) and list(meta["flip_indices"]) == list(layout.flip)
        for index, theirs in meta["keypoint_id2name"].items():
            if layout.joints[index] in meta["keypoint_name2id"]:
                assert layout.joints[index] == theirs


def test_a_configuration_in_a_file_and_h36m_keypoints(
    tmp_path: Path, checkpoint: MakeCheckpoint, frames: list[np.ndarray]
) -> None:
    config = tmp_path / "mine.py"
    base = find_config("rtmpose-t_8xb256-420e_body8-256x192", "pose")
    h36m = "configs/_base_/datasets/h36m.py"
    config.write_text(
        f"_base_ = ['{base.as_posix()}']\ntrain_dataloader = dict(dataset=dict(metainfo=dict(from_file='{h36m}')))\n"
    )
    weights = checkpoint("rtmpose-t_8xb256-420e_body8-256x192", "pose")
    network = load_network(find_config(str(config), "pose"), weights, "pose", runtime="torch")
    (person,) = TopDown(ZooBoxes(network, 0.3), network).place([(bgr(frames)[0], somewhere(0))])
    assert person.layout == "h36m-17"


class TestBadInput:
    def refused(self, *words: str, **options: str | bool) -> str:
        with pytest.raises(ModelError) as caught:
            create(DetectorOptions(offline=True, **options), silent)  # type: ignore[arg-type]
        sentence = str(caught.value)
        assert "\n" not in sentence
        for word in words:
            assert word in sentence
        return sentence

    def test_unknown_names(self) -> None:
        self.refused("--pose-config rtmpose-q", "MMPose", pose_config="rtmpose-q_8xb256-420e_coco-256x192")
        self.refused("--det-config missing.py", "MMDet", det_config="missing.py", pose_config="movenet-thunder")

    def test_configurations_of_another_task(self, checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
        weights = str(checkpoint(NANO, "det"))
        detector = str(find_config(NANO, "det"))
        self.refused("2D pose estimator of MMPose", "RTMDet", pose_config=detector, pose_weights=weights)
        pose = str(find_config(SMALL_POSE, "pose"))
        self.refused(
            "detector of MMDet", "TopdownPoseEstimator",
            pose_config="movenet-thunder", det_config=pose, det_weights=weights,
        )  # fmt: skip
        hand = "rtmpose-m_8xb256-210e_hand5-256x256"
        self.refused("21 keypoints", "halpe-26", pose_config=hand, pose_weights=str(checkpoint(hand, "pose")))
        (tmp_path / "empty.py").write_text("x = 1\n")
        self.refused("no model", pose_config=str(tmp_path / "empty.py"), pose_weights=weights)
        (tmp_path / "wrong.py").write_text("x = (\n")
        self.refused("wrong.py", "can be read", pose_config=str(tmp_path / "wrong.py"), pose_weights=weights)

    def test_weights_of_another_model(self, checkpoint: MakeCheckpoint) -> None:
        self.refused("does not hold the weights of", SMALL_POSE, pose_config=SMALL_POSE,
                     pose_weights=str(checkpoint(NANO, "det")))  # fmt: skip
        self.refused("does not hold", pose_config=SMALL_POSE, pose_weights=str(checkpoint(WHOLE_BODY, "pose")))
        self.refused("missing.pth", "does not exist", pose_config=SMALL_POSE, pose_weights="missing.pth")

    def test_no_network(self) -> None:
        with pytest.raises(WeightsUnavailable, match=r"rtmpose-t.*is not on disk; leave out --offline, or download"):
            create(DetectorOptions(pose_config=SMALL_POSE, offline=True), silent)

    def test_operators_that_mmcv_lite_lacks(self, tmp_path: Path) -> None:
        import torch

        from detectors.openmmlab.building import build_model

        name = "faster-rcnn_r50_fpn_1x_coco"
        model, _ = build_model(find_config(name, "det"), "det")
        torch.save({"state_dict": model.state_dict()}, tmp_path / "f.pth")
        self.refused(name, "roi_align", pose_config="movenet-thunder", det_config=name,
                     det_weights=str(tmp_path / "f.pth"))  # fmt: skip

    def test_options_that_contradict_each_other(self, checkpoint: MakeCheckpoint) -> None:
        weights = str(checkpoint(RTMO, "pose"))
        self.refused("boxes and keypoints at once", pose_config=RTMO, pose_weights=weights, det_config=NANO)
        self.refused("--flip-test", pose_config=RTMO, pose_weights=weights, flip_test=True)
