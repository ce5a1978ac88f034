"""Clips chosen by patterns of their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from pipeline.errors import InputError

__all__ = ["ClipFilter"]


class ClipFilter:
    """Which clips to keep, by shell-style patterns of "source/subject/name" (``*`` crosses slashes, case is ignored).

    It remembers what it was asked, so that patterns without any clip, such as misspelt ones, can be told.

    Args:
        only: a clip must match one of these; none: every clip does.
        exclude: a clip must match none of these.
    """

    def __init__(self, only: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._only, self._exclude = tuple(only), tuple(exclude)
        self._unused = {**{("--only", one): None for one in only}, **{("--exclude", one): None for one in exclude}}
        self._example = ""

    def keeps(self, texts: Mapping[str, str]) -> bool:
        """Whether to use the clip with these texts (source, subject and name)."""
        label = "/".join(texts[key] for key in ("source", "subject", "name"))
        self._example = self._example or label
        matched = {
            pattern for pattern in (*self._only, *self._exclude) if fnmatchcase(label.lower(), pattern.lower())
        }  # fmt: skip
        for key in [key for key in self._unused if key[1] in matched]:
            del self._unused[key]
        return (not self._only or not matched.isdisjoint(self._only)) and matched.isdisjoint(self._exclude)

    def check_used(self) -> None:
        """Raise ``InputError`` if a pattern matched none of the clips so far."""
        for option, pattern in self._unused:
            raise InputError(
                f"{option} '{pattern}' matches none of the clips; they are named source/subject/name, such as "
                f"{self._example or 'HDM05/bd/walk'}"
            )
