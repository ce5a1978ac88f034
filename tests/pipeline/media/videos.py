"""Small video and sound files that the tests of decoding write themselves."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray
from PIL import Image

MS = Fraction(1, 1000)


def picture(level: int = 0, size: tuple[int, int] = (64, 48)) -> NDArray[np.uint8]:
    """Top left red, top right green, bottom left blue, bottom right black; ``level`` brightens the middle."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 3, : width // 3, 0] = 255
    image[: height // 3, -width // 3 :, 1] = 255
    image[-height // 3 :, : width // 3, 2] = 255
    image[height // 3 : -height // 3, width // 3 : -width // 3] = level
    return image


def corners(image: NDArray[np.uint8]) -> str:
    """Colours of the corners in reading order, as in ``"RG/BK"``."""

    def name(pixel: NDArray[np.uint8]) -> str:
        return "K" if pixel.max() < 100 else "RGB"[int(pixel.argmax())]

    return f"{name(image[4, 4])}{name(image[4, -5])}/{name(image[-5, 4])}{name(image[-5, -5])}"


def write_video(
    path: Path,
    times_ms: Sequence[int] = tuple(range(0, 400, 40)),
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    turn: tuple[float, bool] | None = None,
    aspect: Fraction | None = None,
    tags: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    noise: bool = False,
    gop_size: int = 10,
) -> Path:
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options=options or {}) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.gop_size = gop_size
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if turn is not None:
            stream.set_display_rotation(turn[0], hflip=turn[1])
        # MPEG-2 knows only the frame rates of television.
        if codec != "mpeg2video":
            stream.time_base = stream.codec_context.time_base = MS
        for number, time_ms in enumerate(times_ms):
            image = picture(10 * number % 250, size)
            if noise:
                image[10:30, 10:30] = rng.integers(0, 255, (20, 20, 3))
            frame = av.VideoFrame.from_ndarray(image).reformat(format=pix_fmt)
            frame.pts, frame.time_base = time_ms, MS
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_reordered(path: Path, count: int = 40, plain: int = 0) -> Path:
    """H.264 with three B-frames between references, 30 a second; the first ``plain`` frames have none."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"bf": "3", "b_strategy": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(5 * number))
            frame.pts, frame.time_base = number, Fraction(1, 30)
            if number < plain:
                frame.pict_type = PictureType.P
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_raw(path: Path, codec: str, rate: int, count: int = 20) -> Path:
    """A stream without a container."""
    kind = {".h265": "hevc"}.get(path.suffix, path.suffix[1:])
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(10 * number, (64, 64)))
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def spoil(path: Path, numbers: Sequence[int]) -> Path:
    """Wipe the second half of these pictures, counted as they are stored."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        for packet in (packets[number] for number in numbers):
            begin, half = data.index(bytes(packet)), packet.size // 2
            data[begin + half : begin + packet.size] = bytes(packet.size - half)
    path.write_bytes(data)
    return path


def write_sound(path: Path, codec: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def jpeg(orientation: int = 1, description: bytes = b"a day out", focal_35mm: int = 28) -> bytes:
    """``picture`` as a camera writes it, with EXIF; ``description`` is stored as it is, in whatever encoding."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, description
    exif.get_ifd(0x8769)[0xA405] = focal_35mm
    file = io.BytesIO()
    Image.fromarray(picture()).save(file, "jpeg", exif=exif, quality=95)
    return file.getvalue()


def write_packets(path: Path, codec: str, packets: Sequence[bytes], **options: str) -> Path:
    """A film of packets that are encoded already, 25 a second, each a key frame."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number, data in enumerate(packets):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 25)
            packet.is_keyframe = True
            container.mux(packet)
    return path


def write_streams(path: Path, streams: Sequence[tuple[tuple[int, int], int]], default: int | None = None) -> Path:
    """Several video streams in one file, each of a size and a number of frames, 25 a second; one may be the default."""
    with av.open(str(path), "w") as container:
        written = []
        for size, _ in streams:
            stream = container.add_stream("libsvtav1" if path.suffix == ".avif" else "libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            written.append(stream)
        if default is not None:
            for number, stream in enumerate(written):
                stream.disposition = stream.disposition.default if number == default else stream.disposition.dub
        packets = []
        for stream, (size, count) in zip(written, streams, strict=True):
            for number in range(count):
                frame = av.VideoFrame.from_ndarray(picture(10 * number % 250, size))
                frame.pts, frame.time_base = number, Fraction(1, 25)
                packets += stream.encode(frame)
            packets += stream.encode()
        container.mux(sorted(packets, key=lambda packet: packet.dts * packet.time_base))
    return path
