"""Matrix products with a handful of rows, whose time is that of reading the weights from memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["few_rows_product"]


def few_rows_product(weight: Tensor) -> Callable[[Tensor], Tensor] | None:
    """``h [B, I] -> h @ weight.T [B, O]`` with the weights kept in half precision, sums in single precision.

    The weights of the shipped networks are stored in half precision, so nothing of them is lost; others are rounded.
    For six rows this takes half the time of ``torch.nn.functional.linear`` on a CPU without bfloat16, from about 40 on
    it takes longer.

    Args:
        weight: ``[O, I]``.

    Returns:
        None where there is no such product: for other arithmetic than float32, on other devices than CPUs, and on
        processors other than x86.
    """
    if weight.device.type != "cpu" or weight.dtype is not torch.float32:
        return None
    # FBGEMM alone has it; PyTorch's layer around it is deprecated, the operators are what other packages use, too.
    if torch.backends.quantized.engine not in ("fbgemm", "x86"):
        return None
    packed = torch.ops.quantized.linear_prepack_fp16(weight.contiguous(), None)

    def product(h: Tensor) -> Tensor:
        found: Tensor = torch.ops.quantized.linear_dynamic_fp16(h, packed)
        return found

    return product
