"""Films as people have them: what cameras, phones and other programs write beside the pictures."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from lifting.geometry.camera import Camera
from pipeline.errors import InputError
from pipeline.live.source import open_source
from pipeline.media.decode import probe, read_frames
from pipeline.results.exporters import save
from pipeline.results.result import Result, load_result
from pipeline.results.schema import build_metadata
from tests.pipeline.media.videos import (
    corners,
    jpeg,
    picture,
    spoil,
    write_packets,
    write_raw,
    write_reordered,
    write_streams,
    write_video,
)

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF")


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


@pytest.mark.parametrize("extension", ["jpg", "avi", "png", "webp", pytest.param("avif", marks=needs_avif)])
def test_exif_in_any_encoding_keeps_orientation_and_focal_length(tmp_path: Path, extension: str) -> None:
    data, path = jpeg(6, "été".encode("latin-1"), focal_35mm=31), tmp_path / f"photo.{extension}"
    if extension == "avi":
        write_packets(path, "mjpeg", [data] * 2)
    else:
        path.write_bytes(data)
    if extension in ("png", "webp", "avif"):
        with Image.open(io.BytesIO(data)) as image:
            image.save(path, exif=image.getexif(), quality=95)
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


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv", "avi", "ts"])
@pytest.mark.parametrize(
    ("streams", "default", "used"),
    [
        ([((64, 48), 1), ((128, 96), 20)], None, 2),
        ([((160, 120), 1), ((128, 96), 20)], 0, 2),
        ([((64, 48), 20), ((256, 192), 20)], 1, 2),
        ([((256, 192), 20), ((64, 48), 20)], None, 1),
    ],
)
def test_of_several_streams_the_one_that_players_show_is_used(
    tmp_path: Path, extension: str, streams: list[tuple[tuple[int, int], int]], default: int | None, used: int
) -> None:
    path = write_streams(tmp_path / f"clip.{extension}", streams, default)
    warnings: list[str] = []
    frames = list(read_frames(path, on_warning=warnings.append))
    size = streams[used - 1][0]
    assert (len(frames), frames[0].image.shape[1::-1], probe(path).frame_count) == (20, size, 20)
    assert [corners(frame.image) for frame in frames] == ["RG/BK"] * 20
    assert [w for w in warnings if f"has 2 video streams; number {used} is used" in w] == warnings


@pytest.mark.parametrize("extension", ["mkv", "avi", "ts"])
def test_where_none_is_the_default_the_larger_picture_is_used(tmp_path: Path, extension: str) -> None:
    path = write_streams(tmp_path / f"clip.{extension}", [((64, 48), 20), ((256, 192), 20)])
    assert (probe(path).width, probe(path).height) == (256, 192)


def test_the_default_stream_is_shown_even_if_it_is_smaller(tmp_path: Path) -> None:
    path = write_streams(tmp_path / "clip.mkv", [((128, 96), 20), ((64, 48), 20)], default=1)
    assert (probe(path).width, probe(path).height) == (64, 48)


@needs_avif
def test_an_animated_picture_is_a_film(tmp_path: Path) -> None:
    path = write_streams(tmp_path / "track.avif", [((64, 64), 15)])
    assert len(list(read_frames(path))) == 15
    # Pillow, as others, puts a still picture in front.
    pictures, path = [Image.fromarray(picture(15 * number)) for number in range(15)], tmp_path / "both.avif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100)
    warnings: list[str] = []
    times_s = [frame.time_s for frame in read_frames(path, on_warning=warnings.append)]
    np.testing.assert_allclose(times_s, np.arange(15) / 10, atol=1e-3)
    assert [w for w in warnings if "has 2 video streams; number 2 is used" in w] == warnings


@pytest.mark.parametrize(("extension", "tick_s"), [("avi", 1e-9), ("asf", 1e-3), ("mkv", 1e-3), ("mp4", 1e-9)])
@pytest.mark.parametrize("count", [6, 40])
def test_even_spacing_stays_even_where_frames_are_stored_in_another_order(
    tmp_path: Path, extension: str, tick_s: float, count: int
) -> None:
    path = write_reordered(tmp_path / f"clip.{extension}", count)
    frames = list(read_frames(path))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(count) / 30, atol=2 * tick_s)
    middle = [int(frame.image[24, 32].mean()) for frame in frames]
    np.testing.assert_allclose(middle, 5 * np.arange(count), atol=8)


def test_spacing_is_even_soon_where_the_other_order_begins_late(tmp_path: Path) -> None:
    path = write_reordered(tmp_path / "clip.avi", plain=20)
    times_s = np.array([frame.time_s for frame in read_frames(path)])
    off = np.abs(times_s - np.arange(40) / 30) > 1e-6
    assert off.sum() <= 4
    assert not off[:20].any()
    assert not off[30:].any()


@pytest.mark.parametrize(("size", "box"), [((128, 48), (0, 12, 64, 36)), ((48, 96), (20, 0, 44, 48))])
def test_a_picture_of_another_shape_is_not_stretched(
    tmp_path: Path, size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    first = write_video(tmp_path / "first.ts", range(0, 1000, 40), codec="mpeg2video")
    second = write_video(tmp_path / "second.ts", range(0, 1000, 40), codec="mpeg2video", size=size)
    path = tmp_path / "both.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    warnings: list[str] = []
    frames = list(read_frames(path, on_warning=warnings.append))
    assert [w for w in warnings if "fitted into that of the first one" in w] == warnings
    image, (left, top, right, bottom) = frames[-1].image, box
    assert image.shape == frames[0].image.shape == (48, 64, 3)
    assert corners(image[top:bottom, left:right]) == "RG/BK"
    outside = image.copy()
    outside[top:bottom, left:right] = 0
    assert outside.max() < 20


def test_pictures_of_a_camera_are_each_turned_by_themselves(tmp_path: Path) -> None:
    path = write_packets(tmp_path / "clip.mkv", "mjpeg", [jpeg(1), jpeg(3), jpeg(6)])
    images = [frame.image for frame in read_frames(path)]
    assert [image.shape for image in images] == [(48, 64, 3)] * 3
    assert [corners(image) for image in (images[0], images[1], images[2][:, 14:50])] == ["RG/BK", "KB/GR", "BR/KG"]


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_frames_that_the_decoder_patched_up_are_told(tmp_path: Path, extension: str) -> None:
    path = write_video(tmp_path / f"clip.{extension}", range(0, 2000, 40), noise=True, gop_size=1)
    spoil(path, [20, 21, 22, 40])
    warnings: list[str] = []
    frames = list(read_frames(path, on_warning=warnings.append))
    assert [frame.index for frame in frames if frame.patched] == [20, 21, 22, 40]
    told = "4 frames, patched up by the decoder, count as not seen, at 0.80 to 0.88 s, 1.60 s"
    assert [w for w in warnings if told in w] == warnings
    assert len(list(open_source(str(path)).frames())) == 46


@pytest.mark.parametrize(("gop", "last"), [(25, 49), (500, 80)])
def test_what_is_predicted_from_damage_is_not_seen(tmp_path: Path, gop: int, last: int) -> None:
    path = write_video(tmp_path / "a.avi", range(0, 4800, 40), codec="mpeg4", noise=True, gop_size=gop)
    whole = [frame.image.astype(int) for frame in read_frames(path)]
    spoil(path, [31])
    frames = list(read_frames(path))
    # Up to the next key frame, but not for longer than two seconds.
    assert [frame.index for frame in frames if frame.patched] == list(range(31, last + 1))
    assert np.abs(frames[40].image - whole[40]).max() > 30 and (gop > 25 or (frames[50].image == whole[50]).all())


@pytest.mark.parametrize("extension", ["mp4", "mkv", "ts"])
def test_holes_in_the_times_are_told(tmp_path: Path, extension: str) -> None:
    times_ms = [*range(0, 1000, 40), *range(2000, 3000, 40), *range(3500, 5000, 40)]
    path = write_video(tmp_path / f"clip.{extension}", times_ms)
    warnings: list[str] = []
    list(read_frames(path, on_warning=warnings.append))
    assert [w for w in warnings if "no new pictures from 0.96 to 2.00 s, 2.96 to 3.50 s" in w] == warnings


def test_a_film_with_pauses_has_no_holes(tmp_path: Path) -> None:
    warnings: list[str] = []
    list(read_frames(write_video(tmp_path / "clip.mkv", [0, 40, 500, 540, 1200, 2000]), on_warning=warnings.append))
    assert warnings == []


@pytest.mark.parametrize(("extension", "codec"), [("h264", "libx264"), ("h265", "libx265"), ("m4v", "mpeg4")])
@pytest.mark.parametrize("rate", [30, 50])
def test_a_stream_without_times_has_the_rate_that_it_states(
    tmp_path: Path, extension: str, codec: str, rate: int
) -> None:
    path = write_raw(tmp_path / f"clip.{extension}", codec, rate)
    warnings: list[str] = []
    times_s = [frame.time_s for frame in read_frames(path, on_warning=warnings.append)]
    np.testing.assert_allclose(times_s, np.arange(20) / rate, atol=1e-6)
    assert probe(path).fps == rate
    assert [w for w in warnings if f"without times; {rate} frames a second are a guess" in w] == warnings


@pytest.mark.parametrize("exif", [True, False])
def test_pictures_one_behind_the_other_are_a_film(tmp_path: Path, exif: bool) -> None:
    bare = io.BytesIO()
    Image.fromarray(picture()).save(bare, "jpeg", quality=95)
    path = tmp_path / "clip.mjpeg"
    path.write_bytes(12 * (jpeg() if exif else bare.getvalue()))
    assert not probe(path).is_image
    warnings: list[str] = []
    frames = list(read_frames(path, on_warning=warnings.append))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(12) / 25, atol=1e-6)
    assert {corners(frame.image) for frame in frames} == {"RG/BK"}
    assert [w for w in warnings if "25 frames a second are a guess" in w] == warnings


def write_webp(path: Path, durations: list[int]) -> Path:
    images = [Image.fromarray(picture(20 * number, (96, 64))) for number in range(len(durations))]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, lossless=True)
    return path


def test_an_animated_webp_is_a_film(tmp_path: Path) -> None:
    path, said = write_webp(tmp_path / "a.webp", [40, 80, 0, 120, 40]), list[str]()
    frames = list(read_frames(path, on_warning=said.append))
    # Like browsers: what states no time stands for a tenth of a second.
    np.testing.assert_allclose([frame.time_s for frame in frames], [0, 0.04, 0.12, 0.22, 0.34])
    assert [int(frame.image[32, 48, 0]) // 20 for frame in frames] == list(range(5)) and not said
    info = probe(path)
    assert (info.width, info.height, info.frame_count, info.is_image) == (96, 64, 5, False)
    assert info.duration_s == pytest.approx(0.38) and info.fps == pytest.approx(5 / 0.38)
    assert info.variable_frame_rate
    assert len(list(open_source(str(path)).frames())) == 5


def test_an_animated_webp_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = write_webp(tmp_path / "a.webp", [40] * 10)
    path.write_bytes(path.read_bytes()[:-100])
    for read in (probe, lambda path: list(read_frames(path))):
        with pytest.raises(InputError, match="not one frame of it can be decoded"):
            read(path)
