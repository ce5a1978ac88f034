"""The stage that finds people: several frames at once, where a run goes on, and what is said about the detector."""

from __future__ import annotations

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
