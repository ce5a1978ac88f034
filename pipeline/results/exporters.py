"""The formats of output files, by extension: the one registry, for runs, live recordings, Python and the help.

A new format is one new module in ``pipeline.formats`` and one line here. Importing this is cheap; a format is
imported when its file is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args
from warnings import warn as say

from pipeline.errors import OutputError
from pipeline.files.atomic import atomic_path, check_writable, real_path
from pipeline.progress import Advance
from pipeline.results.naming import check_person, file_names, possible_files

if TYPE_CHECKING:
    from pipeline.results.result import Result
    from visualize.stream import FrameWriter, PictureOptions

__all__ = [
    "DATA",
    "EXTENSIONS",
    "FORMATS",
    "PICTURES",
    "SKELETONS",
    "ExportOptions",
    "Exporter",
    "check_format",
    "check_outputs",
    "cut_gaps",
    "extension",
    "open_writer",
    "save",
    "shows_video",
    "takes_pictures",
    "write_files",
]

#: extension -> "module:class" of a ``visualize.stream.FrameWriter``: gets the picture of every frame, so that the video
#: must be at hand.
PICTURES: dict[str, str] = {
    ".gif": "visualize.gif:GifWriter",
    ".mp4": "visualize.movie:Mp4Writer",
    ".webm": "visualize.movie:WebmWriter",
}
#: extension -> "module:class" of an ``Exporter``: gets the result as a whole, and does without a video.
DATA: dict[str, str] = {
    ".npz": "pipeline.formats.npz:NpzExporter",
    ".json": "pipeline.formats.json_rows:JsonExporter",
    ".html": "pipeline.formats.page.exporter:PageExporter",
    ".people.json": "pipeline.formats.people_json:PeopleExporter",
    ".csv": "pipeline.formats.biomechanics.tables:JointsExporter",
    ".angles.csv": "pipeline.formats.biomechanics.tables:AnglesExporter",
    ".mot": "pipeline.formats.biomechanics.mot:MotExporter",
    ".bvh": "pipeline.formats.animation.bvh:BvhExporter",
    ".glb": "pipeline.formats.animation.gltf:GltfExporter",
    ".gltf": "pipeline.formats.animation.gltf:GltfExporter",
    ".trc": "pipeline.formats.biomechanics.trc:TrcExporter",
    ".nc": "pipeline.formats.biomechanics.netcdf:NetcdfExporter",
    ".c3d": "pipeline.formats.biomechanics.c3d:C3dExporter",
    ".usda": "pipeline.formats.animation.usd:UsdExporter",
    ".usdc": "pipeline.formats.animation.usd:UsdExporter",
}
#: Whose skeletons there are.
Skeleton = Literal["h36m", "lafan1", "mixamo", "unreal"]
SKELETONS: tuple[Skeleton, ...] = get_args(Skeleton)
EXTENSIONS = (*PICTURES, *DATA)
#: For the help and for errors.
FORMATS = f"{', '.join(PICTURES)} (pictures), {', '.join(DATA)} (data)"


@dataclass(frozen=True)
class ExportOptions:
    """What a user can tell exporters; each takes what concerns it.

    Attributes:
        skeleton: whose names and axes of joints formats with a skeleton use.
        video: what the result was made of, for formats that show it if it is at hand; others never open it.
        on_progress: told how many of its frames those formats have taken.
    """

    skeleton: Skeleton = "h36m"
    video: Path | None = None
    on_progress: Advance = field(default=lambda done: None, compare=False)


class Exporter(ABC):
    """The contract of a format made from a finished result; it does without a video, and nothing is kept between files.

    Positions are written as ``pipeline.results.standing`` gives them, and the file says by its sentence which axes they
    are in. Gaps are NaN where the format knows it, and a held pose and a list of the gaps where it does not; never
    zeros. Heavy libraries are imported in ``write``.

    Attributes:
        shows_video: the format shows the video of the options.
        one_person: the format holds one person; it is then never given more or fewer. Otherwise it is given everybody,
            which may be nobody. A result of one person that was made of one of several has the world of all.
        options: what the user said.
        notes: what ``write`` found that the file has no place for, such as gaps, one sentence each; the user is told.
    """

    one_person: ClassVar[bool] = False
    shows_video: ClassVar[bool] = False

    def __init__(self, options: ExportOptions | None = None) -> None:
        self.options = options or ExportOptions()
        self.notes: list[str] = []

    def check(self) -> None:  # noqa: B027
        """Raise OutputError if no such file can be written here, such as without an extra; called before the work."""

    @abstractmethod
    def write(self, path: Path, result: Result) -> None:
        """Write the whole file to exactly this path, a temporary one; whoever calls gives it its name or deletes it.

        The same result gives the same bytes. In gaps the numbers of ``result`` are NaN.

        Raises:
            OutputError: the format cannot hold this result.
            InputError: the video of the options is not that of the result.
        """


def extension(path: Path) -> str:
    """What decides the format of a file: the last part of its name, or the last two if there is a format for both.

    The names of formats are in lower case.
    """
    both = "".join(path.suffixes[-2:]).lower()
    return both if both in DATA else path.suffix.lower()


def takes_pictures(path: Path) -> bool:
    """Whether the extension asks for pictures."""
    return extension(path) in PICTURES


def shows_video(path: Path) -> bool:
    """Whether the extension asks for data that show the video, too, which takes its time."""
    return extension(path) in DATA and bool(_load(DATA, path).shows_video)


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


def write_files(
    files: ExitStack, outputs: Sequence[Path], result: Result, options: ExportOptions | None = None
) -> tuple[list[Path], list[str]]:
    """Write data formats; the files get their names when the stack is closed well, all of them, and none otherwise.

    Args:
        files: what holds the temporary files.
        outputs: as asked for; those of pictures are not for here.
        result: everybody.
        options: for the exporters.

    Returns:
        The files, by their names to be, and what the user should know, one sentence each: a format that holds one
        person has no file of nobody.

    Raises:
        OutputError: a format cannot hold the people, two outputs are the same file, or the disk does not take it.
    """
    from pipeline.results.standing import stand

    jobs: dict[Path, tuple[Exporter, int | None]] = {}
    warnings = []
    for output in outputs:
        exporter = _exporter(output, options)
        names = file_names(output, [track.track_id for track in result.tracks], one_person=exporter.one_person)
        if not names:
            warnings.append(f"nobody was found, so there is nothing for {output}; it was not written")
        for path, person in names.items():
            if path in jobs:
                raise OutputError(f"{path} is the file of two outputs; choose another name for one of them")
            jobs[path] = (exporter, person)
    stood = stand(result) if any(exporter.one_person for exporter, _ in jobs.values()) else result
    for path, (exporter, person) in jobs.items():
        source = stood if exporter.one_person else result
        if person is not None:
            source = replace(source, tracks=tuple(track for track in source.tracks if track.track_id == person))
        exporter.notes.clear()
        exporter.write(files.enter_context(atomic_path(path)), source)
        warnings += [f"{path}: {note}" for note in exporter.notes]
    return list(jobs), warnings


def save(path: str | Path, result: Result, options: ExportOptions | None = None) -> list[Path]:
    """Write a data format; the files appear whole or not at all, and replace those of the same names.

    What a file has no place for is said by ``warnings.warn``.

    Returns:
        The files: one, or one for each person (``pipeline.results.naming``).

    Raises:
        OutputError: the extension is that of no data format, it holds one person and there is nobody, or a file cannot
            be written there.
    """
    path = Path(path)
    check_format(path, DATA)
    check_person(path, pictures=False)
    _exporter(path, options).check()
    with ExitStack() as files:
        written, warnings = write_files(files, [path], result, options)
    if not written:
        raise OutputError(f"{path.suffix} files hold one person, and there is nobody")
    for text in warnings:
        say(text, stacklevel=3)
    return written


def check_format(path: Path, extensions: Sequence[str] | dict[str, str]) -> None:
    """Raise OutputError if the extension is none of these."""
    if extension(path) not in extensions:
        kind = f"the extension {path.suffix}" if path.suffix else "no extension"
        raise OutputError(f"{path} has {kind}; the extension decides the format: use {', '.join(extensions)}")


def check_outputs(
    outputs: Sequence[Path], source: Path, *, overwrite: bool, people: Sequence[int] | None = None
) -> None:
    """Find out before the work whether everything can be written.

    Args:
        outputs: as asked for.
        source: the input.
        overwrite: replace files that exist.
        people: ids of who will be in the result; None if that is not known. Of formats that hold one person no file
            must exist then that one of the outputs could become.

    Raises:
        OutputError: an extension is unknown or its format cannot be written here, two outputs are or could become the
            same file or one the input, or a path cannot be written.
    """
    seen = {real_path(source): "the input"}
    for path in outputs:
        check_format(path, EXTENSIONS)
        check_person(path, pictures=takes_pictures(path))
        real = real_path(path)
        if real in seen:
            raise OutputError(f"{path} is {seen[real]}; choose another name for the output")
        seen[real] = "given twice"
    for path in outputs:
        one_person = False
        if not takes_pictures(path):
            exporter = _exporter(path)
            exporter.check()
            one_person = exporter.one_person
        possible: set[Path] = set()
        if people is not None:
            names = file_names(path, people, one_person=one_person)
            for file in names or (path,):
                check_writable(file, overwrite)
            possible = {real_path(file) for file in names}
        else:
            check_writable(path, overwrite)
            if (pattern := possible_files(path, one_person=one_person)) is not None:
                folder = real_path(path).parent
                possible = {file for file in seen if file.parent == folder and pattern.fullmatch(file.name)}
                there = [name.name for name in folder.iterdir() if pattern.fullmatch(name.name)]
                if there and not overwrite:
                    raise OutputError(
                        f"{path.parent / min(there)} exists already, and {path} may become it; add --overwrite to "
                        "replace it or choose another name"
                    )
        if clash := (possible & seen.keys()) - {real_path(path)}:
            raise OutputError(
                f"{path} may become {min(clash).name}, which is the input or another output; choose another name"
            )


def _exporter(path: Path, options: ExportOptions | None = None) -> Exporter:
    exporter: Exporter = _load(DATA, path)(options)
    return exporter


def _load(registry: dict[str, str], path: Path) -> Any:
    module, _, name = registry[extension(path)].partition(":")
    return getattr(import_module(module), name)
