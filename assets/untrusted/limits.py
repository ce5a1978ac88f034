"""What a file may ask for, how a user raises that, the one kind of error, and how a file is opened."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

__all__ = [
    "LIMITS",
    "LIMITS_VARIABLE",
    "MOST_TIMES",
    "RAISE",
    "Limits",
    "UntrustedFileError",
    "damage",
    "limits_in_force",
    "opened",
    "raised",
    "size_text",
]

#: Of the environment: times the limits that files may have, for this process and those that it starts.
LIMITS_VARIABLE = "ZEDO_LIMITS"
#: Beyond this a number is a mistake.
MOST_TIMES = 1000
#: What whoever trusts a file can do, as the end of a sentence.
RAISE = "or raise the limits with --limits, if you trust it"


class UntrustedFileError(ValueError):
    """A file cannot be used: missing, damaged, hostile, too large or of another form.

    One sentence names the file, what is wrong and what to do. What the file brought into it (or its name) is printed
    harmlessly: no control characters.
    """

    def __init__(self, sentence: str) -> None:
        # A terminal obeys what is not printable; half characters of odd file names cannot be encoded.
        super().__init__("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in sentence))


@dataclass(frozen=True)
class Limits:
    """What a file may ask for.

    Attributes:
        file_bytes: size of a file on disk.
        text_bytes: size of a file of text, which takes many times the memory.
        toml_characters: length of settings in TOML, whose parser is slow.
        unpacked_bytes: size of all that is packed in a file.
        any_bytes: of that, what a file may have however small it is.
        ratio: times the size of the file that what is packed in it may have, beyond that.
        members: entries of an archive, tensors of a file of weights.
        depth: of containers in containers.
        values: of a text; and of containers in a pickle, counted as often as they are reached.
        pixels: width times height of a picture.
        weight: greatest absolute value of a network's weights.
    """

    file_bytes: int = 4 * 2**30
    text_bytes: int = 256 * 2**20
    toml_characters: int = 2**20
    unpacked_bytes: int = 4 * 2**30
    any_bytes: int = 64 * 2**20
    ratio: int = 200
    members: int = 10_000
    depth: int = 50
    values: int = 5_000_000
    pixels: int = 2**26
    weight: float = 1e6

    def unpacked(self, size: int) -> int:
        """Bytes that a file of ``size`` bytes may unpack to."""
        return min(self.unpacked_bytes, max(self.any_bytes, self.ratio * size))

    def times(self, factor: int) -> Limits:
        """The same, all but ``depth`` so many times as large: beyond that parsers themselves give up."""
        larger = {name: type(most)(most * factor) for name, most in asdict(self).items()}
        return Limits(**larger | {"depth": self.depth})


LIMITS = Limits()


def limits_in_force() -> Limits:
    """``LIMITS``, or what ``raised`` or the user's environment made of them.

    Raises:
        UntrustedFileError: the environment says no whole number from 1 to ``MOST_TIMES``.
    """
    told = os.environ.get(LIMITS_VARIABLE)
    if not told:
        return LIMITS
    if not re.fullmatch("[0-9]{1,4}", told) or not 1 <= int(told) <= MOST_TIMES:
        raise UntrustedFileError(
            f"{LIMITS_VARIABLE} in the environment is {told!r}; it must be a whole number from 1 to {MOST_TIMES}"
        )
    return LIMITS.times(int(told))


@contextmanager
def raised(factor: int) -> Iterator[None]:
    """Within, files may have ``factor`` times the limits, here and in processes that are started."""
    before = os.environ.get(LIMITS_VARIABLE)
    os.environ[LIMITS_VARIABLE] = str(factor)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(LIMITS_VARIABLE, None)
        else:
            os.environ[LIMITS_VARIABLE] = before


@contextmanager
def opened(path: Path, most_bytes: int) -> Iterator[tuple[IO[bytes], int]]:
    """A regular file, open for reading, and its size.

    Raises:
        UntrustedFileError: it is missing, no file, not readable, or larger than ``most_bytes``.
    """
    try:
        # A named pipe would wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise UntrustedFileError(f"{path} does not exist; check the name") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UntrustedFileError(f"{path} cannot be read ({reason}); check the name and its access rights") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise UntrustedFileError(f"{path} is a folder, a pipe or a device; give a file")
    with os.fdopen(descriptor, "rb") as stream:
        if status.st_size > most_bytes:
            raise UntrustedFileError(
                f"{path} has {size_text(status.st_size)}, more than {size_text(most_bytes)}; give a smaller one, "
                f"{RAISE}"
            )
        yield stream, status.st_size


@contextmanager
def damage(path: Path | str, what: str, remedy: str = "copy it again") -> Iterator[None]:
    """Whatever fails within is damage of a file that should be ``what``.

    The libraries that read files have dozens of kinds of exceptions for bytes that make no sense to them.
    """
    try:
        yield
    except UntrustedFileError:
        raise
    except Exception as error:
        raise UntrustedFileError(f"{path} is damaged or no {what}; {remedy}") from error


def size_text(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
