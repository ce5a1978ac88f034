"""What is packed for the page comes out as it was rounded."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.formats.page.columns import MISSING, packed, rounded


def unpacked(table: dict[str, Any], like: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """As web/columns.js does it, before it divides."""
    rows, width = table["rows"], table["width"]
    data = np.frombuffer(zlib.decompress(base64.b64decode(table["data"])), np.uint8)
    bits = -(-rows * width // 8) if table["missing"] else 0
    planes = data[bits:].reshape(4, -1).astype(np.int64)
    steps = (planes << np.array([0, 8, 16, 24])[:, None]).sum(axis=0)
    values = np.cumsum(np.where(steps % 2, -(steps + 1) // 2, steps // 2).reshape(width, rows), axis=1).T
    if like is not None:
        values = values + np.where(like == MISSING, 0, like)
    gone = np.unpackbits(data[:bits])[: rows * width].reshape(rows, width).astype(bool) if bits else False
    return np.where(gone, MISSING, values)


@pytest.mark.parametrize("decimals", [0, 1, 3])
def test_numbers_come_out_as_they_were(decimals: int) -> None:
    values = np.random.default_rng(0).normal(size=(50, 7)) * 100
    values[3:9, 2] = np.nan
    values[0, 0], values[20, 1] = np.nan, 1e300
    np.testing.assert_array_equal(unpacked(packed(values, decimals)), rounded(values, decimals))
    assert rounded(values, decimals)[20, 1] == MISSING


def test_differences_to_what_is_known() -> None:
    smooth = np.cumsum(np.random.default_rng(0).normal(size=(60, 51)), axis=0)
    raw = smooth + 0.001
    raw[5] = smooth[7] = np.nan
    table = packed(raw, 3, like=smooth)
    np.testing.assert_array_equal(unpacked(table, rounded(smooth, 3)), rounded(raw, 3))
    assert len(table["data"]) < len(packed(raw, 3)["data"]) / 2


def test_nothing() -> None:
    table = packed(np.zeros((0, 17)), 2)
    assert (table["rows"], table["width"]) == (0, 17)
    assert unpacked(table).shape == (0, 17)
