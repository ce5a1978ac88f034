"""How closely results can agree in the arithmetic of matrix products that a run of the tests has."""

from __future__ import annotations

import torch

from lifting.device import matmul_dtype

__all__ = ["rounding"]

#: operations in float32 that follow each other around the products of a step: rays, translation, bones, sizes
_CHAIN = 200


def rounding(size: float, device: torch.device | str = "cpu") -> float:
    """How far two results of numbers of this size may be apart, in its unit, that differ by the order of sums alone.

    One unit in the last place of the matrix products, and one of float32, in which all else is calculated, for each of
    the operations that follow each other: for a body of a metre 8 mm with bfloat16, a fortieth of a millimetre without.
    """
    products, rest = (torch.finfo(dtype).eps for dtype in (matmul_dtype(torch.device(device)), torch.float32))
    return size * (products + _CHAIN * rest)
