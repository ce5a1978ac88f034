"""Matrix products with a handful of rows, whose time is that of reading the weights from memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SmallBatchLinear", "small_batch_product"]


def small_batch_product(weight: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """``h [B, I], bias [O] -> h @ weight.T + bias [B, O]``; weights in half precision, sums in single precision.

    The weights of the shipped networks are stored in half precision, so nothing of them is lost; others are rounded.
    For three rows this takes half the time of ``torch.nn.functional.linear`` on a CPU without bfloat16, from about 40
    on it takes longer. For other arithmetic than float32, on other devices than CPUs, and on processors other than x86
    it is ``linear``.

    Args:
        weight: ``[O, I]``.
    """
    # FBGEMM alone has such a product. PyTorch's functions for it are deprecated without another in their place: the
    # operators ``quantized.linear_dynamic_fp16`` take 40 us longer for each call, which is a seventh of it.
    pack = getattr(torch, "fbgemm_pack_gemm_matrix_fp16", None)
    multiply = getattr(torch, "fbgemm_linear_fp16_weight_fp32_activation", None)
    x86 = torch.backends.quantized.engine in ("fbgemm", "x86")
    if pack is None or multiply is None or not x86 or weight.device.type != "cpu" or weight.dtype is not torch.float32:
        return lambda h, bias: F.linear(h, weight, bias)
    with warnings.catch_warnings():
        # Both warn once in a process, so the first product is here.
        warnings.simplefilter("ignore")
        packed = pack(weight.contiguous())
        multiply(weight[:1].contiguous(), packed, weight.new_zeros(len(weight)))

    def product(h: Tensor, bias: Tensor) -> Tensor:
        found: Tensor = multiply(h, packed, bias)
        return found

    return product


class SmallBatchLinear(nn.Module):
    """A dense layer for a handful of rows, on the device where it was made; see ``small_batch_product``."""

    _bias: Tensor

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__()
        self._product = small_batch_product(dense.weight.detach())
        self.register_buffer("_bias", dense.bias.detach())

    def forward(self, h: Tensor) -> Tensor:
        """``[B, I]`` -> ``[B, O]``."""
        return self._product(h, self._bias)
