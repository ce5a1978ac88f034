"""Opening a video file and getting decoded pictures out of it, however damaged it is."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assets.untrusted.images import check_pixels
from pipeline.errors import InputError, as_input_error
from pipeline.media.addresses import LIST_FORMATS, absent

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = [
    "Clock", "Problems", "decode_all", "decode_packet", "film_streams", "focal_35mm", "is_raw", "is_still",
    "open_video", "read_packets", "shown_stream", "stated_duration", "stated_frame_rate", "states_own_duration",
    "uneven", "with_times",
]  # fmt: skip

# FFmpeg paints text files as terminal screens; a text file is no video here.
_TEXT_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}
_RAW_JPEG = {".mjpeg", ".mjpg"}
# What FFmpeg's readers of raw streams count in.
_RAW_TICK = Fraction(1, 1_200_000)
_FOCAL_KEY = re.compile(r"focallength(35mmequivalent|in35mm(film|format))$")
# A demuxer that fails this often in a row without a packet in between will not recover.
_MAX_READ_FAILURES = 50
# Of a file with several video streams: where they are to show whether they are films.
_SEARCHED_PACKETS = 1000
# Frames held in memory at first: twice the usual distance between frames that others are predicted from.
_LOOKED_AHEAD = 10
# A step back in time longer than this is a restarted clock, a shorter one a wrong time stamp.
_CLOCK_RESET_S = 1.0


@dataclass
class Problems:
    """Damage met while reading.

    Attributes:
        damaged: packets that could not be read or decoded, and were left out.
        broken_off: reading ended before the end of the file.
    """

    damaged: int = 0
    broken_off: bool = False


@dataclass
class Clock:
    """Presentation times from 0, strictly increasing, with missing and backward time stamps mended."""

    period_s: float
    origin: float | None = None
    last: float = -math.inf

    def tick(self, stamp: float | None) -> float:
        """Time of the next frame in s, from the time stamp in the file (None: it has none)."""
        if self.origin is None:
            self.origin = stamp if stamp is not None else 0.0
            self.last = 0.0
            return 0.0
        time_s = self.last + self.period_s if stamp is None else stamp - self.origin
        if time_s <= self.last - _CLOCK_RESET_S:
            mended = self.last + self.period_s
            self.origin += time_s - mended
            time_s = mended
        elif time_s <= self.last:
            # A small step keeps the frames that follow at their own, true times.
            time_s = self.last + self.period_s / 10
        self.last = time_s
        return time_s


def open_video(path: Path) -> tuple[InputContainer, VideoStream]:
    """Open a file and choose its video stream; the caller closes the container.

    Raises:
        InputError: missing, a folder, unreadable, empty, not a video, no pictures, or an unknown codec.
    """
    _check_file(path)
    container = _opened(path)
    try:
        if _TEXT_FORMATS & set(container.format.name.split(",")):
            raise InputError(f"{path} is a text file, not a video; give the video itself")
        streams = film_streams(container)
        if not streams:
            sound = " but sound" if container.streams.audio or container.streams.video else ""
            raise InputError(f"{path} holds nothing{sound}, no pictures; give a file with a video stream")
        stream = shown_stream(streams, _stills(path, streams) if len(streams) > 1 else ())
        if stream.codec_context is None:
            raise InputError(f"{path} uses a codec that cannot be decoded here; convert it to H.264")
        with as_input_error():
            check_pixels(path, stream.codec_context.width, stream.codec_context.height)
        stream.thread_type = "AUTO"
    except BaseException:
        container.close()
        raise
    return container, stream


def film_streams(container: InputContainer) -> list[VideoStream]:
    """The video streams without cover pictures of sound files, and the like, which are video streams to FFmpeg."""
    return [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]


def shown_stream(streams: Sequence[VideoStream], stills: Collection[int] = ()) -> VideoStream:
    """The one of several video streams that players show.

    As FFmpeg chooses: what is the default, then the larger picture, then the higher bit rate. But a single picture
    never hides a film.

    Args:
        streams: at least one.
        stills: indices of those that are a single picture.
    """

    def rank(stream: VideoStream) -> tuple[int, ...]:
        codec, kind = stream.codec_context, stream.disposition
        if codec is None:
            return (0, stream.index not in stills, 0, 0, 0, -stream.index)
        shown = (not kind & (kind.hearing_impaired | kind.visual_impaired)) + bool(kind & kind.default)
        return (1, stream.index not in stills, shown, codec.width * codec.height, codec.bit_rate or 0, -stream.index)

    return max(streams, key=rank)


def _stills(path: Path, streams: Sequence[VideoStream]) -> set[int]:
    """Indices of the streams that have one picture only, as far as the beginning of the file tells."""
    from av.error import FFmpegError

    # Counts that files state include frames that are not there.
    seen = {stream.index: 0 for stream in streams}
    with _opened(path) as container:
        try:
            for packet in islice(container.demux(), _SEARCHED_PACKETS):
                if packet.size and packet.stream_index in seen:
                    seen[packet.stream_index] += 1
                    if min(seen.values()) > 1:
                        break
        except FFmpegError:
            pass
    return {index for index, count in seen.items() if count < 2}


def _opened(path: Path) -> InputContainer:
    import av

    try:
        # "file:" and the white list: a name with a colon is no network address, and no file opens one.
        # "replace": titles are in any encoding.
        formats = ",".join(sorted(av.formats_available - LIST_FORMATS))
        name, options = f"file:{path}", {"protocol_whitelist": "file", "format_whitelist": formats}
        container = av.open(name, options=options, metadata_errors="replace")
        # Pictures of a camera, one behind the other, look like one picture to FFmpeg.
        if container.format.name == "jpeg_pipe" and path.suffix.lower() in _RAW_JPEG:
            container.close()
            container = av.open(name, format="mjpeg", options=options, metadata_errors="replace")
        return container
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(
            f"{path} is not a video that can be read: it is of another type or was cut off; check that it plays, or "
            "convert it to MP4"
        ) from error


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the videos in it, for example {path / '*.mp4'}")
        if not path.exists():
            raise InputError(absent(path))
        if not path.is_file():
            raise InputError(f"{path} is not a file; give a video file")
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    if not head:
        raise InputError(f"{path} is empty (0 bytes); copy or record it again")
    # FFmpeg would open the files and addresses that it lists, and wait minutes for those that it cannot.
    if head in (b"#EXTM3U\n", b"#EXTM3U\r", b"ffconcat"):
        raise InputError(f"{path} is a play list, not a video; give the video itself")


def read_packets(
    container: InputContainer, stream: VideoStream, problems: Problems
) -> Iterator[av.Packet[VideoStream]]:
    """Packets of a stream up to the end of the file, reading on behind damaged places."""
    from av.error import FFmpegError

    failures = 0
    while failures < _MAX_READ_FAILURES:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
        except FFmpegError:
            # The demuxer stands behind the damage and may find the next packet.
            failures += 1
            problems.damaged += 1
        else:
            return
    problems.broken_off = True


def decode_packet(packet: av.Packet[VideoStream], problems: Problems) -> list[av.VideoFrame]:
    """Frames that a packet completes; none if it is damaged."""
    from av.error import FFmpegError

    try:
        return packet.decode()
    except FFmpegError:
        problems.damaged += 1
        return []


def decode_all(container: InputContainer, stream: VideoStream, problems: Problems) -> Iterator[av.VideoFrame]:
    """Every frame that can be decoded, in the order of presentation."""
    for packet in read_packets(container, stream, problems):
        yield from decode_packet(packet, problems)


def with_times(frames: Iterable[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, float | None]]:
    """Frames in the order of presentation with their time stamps in s, None where the file has none.

    Some containers, such as AVI and ASF, state only when a frame is to be decoded. The times of presentation that
    FFmpeg derives are then those of other frames and run back and forth; the times of decoding, in the order in which
    frames come out, are right but for a shift.
    """
    rest = iter(frames)
    # The first step back is some frames away, and those before it need the same kind of time.
    ahead = list(islice(rest, _LOOKED_AHEAD))
    steps = _StepsBack()
    for frame in ahead:
        steps.count(frame)
    by_decoding, shift = steps.surplus > 0, _shift(ahead[0]) if ahead else 0
    for number, frame in enumerate(chain(ahead, rest)):
        if number >= len(ahead) and not by_decoding:
            steps.count(frame)
            # Later, one alone is a damaged stamp.
            by_decoding = steps.surplus > 1
        stamp = frame.pts
        if by_decoding:
            stamp = None if frame.dts is None else frame.dts + shift
        yield frame, None if stamp is None or frame.time_base is None else float(stamp * frame.time_base)


def _shift(frame: av.VideoFrame) -> int:
    return 0 if frame.pts is None or frame.dts is None else frame.pts - frame.dts


@dataclass
class _StepsBack:
    """How often the times of presentation ran backward, less how often those of decoding did: a clock that restarts."""

    surplus: int = 0
    pts: int | None = None
    dts: int | None = None

    def count(self, frame: av.VideoFrame) -> None:
        if self.pts is not None and frame.pts is not None:
            self.surplus += frame.pts < self.pts
        if self.dts is not None and frame.dts is not None:
            self.surplus -= frame.dts < self.dts
        self.pts, self.dts = frame.pts, frame.dts


def is_still(container: InputContainer) -> bool:
    """Whether the file is a single picture."""
    return container.format.name.endswith("_pipe") or container.format.name == "image2"


def is_raw(stream: VideoStream) -> bool:
    """Whether it is a stream without a container (``.h264``): all its times are from a rate that is a guess."""
    return stream.time_base == _RAW_TICK


def stated_frame_rate(stream: VideoStream, times: Sequence[float] = ()) -> float:
    """Average frames per second, from the file or from packet times in s; 25 where neither tells."""
    # Of a raw stream the average is what FFmpeg assumes of all, the guess what the stream says.
    rate = stream.guessed_rate if is_raw(stream) else stream.average_rate or stream.guessed_rate
    if rate:
        return float(rate)
    span = max(times) - min(times) if times else 0.0
    return (len(times) - 1) / span if span > 0 else 25.0


def stated_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Length in seconds as the file states it, or None."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska states the length of the longest stream, often the sound, and of single ones only in tags.
    if tag := _tagged_duration(stream):
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    return container.duration / 1_000_000 if container.duration else None


def states_own_duration(container: InputContainer, stream: VideoStream) -> bool:
    """Whether that length is the one of the pictures, and not that of the file, whose sound may be longer."""
    # ASF gives the length of the file to every stream, but counts no frames.
    return stream.frames > 0 or _tagged_duration(stream) is not None or len(container.streams) == 1


def _tagged_duration(stream: VideoStream) -> re.Match[str] | None:
    return re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))


def uneven(times: Sequence[float]) -> bool:
    """Whether packet times in s, in any order, are unevenly spaced."""
    steps = np.diff(np.unique(np.asarray(times)))
    if len(steps) < 2:
        return False
    usual = float(np.median(steps))
    # Containers that count in milliseconds jitter by one tick.
    return bool(np.abs(steps - usual).max() > max(0.25 * usual, 0.0015))


def focal_35mm(*tags: Mapping[str, str]) -> float | None:
    """Focal length as 35 mm equivalent from QuickTime, EXIF or Matroska tags, or None."""
    for key, value in (item for mapping in tags for item in mapping.items()):
        if _FOCAL_KEY.search(re.sub(r"[^a-z0-9]", "", key.lower())):
            number = re.match(r"\s*([0-9.]+)(?:\s*/\s*([0-9.]+))?", value)
            try:
                focal = float(number[1]) / float(number[2] or 1) if number else 0.0
            except (ValueError, ZeroDivisionError):
                continue
            # Zero stands for "unknown" in EXIF.
            if 5 <= focal <= 2000:
                return focal
    return None
