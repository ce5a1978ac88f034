"""``--keypoints``: people of a file, with the video or without it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from detectors.keypoint_files.people import KeypointFile
from detectors.keypoint_files.read import FileDetector
from pipeline.commands import cli
from pipeline.errors import InputError, OutputError
from pipeline.lift_file import _times, lift_file
from pipeline.progress import QuietReporter
from pipeline.results.exporters import save
from pipeline.run import run_video
from pipeline.settings import load_settings
from pipeline.stages.told import beyond, tracks_by_id
from tests.detectors.keypoint_files.files import write_coco, write_own
from tests.pipeline.formats.biomechanics.people import bending, result
from tests.pipeline.media.videos import write_video

QUIET = QuietReporter()


def bent(path: Path, frames: int = 12) -> None:
    """2D of a figure that bends a knee, as our own file."""
    people = result(bending(frames, 30))
    people.metadata["video"] = {"fps": 30.0}
    for track in people.tracks:
        track.keypoints_px[:] = people.camera.project(track.joints_m)
        track.confidence[:] = 0.9
    save(path, people)


def test_tracks_keep_their_ids(tmp_path: Path) -> None:
    write_own(tmp_path / "a.json")
    detector = FileDetector(tmp_path / "a.json")
    tracks = tracks_by_id((frame, frame / 25, people) for frame, people in detector.file.people.items())
    assert [(track.track_id, track.frame_index.tolist()) for track in tracks] == [(1, [0, 1, 2]), (4, [0, 1, 2])]
    assert beyond(detector, np.arange(3)) == []
    (sentence,) = beyond(detector, np.arange(2))
    assert "people in 1 frames after frame 1" in sentence


def test_times() -> None:
    people = {2: [], 3: [], 5: []}
    file = KeypointFile("x", "coco-17", people, time_s={2: 1.0, 3: 1.1, 5: 1.4})  # type: ignore[arg-type]
    assert list(_times(file, None, None).values()) == pytest.approx([1.0, 1.0, 1.0, 1.1, 1.25, 1.4])
    assert list(_times(file, None, 10.0).values()) == pytest.approx([0.8, 0.9, 1.0, 1.1, 1.25, 1.4])
    assert list(_times(file, 2.0, 2.0).values()) == [0, 0.5, 1, 1.5, 2, 2.5]


def test_sentences(tmp_path: Path) -> None:
    write_coco(tmp_path / "a.json")
    with pytest.raises(InputError, match="does not say what --image-size WxH does"):
        lift_file(tmp_path / "a.json", [tmp_path / "a.npz"], load_settings(None, {}), QUIET)
    with pytest.raises(InputError, match="does not say what --fps does"):
        lift_file(tmp_path / "a.json", [tmp_path / "a.npz"], load_settings(None, {"image_size": "640x480"}), QUIET)
    with pytest.raises(OutputError, match=r"a\.gif shows the video, which was not given"):
        lift_file(tmp_path / "a.json", [tmp_path / "a.gif"], load_settings(None, {}), QUIET)
    with pytest.raises(InputError, match="must be WIDTHxHEIGHT"):
        load_settings(None, {"image_size": "640"})
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["a.json"]
    for arguments in (["video"], ["a.mp4", "b.mp4", "--out", "{name}.npz", "--keypoints", "a.json"]):
        assert CliRunner().invoke(cli, arguments).exit_code != 0


@pytest.mark.slow
def test_the_two_halves_can_be_done_apart(tmp_path: Path) -> None:
    bent(tmp_path / "a.people.json")
    settings = load_settings(None, {"keypoints": tmp_path / "a.people.json", "fov": 60.0})
    outputs = [tmp_path / "a.npz", tmp_path / "b.people.json", tmp_path / "a.trc"]
    first = lift_file(tmp_path / "a.people.json", outputs, settings, QUIET).result
    again = lift_file(tmp_path / "b.people.json", [], settings, QUIET).result
    assert (tmp_path / "a.trc").exists()
    assert first.metadata["detector"]["settings"]["format"] == "zedo-video"
    assert first.camera.image_size == (1280, 720)
    (track,), (other,) = first.tracks, again.tracks
    np.testing.assert_allclose(track.joints_m, other.joints_m, atol=1e-3)
    np.testing.assert_allclose(track.time_s, np.arange(12) / 30, atol=1e-6)
    entries = [json.loads(path.read_text())["people"] for path in (tmp_path / "a.people.json", outputs[1])]
    for a, b in zip(*entries, strict=True):
        np.testing.assert_allclose(a["keypoints"], b["keypoints"], atol=2e-3)


@pytest.mark.slow
def test_with_the_video(tmp_path: Path) -> None:
    bent(tmp_path / "a.people.json")
    write_video(tmp_path / "a.mp4", range(0, 400, 40))
    said: list[str] = []

    class Listens(QuietReporter):
        def warn(self, text: str) -> None:
            said.append(text)

    settings = load_settings(None, {"keypoints": tmp_path / "a.people.json"})
    summary = run_video(tmp_path / "a.mp4", [tmp_path / "a.npz"], settings, Listens())
    assert summary.frames == 10
    assert [(track.track_id, len(track)) for track in summary.result.tracks] == [(1, 10)]
    assert any("people in 2 frames after frame 9" in text for text in said)
    assert not (tmp_path / "a.npz.work").exists()
