"""Decoding, checked on small files that the tests write themselves."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import InputError, OutputError, UserError
from pipeline.media.decode import probe, read_frames
from pipeline.media.demux import Clock
from tests.pipeline.media.videos import corners, picture, write_video


def test_frames_are_rgb_in_order_with_their_times(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4")
    frames = list(read_frames(path))
    assert [f.index for f in frames] == list(range(10))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(10) * 0.04, atol=1e-9)
    assert all(f.image.shape == (48, 64, 3) and f.image.dtype == np.uint8 for f in frames)
    assert corners(frames[0].image) == "RG/BK"
    middle = [int(f.image[24, 32].mean()) for f in frames]
    np.testing.assert_allclose(middle, np.arange(10) * 10, atol=6)


def test_probe_states_what_the_file_holds(tmp_path: Path) -> None:
    info = probe(write_video(tmp_path / "clip.mp4"))
    assert (info.width, info.height, info.frame_count, info.codec) == (64, 48, 10, "h264")
    assert info.fps == pytest.approx(25, rel=1e-3)
    assert info.duration_s == pytest.approx(0.4, abs=0.01)
    assert (info.rotation_deg, info.mirrored, info.variable_frame_rate, info.is_image) == (0, False, False, False)
    assert info.focal_35mm is None
    assert info.focal_px is None


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_variable_frame_rate_keeps_true_times(tmp_path: Path, extension: str) -> None:
    times_ms = [0, 33, 100, 133, 400, 410, 420, 900, 950, 1000]
    path = write_video(tmp_path / f"clip.{extension}", times_ms)
    np.testing.assert_allclose([1000 * f.time_s for f in read_frames(path)], times_ms, atol=0.6)
    assert probe(path).variable_frame_rate


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [5000, 5040, 5100])
    np.testing.assert_allclose([f.time_s for f in read_frames(path)], [0, 0.04, 0.1], atol=1e-9)


def test_even_times_are_not_called_variable_when_the_probe_stops_amid_reordered_frames(tmp_path: Path) -> None:
    assert not probe(write_video(tmp_path / "clip.mp4", range(0, 40 * 205, 40))).variable_frame_rate


@pytest.mark.parametrize(
    ("degrees", "mirror", "expected"),
    [
        # Counter-clockwise turns of RG/BK, worked out on paper; the mirror image comes after the turn.
        (0, False, "RG/BK"),
        (90, False, "GK/RB"),
        (180, False, "KB/GR"),
        (270, False, "BR/KG"),
        (0, True, "GR/KB"),
        (90, True, "KG/BR"),
        (180, True, "BK/RG"),
        (270, True, "RB/GK"),
    ],
)
def test_display_matrix_is_applied(tmp_path: Path, degrees: int, mirror: bool, expected: str) -> None:
    path = write_video(tmp_path / "clip.mp4", [0, 40], turn=(degrees, mirror))
    first = next(read_frames(path)).image
    assert corners(first) == expected
    assert first.flags.c_contiguous
    info = probe(path)
    assert first.shape == (info.height, info.width, 3)
    assert (info.width, info.height) == ((48, 64) if degrees % 180 else (64, 48))
    assert info.mirrored == mirror
    if not mirror:
        assert info.rotation_deg == degrees


def test_display_matrix_of_a_phone_held_upright(tmp_path: Path) -> None:
    # As phones write it for portrait video: x' = height - y, y' = x, a clockwise quarter turn.
    path = write_video(tmp_path / "clip.mp4", [0, 40], turn=(90, False))
    written = np.array([0, -65536, 0, 65536, 0], ">i4")
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4 + 4 + 20 + 16
    assert np.frombuffer(data, ">i4", 5, at).tolist() == written.tolist()
    portrait = np.array([0, 65536, 0, -65536, 0, 0, 48 * 65536, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(data[:at] + portrait + data[at + 36 :])
    assert corners(next(read_frames(path)).image) == "BR/KG"
    assert probe(path).rotation_deg == 270


@pytest.mark.parametrize(
    ("orientation", "expected"), [(1, "RG/BK"), (2, "GR/KB"), (3, "KB/GR"), (4, "BK/RG"), (5, "RB/GK"), (6, "BR/KG"),
                                  (7, "KG/BR"), (8, "GK/RB")],
)  # fmt: skip
def test_exif_orientation_agrees_with_pillow(tmp_path: Path, orientation: int, expected: str) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    Image.fromarray(picture()).save(path, exif=exif, quality=95)
    frames = list(read_frames(path))
    assert [corners(f.image) for f in frames] == [expected]
    with Image.open(path) as image:
        assert corners(np.asarray(ImageOps.exif_transpose(image))) == expected


def test_non_square_pixels_are_made_square(tmp_path: Path) -> None:
    wide = write_video(tmp_path / "wide.mp4", [0, 40], aspect=Fraction(4, 3))
    tall = write_video(tmp_path / "tall.mp4", [0, 40], aspect=Fraction(1, 2), turn=(90, False))
    assert next(read_frames(wide)).image.shape == (48, 85, 3)
    assert (probe(wide).width, probe(wide).height) == (85, 48)
    assert next(read_frames(tall)).image.shape == (64, 96, 3)
    assert probe(tall).sample_aspect_ratio == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "extension"),
    [
        ("libx264", "yuv420p10le", "mp4"),
        ("libx264", "yuv444p", "mp4"),
        ("libx264", "gray", "mp4"),
        ("ffv1", "gray16le", "mkv"),
        ("ffv1", "yuva420p", "mkv"),
        ("png", "rgba", "mov"),
        ("libvpx-vp9", "yuv444p", "webm"),
        ("mpeg4", "yuv420p", "avi"),
        ("mjpeg", "yuvj422p", "avi"),
    ],
)
def test_pixel_formats_and_odd_sizes(tmp_path: Path, codec: str, pix_fmt: str, extension: str) -> None:
    size = (64, 48) if pix_fmt.startswith("yuv420p") and codec == "libx264" else (65, 49)
    path = write_video(tmp_path / f"clip.{extension}", [0, 40, 80], codec=codec, pix_fmt=pix_fmt, size=size)
    frames = list(read_frames(path))
    assert len(frames) == 3
    image = frames[0].image
    assert image.shape == (size[1], size[0], 3)
    if pix_fmt.startswith("gray"):
        assert np.ptp(image[4, 4]) == 0
        assert image[4, -5, 0] > image[4, 4, 0] > image[-5, -5, 0]
    else:
        assert corners(image) == "RG/BK"


def test_gif_and_pictures(tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture(60 * i)) for i in range(4)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 50, 200, 100])
    frames = list(read_frames(tmp_path / "a.gif"))
    np.testing.assert_allclose([f.time_s for f in frames], [0, 0.1, 0.15, 0.35], atol=1e-9)
    assert {corners(f.image) for f in frames} == {"RG/BK"}
    # A percent sign must not be taken for a numbered sequence, nor a colon for a protocol.
    for name, mode in (
        ("a.png", "RGB"),
        ("b.png", "RGBA"),
        ("c.png", "P"),
        ("http:%03d.jpg", "RGB"),
        ("d.webp", "RGB"),
    ):
        pictures[0].convert(mode).save(tmp_path / name)
        (frame,) = read_frames(tmp_path / name)
        assert (corners(frame.image), frame.time_s) == ("RG/BK", 0.0)
        info = probe(tmp_path / name)
        assert (info.is_image, info.frame_count) == (True, 1)


def test_start_and_stop_keep_index_and_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4")
    frames = list(read_frames(path, start_s=0.08, stop_s=0.2))
    assert [f.index for f in frames] == [2, 3, 4]
    np.testing.assert_allclose([f.time_s for f in frames], [0.08, 0.12, 0.16], atol=1e-9)
    with pytest.raises(InputError, match=r"no frame between 9 s .* last one is at 0\.36 s"):
        list(read_frames(path, start_s=9))
    with pytest.raises(InputError, match="start must lie before the end"):
        list(read_frames(path, start_s=2, stop_s=1))


def test_focal_length_from_metadata(tmp_path: Path) -> None:
    tag = {"com.apple.quicktime.camera.focal_length.35mm_equivalent": "26"}
    clip = write_video(tmp_path / "clip.mov", [0, 40], tags=tag, options={"movflags": "use_metadata_tags"})
    info = probe(clip)
    assert info.focal_35mm == 26
    assert info.focal_px == pytest.approx(26 * 80 / 43.2666, rel=1e-4)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 28
    Image.fromarray(picture()).save(tmp_path / "photo.jpg", exif=exif)
    assert probe(tmp_path / "photo.jpg").focal_35mm == 28
    unknown = write_video(
        tmp_path / "zero.mov", [0], tags=dict.fromkeys(tag, "0"), options={"movflags": "use_metadata_tags"}
    )
    assert probe(unknown).focal_35mm is None


def test_clock_mends_missing_and_backward_stamps() -> None:
    clock = Clock(0.1)
    assert [round(clock.tick(t), 3) for t in (7.0, None, 7.2, 7.2, 7.15, 7.3)] == [0, 0.1, 0.2, 0.21, 0.22, 0.3]
    # A restarted clock goes on one period after the last frame and keeps its spacing.
    assert [round(clock.tick(t), 3) for t in (0.0, 0.05, 0.5)] == [0.4, 0.45, 0.9]


@pytest.mark.slow
def test_ffmpeg_prints_nothing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", range(0, 8000, 40), noise=True, options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    path.write_bytes(data[:-2000])
    code = (
        "import sys; from pipeline.media.decode import read_frames as read; "
        "assert sum(1 for _ in read(sys.argv[1])) > 100"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"")


def test_exit_codes() -> None:
    assert (UserError("x").exit_code, InputError("x").exit_code, OutputError("x").exit_code) == (1, 2, 2)
