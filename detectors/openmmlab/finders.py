"""Boxes and poses of people by models of MMDet and MMPose, many pictures at a time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assets.integrity import manifest
from detectors.layouts import COCO_17, H36M_17, LAYOUTS, KeypointLayout
from detectors.movenet.crops import inside_share
from detectors.movenet.detector import MoveNetBoxes, MoveNetSettings
from detectors.openmmlab.building import default_scope
from detectors.openmmlab.errors import ModelError
from detectors.openmmlab.network import Network
from detectors.people import Person2D

__all__ = ["BoxFinder", "EmbeddedBoxes", "OneStage", "PoseFinder", "TopDown", "ZooBoxes", "dataset_meta", "layout_of"]

_AT_ONCE = 32  # people; more are no faster, and need more memory
_PERSON = 0  # class of COCO
_GREY = np.full((480, 640, 3), 127, np.uint8)
# MMPose's names of joints where they are not ours.
_NAMES = {
    "h36m-17": {"root": "pelvis", "left_foot": "left_ankle", "right_foot": "right_ankle", "neck_base": "nose",
                "head": "head_top"},
    "coco-wholebody-133": {f"face-{i}": name for i, name in enumerate(LAYOUTS["coco-wholebody-133"].joints[23:91])},
}  # fmt: skip


class BoxFinder(Protocol):
    """Finds people."""

    def find(self, images_bgr: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """``[P, 5]`` boxes x0 y0 x1 y1 px and score 0..1 of the people in each picture."""
        ...

    def describe(self) -> dict[str, Any]:
        """For the record."""
        ...


class ZooBoxes:
    """People by a detector of MMDet.

    Args:
        network: knows people as its only class, or as the first of COCO.
        threshold: least score of a box.
    """

    def __init__(self, network: Network, threshold: float) -> None:
        self.network = network
        self.threshold = threshold

    def find(self, images_bgr: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """See ``BoxFinder.find``."""
        samples = self.network.predict([{"img": image, "img_id": i} for i, image in enumerate(images_bgr)])
        return [self._people(sample.pred_instances.cpu().numpy()) for sample in samples]

    def describe(self) -> dict[str, Any]:
        """See ``BoxFinder.describe``."""
        return self.network.describe()

    def _people(self, found: Any) -> NDArray[np.float32]:
        chosen = (found.labels == _PERSON) & (found.scores >= self.threshold)
        return np.concatenate([found.bboxes[chosen], found.scores[chosen, None]], axis=1).astype(np.float32)


class EmbeddedBoxes:
    """People by the embedded MoveNet MultiPose, in the whole picture."""

    def __init__(self) -> None:
        self._network = MoveNetBoxes(MoveNetSettings().box_threshold)

    def find(self, images_bgr: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """See ``BoxFinder.find``; the scores are 1, because MultiPose's are no measure of a person."""
        return [self._people(np.ascontiguousarray(image[..., ::-1])) for image in images_bgr]

    def describe(self) -> dict[str, Any]:
        """See ``BoxFinder.describe``."""
        return {"files": {MoveNetBoxes.file: manifest()[MoveNetBoxes.file]["sha256"]}, "runtime": "onnx"}

    def _people(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = image.shape[:2]
        boxes = self._network.find(image, (0, 0, width, height))
        return np.array([[*box, 1.0] for box in boxes], np.float32).reshape(-1, 5)


class PoseFinder(Protocol):
    """Finds poses."""

    layout: KeypointLayout

    def find(self, images_bgr: Sequence[NDArray[np.uint8]]) -> list[list[Person2D]]:
        """The people in each picture."""
        ...

    def try_out(self) -> None:
        """Run every network once. Raises ModelError if one of them needs something that is not there."""
        ...

    def describe(self) -> dict[str, Any]:
        """Networks by role, for the record."""
        ...


class TopDown:
    """Boxes first, then the keypoints in all boxes of all pictures together, by a top-down model of MMPose.

    Raises ModelError if the keypoints of the model are not known.
    """

    def __init__(self, boxes: BoxFinder, network: Network) -> None:
        self.boxes = boxes
        self.network = network
        self._meta = dataset_meta(network)
        self.layout = layout_of(network)

    def find(self, images_bgr: Sequence[NDArray[np.uint8]]) -> list[list[Person2D]]:
        """See ``PoseFinder.find``."""
        found = self.boxes.find(images_bgr)
        jobs = [(index, box) for index, boxes in enumerate(found) for box in boxes]
        people: list[list[Person2D]] = [[] for _ in images_bgr]
        for begin in range(0, len(jobs), _AT_ONCE):
            part = jobs[begin : begin + _AT_ONCE]
            poses = self.place([(images_bgr[index], box) for index, box in part])
            for (index, _), person in zip(part, poses, strict=True):
                people[index].append(person)
        return people

    def try_out(self) -> None:
        """See ``PoseFinder.try_out``."""
        self.boxes.find([_GREY])
        height, width = _GREY.shape[:2]
        self.place([(_GREY, np.array([0, 0, width, height, 1], np.float32))])

    def place(self, jobs: Sequence[tuple[NDArray[np.uint8], NDArray[np.float32]]]) -> list[Person2D]:
        """The pose in each box ``[5]`` of a picture in BGR."""
        samples = [{"img": image, "bbox": box[None, :4], "bbox_score": box[4:], **self._meta} for image, box in jobs]
        poses = [sample.pred_instances for sample in self.network.predict(samples)]
        return [
            _person(pose.keypoints[0], pose.keypoint_scores[0], box[:4], image.shape, self.layout)
            for pose, (image, box) in zip(poses, jobs, strict=True)
        ]

    def describe(self) -> dict[str, Any]:
        """See ``PoseFinder.describe``."""
        return {"boxes": self.boxes.describe(), "keypoints": self.network.describe()}


class OneStage:
    """Boxes and keypoints at once, by a bottom-up model of MMPose such as RTMO.

    Args:
        network: the model.
        threshold: least score of a person.

    Raises ModelError if the keypoints of the model are not known.
    """

    def __init__(self, network: Network, threshold: float) -> None:
        self.network = network
        self.threshold = threshold
        self._meta = dataset_meta(network)
        self.layout = layout_of(network)

    def find(self, images_bgr: Sequence[NDArray[np.uint8]]) -> list[list[Person2D]]:
        """See ``PoseFinder.find``."""
        samples = self.network.predict([{"img": image, **self._meta} for image in images_bgr])
        return [
            self._people(sample.pred_instances, image.shape) for sample, image in zip(samples, images_bgr, strict=True)
        ]

    def describe(self) -> dict[str, Any]:
        """See ``PoseFinder.describe``."""
        return {"keypoints": self.network.describe()}

    def try_out(self) -> None:
        """See ``PoseFinder.try_out``."""
        self.find([_GREY])

    def _people(self, found: Any, shape: tuple[int, ...]) -> list[Person2D]:
        people = []
        for i in range(len(found.keypoints)):
            keypoints, scores = found.keypoints[i], found.keypoint_scores[i]
            sure = found.bbox_scores[i] if "bbox_scores" in found else scores.mean()
            if sure >= self.threshold:
                low, high = keypoints.min(axis=0), keypoints.max(axis=0)
                box = found.bboxes[i] if "bboxes" in found else np.concatenate([low, high])
                people.append(_person(keypoints, scores, box, shape, self.layout))
        return people


def _person(
    keypoints: NDArray[np.floating], scores: NDArray[np.floating], box: NDArray[np.floating], shape: tuple[int, ...],
    layout: KeypointLayout,
) -> Person2D:  # fmt: skip
    """A pose as the rest of the program knows it; its score is the mean confidence of the body joints, as MoveNet's."""
    side = float((box[2:] - box[:2]).max())
    share = inside_share(keypoints, (shape[1], shape[0]), side)
    # SimCC scores are heights of peaks and may exceed 1.
    confidence = (share * np.clip(scores, 0.0, 1.0)).astype(np.float32)
    score = float(confidence[_body(layout)].mean())
    return Person2D(keypoints.astype(np.float32), confidence, layout.name, box.astype(np.float32), score)


def _body(layout: KeypointLayout) -> list[int]:
    """Joints without feet, hands and face points: these are too small to tell whether somebody is there."""
    return [i for i, name in enumerate(layout.joints) if name in COCO_17.joints or name in H36M_17.joints]


def dataset_meta(network: Network) -> dict[str, Any]:
    """Names and pairs of the keypoints, as the configuration tells them; a sample must have them.

    Raises ModelError if the configuration says nothing.
    """
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    from mmpose.registry import DATASETS

    for loader in ("train_dataloader", "test_dataloader"):
        dataset = network.config.get(loader, {}).get("dataset", {})
        info = dataset.get("metainfo")
        if not info and "type" in dataset:
            with default_scope("mmpose"):
                info = DATASETS.get(dataset["type"]).METAINFO
        if info:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of finding its own files where they are installed
                meta: dict[str, Any] = parse_pose_metainfo(info)
            return meta
    raise ModelError(f"{next(iter(network.files))} does not say which keypoints it has; add metainfo to its data set")


def layout_of(network: Network) -> KeypointLayout:
    """The layout of what a pose estimator reports. Raises ModelError if it is not one of ``LAYOUTS``."""
    meta = dataset_meta(network)
    names = [meta["keypoint_id2name"][i] for i in range(meta["num_keypoints"])]
    for layout in LAYOUTS.values():
        if tuple(_NAMES.get(layout.name, {}).get(name, name) for name in names) == layout.joints:
            return layout
    raise ModelError(
        f"{next(iter(network.files))} has the {len(names)} keypoints of {meta['dataset_name']}; give a model with one "
        f"of the layouts {', '.join(LAYOUTS)}"
    )
