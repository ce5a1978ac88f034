"""The stage that finds people: several frames at once, where a run goes on, and what is said about the detector."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.base import BatchPoseDetector
from detectors.movenet.detector import MoveNetDetector
from detectors.people import Person2D
from pipeline.errors import InputError
from pipeline.files.workspace import Workspace
from pipeline.load import load_detector
from pipeline.media.decode import read_frames
from pipeline.progress import QuietReporter
from pipeline.stages import detect as detection
from pipeline.stages.detect import detect_people, stored_people
from tests.pipeline.media.videos import spoil, write_video


class Batched:
    """Sees one person in every frame, whose place is the mean of the frame; remembers the sizes of the batches."""

    name, layout, batch_size, chosen = "batched", "coco-17", 8, ""

    def __init__(self, fail_after: int = 1000) -> None:
        self.sizes: list[int] = []
        self.fail_after = fail_after

    def detect(self, image: np.ndarray, previous: Sequence[Person2D] = (), frame_index: int = 0) -> list[Person2D]:
        return self.detect_batch([image])[0]

    def detect_batch(self, images: Sequence[np.ndarray]) -> list[list[Person2D]]:
        if sum(self.sizes) >= self.fail_after:
            raise KeyboardInterrupt
        self.sizes.append(len(images))
        box = np.array([0, 0, 10, 10], np.float32)
        return [
            [Person2D(np.full((17, 2), image.mean(), np.float32), np.ones(17, np.float32), self.layout, box, 1.0)]
            for image in images
        ]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


def run(clip: Path, folder: Path, detector: Batched) -> list[tuple[int, float]]:
    workspace = Workspace(folder, {})
    detect_people(clip, detector, workspace, start_s=None, end_s=None, on_progress=lambda done: None)
    return [(frame.frame_index, float(frame.people[0].keypoints_px[0, 0])) for frame in stored_people(workspace)]


@pytest.mark.slow
def test_frames_go_to_the_detector_in_batches_and_keep_their_order(short_clip: Path, tmp_path: Path) -> None:
    detector = Batched()
    assert isinstance(detector, BatchPoseDetector) and not isinstance(MoveNetDetector(), BatchPoseDetector)
    found = run(short_clip, tmp_path / "w", detector)
    assert detector.sizes == [8, 8, 8]
    expected = [(frame.index, float(frame.image.mean())) for frame in read_frames(short_clip)]
    assert [index for index, _ in found] == [index for index, _ in expected]
    assert np.allclose([mean for _, mean in found], [mean for _, mean in expected])


def test_a_killed_run_goes_on_with_the_batch_it_lacks(
    short_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "CHUNK", 8)
    whole = run(short_clip, tmp_path / "whole", Batched())
    with pytest.raises(KeyboardInterrupt):
        run(short_clip, tmp_path / "w", Batched(fail_after=16))
    rest = Batched()
    assert run(short_clip, tmp_path / "w", rest) == whole
    assert rest.sizes == [8]


class Single:
    """The same, frame by frame."""

    name, layout, chosen = "single", "coco-17", ""

    def detect(self, image: np.ndarray, previous: Sequence[Person2D] = (), frame_index: int = 0) -> list[Person2D]:
        return Batched().detect(image)

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


@pytest.mark.parametrize("detector", [Batched(), Single()])
def test_nobody_is_seen_in_frames_that_the_decoder_patched_up(tmp_path: Path, detector: Any) -> None:
    unseen = [3, *range(16, 24)]
    clip = spoil(write_video(tmp_path / "clip.mp4", range(0, 2000, 40), noise=True, gop_size=1), unseen)
    workspace = Workspace(tmp_path / "w", {})
    warnings = detect_people(clip, detector, workspace, start_s=None, end_s=None, on_progress=lambda done: None)
    found = list(stored_people(workspace))
    assert [frame.frame_index for frame in found] == list(range(50))
    assert [frame.frame_index for frame in found if not frame.people] == unseen
    assert len(warnings) == 1


def test_the_choice_of_auto_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Listening(QuietReporter):
        def say(self, text: str) -> None:
            said.append(text)

    detector = MoveNetDetector()
    monkeypatch.setattr("detectors.registry.create_detector", lambda *given: detector)
    load_detector("movenet", reporter=Listening())
    assert said == []
    detector.chosen = "MMPose is not installed"
    load_detector("auto", reporter=Listening())
    assert said == ["detector: movenet, because MMPose is not installed"]


def test_what_is_wrong_with_a_detector_is_the_users_to_fix() -> None:
    with pytest.raises(InputError, match="no detector named 'openpose'; choose one of: auto, mmpose, movenet"):
        load_detector("openpose")


def replaced(folder: Path, chunk: str, **arrays: Any) -> None:
    """A chunk with other arrays, under checksums that are right; None takes one away."""
    path = folder / f"{chunk}.npz"
    with np.load(path) as stored:
        kept = {**dict(stored), **arrays}
    np.savez(path, **{name: array for name, array in kept.items() if array is not None})


@pytest.fixture(scope="module")
def detected(short_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, float]]]:
    """A folder with three chunks of a detection that is complete, and what it found."""
    folder = tmp_path_factory.mktemp("detected")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detection, "CHUNK", 8)
        return folder, run(short_clip, folder, Batched())


@pytest.mark.parametrize(
    "arrays",
    [
        {"frame_index": None},
        {"more": np.zeros(2)},
        {"frame_index": np.arange(8)},
        {"frame_index": np.arange(8, 16)[::-1]},
        {"frame_index": np.arange(8.0, 16)},
        {"frame_index": np.zeros((2, 2), int)},
        {"frame_index": np.zeros(0, int)},
        {"time_s": np.full(8, np.nan)},
        {"time_s": np.zeros(8)},
        {"time_s": np.array("text")},
        {"offsets": np.arange(9)[::-1]},
        {"offsets": np.array([0, 10**12, *range(2, 9)])},
        {"keypoints_px": np.full((8, 17, 2), np.nan, np.float32)},
        {"keypoints_px": np.ones((8, 16, 2), np.float32)},
        {"keypoints_px": np.ones((8, 17, 2), complex)},
        {"confidence": np.full((8, 17), 2, np.float32)},
        {"boxes": np.full((8, 4), np.inf, np.float32)},
        {"scores": np.ones(7)},
        {"track_ids": np.ones(8)},
        {"layout": np.array("halpe-26")},
        {"layout": np.array(["coco-17"] * 8)},
    ],
    ids=lambda arrays: "-".join(arrays),
)
def test_a_chunk_that_this_stage_would_not_have_written_is_made_anew(
    arrays: dict[str, Any],
    detected: tuple[Path, list[tuple[int, float]]],
    short_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detection, "CHUNK", 8)
    shutil.copytree(detected[0], tmp_path / "w")
    replaced(tmp_path / "w", "people-000001", **arrays)
    rest = Batched()
    assert run(short_clip, tmp_path / "w", rest) == detected[1]
    assert rest.sizes == [8, 8]
    again = Batched()
    assert run(short_clip, tmp_path / "w", again) == detected[1] and not again.sizes


@pytest.mark.parametrize(
    "text", [None, np.zeros(2), np.array("one"), np.array([["a", "b"]]), np.array([b"bytes"]), np.array([1j])]
)
def test_warnings_that_are_none_are_found_anew(text: Any, tmp_path: Path) -> None:
    clip = spoil(write_video(tmp_path / "clip.mp4", range(0, 800, 40), noise=True, gop_size=1), [3])

    def found() -> list[str]:
        workspace = Workspace(tmp_path / "w", {})
        return detect_people(clip, Batched(), workspace, start_s=None, end_s=None, on_progress=lambda done: None)

    warnings = found()
    assert len(warnings) == 1 and found() == warnings
    replaced(tmp_path / "w", "warnings-000000", text=text)
    assert found() == warnings
    replaced(tmp_path / "w", "warnings-000000", text=None, texts=np.array(["another"]))
    assert found() == warnings
    (tmp_path / "w" / "warnings-000000.npz").write_bytes(b"damaged")
    assert found() == warnings
