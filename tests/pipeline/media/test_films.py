"""Films as people have them: what cameras, phones and other programs write beside the pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.live.source import open_source
from pipeline.media.decode import probe, read_frames
from tests.pipeline.media.videos import corners, jpeg, write_packets


@pytest.mark.parametrize("extension", ["avi", "mov", "mkv"])
@pytest.mark.parametrize(("orientation", "expected"), [(1, "RG/BK"), (2, "GR/KB"), (5, "RB/GK"), (6, "BR/KG")])
def test_side_data_without_a_name_hides_no_orientation(
    tmp_path: Path, extension: str, orientation: int, expected: str
) -> None:
    path = write_packets(tmp_path / f"clip.{extension}", "mjpeg", [jpeg(orientation)] * 3)
    assert [corners(frame.image) for frame in read_frames(path)] == [expected] * 3
    assert probe(path).focal_35mm == 28
    assert [corners(image) for image in open_source(str(path)).frames()] == [expected] * 3
