"""numpy's files, with shapes and sizes compared before anything is made of them."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.limits import RAISE, Limits, UntrustedFileError, damage, limits_in_force, opened, size_text
from assets.untrusted.pickles import unpickled

__all__ = ["checked_members", "load_npy", "load_npz"]

_PIECE = 2**20
_HEADER_BYTES = 10_000


def load_npz(path: Path, limits: Limits | None = None, *, objects: bool = False) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file by name, checked against its checksums; members that are no arrays are left out.

    Args:
        path: the file.
        limits: what it may ask for.
        objects: read arrays of objects, too, as ``pickles`` does; otherwise a file that has one is refused.

    Raises:
        UntrustedFileError: see there.
    """
    limits = limits or limits_in_force()
    arrays = {}
    with (
        opened(path, limits.file_bytes) as (stream, size),
        damage(path, ".npz file of plain arrays"),
        zipfile.ZipFile(stream) as archive,
    ):
        for member in checked_members(archive, path, size, limits):
            if member.filename.endswith(".npy"):
                with archive.open(member) as packed:
                    where = f"{path}, {member.filename}"
                    arrays[member.filename[:-4]] = _array(packed, member.file_size, where, limits, objects)
    return arrays


def load_npy(path: Path, limits: Limits | None = None, *, objects: bool = False) -> NDArray[Any]:
    """The array of an ``.npy`` file; see ``load_npz``."""
    limits = limits or limits_in_force()
    with opened(path, limits.file_bytes) as (stream, size):
        return _array(stream, size, str(path), limits, objects)


def checked_members(archive: zipfile.ZipFile, path: Path, size: int, limits: Limits) -> list[zipfile.ZipInfo]:
    """The entries of an archive in a file of ``size`` bytes, in the order in which they lie there.

    Raises:
        UntrustedFileError: they are too many or too large, have one name, lie in each other, or are packed in a way
            that numpy does not write.
    """
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    if len(members) > limits.members:
        raise UntrustedFileError(
            f"{path} has {len(members)} entries, more than {limits.members}; give a smaller one, {RAISE}"
        )
    unpacked, allowed = sum(member.file_size for member in members), limits.unpacked(size)
    if unpacked > allowed:
        raise UntrustedFileError(
            f"{path} would unpack from {size_text(size)} to {size_text(unpacked)}, more than {size_text(allowed)}; "
            f"give one that is packed less, or smaller, {RAISE}"
        )
    ends = [member.header_offset + member.compress_size for member in members]
    begins = [member.header_offset for member in members[1:]] + [size]
    forged = len({member.filename for member in members}) < len(members)
    forged |= any(end > begin for end, begin in zip(ends, begins, strict=True))
    forged |= any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members)
    if forged:
        raise UntrustedFileError(f"{path} is damaged or forged: its entries overlap or make no sense; copy it again")
    return members


def _array(stream: IO[bytes], size: int, where: str, limits: Limits, objects: bool) -> NDArray[Any]:
    with damage(where, "numpy file"):
        version, _ = np.lib.format.read_magic(stream)
        read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[version]
        count = stream.read(2 * version)
        header = int.from_bytes(count, "little")
        length = size - stream.tell() - header
        # Python's parser reads it, which is not made for long texts.
        if header > _HEADER_BYTES or length < 0:
            raise ValueError("too long a header")
        shape, fortran, dtype = read_header(io.BytesIO(count + stream.read(header)))
        if dtype == np.dtype("O") and objects:
            found = unpickled(stream.read(length), where, limits).resolved()
            if not isinstance(found, np.ndarray) or found.shape != shape:
                raise UntrustedFileError(f"{where} is damaged or forged: its array has another shape than it promises")
            return found
        if dtype.hasobject or dtype.kind not in "biufcSU":
            raise UntrustedFileError(f"{where} holds objects or records, so it was not opened; give plain numbers")
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != length or not dtype.itemsize:
            raise ValueError("another size than it promises")
        array = np.empty(math.prod(shape), dtype)
        content, filled = array.view(np.uint8), 0
        while piece := stream.read(_PIECE):
            content[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
            filled += len(piece)
        if filled != length:
            raise EOFError
        return array.reshape(shape, order="F" if fortran else "C")
