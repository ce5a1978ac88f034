from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assets import integrity
from assets.integrity import AssetError, asset_path
from detectors.layouts import COCO_17, H36M_17
from detectors.movenet.detector import MoveNetBoxes, MoveNetDetector, MoveNetSettings
from detectors.people import Person2D
from detectors.registry import DETECTORS, create_detector
from pipeline.media.decode import read_frames

LIMBS = COCO_17.joints[5:]


@pytest.fixture(scope="module")
def detector() -> MoveNetDetector:
    return MoveNetDetector()


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    """The first three frames of the sample clip: one person, 640x480."""
    return [frame.image for frame in read_frames(asset_path("sample.mp4"), stop_s=0.1)]


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Limb joints [T, 12, 2] of the sample clip in px, in the order of COCO-17."""
    with np.load(asset_path("sample_truth.npz"), allow_pickle=False) as data:
        assert tuple(data["joint_names"]) == H36M_17.joints
        return data["keypoints_px"][:, [H36M_17.index(name) for name in LIMBS]]


def _error(person: Person2D, limbs: np.ndarray) -> float:
    """Mean distance from the true limb joints, in heights of the figure."""
    distance = np.linalg.norm(person.keypoints_px[5:] - limbs, axis=-1)
    return float(distance.mean() / np.ptp(limbs[:, 1]))


@pytest.mark.slow
def test_one_person_is_found_where_it_is(
    detector: MoveNetDetector, frames: list[np.ndarray], truth: np.ndarray
) -> None:
    (person,) = detector.detect(frames[0])
    assert person.layout == detector.layout == "coco-17" and person.track_id is None
    assert _error(person, truth[0]) < 0.04
    assert person.confidence[5:].min() > 0.4 and 0.5 < person.score <= 1.0
    x0, y0, x1, y1 = person.box
    assert np.all((truth[0] > (x0, y0)) & (truth[0] < (x1, y1)))
    assert np.prod(person.box[2:] - person.box[:2]) < 3 * np.prod(np.ptp(truth[0], axis=0))


def test_a_known_person_is_followed_and_not_found_twice(
    detector: MoveNetDetector, frames: list[np.ndarray], truth: np.ndarray
) -> None:
    people = detector.detect(frames[0], frame_index=0)
    for index in (1, 2):
        people = detector.detect(frames[index], people, index)
        assert len(people) == 1
        assert _error(people[0], truth[index]) < 0.04


@pytest.mark.slow
def test_nothing_is_remembered_between_calls(detector: MoveNetDetector, frames: list[np.ndarray]) -> None:
    (first,) = detector.detect(frames[0])
    detector.detect(np.ascontiguousarray(frames[1][:, ::-1]))
    (again,) = detector.detect(frames[0])
    assert np.array_equal(first.keypoints_px, again.keypoints_px)
    assert np.array_equal(first.confidence, again.confidence)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_person_who_lies_or_is_upside_down_is_measured_as_well(
    detector: MoveNetDetector, frames: list[np.ndarray], truth: np.ndarray, turns: int
) -> None:
    limbs, width, height = truth[0] + 0.5, 640, 480
    for _ in range(turns):
        limbs = np.stack([limbs[:, 1], width - limbs[:, 0]], axis=1)
        width, height = height, width
    (person,) = detector.detect(np.ascontiguousarray(np.rot90(frames[0], turns)))
    assert np.linalg.norm(person.keypoints_px[5:] - limbs, axis=-1).mean() < 0.05 * np.ptp(truth[0][:, 1])


@pytest.mark.slow
def test_two_people_are_found_and_kept_apart(
    detector: MoveNetDetector, frames: list[np.ndarray], truth: np.ndarray
) -> None:
    pair = np.hstack([frames[0], frames[2]])
    found = detector.detect(pair)
    followed = detector.detect(pair, found, 1)
    for people in (found, followed):
        left, right = sorted(people, key=lambda person: float(person.box[0]))
        assert _error(left, truth[0]) < 0.05
        assert _error(right, truth[2] + (640, 0)) < 0.05
    assert len(MoveNetDetector(MoveNetSettings(max_people=1)).detect(pair)) == 1


@pytest.mark.slow
def test_a_person_who_comes_in_is_found_beside_a_known_one(
    detector: MoveNetDetector, frames: list[np.ndarray], truth: np.ndarray
) -> None:
    known = detector.detect(np.hstack([frames[0], np.full_like(frames[0], 127)]))
    assert len(known) == 1
    people = detector.detect(np.hstack([frames[1], frames[1]]), known, detector.settings.look_every)
    assert len(people) == 2


@pytest.mark.slow
def test_nobody_is_found_where_nobody_is(detector: MoveNetDetector, frames: list[np.ndarray]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for image in (np.zeros((480, 640, 3), np.uint8), np.full((90, 60, 3), 200, np.uint8), noise):
        assert detector.detect(image) == []
    known = detector.detect(frames[0])
    assert detector.detect(np.full_like(frames[0], 127), known, 1) == []


def test_joints_beyond_the_picture_are_not_claimed(
    detector: MoveNetDetector, frames: list[np.ndarray], truth: np.ndarray
) -> None:
    ankles, knees = truth[0][[10, 11], 1], truth[0][[8, 9], 1]
    cut = round((knees.max() + ankles.min()) / 2)
    (person,) = detector.detect(np.ascontiguousarray(frames[0][:cut]))
    assert person.confidence[[15, 16]].max() < 0.3
    assert person.confidence[[5, 6, 11, 12]].min() > 0.4


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((480, 640, 3), np.float32),
        np.zeros((0, 640, 3), np.uint8),
    ],
    ids=["grey", "with alpha", "float", "empty"],
)
def test_what_is_no_rgb_frame_is_refused(detector: MoveNetDetector, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a frame must be uint8 \[H, W, 3\]"):
        detector.detect(image)


def test_the_description_names_the_files_by_hash(detector: MoveNetDetector) -> None:
    description = json.loads(json.dumps(detector.describe()))
    assert description["name"] == "movenet" and description["settings"]["flip"] is False
    for name, sha256 in description["files"].items():
        integrity.verify(asset_path(name), sha256)
    assert len(description["files"]) == 2


@pytest.fixture
def other_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in place of the shipped assets; the manifest stays."""
    integrity.manifest()
    monkeypatch.setattr(integrity, "_folder", lambda: tmp_path)
    asset_path.cache_clear()
    yield tmp_path
    asset_path.cache_clear()


def test_missing_and_damaged_models_are_refused(other_folder: Path) -> None:
    with pytest.raises(AssetError, match=r"movenet_thunder_fp16\.onnx is missing"):
        MoveNetDetector()
    (other_folder / "movenet_thunder_fp16.onnx").write_bytes(b"half a download")
    with pytest.raises(AssetError, match=r"movenet_thunder_fp16\.onnx is damaged"):
        MoveNetDetector()


def test_every_registered_detector_can_be_found_and_others_are_refused() -> None:
    assert "movenet" in DETECTORS
    assert create_detector("movenet").name == "movenet"
    with pytest.raises(ValueError, match=r"no detector named 'openpose'; choose one of: .*movenet"):
        create_detector("openpose")


@pytest.mark.parametrize(("crowds", "at_least"), [(True, 40), (False, 6)])
def test_a_crowd_is_looked_for_in_parts_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, crowds: bool, at_least: int
) -> None:
    """The network tells six people in a picture; here it tells the six that are nearest to the middle of it."""
    places = np.array([(x, y) for x in range(60, 1200, 120) for y in range(60, 700, 160)], float)
    people = (np.tile(places, 2) + np.array([-20, -50, 20, 50])).astype(np.float32)
    looks: list[tuple[int, int, int, int]] = []

    def at_once(self: MoveNetBoxes, image: np.ndarray, window: tuple[int, int, int, int]) -> list[np.ndarray]:
        looks.append(window)
        inside = people[(people[:, :2] >= window[:2]).all(axis=1) & (people[:, 2:] <= window[2:]).all(axis=1)]
        middle = np.add(window[:2], window[2:]) / 4
        return list(inside[np.argsort(np.linalg.norm((inside[:, :2] + inside[:, 2:]) / 4 - middle, axis=1))][:6])

    monkeypatch.setattr(MoveNetBoxes, "_at_once", at_once)
    image = np.zeros((720, 1280, 3), np.uint8)
    found = MoveNetBoxes(0.18, crowds=crowds).find(image, (0, 0, 1280, 720))
    assert len(found) >= at_least and len({tuple(box) for box in found}) == len(found)
    assert len(looks) <= (2 * len(people) if crowds else 1)
    # A few people are one look.
    people, before = people[:5], len(looks)
    assert len(MoveNetBoxes(0.18).find(image, (0, 0, 1280, 720))) == 5 and len(looks) == before + 1


def test_nobody_is_left_out_in_silence() -> None:
    assert MoveNetSettings().max_people is None
