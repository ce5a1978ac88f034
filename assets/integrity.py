"""Find a shipped file and make sure that it is the one the manifest describes."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

__all__ = ["AssetError", "asset_path", "manifest"]


class AssetError(ValueError):
    """A shipped file is missing, damaged or not in the manifest."""


@cache
def manifest() -> dict[str, dict[str, Any]]:
    """The entries of ``manifest.json`` by file name: ``sha256``, ``bytes``, ``licence``, ``origin`` and notes."""
    entries: dict[str, dict[str, Any]] = json.loads((_folder() / "manifest.json").read_text("utf-8"))["files"]
    return entries


@cache
def asset_path(name: str) -> Path:
    """Path of a shipped file whose SHA-256 has been compared with the manifest (once per process).

    Raises AssetError if the file is missing, differs, or has no entry in the manifest.
    """
    entry = manifest().get(name)
    if entry is None:
        raise AssetError(f"{name} has no entry in assets/manifest.json; add its SHA-256, licence and origin there")
    path = _folder() / name
    if not path.is_file():
        raise AssetError(f"{path} is missing; install zedo-video again or fetch the file from the repository")
    verify(path, entry["sha256"])
    return path


def verify(path: Path, sha256: str) -> None:
    """Raise AssetError unless the SHA-256 of the file is ``sha256`` (hexadecimal)."""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise AssetError(
            f"{path} is damaged or was changed (SHA-256 {found[:12]}..., expected {sha256[:12]}...); "
            "install zedo-video again or fetch the file from the repository"
        )


def _folder() -> Path:
    return Path(str(files("assets")))
