"""People by MMPose: any detector of MMDet and top-down model of MMPose, or a model that does both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.openmmlab.errors import ModelError
from detectors.openmmlab.finders import BoxFinder, EmbeddedBoxes, OneStage, PoseFinder, TopDown, ZooBoxes, layout_of
from detectors.openmmlab.network import load_network
from detectors.openmmlab.zoo import DEFAULT_BOXES, DEFAULT_POSE, PACKAGES, find_config, is_own, locate_weights
from detectors.options import DetectorOptions, Stage
from detectors.people import Person2D
from detectors.tracking.merging import remove_duplicates

__all__ = ["MMPoseDetector", "MMPoseSettings", "create"]


@dataclass(frozen=True)
class MMPoseSettings:
    """Settings of the detector. The score of a pose is the mean confidence of its body joints.

    Attributes:
        box_threshold: least score of a box that is looked into, or of a person of a one-stage model.
        least_score: a pose with a lower score is rejected.
        flip_test: average each pose with that of the mirrored picture (twice the time).
        max_people: at most this many people, best first; None is everybody.
    """

    box_threshold: float = 0.3
    least_score: float = 0.25
    flip_test: bool = False
    max_people: int | None = None


class MMPoseDetector:
    """People by MMPose (see ``detectors.base.BatchPoseDetector``); every frame is looked at on its own.

    Args:
        poses: finds the poses.
        settings: what of them is believed.
    """

    name = "mmpose"
    batch_size = 8

    def __init__(self, poses: PoseFinder, settings: MMPoseSettings) -> None:
        self.poses = poses
        self.settings = settings
        self.layout = poses.layout.name
        self.chosen = ""

    def detect(
        self, image_rgb: NDArray[np.uint8], previous: Sequence[Person2D] = (), frame_index: int = 0
    ) -> list[Person2D]:
        """See ``detectors.base.PoseDetector.detect``."""
        return self.detect_batch([image_rgb])[0]

    def detect_batch(self, images_rgb: Sequence[NDArray[np.uint8]]) -> list[list[Person2D]]:
        """See ``detectors.base.BatchPoseDetector.detect_batch``."""
        for image in images_rgb:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
                raise ValueError(f"a frame must be uint8 [H, W, 3], not {image.dtype} {list(image.shape)}")
        found = self.poses.find([np.ascontiguousarray(image[..., ::-1]) for image in images_rgb])
        return [self._best(people) for people in found]

    def describe(self) -> dict[str, Any]:
        """See ``detectors.base.PoseDetector.describe``."""
        record = {
            "name": self.name,
            "layout": self.layout,
            "networks": self.poses.describe(),
            "settings": asdict(self.settings),
            "versions": {package: version(package) for package in PACKAGES.values()},
        }
        return record | ({"chosen": self.chosen} if self.chosen else {})

    def _best(self, people: list[Person2D]) -> list[Person2D]:
        sure = [person for person in people if person.score >= self.settings.least_score]
        return remove_duplicates(sure)[: self.settings.max_people]


def create(options: DetectorOptions, stage: Stage) -> MMPoseDetector:
    """The detector that a user asked for; networks are loaded, and exported if need be.

    Without options RTMDet-m finds people and RTMPose-m places Halpe-26 keypoints. With the embedded MoveNet as the pose
    model, the embedded MultiPose finds people.

    Raises:
        NotInstalled: the extra is not installed, or cannot be imported.
        WeightsUnavailable: weights are not on disk and cannot be downloaded.
        ModelError: a configuration or its weights cannot be used.
    """
    settings = MMPoseSettings(flip_test=options.flip_test)
    pose_config = find_config(options.pose_config or DEFAULT_POSE, "pose")
    pose_weights = locate_weights(options.pose_weights, pose_config, "pose", stage, options.offline)
    network = load_network(pose_config, pose_weights, "pose", runtime=options.runtime, device=options.device)
    layout_of(network)  # before another download
    poses: PoseFinder
    if network.one_stage:
        if options.det_config or options.det_weights or options.flip_test:
            raise ModelError(
                f"{pose_config.name} finds boxes and keypoints at once; leave out --det-config, --det-weights and "
                "--flip-test"
            )
        poses = OneStage(network, settings.box_threshold)
    else:
        network.model.test_cfg["flip_test"] = options.flip_test
        poses = TopDown(_boxes(options, is_own(pose_config), stage, settings), network)
    # Whatever cannot be computed here, and the export of the layers, comes before the long part of the work.
    with stage("prepare", None, "networks"):
        poses.try_out()
    return MMPoseDetector(poses, settings)


def _boxes(options: DetectorOptions, embedded: bool, stage: Stage, settings: MMPoseSettings) -> BoxFinder:
    """What finds people for a top-down model; the ``embedded`` one goes with the embedded keypoints."""
    if embedded and not options.det_config and not options.det_weights:
        return EmbeddedBoxes()
    config = find_config(options.det_config or DEFAULT_BOXES, "det")
    weights = locate_weights(options.det_weights, config, "det", stage, options.offline)
    network = load_network(config, weights, "det", runtime=options.runtime, device=options.device)
    return ZooBoxes(network, settings.box_threshold)
