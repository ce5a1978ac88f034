"""Videos for the tests of the command line, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from assets.integrity import asset_path

WriteVideo = Callable[[Path, list[NDArray[np.uint8]]], Path]


def write_frames(path: Path, frames: list[NDArray[np.uint8]], fps: int = 30, *, lossless: bool = False) -> Path:
    """An H.264 video of RGB frames, or one that shows exactly these."""
    codec, form, options = ("ffv1", "bgr0", {}) if lossless else ("libx264", "yuv420p", {"crf": "18"})
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = form
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def sample() -> Path:
    """The shipped clip."""
    return asset_path("sample.mp4")


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """The first 24 frames of the shipped clip as a video of their own."""
    with av.open(str(sample)) as container:
        frames = [
            frame.to_ndarray(format="rgb24") for frame, _ in zip(container.decode(video=0), range(24), strict=False)
        ]
    return write_frames(tmp_path_factory.mktemp("clips") / "short.mp4", frames)


@pytest.fixture(scope="session")
def empty_room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a grey gradient: nobody is in the picture."""
    ramp = np.linspace(90, 160, 320).astype(np.uint8)
    image = np.repeat(np.tile(ramp, (240, 1))[..., None], 3, axis=2)
    return write_frames(tmp_path_factory.mktemp("clips") / "empty.mp4", [image] * 12)
