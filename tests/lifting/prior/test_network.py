"""The score network: its layout, and three ways to evaluate it that must agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork


def poses(count: int) -> torch.Tensor:
    return torch.randn(count, 17, 3, generator=torch.Generator().manual_seed(0))


def test_parameters_have_the_published_names_and_shapes() -> None:
    with torch.device("meta"):
        network = ScoreNetwork()
    stages = ["pre", "b1:1", "b1:2", "b2:1", "b2:2"]
    expected: dict[str, tuple[int, ...]] = {
        "shared_time_embed.0.weight": (512, 512),
        "shared_time_embed.0.bias": (512,),
        "post_dense.weight": (51, 1024),
        "post_dense.bias": (51,),
    }
    for stage in stages:
        block, _, layer = stage.partition(":")
        for name, inputs in (("dense{}", 51 if block == "pre" else 1024), ("dense{}_t", 512)):
            expected[f"{block}_{name.format(layer)}.weight"] = (1024, inputs)
            expected[f"{block}_{name.format(layer)}.bias"] = (1024,)
        expected[f"{block}_gnorm{layer}.weight"] = expected[f"{block}_gnorm{layer}.bias"] = (1024,)
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == expected
    assert sum(value.numel() for value in network.parameters()) == pytest.approx(7.2e6, rel=0.01)


def test_every_norm_has_32_groups() -> None:
    norms = [module for module in ScoreNetwork(hidden=64, embed=16).modules() if isinstance(module, nn.GroupNorm)]
    assert len(norms) == 5 and {norm.num_groups for norm in norms} == {32}


def test_time_embedding_is_sines_and_cosines_of_999_t(network: ScoreNetwork) -> None:
    embed, t = network.embed, 0.07
    rates = [10000 ** (-k / (embed // 2 - 1)) for k in range(embed // 2)]
    waves = [math.sin(999 * t * rate) for rate in rates] + [math.cos(999 * t * rate) for rate in rates]
    weight, bias = (network.state_dict()[f"shared_time_embed.0.{name}"].double() for name in ("weight", "bias"))
    dense = weight @ torch.tensor(waves, dtype=torch.float64) + bias
    expected = dense * torch.sigmoid(dense)
    assert torch.allclose(network.time_embedding(torch.tensor([t]))[0].double(), expected, atol=1e-4)


def test_forward_is_the_residual_network_of_the_paper(network: ScoreNetwork) -> None:
    x, t = poses(3), torch.tensor([0.02, 0.05, 0.1])
    p = {name: value.double().numpy() for name, value in network.state_dict().items()}
    embedding = network.time_embedding(t).double().numpy()

    def stage(h: np.ndarray, dense: str, norm: str) -> np.ndarray:
        h = h @ p[f"{dense}.weight"].T + p[f"{dense}.bias"]
        h = h + embedding @ p[f"{dense}_t.weight"].T + p[f"{dense}_t.bias"]
        groups = h.reshape(len(h), 32, -1)
        groups = (groups - groups.mean(-1, keepdims=True)) / np.sqrt(groups.var(-1, keepdims=True) + 1e-5)
        h = groups.reshape(h.shape) * p[f"{norm}.weight"] + p[f"{norm}.bias"]
        return h / (1 + np.exp(-h))

    h = stage(x.double().flatten(1).numpy(), "pre_dense", "pre_gnorm")
    for block in ("b1", "b2"):
        inner = stage(h, f"{block}_dense1", f"{block}_gnorm1")
        h = h + stage(inner, f"{block}_dense2", f"{block}_gnorm2")
    expected = h @ p["post_dense.weight"].T + p["post_dense.bias"]
    assert np.allclose(network(x, t).flatten(1).numpy(), expected, atol=2e-4)


def test_folded_network_equals_the_network_at_its_times(network: ScoreNetwork) -> None:
    x, times = poses(6), torch.tensor([0.1, 0.05, 0.01])
    folded = FoldedScoreNetwork(network, times, torch.float32)
    before = x.clone()
    for step, time in enumerate(times):
        assert torch.allclose(folded(x, step), network(x, time.expand(6)), atol=1e-5)
    assert torch.equal(x, before)


def test_folded_network_in_half_precision_stays_near_and_returns_float32(network: ScoreNetwork) -> None:
    x, times = poses(6), torch.tensor([0.1, 0.01])
    noise = FoldedScoreNetwork(network, times, torch.bfloat16)(x, 1)
    exact = network(x, times[1:].expand(6))
    assert noise.dtype == torch.float32
    assert (noise - exact).abs().max() < 0.03 * exact.abs().max()


def test_neighbours_may_share_a_time(network: ScoreNetwork) -> None:
    x, times = poses(6), torch.tensor([0.1, 0.05, 0.01])
    assert torch.allclose(network.forward_grouped(x, times), network(x, times.repeat_interleave(2)), atol=1e-6)


def test_poses_do_not_see_each_other(network: ScoreNetwork) -> None:
    x, t = poses(4), torch.full((4,), 0.05)
    assert torch.allclose(network(x, t)[2:3], network(x[2:3], t[:1]), atol=1e-5)
