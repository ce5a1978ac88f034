"""Weights and exported networks on disk: where they are kept, and how weights get there."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from functools import cache
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from detectors.openmmlab.errors import WeightsUnavailable
from detectors.options import Stage

__all__ = ["cache_folder", "download", "file_sha256", "find_weights"]

_TIMEOUT_S = 5.0  # without an answer; a run that could start must not wait for a network that is not there
_BLOCK = 1 << 20
# OpenMMLab ends the names of its files with the first eight digits of their SHA-256, and sometimes a date.
_DIGITS = re.compile(r"-([0-9a-f]{8})(_\d{8})?\.pth$")


def cache_folder() -> Path:
    """Folder of what was downloaded and exported: ``ZEDO_CACHE``, or where the system keeps such things."""
    if chosen := os.environ.get("ZEDO_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "zedo-video"


def find_weights(url: str) -> Path | None:
    """The file of an address if it is on disk and whole: in the cache, or where MMPose itself downloads to."""
    torch_home = os.environ.get("TORCH_HOME") or Path.home() / ".cache" / "torch"
    for folder in (cache_folder() / "weights", Path(torch_home) / "hub" / "checkpoints"):
        path = folder / _file_name(url)
        if path.is_file() and file_sha256(path).startswith(_expected(url)):
            return path
    return None


def download(url: str, stage: Stage, *, offline: bool) -> Path:
    """The file of an address, downloaded into the cache unless it is on disk.

    It gets its name when its SHA-256 has been compared with the digits that the name promises.

    Raises:
        WeightsUnavailable: ``offline``, no answer within 5 seconds, a wrong checksum, or an address without one.
    """
    digits, name = _expected(url), _file_name(url)
    if found := find_weights(url):
        return found
    folder = cache_folder() / "weights"
    by_hand = f"download {url} to {folder}"
    if offline:
        raise WeightsUnavailable(f"{name} is not on disk; leave out --offline, or {by_hand}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=folder, suffix=".part")
        os.close(handle)
        try:
            sha256 = _receive(url, Path(partial), stage)
            if not sha256.startswith(digits):
                raise WeightsUnavailable(
                    f"{url} was not received whole (SHA-256 {sha256[:8]}, not {digits}); try again, or {by_hand}"
                )
            Path(partial).replace(folder / name)
        finally:
            Path(partial).unlink(missing_ok=True)
    except (OSError, HTTPException) as error:
        reason = f"the server says {error.code}" if isinstance(error, HTTPError) else "there is no connection"
        raise WeightsUnavailable(f"{name} is not on disk and {reason}; {by_hand}, or check the network") from error
    return folder / name


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; computed once per process and state of the file."""
    stat = path.stat()
    return _hash(path, stat.st_size, stat.st_mtime_ns)


@cache
def _hash(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _receive(url: str, path: Path, stage: Stage) -> str:
    """Store what an address sends and return its SHA-256."""
    digest = hashlib.sha256()
    with urlopen(url, timeout=_TIMEOUT_S) as answer, path.open("wb") as file:
        length = answer.headers.get("Content-Length")
        total = -(-int(length) // _BLOCK) if length else None
        done = 0
        with stage("download", total, "MB") as advance:
            while block := answer.read(_BLOCK):
                digest.update(block)
                file.write(block)
                done += 1
                advance(done)
    return digest.hexdigest()


def _file_name(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).name


def _expected(url: str) -> str:
    """The digits of the SHA-256 that the name of a file promises."""
    found = _DIGITS.search(_file_name(url))
    if not url.startswith("https://") or found is None:
        raise WeightsUnavailable(
            f"{url} cannot be checked: it is no https address of a file whose name ends with digits of its SHA-256, as "
            "OpenMMLab's do; download it and give the file"
        )
    return found[1]
