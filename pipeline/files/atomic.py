"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import OutputError

__all__ = ["atomic_path", "check_writable", "claimed"]

_DISK_PROBLEMS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary sibling to write to; it takes the final name when the block ends well and is deleted otherwise.

    The sibling is hidden and keeps the extension (``.result.part.gif``), because writers choose the format by it; what
    a killed run left under that name is overwritten by the next one.

    Raises:
        OutputError: the path is a folder, its folder is missing or cannot be written to, or the disk is full.
    """
    final, temporary = _prepare(Path(path))
    try:
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


@contextmanager
def claimed(paths: Sequence[Path]) -> Iterator[None]:
    """These outputs belong to this run until the block ends: two runs at once would mix their results.

    Raises:
        OutputError: another run that is still at work writes one of them.
    """
    from filelock import FileLock, Timeout

    locks = [FileLock(path.resolve().with_name(f".{path.name}.lock")) for path in paths]
    held = []
    try:
        for path, lock in zip(paths, locks, strict=True):
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise OutputError(f"another run is writing {path}; wait for it or choose another name") from error
            held.append(lock)
        yield
    finally:
        for lock in held:
            with suppress(OSError):
                Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()


def check_writable(path: str | Path, overwrite: bool = False) -> None:
    """Find out before hours of work whether a result can be written; missing parent folders are created.

    Raises:
        OutputError: the path is a folder, exists without ``overwrite``, or its folder cannot be written to.
    """
    path = Path(path)
    if os.path.lexists(path) and not path.is_dir() and not overwrite:
        raise OutputError(f"{path} exists already; add --overwrite to replace it or choose another name")
    try:
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(path, error) from error
    _prepare(path)


def _prepare(path: Path) -> tuple[Path, Path]:
    """The final and the temporary path, once it is known that a file can be created there."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give a file name with an extension, such as {path / 'result.gif'}")
    # A link keeps pointing to where it points.
    final = path.resolve()
    temporary = final.with_name(f".{final.stem}.part{final.suffix}")
    try:
        # Trying is the only reliable test: access rights do not tell of read-only disks.
        temporary.write_bytes(b"")
        temporary.unlink()
    except OSError as error:
        raise _refused(path, error) from error
    return final, temporary


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path} cannot be written because its folder does not allow it ({error.strerror}); choose another folder"
    )


def _sync(path: Path) -> None:
    # Windows flushes only what is open for writing, and no folders.
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
