"""Errors that are the user's to fix: one clear sentence, never a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["InputError", "OutputError", "UserError", "as_input_error", "printable", "unexpected"]

#: What terminals obey: controls, marks of direction, ends of lines, lone halves of characters.
_CONTROLS = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_OBEYED = re.compile(rf"[\x00-\x1f{_CONTROLS}]")
_OBEYED_IN_LINES = re.compile(rf"[\x00-\x08\x0b-\x1f{_CONTROLS}]")


class UserError(Exception):
    """The run cannot go on; ``str(error)`` is one sentence that says what is wrong and what to do.

    ``exit_code`` is what the command line exits with: 1 the run failed, 2 what was asked for cannot be done as asked
    (the number that click uses for a wrong option, too).
    """

    exit_code = 1


class InputError(UserError):
    """A file that was given cannot be used."""

    exit_code = 2


class OutputError(UserError):
    """A result cannot be written where it was asked for."""

    exit_code = 2


@contextmanager
def as_input_error() -> Iterator[None]:
    """What the stages refuse (a weight file, a device, a setting: ValueError) is the user's to fix: an InputError."""
    try:
        yield
    except ValueError as error:
        raise InputError(str(error)) from error


def printable(text: str, *, lines: bool = False) -> str:
    """The text with what a terminal would obey in place of showing it written out (``\\x1b``): names from files.

    Controls, halves of characters, and marks that turn the direction of writing; ``lines`` leaves the ends of lines.
    """
    pattern = _OBEYED_IN_LINES if lines else _OBEYED
    return pattern.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def unexpected(error: BaseException) -> str:
    """One sentence for a defect of the program itself."""
    return (
        f"an unexpected problem ({type(error).__name__}: {error}); please report it, with what ZEDO_DEBUG=1 in the "
        "environment makes the same command print"
    )
