"""The last stage of a run: the video beside the 3D panel, into every picture format at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from lifting.camera import Camera
from lifting.tracks import Track3D
from pipeline.atomic import atomic_path
from pipeline.prefetch import prefetch
from pipeline.progress import Advance
from pipeline.settings import RunSettings
from pipeline.video import VideoInfo, read_frames

__all__ = ["render"]


def render(
    source: Path,
    video: VideoInfo,
    tracks: Sequence[Track3D],
    camera: Camera,
    outputs: Sequence[Path],
    settings: RunSettings,
    on_progress: Advance,
) -> None:
    """Draw and encode every frame; each file appears under its name when all of it is written.

    A GIF is composed at its own width, because lines and letters scaled down with the picture would blur.
    """
    from visualize.compose import FrameComposer
    from visualize.writers import open_writer

    size = (video.width, video.height)
    with ExitStack() as stack:
        sinks = []
        for output in outputs:
            part = stack.enter_context(atomic_path(output))
            writer = stack.enter_context(open_writer(part, gif_width=settings.gif_width, gif_fps=settings.gif_fps))
            width = settings.gif_width if output.suffix.lower() == ".gif" else None
            sinks.append((width, writer))
        composers = {width: FrameComposer(tracks, size, camera=camera, max_width=width) for width, _ in sinks}
        frames = read_frames(source, start_s=settings.start, stop_s=settings.end)
        for done, frame in enumerate(stack.enter_context(closing(prefetch(frames))), start=1):
            pictures = {
                width: composer.compose(frame.image, frame.index, frame.time_s) for width, composer in composers.items()
            }
            for width, writer in sinks:
                writer.write(pictures[width], frame.time_s)
            on_progress(done)
