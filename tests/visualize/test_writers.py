from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import OutputError
from pipeline.results.exporters import PICTURES, open_writer
from visualize.stream import PictureOptions

_CONSTANT = tuple(step / 24 for step in range(24))
#: Uneven steps, not from zero.
_VARIABLE = (5.0, 5.02, 5.1, 5.11, 5.3, 5.8, 5.84, 6.0)
_MOVIES = (".mp4", ".webm")


def _frame(step: int, size: tuple[int, int] = (64, 48)) -> NDArray[np.uint8]:
    """Quarters in four colours, and a bright bar that moves."""
    width, height = size
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[: height // 2, : width // 2] = (200, 40, 40)
    image[: height // 2, width // 2 :] = (40, 160, 60)
    image[height // 2 :, : width // 2] = (40, 80, 220)
    image[height // 2 :, width // 2 :] = (120, 120, 120)
    image[:, 4 * (step % 8) : 4 * (step % 8) + 3] = 240
    return image


def _write(path: Path, times: Sequence[float], size: tuple[int, int] = (64, 48), **options: Any) -> None:
    with open_writer(path, PictureOptions(**options)) as writer:
        for step, time_s in enumerate(times):
            writer.write(_frame(step, size), time_s)


def _movie(path: Path) -> tuple[list[float], list[NDArray[np.uint8]]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [float(f.time) for f in frames], [f.to_ndarray(format="rgb24") for f in frames]


def _gif(path: Path) -> tuple[list[int], list[NDArray[np.uint8]]]:
    """Delays in milliseconds and RGB frames."""
    delays, frames = [], []
    with Image.open(path) as gif:
        for index in range(getattr(gif, "n_frames", 1)):
            gif.seek(index)
            delays.append(int(gif.info["duration"]))
            frames.append(np.asarray(gif.convert("RGB")))
    return delays, frames


@pytest.mark.parametrize("extension", _MOVIES)
@pytest.mark.parametrize("times", [_CONSTANT, _VARIABLE])
def test_movies_keep_every_frame_and_its_time(tmp_path: Path, extension: str, times: Sequence[float]) -> None:
    path = tmp_path / f"out{extension}"
    _write(path, times)
    found, frames = _movie(path)
    assert len(frames) == len(times)
    assert found == pytest.approx(np.array(times) - times[0], abs=6e-4)
    with av.open(str(path)) as container:
        assert container.duration is not None
        # The last frame lasts as long as the one before it.
        assert container.duration / 1e6 == pytest.approx(2 * times[-1] - times[-2] - times[0], abs=2e-3)


@pytest.mark.parametrize("extension", _MOVIES)
def test_movies_keep_colours_and_content(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"out{extension}"
    _write(path, _CONSTANT, (128, 96))
    with av.open(str(path)) as container:
        decoded = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    for step in (0, 7, 23):
        error = np.abs(decoded[step].astype(float) - _frame(step, (128, 96)))
        assert np.median(error) < 5 and error.mean() < 12


@pytest.mark.parametrize("extension", _MOVIES)
@pytest.mark.parametrize("colour", [(200, 40, 40), (40, 180, 60), (40, 60, 220)])
def test_strong_colours_are_exact(tmp_path: Path, extension: str, colour: tuple[int, int, int]) -> None:
    # The two colour matrices in use differ by some 20 levels here.
    path = tmp_path / f"out{extension}"
    with open_writer(path) as writer:
        writer.write(np.full((32, 32, 3), colour, dtype=np.uint8), 0.0)
    assert np.abs(_movie(path)[1][0].astype(int) - colour).max() <= 5


@pytest.mark.parametrize("extension", _MOVIES)
def test_movies_state_the_frame_rate_of_the_source(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"out{extension}"
    _write(path, _CONSTANT)
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].average_rate or 0) == pytest.approx(24.0, rel=1e-3)


def test_mp4_plays_everywhere_and_while_it_loads(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    _write(path, _CONSTANT)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("extension", _MOVIES)
def test_odd_sizes_are_padded_not_scaled(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"out{extension}"
    _write(path, (0.0, 0.1), (65, 47))
    _, frames = _movie(path)
    assert frames[0].shape == (48, 66, 3)
    assert np.abs(frames[0][:47, :65].astype(float) - _frame(0, (65, 47))).mean() < 12


@pytest.mark.parametrize("fps", [30.0, 25.0, 60.0, 24.0, 7.0])
def test_gif_has_the_right_speed(tmp_path: Path, fps: float) -> None:
    times = [step / fps for step in range(round(2 * fps))]
    _write(tmp_path / "out.gif", times)
    delays, frames = _gif(tmp_path / "out.gif")
    assert sum(delays) == pytest.approx(1000 * len(times) / fps, abs=10)
    assert len(frames) == pytest.approx(min(fps, 15) * 2, abs=1)
    assert min(delays) >= 20
    # Even pacing: delays differ by a source frame and the 10 ms of rounding at most.
    assert max(delays) - min(delays) <= 1000 / fps + 10


def test_gif_never_runs_faster_than_browsers_show_it(tmp_path: Path) -> None:
    _write(tmp_path / "out.gif", [step / 60 for step in range(60)], gif_fps=50)
    delays, _ = _gif(tmp_path / "out.gif")
    assert min(delays) >= 20 and sum(delays) == 1000


def test_gif_delays_of_a_variable_rate_add_up_at_every_frame(tmp_path: Path) -> None:
    _write(tmp_path / "out.gif", _VARIABLE, gif_fps=50)
    delays, frames = _gif(tmp_path / "out.gif")
    shown = np.cumsum([0, *delays[:-1]])
    wanted = [round(1000 * (t - 5)) for t in _VARIABLE]
    # 5.11 s comes within 20 ms of 5.1 s, closer than browsers can show.
    assert shown.tolist() == [t for t in wanted if t != 110]
    assert delays[-1] == 160
    for index, step in enumerate((0, 1, 2, 4, 5, 6, 7)):
        assert np.abs(frames[index].astype(float) - _frame(step)).mean() < 4


@pytest.mark.parametrize("extension", sorted(PICTURES))
@pytest.mark.parametrize("gap_s", [600.0, 30_000.0, 3.2e7, 1e12])
@pytest.mark.parametrize("gif_fps", [50.0, 0.01])
def test_a_gap_in_the_times_is_cut_to_what_the_format_can_say(
    tmp_path: Path, extension: str, gap_s: float, gif_fps: float
) -> None:
    path, times = tmp_path / f"out{extension}", [0.0, 0.04, 0.08, gap_s, gap_s + 0.04, gap_s + 0.08]
    with open_writer(path, PictureOptions(gif_fps=gif_fps)) as writer:
        for step, time_s in enumerate(times):
            writer.write(_frame(step), time_s)
    if extension == ".gif":
        delays, frames = _gif(path)
        found = (np.cumsum([0, *delays[:-1]]) / 1000).tolist()
    else:
        found, frames = _movie(path)
    cut = gap_s - 0.08 - writer.max_shown_s
    assert writer.cut_s == pytest.approx(max(0.0, cut), rel=1e-6)
    assert writer.max_shown_s > (500 if extension == ".gif" else 23_800)
    shown = [time_s - writer.cut_s * (time_s >= gap_s) for time_s in times]
    assert found == pytest.approx(
        [0.0, shown[3]] if len(found) == 2 else shown, abs=0.02 + 1e-4 * gap_s * (gap_s > 1e9)
    )
    assert len(frames) == (2 if extension == ".gif" and gif_fps < 1 else 6)


def test_gif_loops_and_keeps_colours(tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    _write(path, _CONSTANT, gif_fps=12)
    assert b"NETSCAPE2.0\x03\x01\x00\x00\x00" in path.read_bytes()
    _, frames = _gif(path)
    for index in (0, 5, 11):
        assert np.abs(frames[index].astype(int) - _frame(2 * index)).max() <= 16


@pytest.mark.parametrize(("width", "expected"), [(32, (32, 24)), (640, (64, 48)), (33, (33, 25))])
def test_gif_shrinks_to_its_width_but_never_grows(tmp_path: Path, width: int, expected: tuple[int, int]) -> None:
    _write(tmp_path / "out.gif", (0.0, 0.1), gif_width=width)
    _, frames = _gif(tmp_path / "out.gif")
    assert frames[0].shape[1::-1] == expected


def test_gif_palette_serves_the_whole_clip(tmp_path: Path) -> None:
    path, late = tmp_path / "out.gif", np.full((40, 40, 3), (250, 20, 180), dtype=np.uint8)
    with open_writer(path) as writer:
        for step in range(20):
            shade = np.full((40, 40, 3), 12 * step, dtype=np.uint8)
            writer.write(shade if step < 19 else late, step / 10)
    _, frames = _gif(path)
    assert np.abs(frames[-1].astype(int) - late).max() <= 10


def test_gif_leaves_out_noise_and_keeps_slow_changes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    still = rng.integers(40, 200, (40, 40, 3)).astype(np.uint8)
    sizes = {}
    for name, noise in (("still", 0), ("noisy", 1)):
        with open_writer(tmp_path / f"{name}.gif") as writer:
            for step in range(20):
                moved = still + rng.integers(-noise, noise + 1, still.shape)
                writer.write(moved.astype(np.uint8), step / 10)
        sizes[name] = (tmp_path / f"{name}.gif").stat().st_size
    assert sizes["noisy"] < 1.2 * sizes["still"]
    with open_writer(tmp_path / "fade.gif") as writer:
        for step in range(40):
            writer.write(np.full((40, 40, 3), 100 + step, dtype=np.uint8), step / 10)
    _, frames = _gif(tmp_path / "fade.gif")
    assert abs(float(frames[-1].mean()) - 139) <= 7


@pytest.mark.parametrize("extension", sorted(PICTURES))
def test_single_frame(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"out{extension.upper()}"
    _write(path, (3.0,))
    frames = (_gif(path) if extension == ".gif" else _movie(path))[1]
    assert len(frames) == 1 and np.abs(frames[0].astype(float) - _frame(0)).mean() < 12
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("extension", sorted(PICTURES))
@pytest.mark.parametrize("frames", [0, 1, 5])
def test_an_exception_leaves_no_file(tmp_path: Path, extension: str, frames: int) -> None:
    with pytest.raises(KeyError), open_writer(tmp_path / f"out{extension}") as writer:
        for step in range(frames):
            writer.write(_frame(step), step / 30)
        raise KeyError
    assert not list(tmp_path.iterdir())
    writer.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("extension", sorted(PICTURES))
def test_no_frame_is_an_error_and_spares_what_was_there(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"out{extension}"
    path.write_bytes(b"older")
    with pytest.raises(ValueError, match="there is no frame"), open_writer(path):
        pass
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("extension", sorted(PICTURES))
def test_a_missing_folder_is_an_os_error(tmp_path: Path, extension: str) -> None:
    with pytest.raises(OSError), open_writer(tmp_path / "missing" / f"out{extension}") as writer:
        for step in range(3):
            writer.write(_frame(step), step / 30)


@pytest.mark.parametrize("extension", sorted(PICTURES))
def test_only_the_file_itself_remains_and_older_ones_are_replaced(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"out{extension}"
    path.write_bytes(b"older")
    _write(path, _CONSTANT)
    assert list(tmp_path.iterdir()) == [path] and path.stat().st_size > 500


def test_the_caller_may_reuse_the_array(tmp_path: Path) -> None:
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    with open_writer(tmp_path / "out.gif") as writer:
        for step in range(3):
            image[:] = 100 * step
            writer.write(image, step / 10)
    _, frames = _gif(tmp_path / "out.gif")
    assert [int(f[8, 8, 0]) for f in frames] == pytest.approx([0, 100, 200], abs=6)


@pytest.mark.parametrize(
    ("image", "time_s", "message"),
    [
        (np.zeros((48, 64), np.uint8), 1.0, "H, W, 3"),
        (np.zeros((48, 64, 3), np.float32), 1.0, "uint8"),
        (np.zeros((48, 65, 3), np.uint8), 1.0, "size of the first"),
        (np.zeros((48, 64, 3), np.uint8), 0.5, "does not come after"),
        (np.zeros((48, 64, 3), np.uint8), float("nan"), "does not come after"),
    ],
)
def test_unusable_frames_are_refused(tmp_path: Path, image: NDArray[np.uint8], time_s: float, message: str) -> None:
    with pytest.raises(ValueError, match=message), open_writer(tmp_path / "out.mp4") as writer:
        writer.write(_frame(0), 0.5)
        writer.write(image, time_s)
    assert not list(tmp_path.iterdir())


def test_closed_writers_take_no_frames(tmp_path: Path) -> None:
    with open_writer(tmp_path / "out.gif") as writer:
        writer.write(_frame(0), 0.0)
    writer.abort()
    assert (tmp_path / "out.gif").exists()
    with pytest.raises(ValueError, match="closed"):
        writer.write(_frame(1), 0.1)


def test_unknown_formats_and_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.gif, \.mp4, \.webm"):
        open_writer(tmp_path / "out.avi")
    for options in ({"gif_fps": 0.009}, {"gif_fps": 51.0}, {"gif_width": 15}):
        with pytest.raises(ValueError, match="a GIF"):
            PictureOptions(**options)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("kind", sorted(PICTURES))
def test_a_full_disk_is_told_as_such(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"out{kind}"
    path.symlink_to("/dev/full")
    rng = np.random.default_rng(0)
    with pytest.raises(OSError) as caught, open_writer(path) as writer:
        for step in range(20):
            writer.write(rng.integers(0, 255, (96, 128, 3)).astype(np.uint8), step / 10)
    assert caught.value.errno == errno.ENOSPC
    assert not path.is_symlink()


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of the process from Linux")
@pytest.mark.parametrize("extension", sorted(PICTURES))
def test_memory_does_not_grow_with_the_length(tmp_path: Path, extension: str) -> None:
    image = np.zeros((240, 320, 3), dtype=np.uint8)
    with open_writer(tmp_path / f"out{extension}", PictureOptions(gif_fps=50)) as writer:
        for step in range(300):
            # Encoders look some frames ahead.
            if step == 80:
                before = _resident_mb()
            image[:, step : step + 20] = (step % 200, 90, 200)
            writer.write(image, step / 50)
        # Kept raw, the frames would take 50 MB at least.
        assert _resident_mb() - before < 20
    assert _resident_mb() - before < 20
