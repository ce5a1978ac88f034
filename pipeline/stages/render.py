"""The last stage of a run: the video beside the 3D panel, into every picture format at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from pipeline.media.decode import Frame, VideoInfo, read_frames
from pipeline.media.prefetch import prefetch
from pipeline.progress import Advance
from pipeline.settings import RunSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from visualize.compose import FrameComposer

__all__ = ["render"]

#: Of the pictures; a panel of this size shows everything, and encoding is what costs most.
_MAX_HEIGHT = 540


def render(
    source: Path,
    video: VideoInfo,
    tracks: Sequence[Track3D],
    camera: Camera,
    outputs: Sequence[Path],
    settings: RunSettings,
    on_progress: Advance,
) -> None:
    """Draw and encode every frame into all files at once; an exception leaves none of them.

    A GIF is composed at its own width, because lines and letters scaled down with the picture would blur.
    """
    from visualize.compose import FrameComposer
    from visualize.writers import open_writer

    size = (video.width, video.height)
    with ExitStack() as stack:
        sinks = []
        for output in outputs:
            writer = stack.enter_context(open_writer(output, gif_width=settings.gif_width, gif_fps=settings.gif_fps))
            width = settings.gif_width if output.suffix.lower() == ".gif" else None
            sinks.append((width, writer))
        composers = {
            width: FrameComposer(tracks, size, camera=camera, max_width=width, max_height=_MAX_HEIGHT)
            for width, _ in sinks
        }
        frames = stack.enter_context(closing(prefetch(read_frames(source, settings.start, settings.end))))
        # Decoding, drawing and encoding take about as long as each other: a thread for each.
        for done, (time_s, pictures) in enumerate(
            stack.enter_context(closing(prefetch(_composed(frames, composers)))), start=1
        ):
            for width, writer in sinks:
                writer.write(pictures[width], time_s)
            on_progress(done)


def _composed(
    frames: Iterable[Frame], composers: Mapping[int | None, FrameComposer]
) -> Iterator[tuple[float, dict[int | None, NDArray[np.uint8]]]]:
    """Time in seconds and the picture of every composer, by its key, for each frame."""
    for frame in frames:
        yield (
            frame.time_s,
            {key: composer.compose(frame.image, frame.index, frame.time_s) for key, composer in composers.items()},
        )
