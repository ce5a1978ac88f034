"""Errors that are the user's to fix: one clear sentence, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["InputError", "OutputError", "UserError", "as_input_error", "unexpected"]


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


def unexpected(error: BaseException) -> str:
    """One sentence for a defect of the program itself."""
    return (
        f"an unexpected problem ({type(error).__name__}: {error}); please report it, with what ZEDO_DEBUG=1 in the "
        "environment makes the same command print"
    )
