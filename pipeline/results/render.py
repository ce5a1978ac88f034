"""The pictures of a result: the video beside the 3D panel, into every picture format at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.media.decode import Frame, VideoInfo, probe, read_frames
from pipeline.media.prefetch import prefetch
from pipeline.progress import Advance
from pipeline.results.exporters import cut_gaps, open_writer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.results.result import Result
    from visualize.compose import FrameComposer
    from visualize.stream import PictureOptions

__all__ = ["render", "render_again"]

#: Of the pictures; a panel of this size shows everything, and encoding is what costs most.
_MAX_HEIGHT = 540


def render(
    result: Result,
    video: VideoInfo,
    outputs: Sequence[Path],
    options: PictureOptions,
    start_s: float | None,
    end_s: float | None,
    on_progress: Advance,
) -> list[str]:
    """Draw and encode the frames of a part of the video into all files at once; an exception leaves none of them.

    A GIF is composed at its own width, because lines and letters scaled down with the picture would blur.

    Returns:
        What the user should know, one sentence each.
    """
    warnings: list[str] = []
    # Not in this thread: Python hands a signal to the main thread, and FFmpeg loses it where it calls back.
    with closing(prefetch(_written(result, video, outputs, options, start_s, end_s, warnings))) as counts:
        for done in counts:
            on_progress(done)
    return warnings


def render_again(
    result: Result,
    video: Path,
    outputs: Sequence[Path],
    options: PictureOptions,
    start_s: float | None,
    end_s: float | None,
    on_progress: Advance,
) -> list[str]:
    """The same of a finished result; ``start_s`` and ``end_s`` are those it was made with where they are None.

    Raises:
        InputError: the video cannot be read, or has frames of another size.
    """
    made_with = result.metadata.get("settings", {})
    rate = made_with.get("fps")
    info = probe(video, rate if isinstance(rate, (int, float)) and 0 < rate <= 1000 else None)
    if (info.width, info.height) != result.camera.image_size:
        raise InputError(
            f"{video} has {info.width} x {info.height} pixels, the video of the result had "
            f"{result.camera.image_size[0]} x {result.camera.image_size[1]}"
        )
    start_s = made_with.get("start") if start_s is None else start_s
    end_s = made_with.get("end") if end_s is None else end_s
    return render(result, info, outputs, options, start_s, end_s, on_progress)


def _written(
    result: Result,
    video: VideoInfo,
    outputs: Sequence[Path],
    options: PictureOptions,
    start_s: float | None,
    end_s: float | None,
    warnings: list[str],
) -> Iterator[int]:
    """The number of frames that are in the files, as it grows; ``warnings`` at the end."""
    from visualize.compose import FrameComposer

    size = (video.width, video.height)
    with ExitStack() as stack:
        writers = []
        for output in outputs:
            writers.append(stack.enter_context(open_writer(output, options)))
        composers = {
            width: FrameComposer(
                result.tracks,
                size,
                camera=result.camera,
                world=result.world,
                max_width=width,
                max_height=_MAX_HEIGHT,
                layout=options.layout,
                theme=options.theme,
            )
            for width in {writer.max_width for writer in writers}
        }
        frames = stack.enter_context(closing(prefetch(read_frames(video.path, start_s, end_s, fps=video.given_fps))))
        # Decoding, drawing and encoding take about as long as each other: a thread for each.
        for done, (time_s, pictures) in enumerate(
            stack.enter_context(closing(prefetch(_composed(frames, composers)))), start=1
        ):
            for writer in writers:
                writer.write(pictures[writer.max_width], time_s)
            yield done
    for output, writer in zip(outputs, writers, strict=True):
        warnings += cut_gaps(output, writer)


def _composed(
    frames: Iterable[Frame], composers: Mapping[int | None, FrameComposer]
) -> Iterator[tuple[float, dict[int | None, NDArray[np.uint8]]]]:
    """Time in seconds and the picture of every composer, by its key, for each frame."""
    for frame in frames:
        yield (
            frame.time_s,
            {key: composer.compose(frame.image, frame.index, frame.time_s) for key, composer in composers.items()},
        )
