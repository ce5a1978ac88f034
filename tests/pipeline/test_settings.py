"""Settings and cameras: defaults, files, command line, and the sentences for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.media.decode import probe
from pipeline.settings import RunSettings, load_settings
from pipeline.stages.camera import choose_camera, load_camera


def test_the_shipped_default_is_the_default() -> None:
    assert load_settings(None, {}) == RunSettings()


def test_command_line_wins_over_file_and_file_over_default(tmp_path: Path) -> None:
    config = tmp_path / "my.toml"
    config.write_text('preset = "reference"\nsmooth = "off"\nfov = 70\n')
    settings = load_settings(config, {"smooth": 0.2, "steps": None})
    assert (settings.preset, settings.smooth, settings.fov, settings.gif_fps) == ("reference", 0.2, 70, 15)
    assert load_settings(config, {"focal_px": 900.0}).fov is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour = 3", ["colour"]),
        ("steps = 0", ["--steps", "0"]),
        ('preset = "best"', ["--preset", "best", "fast"]),
        ("person_height = 17", ["--person-height"]),
        ("preset =", ["TOML"]),
    ],
)
def test_bad_files_are_explained(tmp_path: Path, text: str, words: list[str]) -> None:
    config = tmp_path / "my.toml"
    config.write_text(text)
    with pytest.raises(InputError) as caught:
        load_settings(config, {})
    for word in words:
        assert word in str(caught.value)


def test_camera_by_precedence(sample: Path) -> None:
    video = probe(sample)
    assumed = choose_camera(RunSettings(), video)
    assert "assumed" in assumed.source
    # The longer side of the sample is its width.
    assert 2 * np.degrees(np.arctan(640 / 2 / assumed.K[0, 0])) == pytest.approx(55)
    assert choose_camera(RunSettings(focal_px=500), video).K[1, 1] == 500


def test_camera_file_is_scaled_to_the_video(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("fx = 1000\ncx = 950\nimage_size = [1920, 1080]\ndistortion = [0.1, 0, 0, 0]\n")
    camera = load_camera(path, (960, 540))
    assert np.allclose(camera.K, [[500, 0, 475], [0, 500, 270], [0, 0, 1]])
    assert camera.distortion.tolist() == [0.1, 0, 0, 0]
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"K": [[700, 0, 10], [0, 800, 20], [0, 0, 1]]}))
    assert np.allclose(load_camera(path, (64, 48)).K, [[700, 0, 10], [0, 800, 20], [0, 0, 1]])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("cx = 3", "fx"),
        ("fx = -3", "positive"),
        ("fx = 1000\nimage_size = [100, 100]", "100 x 100"),
        ("fx = 1000\ndistortion = [1]", "distortion"),
        ("fx = 1000\nzoom = 2", "zoom"),
        ("fx = 'long'", "usable"),
        ("fx ", "TOML"),
    ],
)
def test_bad_camera_files(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=word):
        load_camera(path, (640, 480))
