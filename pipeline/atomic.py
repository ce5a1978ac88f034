"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import OutputError

__all__ = ["atomic_path", "check_writable"]

_DISK_PROBLEMS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary sibling to write to; it takes the final name when the block ends well and is deleted otherwise.

    The sibling is hidden and keeps the extension (``.result.part.gif``), because writers choose the format by it; what
    a killed run left under that name is overwritten by the next one.

    Raises:
        OutputError: the disk is full or read-only.
    """
    # A link keeps pointing to where it points.
    final = Path(path).resolve()
    temporary = final.with_name(f".{final.stem}.part{final.suffix}")
    try:
        temporary.unlink(missing_ok=True)
        yield temporary
        _sync(temporary)
        temporary.replace(final)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _DISK_PROBLEMS:
            raise OutputError(
                f"{path} cannot be written ({os.strerror(error.errno)}); free some space or write to another disk"
            ) from error
        raise
    # Without this the new name may be lost in a power cut; file systems that cannot do it are left alone.
    with suppress(OSError):
        _sync(final.parent)


def check_writable(path: str | Path, overwrite: bool = False) -> None:
    """Find out before hours of work whether a result can be written; missing parent folders are created.

    Raises:
        OutputError: the path is a folder, exists without ``overwrite``, or its folder cannot be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give a file name with an extension, such as {path / 'result.gif'}")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists already; add --overwrite to replace it or choose another name")
    folder = path.resolve().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Trying is the only reliable test: access rights do not tell of read-only disks.
        probe = folder / f".{path.stem}.{secrets.token_hex(4)}.part"
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written because its folder does not allow it ({error.strerror}); choose another folder"
        ) from error


def _sync(path: Path) -> None:
    # Windows flushes only what is open for writing, and no folders.
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
