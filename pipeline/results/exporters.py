"""Which file is written how: the registry by extension."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import OutputError
from pipeline.files.atomic import check_writable

__all__ = ["DATA_FORMATS", "EXTENSIONS", "VIDEO_FORMATS", "check_outputs", "is_video"]

VIDEO_FORMATS = (".gif", ".mp4", ".webm")
DATA_FORMATS = (".npz", ".json")
EXTENSIONS = VIDEO_FORMATS + DATA_FORMATS


def is_video(path: Path) -> bool:
    """Whether the extension asks for pictures."""
    return path.suffix.lower() in VIDEO_FORMATS


def check_outputs(outputs: Sequence[Path], source: Path, *, overwrite: bool) -> None:
    """Find out before the work whether everything can be written.

    Raises:
        OutputError: an extension is unknown, two outputs are the same file or one is the input, or a path cannot be
            written.
    """
    seen = {source.resolve(): "the input"}
    for path in outputs:
        if path.suffix.lower() not in EXTENSIONS:
            kind = f"the extension {path.suffix}" if path.suffix else "no extension"
            raise OutputError(f"{path} has {kind}; the extension decides the format: use {', '.join(EXTENSIONS)}")
        if path.resolve() in seen:
            raise OutputError(f"{path} is {seen[path.resolve()]}; choose another name for the output")
        seen[path.resolve()] = "given twice"
        check_writable(path, overwrite)
