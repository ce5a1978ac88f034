"""High dynamic range, by films of patches whose light is known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.live.source import open_source
from pipeline.media.decode import read_frames

PQ, HLG, BT709, BT2020 = 16, 18, 1, 9
#: Red, green and blue of BT.709 in BT.2020 (ITU-R BT.2087), one a row.
PRIMARIES = np.array([[0.6274, 0.0691, 0.0164], [0.3293, 0.9195, 0.0880], [0.0433, 0.0114, 0.8956]])


def pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084, by its own constants."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = (nits / 10_000) ** m1
    return ((c1 + c2 * power) / (1 + c3 * power)) ** m2


def write_signal(path: Path, signal: NDArray[np.float64], transfer: int, primaries: int = BT2020) -> Path:
    """Patches ``[N, 3]`` of signal in 0..1 beside each other, 32 pixels wide, ten bits, two frames."""
    image = np.repeat(np.repeat(np.rint(65535 * signal)[None], 64, 0), 32, 1).astype(np.uint16)
    with av.open(str(path), "w") as container:
        quiet, alone = "log-level=none:info=0", "bframes=0:frame-threads=1:pools=none"
        options = {"x265-params": f"{quiet}:repeat-headers=1:lossless=1:{alone}"}
        stream = container.add_stream("libx265", rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p10le"
        codec = stream.codec_context
        codec.color_trc, codec.color_primaries, codec.colorspace, codec.color_range = transfer, primaries, BT2020, 1
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(image, format="rgb48le")
            frame = frame.reformat(format="yuv420p10le", dst_colorspace=BT2020, dst_color_range=1)
            frame.color_trc, frame.color_primaries = transfer, primaries
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def seen(path: Path) -> NDArray[np.int64]:
    """The middles of the patches ``[N, 3]``."""
    first = next(iter(read_frames(path))).image
    live = next(iter(open_source(str(path)).frames()))
    np.testing.assert_array_equal(live, first)
    return first[32, 16::32].astype(np.int64)


def grey(*signal: float) -> NDArray[np.float64]:
    return np.repeat(np.array(signal)[:, None], 3, 1)


def test_dark_and_middle_tones_keep_their_light_and_highlights_are_white(tmp_path: Path) -> None:
    nits = np.array([0, 5, 20, 50, 80, 203, 1000, 10_000])
    found = seen(write_signal(tmp_path / "a.mkv", grey(*pq(nits)), PQ))
    assert np.ptp(found, axis=1).max() <= 2
    np.testing.assert_allclose(found[:5, 1], 255 * (nits[:5] / 203) ** (1 / 2.4), atol=2)
    assert 205 <= found[5, 1] <= 235
    assert (found[6:] >= 254).all()


def test_colours_are_those_of_bt709(tmp_path: Path) -> None:
    found = seen(write_signal(tmp_path / "a.mkv", pq(50 * PRIMARIES), PQ))
    level = 255 * (50 / 203) ** (1 / 2.4)
    assert np.abs(np.diag(found) - level).max() <= 4
    assert (found - np.diag(np.diag(found))).max() <= 25


def test_both_transfer_functions_show_the_same_scene(tmp_path: Path) -> None:
    # BT.2408: the white of graphics is 75 % of HLG and 58 % of PQ, a grey card 38 % of both.
    hlg = seen(write_signal(tmp_path / "a.mkv", grey(0, 0.38, 0.75, 1), HLG))
    np.testing.assert_allclose(hlg, seen(write_signal(tmp_path / "b.mkv", grey(0, 0.38, 0.58, 0.7518), PQ)), atol=3)


@pytest.mark.parametrize(("transfer", "primaries"), [(1, 1), (14, BT2020)])
def test_other_films_are_as_they_were(tmp_path: Path, transfer: int, primaries: int) -> None:
    path = write_signal(tmp_path / "a.mkv", grey(0, 0.25, 0.5, 1), transfer, primaries)
    np.testing.assert_allclose(seen(path)[:, 1], [0, 64, 128, 255], atol=2)


def test_primaries_of_bt709_stay(tmp_path: Path) -> None:
    found = seen(write_signal(tmp_path / "a.mkv", pq(50 * np.eye(3) + 1e-3), PQ, BT709))
    assert np.abs(np.diag(found) - 255 * (50 / 203) ** (1 / 2.4)).max() <= 4
