"""What the files of an output are called: ``{person}`` in a name is a file for each person, named by its id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import OutputError

__all__ = ["PERSON", "check_person", "file_names", "possible_files"]

PERSON = "{person}"


def file_names(path: Path, ids: Sequence[int], *, one_person: bool) -> dict[Path, int | None]:
    """The files that an output becomes, and whom each holds: an id, or None, which is everybody.

    ``out-{person}.bvh`` of persons 1 and 4 is ``out-1.bvh`` and ``out-4.bvh``. A format that holds one person gets the
    same names for ``out.bvh``, but keeps ``out.bvh`` where there is only one. Nobody is no file of such a format.

    Args:
        path: as asked for.
        ids: of the people in the result.
        one_person: the format holds one person.
    """
    if PERSON in path.name:
        return {_named(path, str(person)): person for person in ids}
    if not one_person:
        return {path: None}
    if len(ids) == 1:
        return {path: ids[0]}
    return {_named(_template(path), str(person)): person for person in ids}


def possible_files(path: Path, *, one_person: bool) -> re.Pattern[str] | None:
    """What the names, without the folder, of all files match that an output can become; None if that is itself only."""
    names = [path.name]
    if one_person and PERSON not in path.name:
        names.append(_template(path).name)
    if not any(PERSON in name for name in names):
        return None
    return re.compile("|".join(re.escape(name).replace(re.escape(PERSON), r"\d+") for name in names))


def check_person(path: Path, *, pictures: bool) -> None:
    """Raise OutputError if ``{person}`` stands where it means nothing."""
    if PERSON in str(path.parent):
        raise OutputError(f"{path} has {PERSON} in the name of its folder; it can stand in that of the file only")
    if pictures and PERSON in path.name:
        raise OutputError(f"{path} has {PERSON} in its name, but pictures show everybody; leave it out")


def _template(path: Path) -> Path:
    return path.with_name(f"{path.stem}-{PERSON}{path.suffix}")


def _named(path: Path, person: str) -> Path:
    return path.with_name(path.name.replace(PERSON, person))
