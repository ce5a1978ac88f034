"""The formats of output files, by extension: the one registry, for runs, live recordings, Python and the help.

A new format is one new module and one line here. Importing this is cheap; a format is imported when it is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.errors import OutputError
from pipeline.files.atomic import atomic_path, check_writable, real_path

if TYPE_CHECKING:
    from pipeline.results.result import Result
    from visualize.stream import FrameWriter, PictureOptions

__all__ = [
    "DATA",
    "EXTENSIONS",
    "FORMATS",
    "PICTURES",
    "Exporter",
    "check_format",
    "check_outputs",
    "cut_gaps",
    "open_writer",
    "save",
    "takes_pictures",
    "write_data",
]

#: extension -> "module:class" of a ``visualize.stream.FrameWriter``: gets the picture of every frame, so that the video
#: must be at hand.
PICTURES: dict[str, str] = {
    ".gif": "visualize.gif:GifWriter",
    ".mp4": "visualize.movie:Mp4Writer",
    ".webm": "visualize.movie:WebmWriter",
}
#: extension -> "module:class" of an ``Exporter``: gets the result as a whole, and no video.
DATA: dict[str, str] = {
    ".npz": "pipeline.results.npz:NpzExporter",
    ".json": "pipeline.results.json_rows:JsonExporter",
}
EXTENSIONS = (*PICTURES, *DATA)
#: For the help and for errors.
FORMATS = f"{', '.join(PICTURES)} (pictures), {', '.join(DATA)} (data)"


class Exporter(ABC):
    """The contract of a format made from a finished result; it needs no video, and nothing of it is kept between files.

    Attributes:
        one_person: the format holds one person; it is then never given more or fewer. Otherwise it is given everybody,
            which may be nobody.
    """

    one_person: ClassVar[bool] = False

    @abstractmethod
    def write(self, path: Path, result: Result) -> None:
        """Write the whole file to exactly this path, a temporary one; whoever calls gives it its name or deletes it.

        The same result gives the same bytes. In gaps the numbers of ``result`` are NaN.
        """


def takes_pictures(path: Path) -> bool:
    """Whether the extension asks for pictures."""
    return path.suffix.lower() in PICTURES


def open_writer(path: Path, options: PictureOptions | None = None) -> FrameWriter:
    """The writer of a picture format. Raises OutputError if the extension has none."""
    check_format(path, PICTURES)
    writer: FrameWriter = _load(PICTURES, path)(path, options)
    return writer


def cut_gaps(path: Path, writer: FrameWriter) -> list[str]:
    """What to tell of a finished film that is shorter than the times of its frames: a sentence, or nothing."""
    if not writer.cut_s:
        return []
    return [
        f"the times of the video have gaps that {path.suffix} cannot show: no picture stays for longer than "
        f"{writer.max_shown_s:.0f} s there, and {writer.cut_s:.0f} s were left out"
    ]


def write_data(path: Path, result: Result) -> None:
    """Write a data format to exactly this path. Raises OutputError if the format cannot hold the people."""
    check_format(path, DATA)
    exporter: Exporter = _load(DATA, path)()
    if exporter.one_person and len(result.tracks) != 1:
        found = len(result.tracks) or "nobody"
        raise OutputError(f"{path.suffix} files hold one person, and there is {found}; choose one by id")
    exporter.write(path, result)


def save(path: str | Path, result: Result) -> None:
    """Write a data format; the file appears whole or not at all, and replaces one of that name.

    Raises:
        OutputError: the extension is that of no data format, or the file cannot be written there.
    """
    check_format(Path(path), DATA)
    with atomic_path(path) as part:
        write_data(part, result)


def check_format(path: Path, extensions: Sequence[str] | dict[str, str]) -> None:
    """Raise OutputError if the extension is none of these."""
    if path.suffix.lower() not in extensions:
        kind = f"the extension {path.suffix}" if path.suffix else "no extension"
        raise OutputError(f"{path} has {kind}; the extension decides the format: use {', '.join(extensions)}")


def check_outputs(outputs: Sequence[Path], source: Path, *, overwrite: bool) -> None:
    """Find out before the work whether everything can be written.

    Raises:
        OutputError: an extension is unknown, two outputs are the same file or one is the input, or a path cannot be
            written.
    """
    seen = {real_path(source): "the input"}
    for path in outputs:
        check_format(path, EXTENSIONS)
        real = real_path(path)
        if real in seen:
            raise OutputError(f"{path} is {seen[real]}; choose another name for the output")
        seen[real] = "given twice"
        check_writable(path, overwrite)


def _load(registry: dict[str, str], path: Path) -> Any:
    module, _, name = registry[path.suffix.lower()].partition(":")
    return getattr(import_module(module), name)
