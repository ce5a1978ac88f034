"""Files that are no video, or a damaged one: what can be had is had, and what is wrong is said."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.errors import InputError
from pipeline.media.decode import probe, read_frames
from tests.pipeline.media.videos import corners, picture, write_sound, write_video


def _missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def _folder(folder: Path) -> Path:
    return folder


def _empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def _text(folder: Path) -> Path:
    (folder / "text.mp4").write_text("this is no video\n" * 50)
    return folder / "text.mp4"


def _named_text(folder: Path) -> Path:
    (folder / "notes.txt").write_text("this is no video\n" * 50)
    return folder / "notes.txt"


def _playlist(folder: Path) -> Path:
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/part.ts\n")
    return folder / "list.m3u8"


def _other_film(folder: Path) -> Path:
    write_video(folder / "neighbour.mp4")
    (folder / "list.mp4").write_text("ffconcat version 1.0\nfile neighbour.mp4\n")
    return folder / "list.mp4"


def _other_film_behind_tags(folder: Path) -> Path:
    # FFmpeg looks behind ID3, whatever the file is.
    path = _other_film(folder)
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x10" + bytes(16) + path.read_bytes())
    return path


def _sound(folder: Path) -> Path:
    return write_sound(folder / "sound.mp4", "aac")


def _no_frames(folder: Path) -> Path:
    with av.open(str(folder / "none.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    return folder / "none.avi"


def _no_index(folder: Path) -> Path:
    path = write_video(folder / "cut.mp4", noise=True)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 100])
    return path


def _device(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_missing, "does not exist"),
        (_folder, "is a folder"),
        (_empty, "is empty"),
        (_text, "not a video"),
        (_named_text, "is a text file"),
        (_playlist, "is a play list"),
        (_other_film, "is a play list"),
        (_other_film_behind_tags, "not a video"),
        (_sound, "nothing but sound"),
        (_no_frames, "not one frame"),
        (_no_index, "cut off"),
        pytest.param(_device, "is not a file", marks=pytest.mark.skipif(sys.platform == "win32", reason="no pipes")),
    ],
)
def test_bad_input_is_one_clear_sentence(tmp_path: Path, make, words: str) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    for use in (probe, lambda p: list(read_frames(p))):
        with pytest.raises(InputError, match=words) as caught:
            use(path)
        message = str(caught.value)
        assert str(path) in message
        assert "\n" not in message
        assert not message.endswith(".")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "clip.mp4", [0])

    # Changing the mode would not stop a test that runs as root.
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); check its permissions"):
        probe(path)


def test_cover_picture_is_not_a_video(tmp_path: Path) -> None:
    sound, cover = write_sound(tmp_path / "bare.mp3", "libmp3lame"), tmp_path / "cover.png"
    Image.fromarray(picture()).save(cover)
    # An ID3v2.3 tag with one APIC frame, in front of the sound.
    body = b"\0image/png\0\x03\0" + cover.read_bytes()
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path = tmp_path / "album.mp3"
    path.write_bytes(b"ID3\x03\0\0" + size + frame + sound.read_bytes())
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(InputError, match="nothing but sound"):
        probe(path)


def test_truncated_file_gives_what_it_has(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", range(0, 4000, 40), noise=True, options={"movflags": "faststart"})
    whole: list[str] = []
    assert len(list(read_frames(path, on_warning=whole.append))) == 100
    assert whole == []
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    warnings: list[str] = []
    frames = list(read_frames(path, on_warning=warnings.append))
    assert 20 < len(frames) < 80
    assert [w for w in warnings if "cut off" in w and "4.0 s" in w]
    # A part that ends before the damage is not worth a warning about the end.
    early: list[str] = []
    list(read_frames(path, stop_s=0.4, on_warning=early.append))
    assert early == []


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_damage_in_the_middle_is_skipped(tmp_path: Path, extension: str) -> None:
    path = write_video(tmp_path / f"clip.{extension}", range(0, 8000, 40), noise=True)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    path.write_bytes(data)
    warnings: list[str] = []
    frames = list(read_frames(path, on_warning=warnings.append))
    assert len(frames) > 150
    assert frames[-1].time_s == pytest.approx(7.96, abs=0.01)
    assert [f.index for f in frames] == list(range(len(frames)))
    assert (np.diff([f.time_s for f in frames]) > 0).all()
    assert [w for w in warnings if "damaged" in w] or extension == "mkv"


@pytest.mark.parametrize("extension", ["mp4", "mkv", "flv", "asf", "nut", "avi", "ts"])
def test_longer_sound_does_not_make_a_file_cut_off(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"clip.{extension}"
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("libx264", rate=25), container.add_stream("aac", rate=44100)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(picture(number))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 5 * 44100), np.float32), format="fltp", layout="mono")
        silence.rate = 44100
        container.mux([*video.encode(), *sound.encode(silence), *sound.encode()])
    warnings: list[str] = []
    assert len(list(read_frames(path, on_warning=warnings.append))) == 25
    assert warnings == []
    if extension in ("mp4", "mkv", "avi", "ts"):
        assert probe(path).duration_s == pytest.approx(1, abs=0.05)


def test_without_sound_the_length_of_the_file_is_that_of_the_pictures(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.flv", range(0, 4000, 40), noise=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    warnings: list[str] = []
    list(read_frames(path, on_warning=warnings.append))
    assert [w for w in warnings if "cut off" in w and "4.1 s" in w]


def test_long_last_frame_does_not_make_a_file_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "slides.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, length in enumerate((1, 1, 100)):
            frame = av.VideoFrame.from_ndarray(picture())
            frame.pts, frame.time_base = number, Fraction(1, 25)
            for packet in stream.encode(frame):
                packet.duration = length
                container.mux(packet)
    warnings: list[str] = []
    assert len(list(read_frames(path, on_warning=warnings.append))) == 3
    assert warnings == []


def test_changing_picture_size_is_scaled_to_the_first(tmp_path: Path) -> None:
    small = write_video(tmp_path / "small.ts", range(0, 2000, 40), codec="mpeg2video")
    large = write_video(tmp_path / "large.ts", range(0, 2000, 40), codec="mpeg2video", size=(128, 96))
    path = tmp_path / "both.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    warnings: list[str] = []
    frames = list(read_frames(path, on_warning=warnings.append))
    # FFmpeg's decoder drops the frame that it holds back when the size changes.
    assert len(frames) in (99, 100)
    assert {f.image.shape for f in frames} == {(48, 64, 3)}
    assert corners(frames[-1].image) == "RG/BK"
    assert len([w for w in warnings if "picture size" in w]) == 1
    # The second part's clock starts again; the joined one goes on.
    np.testing.assert_allclose(np.diff([f.time_s for f in frames]), 0.04, atol=0.001)
