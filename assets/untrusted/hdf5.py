"""HDF5: arrays of numbers that lie in the file itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.limits import RAISE, Limits, UntrustedFileError, damage, limits_in_force, opened, size_text

__all__ = ["load_hdf5"]


def load_hdf5(path: Path, names: Sequence[str], limits: Limits | None = None) -> dict[str, NDArray[Any]]:
    """Arrays of an HDF5 file by name.

    Raises:
        UntrustedFileError: see there; one is missing, no array of numbers, in another file, or never written.
    """
    import h5py

    limits = limits or limits_in_force()
    arrays = {}
    # HDF5 opens by name; what it would wait for, or is too large, was refused before.
    with opened(path, limits.file_bytes) as (_, size), damage(path, "HDF5 file"), h5py.File(path, "r") as stored:
        left = limits.unpacked(size)
        for name in names:
            link = stored.get(name, getlink=True)
            if link is None:
                there = ", ".join(list(stored)[:12]) or "none"
                raise UntrustedFileError(f"{path} has no array {name}; it has {there}")
            if not isinstance(link, h5py.HardLink):
                raise UntrustedFileError(f"{path}: {name} lies elsewhere (a link), so it was not read; copy it in")
            array = stored[name]
            if not isinstance(array, h5py.Dataset) or array.dtype.kind not in "iuf" or array.shape is None:
                raise UntrustedFileError(f"{path}: {name} must be an array of numbers; convert it")
            if array.external or array.is_virtual:
                raise UntrustedFileError(f"{path}: {name} lies in other files, so it was not read; copy it in")
            if not _written(array, size, limits):
                raise UntrustedFileError(
                    f"{path}: {name} promises {size_text(array.nbytes)} that are not in the file; copy it again"
                )
            left -= array.nbytes
            if left < 0:
                raise UntrustedFileError(
                    f"{path} would unpack to more than {size_text(limits.unpacked(size))}; give a smaller one, {RAISE}"
                )
            arrays[name] = np.asarray(array)
    return arrays


def _written(array: Any, size: int, limits: Limits) -> bool:
    """Whether all of an array is in the file: what was never written is made up when it is read."""
    if not array.size:
        return True
    if array.chunks is None:
        return bool(array.id.get_storage_size() == array.nbytes)
    pieces = math.prod(-(-side // chunk) for side, chunk in zip(array.shape, array.chunks, strict=True))
    piece = math.prod(array.chunks) * array.dtype.itemsize
    return bool(piece <= limits.unpacked(size) and array.id.get_num_chunks() == pieces)
