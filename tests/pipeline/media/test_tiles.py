"""Pictures made of tiles, by files whose boxes the tests write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, features

from assets.untrusted import UntrustedFileError
from assets.untrusted.heif import tile_grid
from pipeline.errors import InputError
from pipeline.live.source import open_source
from pipeline.media.decode import probe, read_frames
from tests.pipeline.media.heif import write_grid
from tests.pipeline.media.videos import corners, picture, write_video

SIZE = (160, 100)
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF")


@pytest.mark.parametrize("in_file", [False, True])
def test_tiles_are_put_together_and_cut_to_the_picture(tmp_path: Path, in_file: bool) -> None:
    path = write_grid(tmp_path / "photo.heic", picture(100, SIZE), thumbnail=True, in_file=in_file)
    said: list[str] = []
    (frame,) = read_frames(path, on_warning=said.append)
    assert np.abs(frame.image.astype(int) - picture(100, SIZE)).mean() < 5
    assert not said
    info = probe(path)
    assert (info.width, info.height, info.is_image, info.frame_count) == (*SIZE, True, 1)


@pytest.mark.parametrize(
    ("turn", "mirror", "expected"),
    [(0, 0, "BK/RG"), (0, 1, "GR/KB"), (1, None, "GK/RB"), (2, None, "KB/GR"), (3, None, "BR/KG"), (1, 1, "KG/BR")],
)
def test_pictures_of_tiles_are_turned(tmp_path: Path, turn: int, mirror: int | None, expected: str) -> None:
    path = write_grid(tmp_path / "photo.heic", picture(100, SIZE), turn=turn, mirror=mirror)
    (frame,) = read_frames(path)
    assert corners(frame.image) == expected
    assert frame.image.shape[:2] == (SIZE if turn % 2 else SIZE[::-1])
    assert (probe(path).width, probe(path).height) == frame.image.shape[1::-1]
    assert [corners(image) for image in open_source(str(path)).frames()] == [expected]


@needs_avif
@pytest.mark.parametrize(("turn", "mirror"), [(0, None), (3, 0)])
def test_avif_agrees_with_another_reader(tmp_path: Path, turn: int, mirror: int | None) -> None:
    path = write_grid(tmp_path / "photo.avif", picture(100, SIZE), turn=turn, mirror=mirror)
    (frame,) = read_frames(path)
    with Image.open(path) as image:
        other = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert frame.image.shape == other.shape
    assert np.abs(frame.image.astype(int) - other).mean() < 5


def test_the_focal_length_is_that_of_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 26
    path = write_grid(tmp_path / "photo.heic", picture(100, SIZE), exif=exif.tobytes().removeprefix(b"Exif\0\0"))
    assert probe(path).focal_35mm == 26


def test_a_tile_that_cannot_be_decoded_leaves_the_others(tmp_path: Path) -> None:
    # The second of two tiles is an item that is nowhere.
    path = write_grid(tmp_path / "photo.heic", picture(100, (128, 64)), tiles=[1, 9])
    said: list[str] = []
    (frame,) = read_frames(path, on_warning=said.append)
    assert corners(frame.image) == "RK/BK"
    assert said == [f"{path} is damaged: 1 unreadable part(s) were left out"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"shape": (3, 3)}, "is damaged or no picture made of tiles; save it as JPEG"),
        ({"canvas": (0, 100)}, "is damaged or no picture made of tiles; save it as JPEG"),
        ({"canvas": (60000, 60000)}, "more than 67 million"),
        ({"kind": "iovl"}, "several pictures laid over each other, which is not read; save it as JPEG"),
        ({"tiles": []}, "is damaged or no picture made of tiles; save it as JPEG"),
    ],
)
def test_grids_that_cannot_be_are_refused(tmp_path: Path, wrong: dict[str, object], sentence: str) -> None:
    path = write_grid(tmp_path / "photo.heic", picture(100, (128, 64)), **wrong)  # type: ignore[arg-type]
    with pytest.raises(UntrustedFileError, match=sentence.replace("(", r"\(")):
        tile_grid(path)
    for read in (probe, lambda path: list(read_frames(path))):
        with pytest.raises(InputError):
            read(path)


def test_a_film_is_no_picture_of_tiles(tmp_path: Path) -> None:
    assert tile_grid(write_video(tmp_path / "clip.mp4")) is None
    (tmp_path / "note.txt").write_bytes(b"ftyp")
    assert tile_grid(tmp_path / "note.txt") is None


def test_damaged_headers_are_refused_or_read(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "photo.heic", picture(100, (128, 64)), turn=1)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    header = whole.index(b"mdat")
    refused = 0
    for _ in range(300):
        data = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(24, header, rng.integers(1, 4))
        data[places] = rng.choice([0, 1, 127, 128, 255], len(places))
        path.write_bytes(data.tobytes())
        try:
            tile_grid(path)
        except UntrustedFileError:
            refused += 1
    assert refused > 10
