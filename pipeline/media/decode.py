"""Decoding: any video or picture file as a stream of upright RGB frames with their true presentation times."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.images import check_pixels, exif_focal_35mm, exif_orientation
from pipeline.errors import InputError, as_input_error
from pipeline.media import demux, tiles
from pipeline.media.animation import animated, animation_of
from pipeline.media.damage import Damage, Smear
from pipeline.media.orientation import EXIF, Orientation, side_data
from pipeline.media.pictures import pictures_of, probe_pictures, read_pictures
from pipeline.media.tone import to_rgb

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from assets.untrusted.heif import TileGrid

__all__ = ["Frame", "VideoInfo", "fitted", "probe", "read_frames"]

_PROBED_PACKETS = 200
_MAX_REORDER = 16
_DIAGONAL_35MM = math.hypot(36.0, 24.0)


@dataclass(frozen=True)
class Frame:
    """One decoded picture.

    Attributes:
        image: ``[H, W, 3]`` uint8 RGB, upright, square pixels; every frame of a file has the same size.
        index: position in the decoded stream, from 0, whatever part of it is read.
        time_s: presentation time in seconds after the first decoded frame of the file, strictly increasing.
        patched: parts of the picture, or of one that it is predicted from, were damaged, and the decoder made them up.
    """

    image: NDArray[np.uint8]
    index: int
    time_s: float
    patched: bool = False


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before all of it is decoded.

    Attributes:
        path: the file.
        width: of the upright frames, in (square) pixels.
        height: likewise.
        fps: average frames per second; 25 where the file does not say, as for pictures.
        frame_count: number of frames as the container states or implies it, an estimate; None if unknown.
        duration_s: in seconds; None if unknown.
        rotation_deg: 0, 90, 180 or 270, the counter-clockwise turn already applied to the frames.
        mirrored: whether the frames were mirrored, too.
        codec: FFmpeg's name of the codec.
        focal_35mm: focal length as 35 mm equivalent, if the file carries one.
        sample_aspect_ratio: width by height of a stored pixel; the frames are already rescaled to square ones.
        variable_frame_rate: whether the first packets are unevenly spaced in time, a hint.
        is_image: a still picture: one frame.
        given_fps: the rate that the user gave; None if none was.
    """

    path: Path
    width: int
    height: int
    fps: float
    frame_count: int | None
    duration_s: float | None
    rotation_deg: int
    mirrored: bool
    codec: str
    focal_35mm: float | None
    sample_aspect_ratio: float
    variable_frame_rate: bool
    is_image: bool
    given_fps: float | None = None

    @property
    def focal_px(self) -> float | None:
        """Focal length in pixels from the 35 mm equivalent, by equal diagonals (CIPA DCG-001); None without one.

        Cropping by video stabilisation is not in the metadata, so the true value may be some 10 % longer.
        """
        if self.focal_35mm is None:
            return None
        return self.focal_35mm * math.hypot(self.width, self.height) / _DIAGONAL_35MM


def probe(path: str | Path, fps: float | None = None) -> VideoInfo:
    """Open a file, or the first of several pictures, and decode its first frame.

    Args:
        path: video, animation, picture; or pictures that are a film, as ``pictures.pictures_of`` takes them.
        fps: frames per second of what states none: pictures, raw streams.

    Raises:
        InputError: the file is missing, unreadable, not a video, without pictures, or damaged beyond the first frame.
    """
    path = Path(path)
    if files := pictures_of(path):
        return probe_pictures(path, files, fps, _probe_file)
    return _probe_file(path, fps)


def _probe_file(path: Path, given_fps: float | None = None) -> VideoInfo:
    source = _Source.open(path)
    container, stream = source.container, source.stream
    with container:
        first: av.VideoFrame | None = None
        times: list[float] = []
        problems = demux.Problems()
        if source.made:
            first = next(source.frames(problems), None)
        for count, packet in enumerate(() if source.made else demux.read_packets(container, stream, problems)):
            if packet.pts is not None and packet.time_base is not None:
                times.append(float(packet.pts * packet.time_base))
            if first is None:
                first = next(iter(demux.decode_packet(packet, problems)), None)
            if first is not None and count + 1 >= _PROBED_PACKETS:
                # Packets come in decoding order: around the end of the part seen, some times are still missing.
                times = sorted(times)[:-_MAX_REORDER]
                break
        if first is None:
            raise _no_frames(path)
        is_image, layout = source.is_image, _Layout.of(source, first)
        exif = {} if source.grid is None else {"FocalLengthIn35mmFilm": exif_focal_35mm(source.grid.exif)}
        fps, duration = demux.stated_frame_rate(stream, times), demux.stated_duration(container, stream)
        if given_fps is not None and demux.is_raw(stream):
            fps = given_fps
        estimate = stream.frames or (round(duration * fps) if duration else None)
        if source.durations_ms:
            times = [ms / 1000 for ms in accumulate(source.durations_ms, initial=0)]
            duration, estimate = times[-1], len(source.durations_ms)
            fps = estimate / duration
        width, height = layout.upright_size
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            fps=fps,
            frame_count=1 if is_image else estimate,
            duration_s=1 / fps if is_image else duration,
            rotation_deg=layout.orientation.rotation_deg,
            mirrored=layout.orientation.mirrored,
            codec=stream.codec_context.name,
            focal_35mm=demux.focal_35mm(stream.metadata, container.metadata, _tags(first), exif),
            sample_aspect_ratio=layout.sample_aspect_ratio,
            variable_frame_rate=demux.uneven(times),
            is_image=is_image,
            given_fps=given_fps,
        )


def read_frames(
    path: str | Path,
    start_s: float | None = None,
    stop_s: float | None = None,
    on_warning: Callable[[str], None] | None = None,
    fps: float | None = None,
) -> Iterator[Frame]:
    """Decode frame by frame; memory does not depend on the length of the video.

    Frames before ``start_s`` are decoded and dropped rather than jumped over, so that ``Frame.index`` and
    ``Frame.time_s`` are the same whatever part is read. Damaged packets are left out; a file that ends early gives
    what it has. Where a reader jumps over damage without a word, the hole in the times is told.

    Args:
        path: video, animation, picture; or pictures that are a film, as ``pictures.pictures_of`` takes them.
        start_s: first presentation time wanted, in seconds.
        stop_s: end of the wanted part, exclusive.
        on_warning: called with one sentence for each kind of damage met.
        fps: frames per second of what states none: pictures, raw streams; None is a guess.

    Raises:
        InputError: as ``probe``; or no frame lies between ``start_s`` and ``stop_s``.
    """
    path, warn = Path(path), on_warning or (lambda _: None)
    first_s, end_s = start_s or 0.0, math.inf if stop_s is None else stop_s
    if not 0 <= first_s < end_s:
        raise InputError(f"the part from {first_s:g} s to {end_s:g} s is empty: the start must lie before the end")
    if files := pictures_of(path):
        yield from read_pictures(path, files, fps, (first_s, end_s), warn, _read_file)
    else:
        yield from _read_file(path, warn, first_s, end_s, fps)


def _read_file(
    path: Path, warn: Callable[[str], None], first_s: float = 0.0, end_s: float = math.inf, fps: float | None = None
) -> Iterator[Frame]:
    """The frames of one file; arguments as of ``read_frames``."""
    source = _Source.open(path)
    container, stream = source.container, source.stream
    with container:
        streams = [each.index for each in demux.film_streams(container)]
        if len(streams) > 1 and not source.made:
            codec = stream.codec_context
            warn(
                f"{path} has {len(streams)} video streams; number {streams.index(stream.index) + 1} is used, of "
                f"{codec.width} x {codec.height} pixels, as players do"
            )
        problems, rate = demux.Problems(), demux.stated_frame_rate(stream)
        # Of a raw stream the file gives the order alone: its times are as long as the rate makes them.
        pace = rate / fps if fps is not None and demux.is_raw(stream) else 1.0
        period_s = pace / rate
        if demux.is_raw(stream) and fps is None:
            warn(
                f"{path} is a stream without times; {rate:g} frames a second are a guess, as are all times; "
                "--fps sets the rate"
            )
        elif fps is not None and not demux.is_raw(stream) and not source.is_image:
            warn(f"{path} has times of its own; --fps is for pictures and raw streams, and was not used")
        clock, damage, smear = demux.Clock(period_s), Damage(period_s), Smear()
        layout: _Layout | None = None
        index, yielded, time_s, shown_s, finished, resized = -1, 0, 0.0, 0.0, True, False
        for decoded, stamp in demux.with_times(source.frames(problems)):
            if layout is None:
                layout = _Layout.of(source, decoded)
            elif (decoded.width, decoded.height) != layout.coded_size and not resized:
                resized = True
                warn(f"{path} changes its picture size; all frames are fitted into that of the first one")
            index += 1
            time_s = clock.tick(None if stamp is None else pace * stamp)
            shown_s = pace * float((decoded.duration or 0) * (decoded.time_base or 0))
            if time_s >= end_s:
                finished = False
                break
            patched = decoded.is_corrupt
            if not source.made and not source.is_image:
                patched = smear.covers(decoded, time_s, problems.damaged)
            damage.add(time_s, patched)
            if time_s >= first_s:
                yielded += 1
                yield Frame(layout.upright(decoded), index, time_s, patched)
        if index < 0:
            raise _no_frames(path)
        if not yielded:
            raise InputError(
                f"{path} has no frame between {first_s:g} s and {end_s:g} s, its last one is at {time_s:.2f} s"
            )
        for sentence in damage.sentences(path):
            warn(sentence)
        if problems.damaged:
            warn(f"{path} is damaged: {problems.damaged} unreadable part(s) were left out")
        if finished and source.grid is None:
            known = demux.states_own_duration(container, stream)
            expected = demux.stated_duration(container, stream) if known else None
            if source.durations_ms:
                expected = sum(source.durations_ms) / 1000
            # The count guards against edit lists and long sound tracks, the time against wrong counts.
            late = expected is not None and expected - time_s - shown_s > max(0.5, 0.03 * expected, 2 * period_s)
            if problems.broken_off or (late and not 0 < stream.frames <= index + 1):
                promised = f", it should last {expected:.1f} s" if expected is not None else ""
                warn(f"{path} seems cut off: decoded {index + 1} frames up to {time_s:.1f} s{promised}")


@dataclass(frozen=True)
class _Source:
    """A file that is open, and who makes frames of it: FFmpeg, or, where that gives only parts or nothing, we.

    Attributes:
        grid: of a picture made of tiles.
        durations_ms: of an animation that FFmpeg does not decode, for each picture.
    """

    path: Path
    container: InputContainer
    stream: VideoStream
    grid: TileGrid | None
    durations_ms: tuple[int, ...]

    @classmethod
    def open(cls, path: Path) -> _Source:
        container, stream = demux.open_video(path)
        try:
            grid, durations = tiles.grid_of(path, container, stream), animation_of(path, container)
        except BaseException:
            container.close()
            raise
        return cls(path, container, stream, grid, durations)

    @property
    def made(self) -> bool:
        return self.grid is not None or bool(self.durations_ms)

    @property
    def is_image(self) -> bool:
        return self.grid is not None or (not self.durations_ms and demux.is_still(self.container))

    def frames(self, problems: demux.Problems) -> Iterator[av.VideoFrame]:
        if self.durations_ms:
            return animated(self.path, self.durations_ms, problems)
        if self.grid is not None:
            return tiles.composed(self.container, self.grid, problems)
        return demux.decode_all(self.container, self.stream, problems)


@dataclass(frozen=True)
class _Layout:
    """From the first frame of a file: how every frame of it is brought to square pixels and upright."""

    coded_size: tuple[int, int]
    square_size: tuple[int, int]
    orientation: Orientation
    sample_aspect_ratio: float

    @classmethod
    def of(cls, source: _Source, frame: av.VideoFrame) -> _Layout:
        ratio = float(source.stream.sample_aspect_ratio or 1)
        # In pictures it is a print density; viewers ignore it, too.
        if source.is_image or not 0.1 <= ratio <= 10:
            ratio = 1.0
        square = _squared((frame.width, frame.height), ratio)
        with as_input_error():
            check_pixels(source.path, *square)
        if source.grid is not None:
            orientation = tiles.orientation(source.grid)
        elif source.is_image:
            orientation = Orientation.from_exif(exif_orientation(source.path))
        else:
            orientation = Orientation.of_frame(frame)
        return cls((frame.width, frame.height), square, orientation, ratio)

    @property
    def upright_size(self) -> tuple[int, int]:
        width, height = self.square_size
        return (height, width) if self.orientation.transpose else (width, height)

    def upright(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        # Pictures of a camera that were put together to a film are turned each for itself.
        orientation = Orientation.of_frame(frame) if side_data(frame, EXIF) else self.orientation
        width, height = self.upright_size
        room = (height, width) if orientation.transpose else (width, height)
        return orientation.apply(fitted(frame, _squared((frame.width, frame.height), self.sample_aspect_ratio), room))


def fitted(frame: av.VideoFrame, size: tuple[int, int], room: tuple[int, int]) -> NDArray[np.uint8]:
    """A frame as ``[H, W, 3]`` RGB of the width and height of ``room``, between black bars where its shape is another.

    Of high dynamic range it is mapped to the usual one (``tone``).

    Args:
        frame: as decoded.
        size: its width and height in square pixels.
        room: width and height to fill.
    """
    scale = min(room[0] / size[0], room[1] / size[1])
    width, height = (max(1, round(scale * side)) for side in size)
    image = to_rgb(frame, width, height)
    if (width, height) == room:
        return image
    canvas = np.zeros((room[1], room[0], 3), np.uint8)
    left, top = (room[0] - width) // 2, (room[1] - height) // 2
    canvas[top : top + height, left : left + width] = image
    return canvas


def _squared(size: tuple[int, int], ratio: float) -> tuple[int, int]:
    """Size in square pixels of a picture whose pixels have that width by height."""
    width, height = size
    # Only ever enlarge: nothing of the picture is lost.
    return (round(width * ratio), height) if ratio >= 1 else (width, round(height / ratio))


def _tags(frame: av.VideoFrame) -> Mapping[str, str]:
    """What a picture says of itself."""
    try:
        return frame.metadata
    except UnicodeDecodeError:
        # PyAV gives all or nothing, and cameras write texts in any encoding.
        return {"FocalLengthIn35mmFilm": exif_focal_35mm(side_data(frame, EXIF))}


def _no_frames(path: Path) -> InputError:
    return InputError(f"{path} has a video stream, but not one frame of it can be decoded; record or convert it again")
