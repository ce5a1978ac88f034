"""Products with a handful of rows give what other products give, and networks what they gave."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from lifting.initial.network import InitialNetwork
from lifting.prior.control import ControlNetwork
from lifting.prior.network import ScoreNetwork
from lifting.prior.small_batch import small_batch_product

TIMES = torch.tensor([0.1, 0.05, 0.01])


@pytest.fixture
def weight() -> torch.Tensor:
    """As the weights of a shipped file are."""
    return torch.randn(48, 40, generator=torch.Generator().manual_seed(0)).half().float()


@pytest.mark.parametrize("rows", [1, 6, 50])
def test_product(weight: torch.Tensor, rows: int) -> None:
    h = torch.randn(rows, 40, generator=torch.Generator().manual_seed(1))
    bias = torch.randn(48, generator=torch.Generator().manual_seed(2))
    exact = h.double() @ weight.double().T + bias.double()
    assert torch.allclose(small_batch_product(weight)(h, bias).double(), exact, atol=1e-5)


@pytest.mark.skipif(torch.backends.quantized.engine not in ("fbgemm", "x86"), reason="x86 processors only")
def test_weights_are_kept_in_half_precision(weight: torch.Tensor) -> None:
    """Where there is such a product it is this one, and not the ordinary."""
    finer = weight + 1e-5
    h = torch.randn(3, 40, generator=torch.Generator().manual_seed(1))
    found, rounded = small_batch_product(finer)(h, torch.zeros(48)), h @ finer.half().float().T
    assert torch.allclose(found, rounded, atol=1e-6)
    assert not torch.allclose(found, h @ finer.T, atol=1e-6)


@pytest.mark.slow
def test_nobody_is_told_that_it_is_deprecated() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import torch; from lifting.prior.small_batch import small_batch_product as f;"
         "print(f(torch.eye(8))(torch.ones(2, 8), torch.zeros(8)).sum())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip() == "tensor(16.)" and not found.stderr


def test_other_arithmetic_is_as_ever(weight: torch.Tensor) -> None:
    h, bias = torch.randn(3, 40).bfloat16(), torch.zeros(48).bfloat16()
    found = small_batch_product(weight.bfloat16())(h, bias)
    assert torch.equal(found, torch.nn.functional.linear(h, weight.bfloat16(), bias))
    assert small_batch_product(weight.to("meta"))(h.float().to("meta"), bias.float().to("meta")).shape == (3, 48)


def test_a_start_stays_what_it_is() -> None:
    torch.manual_seed(0)
    network = InitialNetwork(hidden=64, context=16, modes=2).half().float().eval().requires_grad_(False)
    features = torch.randn(3, 7, 17, 3), torch.randn(3, 1)
    plain = network(*features)
    few = network.calculating_in(torch.float32, small_batch=True)(*features)
    assert not any("weight" in name for name, _ in network.dense.named_parameters())
    for before, after in zip(vars(plain).values(), vars(few).values(), strict=True):
        assert torch.allclose(before, after, atol=1e-5)


@pytest.mark.parametrize("kind", [ScoreNetwork, ControlNetwork])
def test_networks_stay_what_they_are(kind: type[ScoreNetwork]) -> None:
    torch.manual_seed(0)
    network = kind(hidden=256, embed=16).half().float().eval().requires_grad_(False)
    x = torch.randn(6, 51)
    plain, few = (network.folded(TIMES, torch.float32, small_batch=few) for few in (False, True))
    for step in range(3):
        # The product of two layers of a control branch is rounded to half precision.
        assert torch.allclose(few(x, step), plain(x, step), atol=1e-5 if kind is ScoreNetwork else 2e-3)
