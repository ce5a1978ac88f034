"""Products with a handful of rows give what other products give, and networks what they gave."""

from __future__ import annotations

import pytest
import torch

from lifting.control import ControlNetwork
from lifting.few_rows import few_rows_product
from lifting.network import ScoreNetwork

TIMES = torch.tensor([0.1, 0.05, 0.01])


@pytest.fixture
def weight() -> torch.Tensor:
    """As the weights of a shipped file are."""
    return torch.randn(48, 40, generator=torch.Generator().manual_seed(0)).half().float()


@pytest.mark.skipif(torch.backends.quantized.engine not in ("fbgemm", "x86"), reason="x86 processors only")
@pytest.mark.parametrize("rows", [1, 6, 50])
def test_product(weight: torch.Tensor, rows: int) -> None:
    h = torch.randn(rows, 40, generator=torch.Generator().manual_seed(1))
    product = few_rows_product(weight)
    assert product is not None
    exact = h.double() @ weight.double().T
    assert torch.allclose(product(h).double(), exact, atol=1e-5)


def test_there_is_none_for_other_arithmetic(weight: torch.Tensor) -> None:
    assert few_rows_product(weight.bfloat16()) is None
    assert few_rows_product(weight.to("meta")) is None


@pytest.mark.parametrize("kind", [ScoreNetwork, ControlNetwork])
def test_networks_stay_what_they_are(kind: type[ScoreNetwork]) -> None:
    torch.manual_seed(0)
    network = kind(hidden=256, embed=16).half().float().eval().requires_grad_(False)
    x = torch.randn(6, 51)
    plain, few = (network.folded(TIMES, torch.float32, few_rows=few) for few in (False, True))
    for step in range(3):
        # The product of two layers of a control branch is rounded to half precision.
        assert torch.allclose(few(x, step), plain(x, step), atol=1e-5 if kind is ScoreNetwork else 2e-3)
