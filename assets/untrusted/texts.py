"""Texts: plain, JSON and TOML, with or without a byte order mark."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from assets.untrusted.limits import Limits, UntrustedFileError, limits_in_force, opened

__all__ = ["load_json", "load_toml", "parse_json", "parse_toml", "read_text"]


def read_text(path: Path, limits: Limits | None = None, *, errors: str = "strict") -> str:
    """The text of a file in UTF-8.

    Args:
        path: the file.
        limits: what it may ask for.
        errors: "strict" refuses bytes that are no UTF-8, "replace" puts a mark in their place.

    Raises:
        UntrustedFileError: see there.
    """
    limits = limits or limits_in_force()
    with opened(path, limits.text_bytes) as (stream, _):
        try:
            return stream.read().decode("utf-8-sig", errors)
        except UnicodeDecodeError as error:
            raise UntrustedFileError(f"{path} is no text in UTF-8; save it as such") from error


def load_json(path: Path, limits: Limits | None = None) -> Any:
    """The value of a JSON file: strict JSON, in which no name stands twice and every number is finite.

    Raises:
        UntrustedFileError: see there.
    """
    return parse_json(read_text(path, limits), str(path), limits)


def load_toml(path: Path, limits: Limits | None = None) -> dict[str, Any]:
    """The values of a TOML file, see ``load_json``."""
    return parse_toml(read_text(path, limits), str(path), limits)


def parse_json(text: str, where: str, limits: Limits | None = None) -> Any:
    """``load_json`` for a text from ``where``, a file or a part of one."""
    limits = limits or limits_in_force()
    try:
        if sum(map(text.count, ",[{")) > limits.values:
            raise ValueError(f"it holds more than {limits.values} values ({_FLAG})")
        return _checked(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number), limits)
    except (ValueError, RecursionError) as error:
        raise UntrustedFileError(f"{where} is not valid JSON: {_reason(error)}; correct it or copy it again") from error


def parse_toml(text: str, where: str, limits: Limits | None = None) -> dict[str, Any]:
    """``load_toml`` for a text from ``where``."""
    limits = limits or limits_in_force()
    try:
        if len(text) > limits.toml_characters:
            raise ValueError(f"it is longer than {limits.toml_characters} characters ({_FLAG})")
        # A name of many parts takes the parser their number squared.
        parts = re.split(r"[=,\[\]{}\n]", re.sub(r"\.\.+", "", text))
        if max(part.count(".") for part in parts) > limits.depth:
            raise ValueError(_TOO_DEEP)
        values: dict[str, Any] = _checked(tomllib.loads(text), limits)
        return values
    except (ValueError, RecursionError) as error:
        raise UntrustedFileError(f"{where} is not valid TOML: {_reason(error)}; correct it there") from error


_TOO_DEEP = "it is nested too deeply"
_FLAG = "--limits raises that"


def _checked(value: Any, limits: Limits) -> Any:
    """The value. Raises ValueError if it is nested too deeply or a number in it is too large."""
    layer = [value]
    for _ in range(limits.depth):
        inner: list[Any] = []
        for item in layer:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
            elif isinstance(item, int | float) and not -(2**63) < item < 2**63:
                raise ValueError("a number in it is too large or none")
        if not inner:
            return value
        layer = inner
    raise ValueError(_TOO_DEEP)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands in it twice")
    return values


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _reason(error: Exception) -> str:
    return _TOO_DEEP if isinstance(error, RecursionError) else " ".join(str(error).split())[:200]
