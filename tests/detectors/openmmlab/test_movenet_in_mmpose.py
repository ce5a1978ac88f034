"""The embedded MoveNet as a model of MMPose, with its real weights, beside its own ONNX file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import pytest

from assets.integrity import asset_path
from detectors.layouts import COCO_17
from detectors.movenet.crops import Crop
from detectors.openmmlab.detector import MMPoseDetector, create
from detectors.openmmlab.errors import ModelError
from detectors.openmmlab.finders import dataset_meta
from detectors.openmmlab.network import Network, load_network
from detectors.openmmlab.zoo import EMBEDDED_POSE, find_config
from detectors.options import DetectorOptions, silent

pytestmark = pytest.mark.slow

Runtime = Literal["onnx", "torch"]
THUNDER = "movenet_thunder_fp16.onnx"
# MMPose widens a box by a quarter: this one makes a picture of 256 pixels the input of the network as it is.
WHOLE = np.array([25.6, 25.6, 230.4, 230.4, 1], np.float32)


@pytest.fixture(scope="module")
def pictures(frames: list[np.ndarray]) -> list[np.ndarray]:
    """Pictures of 256 pixels in RGB: the person near and far, upright and bent by the crop, and mirrored."""
    crops = [Crop(120, 40, 420), Crop(60, -60, 560), Crop(150, 60, 400, turns=1)]
    cut = [crop.cut(frame, 256) for crop, frame in zip(crops, frames, strict=True)]
    return [*cut, np.ascontiguousarray(cut[0][:, ::-1])]


@pytest.fixture(scope="module")
def by_onnx(pictures: list[np.ndarray]) -> np.ndarray:
    """[N, 17, 3] y, x in 0..1 and score, by the shipped file."""
    session = onnxruntime.InferenceSession(str(asset_path(THUNDER)), providers=["CPUExecutionProvider"])
    return np.stack([session.run(None, {"input:0": picture[None].astype(np.int32)})[0][0, 0] for picture in pictures])


@cache
def movenet(runtime: Runtime) -> Network:
    return load_network(find_config(EMBEDDED_POSE, "pose"), asset_path(THUNDER), "pose", runtime=runtime)


def placed(runtime: Runtime, pictures: list[np.ndarray], flip: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints [N, 17, 2] px and raw scores [N, 17] by MMPose's own top-down path."""
    network = movenet(runtime)
    assert type(network.model).__module__.startswith("mmpose.")
    network.model.test_cfg["flip_test"] = flip
    box = {"bbox": WHOLE[None, :4], "bbox_score": WHOLE[4:], **dataset_meta(network)}
    jobs = [{"img": picture[..., ::-1].copy(), **box} for picture in pictures]
    poses = [sample.pred_instances for sample in network.predict(jobs)]
    return np.stack([p.keypoints[0] for p in poses]), np.stack([p.keypoint_scores[0] for p in poses])


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_keypoints_are_those_of_the_shipped_file(
    pictures: list[np.ndarray], by_onnx: np.ndarray, runtime: Runtime
) -> None:
    keypoints, scores = placed(runtime, pictures)
    assert np.abs(keypoints - by_onnx[..., 1::-1] * 256).max() < 0.05
    assert np.abs(scores - by_onnx[..., 2]).max() < 1e-3


def test_the_exported_network_says_what_pytorch_says(pictures: list[np.ndarray]) -> None:
    assert np.abs(placed("onnx", pictures)[0] - placed("torch", pictures)[0]).max() < 1e-3


def test_flip_test_averages_with_the_mirrored_picture(pictures: list[np.ndarray]) -> None:
    plain, scores = placed("torch", pictures)
    mirrored, mirrored_scores = placed("torch", [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures])
    flip = list(COCO_17.flip)
    expected = (plain + np.stack([256 - mirrored[:, flip, 0], mirrored[:, flip, 1]], axis=-1)) / 2
    keypoints, averaged = placed("torch", pictures, flip=True)
    assert np.abs(keypoints - expected).max() < 1e-3
    assert np.abs(averaged - (scores + mirrored_scores[:, flip]) / 2).max() < 1e-4


@pytest.fixture(scope="module")
def detector() -> MMPoseDetector:
    return create(DetectorOptions(pose_config=EMBEDDED_POSE, offline=True), silent)


def test_people_are_found_where_they_are(detector: MMPoseDetector, frames: list[np.ndarray]) -> None:
    with np.load(asset_path("sample_truth.npz"), allow_pickle=False) as data:
        names = list(data["joint_names"])
        truth = data["keypoints_px"][0][[names.index(name) for name in COCO_17.joints[5:]]]
    height = np.ptp(truth[:, 1])
    (person,) = detector.detect(frames[0])
    assert np.linalg.norm(person.keypoints_px[5:] - truth, axis=-1).mean() < 0.05 * height
    left, right = sorted(detector.detect(np.hstack([frames[0], frames[0]])), key=lambda p: float(p.box[0]))
    assert np.linalg.norm(left.keypoints_px[5:] - truth, axis=-1).mean() < 0.05 * height
    assert np.linalg.norm(right.keypoints_px[5:] - truth - (640, 0), axis=-1).mean() < 0.05 * height


def test_several_frames_at_once_are_the_same_as_one_by_one(detector: MMPoseDetector, frames: list[np.ndarray]) -> None:
    pictures = [frames[0], np.full_like(frames[0], 127), frames[2]]
    together = detector.detect_batch(pictures)
    assert [len(people) for people in together] == [1, 0, 1]
    for people, picture in zip(together, pictures, strict=True):
        for person, alone in zip(people, detector.detect(picture), strict=True):
            assert np.abs(person.keypoints_px - alone.keypoints_px).max() < 1e-3


def test_what_is_no_rgb_frame_is_refused(detector: MMPoseDetector) -> None:
    with pytest.raises(ValueError, match=r"a frame must be uint8 \[H, W, 3\]"):
        detector.detect(np.zeros((480, 640), np.uint8))


def test_another_onnx_file_is_no_source_of_weights(tmp_path: Path) -> None:
    (tmp_path / "half.onnx").write_bytes(b"half a file")
    for file in (asset_path("movenet_multipose_fp16.onnx"), tmp_path / "half.onnx"):
        with pytest.raises(ModelError, match="is not the shipped MoveNet Thunder"):
            load_network(find_config(EMBEDDED_POSE, "pose"), file, "pose")
