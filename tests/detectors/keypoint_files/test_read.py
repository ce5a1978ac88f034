"""Files of other programs, by the joints' names, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.untrusted import UntrustedFileError
from detectors.keypoint_files.people import KeypointFile
from detectors.keypoint_files.read import FileDetector, read_keypoints
from detectors.layouts import COCO_17, H36M_17, HALPE_26, LAYOUTS
from tests.detectors.keypoint_files.files import (
    BODY_25,
    COCO_18,
    places,
    write_coco,
    write_mmpose,
    write_openpose,
    write_own,
)


def check(file: KeypointFile, frame: int, who: int = 0) -> None:
    """Every joint is where its name says."""
    person = file.people[frame][who]
    expected = places(LAYOUTS[person.layout].joints, frame, who)
    np.testing.assert_allclose(person.keypoints_px, expected[:, :2], atol=1e-4)
    np.testing.assert_allclose(person.confidence, expected[:, 2], atol=1e-6)


@pytest.mark.parametrize("alphapose", [False, True])
def test_coco_and_alphapose(tmp_path: Path, alphapose: bool) -> None:
    write_coco(tmp_path / "a.json", alphapose=alphapose)
    file = read_keypoints(tmp_path / "a.json")
    assert (file.format, file.layout) == ("AlphaPose" if alphapose else "COCO results", "coco-17")
    assert list(file.people) == [0, 1, 3]
    check(file, 3, 1)
    if alphapose:
        assert file.people[0][0].box.tolist() == [90, 40, 210, 150]
    write_coco(tmp_path / "b.json", names=HALPE_26.joints, alphapose=alphapose)
    check(read_keypoints(tmp_path / "b.json"), 1)


def test_visibility_is_halved(tmp_path: Path) -> None:
    flat = np.column_stack([np.ones((17, 2)), np.arange(17) % 3]).ravel().tolist()
    (tmp_path / "a.json").write_text(json.dumps([{"image_id": 1, "keypoints": flat, "score": 0.5}]))
    person = read_keypoints(tmp_path / "a.json").people[1][0]
    assert person.confidence[:3].tolist() == [0, 0.5, 1]
    assert person.score == 0.5


@pytest.mark.parametrize("names", [BODY_25, COCO_18])
def test_openpose(tmp_path: Path, names: tuple[str, ...]) -> None:
    write_openpose(tmp_path / "out", names)
    file = read_keypoints(tmp_path / "out")
    assert (file.format, file.layout, list(file.people)) == ("OpenPose", "coco-17", [0, 2])
    check(file, 2)


@pytest.mark.parametrize("demo", [False, True])
def test_mmpose(tmp_path: Path, demo: bool) -> None:
    write_mmpose(tmp_path / "a.json", demo=demo)
    file = read_keypoints(tmp_path / "a.json")
    assert (file.format, list(file.people)) == ("MMPose", [0, 1, 2])
    person = file.people[2][0]
    np.testing.assert_allclose(person.keypoints_px, places(COCO_17.joints, 2)[:, :2])
    assert person.confidence[0] == 1
    assert person.score == pytest.approx(0.8)


def test_our_own_knows_who_is_who(tmp_path: Path) -> None:
    write_own(tmp_path / "a.people.json")
    file = read_keypoints(tmp_path / "a.people.json")
    assert (file.tracked, file.layout, file.image_size, file.fps) == (True, H36M_17.name, (640, 480), 25)
    assert [person.track_id for person in file.people[1]] == [1, 4]
    assert file.time_s == {0: 0.0, 1: 0.04, 2: 0.08}


def test_it_is_a_detector(tmp_path: Path) -> None:
    write_coco(tmp_path / "a.json")
    detector = FileDetector(tmp_path / "a.json")
    picture = np.zeros((4, 4, 3), np.uint8)
    assert [len(detector.detect(picture, (), frame)) for frame in range(5)] == [2, 2, 0, 2, 0]
    first = detector.describe()
    write_coco(tmp_path / "a.json", alphapose=True)
    assert first["files"] != FileDetector(tmp_path / "a.json").describe()["files"]
    write_openpose(tmp_path / "out")
    assert len(FileDetector(tmp_path / "out").describe()["files"]["out"]) == 64


def entry(**changes: Any) -> list[Any]:
    return [{"image_id": 0, "keypoints": places(COCO_17.joints, 0).ravel().tolist(), "score": 1.0} | changes]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "holds no keypoints that are known"),
        ([], "holds no keypoints that are known"),
        (entry(keypoints=[1, 2]), "not x, y, confidence"),
        (entry(keypoints="x"), "no list of numbers"),
        (entry(keypoints=[1e9] * 51), "beyond 1e"),
        (entry(keypoints=[1.0] * 60), "20 keypoints; 17, 18"),
        (entry(keypoints=[7.0] * 51), "must lie between 0 and 1"),
        (entry(image_id="x"), "without a frame number"),
        (entry(image_id=-1), "no whole number"),
        (entry(image_id=True), "no whole number"),
        (entry(box=[1, 2, 3]), "not x, y, width, height"),
        ([*entry(), {}], "entry 1 has no image_id"),
        ([*entry(), *entry(keypoints=[0.5] * 78)], "17 and 26 keypoints"),
        ([{"instances": 3}], "no list instances"),
        ([{"instances": []}], "holds nobody"),
        ([{"instances": [3]}], "an instance that is none"),
        ([{"instances": [], "frame_id": 0}] * 2, "comes twice"),
        ({"instance_info": [{"instances": [], "frame_id": 0}]}, "too small"),
        ({"format": "zedo-video people"}, "another version"),
        ({"format": "zedo-video people", "version": 1, "layout": "x"}, "no keypoint layout"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(UntrustedFileError, match=words) as caught:
        read_keypoints(tmp_path / "a.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda own: own.update(image_size=[0, 1]), "image_size"),
        (lambda own: own["people"][0].update(keypoints=[1.0]), "each of the 17 joints"),
        (lambda own: own["people"][3].update(id=1), "in frame 0 twice"),
        (lambda own: own["people"][0].update(time_s=5.0), "another time"),
        (lambda own: [each.update(time_s=-each["time_s"]) for each in own["people"]], "times that fall"),
        (lambda own: own["people"][0].update(box=[]), "box"),
        (lambda own: own.update(people=[]), "holds nobody"),
    ],
)
def test_damage_of_our_own(tmp_path: Path, damage: Callable[[dict[str, Any]], object], words: str) -> None:
    write_own(tmp_path / "a.json")
    own = json.loads((tmp_path / "a.json").read_text())
    damage(own)
    (tmp_path / "a.json").write_text(json.dumps(own))
    with pytest.raises(UntrustedFileError, match=words):
        read_keypoints(tmp_path / "a.json")


def test_folders_that_are_none_of_openpose(tmp_path: Path) -> None:
    with pytest.raises(UntrustedFileError, match="give the folder of --write_json"):
        read_keypoints(tmp_path)
    write_openpose(tmp_path)
    (tmp_path / "other_000000000000_keypoints.json").write_text("{}")
    with pytest.raises(UntrustedFileError, match="two files for one frame"):
        read_keypoints(tmp_path)
    (tmp_path / "clip_000000000000_keypoints.json").unlink()
    with pytest.raises(UntrustedFileError, match="no list people"):
        read_keypoints(tmp_path)
