"""Pictures as a film: folders, numbered names, patterns."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import InputError
from pipeline.files.workspace import fingerprint
from pipeline.live.source import open_source
from pipeline.media.decode import Frame, probe, read_frames
from pipeline.media.pictures import film_name, pictures_of
from tests.pipeline.media.videos import corners, jpeg, picture, write_raw, write_video


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures, brighter and brighter, whose names in alphabetical order are another film; and other files."""
    folder = tmp_path / "walk.v2"
    folder.mkdir()
    for number in range(12):
        Image.fromarray(picture(20 * number)).save(folder / f"f{number}.png")
    (folder / "notes.txt").write_text("not a picture", encoding="ascii")
    (folder / ".f3.png").write_bytes(b"hidden")
    write_video(folder / "clip.mp4", [0])
    return folder


def levels(frames: list[Frame]) -> list[int]:
    return [int(frame.image[24, 32, 0]) // 20 for frame in frames]


@pytest.mark.parametrize("name", ["", "f%d.png", "f*.png", "*.png", "f*"])
def test_pictures_are_a_film_in_natural_order(folder: Path, name: str) -> None:
    path, said = folder / name, list[str]()
    frames = list(read_frames(path, on_warning=said.append, fps=10))
    assert levels(frames) == list(range(12))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(12) / 10)
    assert [frame.index for frame in frames] == list(range(12)) and not said
    info = probe(path, 10)
    assert (info.width, info.height, info.fps, info.frame_count, info.is_image) == (64, 48, 10, 12, False)
    assert info.duration_s == pytest.approx(1.2)


def test_numbered_names_have_as_many_digits_as_are_asked_for(tmp_path: Path) -> None:
    for name in ("f001.png", "f010.png", "f1000.png", "f01.png", "g001.png", "f001.png.png"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in pictures_of(tmp_path / "f%03d.png")] == ["f001.png", "f010.png", "f1000.png"]


def test_without_a_rate_it_is_a_guess_that_is_told(folder: Path) -> None:
    said: list[str] = []
    assert list(read_frames(folder, on_warning=said.append))[-1].time_s == pytest.approx(11 / 30)
    (text,) = said
    assert "30 a second are a guess" in text and "--fps" in text


def test_a_part_is_that_part(folder: Path) -> None:
    frames = list(read_frames(folder, 0.25, 0.55, fps=10))
    assert [frame.index for frame in frames] == [3, 4, 5] == levels(frames)
    assert frames[0].time_s == pytest.approx(0.3)
    with pytest.raises(InputError, match=r"no frame between 5 s and 6 s, its last one is at 1\.10 s"):
        list(read_frames(folder, 5, 6, fps=10))


def test_a_bad_picture_is_named_and_left_out_with_its_time(folder: Path) -> None:
    (folder / "f0.png").write_bytes(b"")
    (folder / "f5.png").write_bytes(b"\x89PNG\r\n\x1a\n nonsense")
    said: list[str] = []
    frames = list(read_frames(folder, on_warning=said.append, fps=10))
    assert [frame.index for frame in frames] == [1, 2, 3, 4, *range(6, 12)] == levels(frames)
    assert said == [f"2 of the pictures of {folder} cannot be read and were left out: f0.png, f5.png"]
    assert probe(folder).width == 64


def test_where_no_picture_can_be_read_one_sentence_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    for read in (probe, lambda path: list(read_frames(path))):
        with pytest.raises(InputError, match=r"none of the 1 pictures of .* can be read: .*a\.png is empty"):
            read(tmp_path)


def test_pictures_of_other_sizes_are_fitted_in_and_each_is_turned_by_itself(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(jpeg(1))
    (tmp_path / "2.jpg").write_bytes(jpeg(6))
    Image.fromarray(np.full((96, 256, 3), 255, np.uint8)).save(tmp_path / "3.png")
    said: list[str] = []
    one, two, three = (frame.image for frame in read_frames(tmp_path, on_warning=said.append, fps=1))
    assert one.shape == two.shape == three.shape == (48, 64, 3)
    # 48 x 64 upright becomes 36 x 48, 256 x 96 becomes 64 x 24.
    assert corners(two[:, 14:50]) == "BR/KG" and two[:, :14].max() == 0 == two[:, 50:].max()
    assert three[12:36].min() == 255 and three[:12].max() == 0 == three[36:].max()
    assert said == [f"{tmp_path} has pictures of several sizes; all are fitted into that of the first one"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty", "is a folder without pictures; give the videos in it"),
        ("f%04d.png", "there are no pictures .*f%04d.png; check the name"),
        ("*.jpg", "there are no pictures .*; check the name"),
        ("*.mp4", r"stands for .*clip\.mp4, which is no picture; give videos by their names"),
    ],
)
def test_names_that_stand_for_no_pictures_are_refused(folder: Path, name: str, sentence: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=sentence):
        probe(folder / name)


def test_a_file_of_such_a_name_is_that_file(tmp_path: Path) -> None:
    for name in ("a%d.mp4", "[b].mp4"):
        assert len(list(read_frames(write_video(tmp_path / name)))) == 10
    assert pictures_of(tmp_path / "a%d.mp4") == ()


def test_films_of_pictures_are_called_by_folder_or_pattern(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert film_name(folder) == "walk.v2" == film_name(folder / "*.png") == film_name(folder / "%03d.png")
    assert film_name(folder / "f%03d.png") == "f" == film_name(folder / "f_[0-9]*.png")
    assert film_name(folder / "clip.mp4") == "clip" == film_name(Path("clip.mp4"))
    monkeypatch.chdir(folder)
    assert film_name(Path()) == "walk.v2"
    assert probe(Path()).path.name == "walk.v2"


def test_another_picture_is_another_input(folder: Path) -> None:
    def now() -> dict[str, object]:
        return fingerprint(folder, {"fps": 30}, pictures_of(folder))

    first = now()
    assert now() == first != fingerprint(folder, {"fps": 25}, pictures_of(folder))
    os.utime(folder / "f3.png", ns=(1, 1))
    changed = now()
    (folder / "f3.png").unlink()
    assert first != changed != now() != first


def test_a_live_session_plays_pictures(folder: Path) -> None:
    source = open_source(str(folder), fps=200)
    assert source.name == "walk.v2" and source.video.fps == 200
    assert len(list(source.frames())) == 12


def test_raw_streams_have_the_rate_that_is_given(tmp_path: Path) -> None:
    path, said = write_raw(tmp_path / "clip.h264", "libx264", 30), list[str]()
    frames = list(read_frames(path, on_warning=said.append, fps=120))
    np.testing.assert_allclose(np.diff([frame.time_s for frame in frames]), 1 / 120, atol=1e-6)
    assert probe(path, 120).fps == 120 and not said


def test_films_with_times_keep_them(tmp_path: Path) -> None:
    path, said = write_video(tmp_path / "clip.mp4"), list[str]()
    assert list(read_frames(path, on_warning=said.append, fps=120))[1].time_s == pytest.approx(0.04)
    assert said == [f"{path} has times of its own; --fps is for pictures and raw streams, and was not used"]
