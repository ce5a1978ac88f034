"""Other files of a finished result: what a run writes, without detecting and lifting again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

from pipeline.errors import InputError, OutputError
from pipeline.files.atomic import atomic_path, claimed
from pipeline.progress import Reporter
from pipeline.results.exporters import ExportOptions, check_outputs, shows_video, takes_pictures, write_files
from pipeline.results.result import Result, load_result
from visualize.stream import PictureOptions

__all__ = ["choose_tracks", "convert"]


def convert(
    source: Path,
    outputs: Sequence[Path],
    reporter: Reporter,
    *,
    people: Sequence[int] = (),
    video: Path | None = None,
    options: ExportOptions | None = None,
    pictures: PictureOptions | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write a result in other formats.

    Args:
        source: the result (.npz).
        outputs: files to write; the extension decides (``pipeline.results.exporters``).
        reporter: told of the progress.
        people: ids of who is written; nobody named is everybody.
        video: what the result was made of, for pictures and pages.
        options: for data formats.
        pictures: for picture formats.
        overwrite: replace files that exist.

    Returns:
        The files.

    Raises:
        UserError: the result or the video cannot be used, somebody is asked for who is not there, or a file cannot be
            written.
    """
    result = choose_tracks(load_result(source), people, source)
    check_outputs(outputs, source, overwrite=overwrite, people=[track.track_id for track in result.tracks])
    films = [path for path in outputs if takes_pictures(path)]
    if films and video is None:
        raise OutputError(f"{films[0]} shows the video, which is not in a result; give it with --video FILE")
    with claimed(outputs), ExitStack() as files:
        parts = [files.enter_context(atomic_path(path)) for path in films]
        warnings = []
        if video is not None and parts:
            from pipeline.results.render import render_again

            drawn = pictures or PictureOptions()
            with reporter.stage("render", max(map(len, result.tracks), default=None)) as advance:
                warnings += render_again(result, video, parts, drawn, None, None, advance)
        others = [path for path in outputs if not takes_pictures(path)]
        pages = video is not None and any(shows_video(path) for path in others)
        shown = max(map(len, result.tracks), default=None)
        with reporter.stage("page", shown) if pages else nullcontext(lambda done: None) as advance:
            told = replace(options or ExportOptions(), video=video, on_progress=advance)
            data, said = write_files(files, others, result, told)
        for text in warnings + said:
            reporter.warn(text)
    return [*films, *data]


def choose_tracks(result: Result, people: Sequence[int], source: Path) -> Result:
    """The people asked for. Raises InputError if one is not there."""
    ids = [track.track_id for track in result.tracks]
    if missing := sorted(set(people) - set(ids)):
        there = f"there are {', '.join(map(str, ids))}" if ids else "there is nobody"
        raise InputError(f"there is no person {missing[0]} in {source}; {there}")
    if not people:
        return result
    return replace(result, tracks=tuple(track for track in result.tracks if track.track_id in people))
