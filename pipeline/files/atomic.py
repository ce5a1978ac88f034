"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import OutputError

__all__ = ["atomic_path", "check_writable", "claimed", "real_path"]

#: The longest path below the folder of intermediate results of an output.
_IN_WORK = ".work/.warnings-000000.part.npz"
#: When a file that nothing was written to was last changed.
_UNTOUCHED_NS = 0
_DISK_PROBLEMS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary sibling to write to; it takes the final name when the block ends well and is deleted otherwise.

    The sibling is hidden and keeps the extension (``.result.part.gif``), because writers choose the format by it; what
    a killed run left under that name is replaced by the next one. It is there, empty, when the block begins: whatever
    stood under that name is gone, and a link was never followed.

    Raises:
        OutputError: the path is a folder, its folder is missing or cannot be written to, or the disk is full.
        FileNotFoundError: the block has written nothing.
    """
    final = _final(Path(path))
    temporary = _temporary(final)
    try:
        temporary.unlink(missing_ok=True)
        # The name can be guessed: what is written to is made here (O_EXCL), and never what a link points to.
        temporary.touch(exist_ok=False)
        os.utime(temporary, ns=(_UNTOUCHED_NS, _UNTOUCHED_NS))
    except OSError as error:
        raise _refused(Path(path), error) from error
    try:
        yield temporary
        if temporary.stat().st_mtime_ns == _UNTOUCHED_NS:
            raise FileNotFoundError(errno.ENOENT, "nothing was written", str(path))
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

    locks = [FileLock(_lock(path)) for path in paths]
    held = []
    try:
        for path, lock in zip(paths, locks, strict=True):
            try:
                # It would be emptied, wherever it points.
                if os.path.lexists(lock.lock_file) and not stat.S_ISREG(os.lstat(lock.lock_file).st_mode):
                    raise OutputError(f"{lock.lock_file} is in the way of the mark of this run; delete it")
                lock.acquire(timeout=0)
            except Timeout as error:
                raise OutputError(f"another run is writing {path}; wait for it or choose another name") from error
            except OSError as error:
                raise _refused(path, error) from error
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
    final = _final(path)
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists already; add --overwrite to replace it or choose another name")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        for name in (_temporary(final), _lock(path), path.parent / (path.name + _IN_WORK)):
            with suppress(FileNotFoundError, NotADirectoryError):
                name.lstat()
        # Trying is the only reliable test: access rights do not tell of read-only disks.
        tempfile.TemporaryFile(dir=final.parent).close()
    except OSError as error:
        raise _refused(path, error) from error


def real_path(path: Path) -> Path:
    """The absolute path without links; a loop of links is left to whoever opens it (``Path.resolve`` fails there)."""
    return Path(os.path.realpath(path))


def _final(path: Path) -> Path:
    """Where a file of that name really is or will be: a link keeps pointing to where it points."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return real_path(path)
    except OSError as error:
        raise _refused(path, error) from error
    if stat.S_ISDIR(kind):
        raise OutputError(f"{path} is a folder; give a file name with an extension, such as {path / 'result.gif'}")
    if not stat.S_ISREG(kind):
        raise OutputError(f"{path} is no ordinary file, and is not replaced; choose another name")
    return real_path(path)


def _temporary(final: Path) -> Path:
    return final.with_name(f".{final.stem}.part{final.suffix}")


def _lock(path: Path) -> Path:
    return real_path(path).with_name(f".{path.name}.lock")


def _refused(path: Path, error: OSError) -> OutputError:
    if error.errno == errno.ENAMETOOLONG:
        return OutputError(f"{path} has a name that is too long for the files beside it during the work; shorten it")
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
