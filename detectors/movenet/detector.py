"""MoveNet on onnxruntime: MultiPose finds the people, Thunder their keypoints. Shipped, offline, Apache-2.0."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assets.integrity import asset_path, manifest
from detectors.layouts import COCO_17
from detectors.movenet.crops import Crop, crop_for_box, crop_for_person, inside_share, letterbox, tiles
from detectors.movenet.overlap import body_mask, overlooked
from detectors.options import DetectorOptions, Stage
from detectors.people import Person2D
from detectors.tracking.merging import box_iou, pose_similarity, remove_duplicates

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["MoveNetBoxes", "MoveNetDetector", "MoveNetSettings", "create"]

_THUNDER = "movenet_thunder_fp16.onnx"
_MULTIPOSE = "movenet_multipose_fp16.onnx"
_INPUT = 256  # both networks
_AT_ONCE = 6  # people that MultiPose can tell in one picture
#: What is left of the confidence of a joint where somebody else was seen, and how much the rest of somebody who is
#: partly hidden must be like what was seen in the frame before.
_HIDDEN, _SAME_PLACE = 0.4, 0.4
_LEAST_PART = 128  # px; side of the smallest parts of a picture in which a crowd is looked for


@dataclass(frozen=True)
class MoveNetSettings:
    """Settings of the detector. The score of a pose is its mean joint confidence.

    Attributes:
        box_threshold: least MultiPose score of a box that is looked into.
        confident: a joint from this confidence on counts as seen.
        least_score: a newcomer whose score is lower is rejected.
        least_joints: a newcomer with fewer seen joints is rejected.
        least_score_followed: somebody known is let go below this score. It is lower, so that a blurred or dazzled
            frame does not lose a person; tracking drops what stays doubtful to the end.
        doubtful: below this score a newcomer is looked at in all four orientations: an upright person scores 0.7,
            the same person lying or upside down 0.5, with wrong keypoints.
        least_score_turned: least score of a pose that was not expected in its orientation; of four looks at no one,
            one may score 0.26.
        look_every: newcomers are looked for in every n-th frame (and whenever nobody is known or somebody got lost).
        tile_every: small people are looked for on one of the overlapping tiles in every n-th frame, in turn, and on all
            of them in frame 0; 0 is never.
        flip: average each pose with that of the mirrored crop (a quarter less jitter, twice the time).
        max_people: at most this many people, best first; None is everybody.
    """

    box_threshold: float = 0.18
    confident: float = 0.3
    least_score: float = 0.25
    least_joints: int = 6
    least_score_followed: float = 0.18
    doubtful: float = 0.65
    least_score_turned: float = 0.4
    look_every: int = 3
    tile_every: int = 4
    flip: bool = False
    max_people: int | None = None


class MoveNetDetector:
    """People by MoveNet (see ``detectors.base.PoseDetector``).

    People of the preceding frame are followed by a crop around their keypoints, so that a missed box does not lose
    them; boxes of MultiPose that no followed pose explains are looked into as well, and of two poses of one person the
    better stays. Whose crop has seen somebody else is looked for once more, with that one painted over. Thunder knows
    upright people only, so crops are turned to bring the body upright. All networks run on one thread each, side by
    side.

    Raises AssetError if a model file is missing or damaged.
    """

    name = "movenet"
    layout = COCO_17.name

    def __init__(self, settings: MoveNetSettings | None = None, workers: int | None = None) -> None:
        self.settings = settings or MoveNetSettings()
        self.chosen = ""
        self._thunder = _session(_THUNDER)
        most = self.settings.max_people
        # Where fewer are asked for, those that it finds at once are enough.
        self._multipose = MoveNetBoxes(self.settings.box_threshold, crowds=most is None or most > _AT_ONCE)
        # One more than cores: three networks (boxes, two people) then share two cores evenly.
        self._pool = ThreadPoolExecutor(workers or (os.cpu_count() or 1) + 1, thread_name_prefix="movenet")

    def detect(
        self, image_rgb: NDArray[np.uint8], previous: Sequence[Person2D] = (), frame_index: int = 0
    ) -> list[Person2D]:
        """See ``detectors.base.PoseDetector.detect``."""
        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8 or image_rgb.size == 0:
            raise ValueError(f"a frame must be uint8 [H, W, 3], not {image_rgb.dtype} {list(image_rgb.shape)}")
        settings = self.settings
        followed = [self._pool.submit(self._follow, image_rgb, person) for person in previous]
        scheduled = not previous or frame_index % settings.look_every == 0
        boxes = self._look(image_rgb, frame_index, scheduled)
        poses = [future.result() for future in followed]
        people = [person for person in poses if person is not None]
        sure = [person for person in people if person.score >= settings.least_score]
        if not scheduled and len(sure) < len(previous):
            boxes += self._look(image_rgb, None, True)
        unexplained = [box for box in _results(boxes) if not _explained(box, sure)]
        newcomers = self._pool.map(lambda box: self._newcomer(image_rgb, box), unexplained)
        people += [person for person in newcomers if person is not None]
        people = remove_duplicates(people, previous)
        for person, instead in overlooked(previous, poses, people):
            pose = self._behind(image_rgb, person, instead)
            if pose is not None and len(remove_duplicates([*people, pose])) > len(people):
                people.append(pose)
        return people[: settings.max_people]

    def describe(self) -> dict[str, Any]:
        """See ``detectors.base.PoseDetector.describe``."""
        files = {name: manifest()[name]["sha256"] for name in (_THUNDER, _MULTIPOSE)}
        record = {"name": self.name, "layout": self.layout, "files": files, "settings": asdict(self.settings)}
        return record | ({"chosen": self.chosen} if self.chosen else {})

    def _look(
        self, image: NDArray[np.uint8], frame_index: int | None, whole: bool
    ) -> list[Future[list[NDArray[np.float32]]]]:
        """Begin to look for boxes: in the ``whole`` image, and on the tiles whose turn it is in that frame."""
        height, width = image.shape[:2]
        windows = [(0, 0, width, height)] if whole else []
        every = self.settings.tile_every
        if every > 0 and frame_index is not None and frame_index % every == 0:
            small = tiles(width, height, _INPUT)
            turn = frame_index // every
            windows += small if turn == 0 else small[turn % len(small) :][:1] if small else []
        return [self._pool.submit(self._multipose.find, image, window) for window in windows]

    def _follow(self, image: NDArray[np.uint8], person: Person2D) -> Person2D | None:
        """Pose of a person of the preceding frame, or None if there is no trace of it where it was."""
        settings = self.settings
        crop = crop_for_person(person, settings.confident)
        pose = self._pose(image, crop)
        if pose.score < settings.least_score:
            pose = self._turned(image, crop, pose)
        return pose if pose.score >= settings.least_score_followed else None

    def _behind(self, image: NDArray[np.uint8], person: Person2D, before: Person2D) -> Person2D | None:
        """What there is of somebody known beside another person, who is painted over; None if it is not credible."""
        settings = self.settings
        height, width = image.shape[:2]
        crop = crop_for_person(person, settings.confident)
        taken = body_mask(before, (width, height))
        rest = image.copy()
        x0, y0, x1, y1 = np.clip(
            [crop.x0, crop.y0, crop.x0 + crop.side, crop.y0 + crop.side], 0, (width, height) * 2
        ).tolist()
        if x1 <= x0 or y1 <= y0:
            return None
        rest[taken] = rest[y0:y1, x0:x1].mean(axis=(0, 1)).astype(np.uint8)
        pose = self._pose(rest, crop)
        x, y = np.rint(pose.keypoints_px).astype(int).T
        hidden = taken[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        confidence = np.where(hidden, _HIDDEN * pose.confidence, pose.confidence).astype(np.float32)
        pose = replace(pose, confidence=confidence, score=float(confidence.mean()))
        sure = np.count_nonzero(confidence >= settings.confident)
        alike = max(pose_similarity(pose, person), box_iou(pose.box, person.box))
        credible = pose.score >= settings.least_score_followed and sure >= settings.least_joints - 2
        return pose if credible and alike >= _SAME_PLACE else None

    def _newcomer(self, image: NDArray[np.uint8], box: NDArray[np.float32]) -> Person2D | None:
        """Pose in a box, or None if it is not credible; with a second crop where the box did not fit the person."""
        settings = self.settings
        crop = crop_for_box(box)
        pose = self._pose(image, crop)
        if settings.least_score_followed <= pose.score < settings.doubtful:
            pose = self._turned(image, crop, pose)
        if box_iou(pose.box, box) < 0.6:
            pose = max(pose, self._pose(image, crop_for_person(pose, settings.confident)), key=_score)
        seen = np.count_nonzero(pose.confidence >= settings.confident)
        return pose if pose.score >= settings.least_score and seen >= settings.least_joints else None

    def _turned(self, image: NDArray[np.uint8], crop: Crop, pose: Person2D) -> Person2D:
        """The best pose in all orientations of a crop; ``pose`` unless another one is clearly better."""
        best = max((self._pose(image, crop.turned(by)) for by in (1, 2, 3)), key=_score)
        return best if best.score > max(pose.score + 0.05, self.settings.least_score_turned) else pose

    def _pose(self, image: NDArray[np.uint8], crop: Crop) -> Person2D:
        """Keypoints that the network sees in a crop, credible or not."""
        pixels = crop.cut(image, _INPUT)
        rows = self._run_thunder(pixels)
        if self.settings.flip:
            mirrored = self._run_thunder(np.ascontiguousarray(pixels[:, ::-1]))[list(COCO_17.flip)]
            mirrored[:, 1] = 1.0 - mirrored[:, 1]
            rows = np.mean([rows, mirrored], axis=0, dtype=np.float32)
        height, width = image.shape[:2]
        keypoints = crop.to_image(rows[:, 1::-1])
        confidence = (inside_share(keypoints, (width, height), crop.side) * rows[:, 2]).astype(np.float32)
        # the box of a doubtful pose encloses at least the best joints
        least = min(self.settings.confident, float(np.sort(confidence)[-self.settings.least_joints]))
        box = _box_around(keypoints[confidence >= least])
        return Person2D(keypoints, confidence, self.layout, box, float(confidence.mean()))

    def _run_thunder(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self._thunder.run(None, {"input:0": pixels[None].astype(np.int32)})[0][0, 0]
        return rows


class MoveNetBoxes:
    """Boxes of people by MoveNet MultiPose, on one thread.

    Args:
        threshold: least score of a box.
        crowds: where it finds as many people as it can tell at once, look for more in parts of the picture.

    Raises AssetError if the model file is missing or damaged.
    """

    file = _MULTIPOSE

    def __init__(self, threshold: float, *, crowds: bool = True) -> None:
        self.threshold, self.crowds = threshold, crowds
        self._network = _session(self.file)

    def find(self, image: NDArray[np.uint8], window: tuple[int, int, int, int]) -> list[NDArray[np.float32]]:
        """Boxes ``[4]`` in a window (x0, y0, x1, y1) of the image, in pixels of the image."""
        found = self._at_once(image, window)
        if len(found) < _AT_ONCE or not self.crowds:
            return found
        x0, y0, x1, y1 = window
        for left, top, right, bottom in tiles(x1 - x0, y1 - y0, _LEAST_PART):
            part = self.find(image, (x0 + left, y0 + top, x0 + right, y0 + bottom))
            found += [box for box in part if all(_share_inside(box, other) < 0.6 for other in found)]
        return found

    def _at_once(self, image: NDArray[np.uint8], window: tuple[int, int, int, int]) -> list[NDArray[np.float32]]:
        """Boxes of at most ``_AT_ONCE`` people."""
        x0, y0, x1, y1 = window
        pixels, scale = letterbox(image[y0:y1, x0:x1], _INPUT)
        rows = self._network.run(None, {"input:0": pixels[None].astype(np.int32)})[0][0]
        found = rows[rows[:, 55] >= self.threshold]
        corners = found[:, [52, 51, 54, 53]] * (_INPUT / scale)
        return [box.astype(np.float32) for box in corners + np.array([x0, y0, x0, y0])]


def create(options: DetectorOptions, stage: Stage) -> MoveNetDetector:
    """The detector that a user asked for. Raises ValueError if models are given, which it does not take."""
    if options.models:
        raise ValueError("--det-config, --det-weights, --pose-config and --pose-weights go with --detector mmpose")
    return MoveNetDetector(MoveNetSettings(flip=options.flip_test))


def _session(name: str) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(asset_path(name)), options, providers=["CPUExecutionProvider"])


def _score(person: Person2D) -> float:
    return person.score


def _results(futures: list[Future[list[NDArray[np.float32]]]]) -> list[NDArray[np.float32]]:
    """Boxes of all windows without those that repeat an earlier one (the whole frame comes first)."""
    kept: list[NDArray[np.float32]] = []
    for future in futures:
        kept += [box for box in future.result() if all(_share_inside(box, other) < 0.6 for other in kept)]
    return kept


def _explained(box: NDArray[np.float32], people: Sequence[Person2D]) -> bool:
    """Whether a followed person fills the box, so that looking into it would find the same person."""
    return any(box_iou(box, person.box) > 0.5 or _share_inside(box, person.box) > 0.8 for person in people)


def _share_inside(box: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Share of ``box`` that lies inside ``other``, 0..1."""
    sides = np.clip(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0, None)
    return float(np.prod(sides) / max(np.prod(box[2:] - box[:2]), 1e-6))


def _box_around(keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """Box of a person from the seen joints: skull, feet and flesh reach beyond them by about a tenth of the height."""
    low, high = keypoints.min(axis=0), keypoints.max(axis=0)
    margin = 0.08 * float((high - low).max())
    return np.concatenate([low - margin, high + margin]).astype(np.float32)
