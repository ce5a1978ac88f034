"""Numbers for the page: integers of the last digit that is shown, small because neighbours in time are alike."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["packed", "rounded"]

#: What is further out is no place on earth: as if it were missing.
_LARGEST = 2**30
#: What stands for a missing number in ``rounded``.
MISSING = np.iinfo(np.int64).min


def rounded(values: ArrayLike, decimals: int) -> NDArray[np.int64]:
    """Integers of the last decimal that is kept; ``MISSING`` for what is not finite, or absurdly large."""
    scaled = np.asarray(values, np.float64) * 10.0**decimals
    with np.errstate(invalid="ignore"):
        known = np.abs(scaled) < _LARGEST
    return np.where(known, np.rint(np.where(known, scaled, 0.0)), MISSING).astype(np.int64)


def packed(values: ArrayLike, decimals: int, like: ArrayLike | None = None) -> dict[str, Any]:
    """A table as JSON holds it; web/columns.js reads it.

    Each column becomes its differences from row to row, unsigned by zigzag, in planes of bytes, deflated. Missing
    numbers repeat the row before, and are named by bits.

    Args:
        values: ``[T]`` or ``[T, ...]``.
        decimals: how many are kept.
        like: of the same shape; the differences to it are stored, which are smaller. Where it is missing, it is 0.

    Returns:
        ``rows``, ``width`` (numbers per row), ``decimals``, ``missing`` (whether bits precede), and ``data``: base64.
    """
    whole = rounded(values, decimals)
    width = int(np.prod(whole.shape[1:], dtype=np.int64))
    table = whole.reshape(len(whole), width)
    missing = table == MISSING
    if like is not None:
        other = rounded(like, decimals).reshape(table.shape)
        table = table - np.where(other == MISSING, 0, other)
    rows = np.arange(len(table))[:, None]
    last = np.maximum.accumulate(np.where(missing, -1, rows), axis=0) if len(table) else missing.astype(np.int64)
    table = np.where(last < 0, 0, np.take_along_axis(table, np.maximum(last, 0), axis=0))
    steps = np.diff(table, axis=0, prepend=0)
    unsigned = np.where(steps < 0, -2 * steps - 1, 2 * steps).astype("<u4")
    planes = np.ascontiguousarray(unsigned.T).view(np.uint8).reshape(-1, 4).T
    bits = np.packbits(missing).tobytes() if missing.any() else b""
    data = base64.b64encode(zlib.compress(bits + planes.tobytes(), 9)).decode()
    return {
        "rows": len(table),
        "width": width,
        "decimals": decimals,
        "missing": bool(bits),
        "data": data,
    }
