"""The report of a file: text to print, and what was asked for beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pipeline.convert import choose_tracks
from pipeline.errors import OutputError
from pipeline.files.atomic import atomic_path, check_writable, real_path
from pipeline.report.numbers import report_of
from pipeline.report.page import draw_page
from pipeline.report.text import report_text
from pipeline.results.kinematics import motions
from pipeline.results.result import load_result
from pipeline.results.standing import stand

__all__ = ["report_files"]


def report_files(
    source: Path,
    people: Sequence[int] = (),
    *,
    json_file: Path | None = None,
    png_file: Path | None = None,
    overwrite: bool = False,
) -> str:
    """The report of a result as text; both files appear whole, together, or not at all.

    Args:
        source: the result (.npz).
        people: ids of whom it is about; nobody named is everybody.
        json_file: for the numbers.
        png_file: for the page.
        overwrite: replace files that exist.

    Raises:
        UserError: the result cannot be used, somebody is asked for who is not there, or a file cannot be written.
    """
    files = [path for path in (json_file, png_file) if path is not None]
    for path in files:
        check_writable(path, overwrite)
    if len({real_path(path) for path in (source, *files)}) < len(files) + 1:
        raise OutputError("the result and the files of the report must have different names; choose others")
    if png_file is not None and png_file.suffix.lower() != ".png":
        raise OutputError(f"{png_file} must end in .png")
    result = choose_tracks(stand(load_result(source)), people, source)
    report = report_of(result)
    with ExitStack() as stack:
        if json_file is not None:
            text = json.dumps(report.record(), allow_nan=False, ensure_ascii=False, indent=1)
            stack.enter_context(atomic_path(json_file)).write_text(text + "\n", encoding="utf-8")
        if png_file is not None:
            draw_page(stack.enter_context(atomic_path(png_file)), source.name, report, motions(result))
    return report_text(report)
