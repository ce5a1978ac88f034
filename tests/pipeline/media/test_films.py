"""Films as people have them: what cameras, phones and other programs write beside the pictures."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lifting.geometry.camera import Camera
from pipeline.live.source import open_source
from pipeline.media.decode import probe, read_frames
from pipeline.results.exporters import save
from pipeline.results.result import Result, load_result
from pipeline.results.schema import build_metadata
from tests.pipeline.media.videos import corners, jpeg, write_packets, write_video


@pytest.mark.parametrize("extension", ["avi", "mov", "mkv"])
@pytest.mark.parametrize(("orientation", "expected"), [(1, "RG/BK"), (2, "GR/KB"), (5, "RB/GK"), (6, "BR/KG")])
def test_side_data_without_a_name_hides_no_orientation(
    tmp_path: Path, extension: str, orientation: int, expected: str
) -> None:
    path = write_packets(tmp_path / f"clip.{extension}", "mjpeg", [jpeg(orientation)] * 3)
    assert [corners(frame.image) for frame in read_frames(path)] == [expected] * 3
    assert probe(path).focal_35mm == 28
    assert [corners(image) for image in open_source(str(path)).frames()] == [expected] * 3


@pytest.mark.parametrize("extension", ["avi", "mp4", "mov", "mkv"])
def test_a_title_in_any_encoding_is_no_obstacle(tmp_path: Path, extension: str) -> None:
    path = write_video(tmp_path / f"clip.{extension}", tags={"title": "un ete, XX"})
    path.write_bytes(path.read_bytes().replace(b"un ete, XX", "un été, à".encode("latin-1") + b"\xff"))
    assert b"un \xe9t\xe9" in path.read_bytes()
    assert len(list(read_frames(path))) == 10
    assert probe(path).codec == "h264"


@pytest.mark.parametrize("extension", ["jpg", "avi"])
def test_exif_in_any_encoding_keeps_orientation_and_focal_length(tmp_path: Path, extension: str) -> None:
    data, path = jpeg(6, "été".encode("latin-1"), focal_35mm=31), tmp_path / f"photo.{extension}"
    if extension == "jpg":
        path.write_bytes(data)
    else:
        write_packets(path, "mjpeg", [data] * 2)
    assert {corners(frame.image) for frame in read_frames(path)} == {"BR/KG"}
    assert probe(path).focal_35mm == 31


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_results_of_a_file_whose_name_is_no_text_are_text(tmp_path: Path) -> None:
    path = write_video(tmp_path / os.fsdecode(b"\xe9t\xe9.mp4"))
    camera = Camera.from_fov(55, (64, 48), "assumed")
    record = build_metadata(
        camera=camera, prior={}, detector={}, preset="balanced", seed=0, settings={}, video=probe(path),
        warnings=[f"{path} is damaged"],
    )  # fmt: skip
    for name in ("a.json", "a.npz"):
        save(tmp_path / name, Result((), camera, record))
    stored = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["metadata"]
    assert (stored["video"]["file"], stored["warnings"]) == ("?t?.mp4", ["?t?.mp4 is damaged"])
    assert load_result(tmp_path / "a.npz").metadata["video"]["file"] == "?t?.mp4"
