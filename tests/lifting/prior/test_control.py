"""The control branch: nothing until it is trained, the published layout, one result however it is computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from assets.untrusted import UntrustedFileError
from lifting.evidence import Evidence
from lifting.optimise.loop import State, optimise
from lifting.optimise.schedule import reference_schedule
from lifting.prior.control import ControlNetwork
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork
from lifting.prior.weights import load_prior, save_prior
from lifting.training.engine import RunState, fit
from lifting.training.prior import FitSettings, denoising

CPU = torch.device("cpu")


def poses(count: int) -> Tensor:
    return torch.randn(count, 17, 3, generator=torch.Generator().manual_seed(0))


def of_branch(name: str) -> bool:
    return "_copy" in name or name.startswith("zc_") or name == "infant_cond"


@pytest.fixture
def trained(network: ScoreNetwork) -> ControlNetwork:
    """Random weights in every layer of the branch."""
    control = ControlNetwork.around(network)
    generator = torch.Generator().manual_seed(1)
    for parameter in control.parameters():
        if parameter.requires_grad:
            parameter.detach().add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return control.requires_grad_(False)


def test_parameters_have_the_published_names_and_shapes() -> None:
    with torch.device("meta"):
        network, trunk = ControlNetwork(), ScoreNetwork()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    own = {name: tuple(value.shape) for name, value in trunk.state_dict().items()}
    stages = {
        name.replace(".", "_copy."): shape
        for name, shape in own.items()
        if not name.startswith(("shared_time_embed", "post_dense"))
    }
    assert "b2_dense1_t_copy.weight" in stages and "pre_gnorm_copy.bias" in stages
    zero = {"zc_layer_1": 51, "zc_layer_2": 1024, "zc_b1_1": 1024, "zc_b1_2": 1024, "zc_b2_1": 1024, "zc_b2_2": 1024}
    layers = {f"{name}.weight": (width, width) for name, width in zero.items()}
    layers |= {f"{name}.bias": (width,) for name, width in zero.items()}
    assert shapes == own | stages | layers | {"infant_cond": (51,)}
    # the order in which the published averages are listed
    names = [name for name in shapes if of_branch(name)]
    assert names[0] == "infant_cond"


def test_an_untrained_branch_changes_no_bit(network: ScoreNetwork) -> None:
    control, x, times = ControlNetwork.around(network), poses(6), torch.tensor([0.1, 0.05, 0.01])
    assert torch.equal(control(x, times.repeat_interleave(2)), network(x, times.repeat_interleave(2)))
    assert torch.equal(control.forward_grouped(x, times), network.forward_grouped(x, times))


@pytest.mark.slow
def test_training_leaves_the_prior_as_it_was(network: ScoreNetwork, tmp_path: Path) -> None:
    for parameter in network.parameters():  # as a prior from a file is
        parameter.copy_(parameter.half().float())
    settings = FitSettings(steps=4, batch=16, learning_rate=1e-2, warm_up=1, poses_per_time=4)
    state = RunState.of(ControlNetwork.around(network), settings, CPU)
    before = {name: value.clone() for name, value in state.network.state_dict().items()}

    def draw(count: int, generator: torch.Generator) -> Tensor:
        return 0.2 * torch.randn(count, 17, 3, generator=generator)

    assert list(fit(state, denoising(draw, settings), settings, CPU, lambda step, loss: None)) == [1, 2, 3, 4]
    after = state.network.state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(after[name], value), name
    still = [name for name in after if of_branch(name) and torch.equal(after[name], before[name])]
    # these are stored and never used; everything else has learnt
    unused = {"b1_gnorm1_copy", "b1_dense2_copy", "b2_gnorm1_copy", "b2_dense2_copy", "b2_gnorm2_copy"}
    assert {name.split(".")[0] for name in still} == unused

    x, t = poses(3), torch.full((3,), 0.05)
    assert not torch.equal(state.averaged(x, t), network(x, t))
    for name in ("c.safetensors", "c.pth"):
        save_prior(tmp_path / name, state.averaged, {"step": 4})
        assert torch.equal(load_prior(tmp_path / name, control=False).network(x, t), network(x, t)), "off"
        assert "control" not in load_prior(tmp_path / name, control=False).describe()
        assert load_prior(tmp_path / name).describe()["control"] is True
        on = load_prior(tmp_path / name).network
        assert isinstance(on, ControlNetwork) and not any(p.requires_grad for p in on.parameters())
        assert torch.allclose(on(x, t), state.averaged(x, t), atol=1e-2)


def test_a_prior_that_half_precision_would_change_is_kept_in_full(trained: ControlNetwork, tmp_path: Path) -> None:
    save_prior(tmp_path / "c.safetensors", trained, {})
    loaded = load_prior(tmp_path / "c.safetensors").network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in trained.state_dict().items())


def test_forward_is_the_published_network(trained: ControlNetwork) -> None:
    x, t = poses(3), torch.tensor([0.02, 0.05, 0.1])
    p = {name: value.double().numpy() for name, value in trained.state_dict().items()}
    embedding = trained.time_embedding(t).double().numpy()

    def dense(h: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return np.asarray(h @ p[f"{name}.weight"].T + p[f"{name}.bias"])

    def silu(h: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(h / (1 + np.exp(-h)))

    def settled(h: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        groups = h.reshape(len(h), 32, -1)
        groups = (groups - groups.mean(-1, keepdims=True)) / np.sqrt(groups.var(-1, keepdims=True) + 1e-5)
        return silu(groups.reshape(h.shape) * p[f"{name}.weight"] + p[f"{name}.bias"])

    flat = x.double().flatten(1).numpy()
    c = dense(flat + silu(dense(p["infant_cond"], "zc_layer_1")), "pre_dense_copy") + dense(
        embedding, "pre_dense_t_copy"
    )
    h = settled(dense(flat, "pre_dense") + dense(embedding, "pre_dense_t") + dense(c, "zc_layer_2"), "pre_gnorm")
    c = settled(c, "pre_gnorm_copy")
    for b in ("b1", "b2"):
        first = dense(c, f"{b}_dense1_copy") + dense(embedding, f"{b}_dense1_t_copy")
        second = dense(embedding, f"{b}_dense2_t_copy")
        inner = dense(h, f"{b}_dense1") + dense(embedding, f"{b}_dense1_t") + dense(first, f"zc_{b}_1")
        inner = settled(inner, f"{b}_gnorm1")
        outer = dense(inner, f"{b}_dense2") + dense(embedding, f"{b}_dense2_t") + dense(second, f"zc_{b}_2")
        h = h + settled(outer, f"{b}_gnorm2")
        c = c + settled(second, f"{b}_gnorm2_copy")
    assert np.allclose(trained(x, t).flatten(1).numpy(), dense(h, "post_dense"), atol=2e-4)


def test_folded_branch_equals_the_network_at_its_times(trained: ControlNetwork) -> None:
    x, times = poses(6), torch.tensor([0.1, 0.05, 0.01])
    folded = FoldedScoreNetwork(trained, times, torch.float32)
    plain = FoldedScoreNetwork(trained.trunk(), times, torch.float32)
    for step, time in enumerate(times):
        exact = trained(x, time.expand(6))
        assert torch.allclose(folded(x, step), exact, atol=2e-5)
        assert (plain(x, step) - exact).abs().max() > 1e-2
    half = FoldedScoreNetwork(trained, times, torch.bfloat16)(x, 1)
    exact = trained(x, times[1].expand(6))
    assert half.dtype == torch.float32 and (half - exact).abs().max() < 0.03 * exact.abs().max()


def test_the_optimiser_uses_the_branch(trained: ControlNetwork) -> None:
    x, T = 0.2 * poses(2), torch.tensor([[0.0, 0.0, 1.0]]).repeat(2, 1)
    rays = torch.cat([0.2 * poses(2)[..., :2], torch.ones(2, 17, 1)], dim=-1)
    schedule, seen = reference_schedule(10), Evidence.apart(rays, torch.ones(2, 17))
    on, off = (
        optimise(FoldedScoreNetwork(network, schedule.times, torch.float32), schedule, State(x, T), seen).x
        for network in (trained, trained.trunk())
    )
    assert (on - off).abs().max() > 1e-4


def published(network: ControlNetwork, ema: list[Tensor] | None) -> dict[str, object]:
    """As the public training writes it: a table of noise levels among the weights, averages as a list."""
    weights = {"module.infant_cond": network.infant_cond, "module.sigmas": torch.linspace(50, 0.01, 1000)}
    weights |= {f"module.{name}": value for name, value in network.state_dict().items()}
    record: dict[str, object] = {"model_state_dict": weights, "step": 3}
    if ema is not None:
        record["ema"] = {"decay": 0.9999, "num_updates": 3, "shadow_params": ema}
    return record


@pytest.mark.parametrize("listed", ["branch", "all"])
def test_published_checkpoints_load(trained: ControlNetwork, tmp_path: Path, listed: str) -> None:
    own = trained.state_dict()
    averaged = {name: value + 1.0 for name, value in own.items() if listed == "all" or of_branch(name)}
    torch.save(published(trained, list(averaged.values())), tmp_path / "ctrl.pth")
    raw = load_prior(tmp_path / "ctrl.pth", ema=False).network
    assert all(torch.equal(raw.state_dict()[name], value) for name, value in own.items())
    loaded = load_prior(tmp_path / "ctrl.pth", control=True).network.state_dict()
    assert all(torch.equal(loaded[name], averaged.get(name, value)) for name, value in own.items())


def test_twelve_joints(tmp_path: Path) -> None:
    control = ControlNetwork.around(ScoreNetwork(joints=12, hidden=64, embed=8))
    torch.save(published(control, None), tmp_path / "ctrl.pth")
    loaded = load_prior(tmp_path / "ctrl.pth").network
    assert loaded.joints == 12 and isinstance(loaded, ControlNetwork)
    assert FoldedScoreNetwork(loaded, torch.tensor([0.1]), torch.float32)(torch.zeros(2, 12, 3), 0).shape == (2, 12, 3)


def test_a_branch_that_is_not_there(network: ScoreNetwork, trained: ControlNetwork, tmp_path: Path) -> None:
    save_prior(tmp_path / "plain.safetensors", network, {})
    with pytest.raises(UntrustedFileError, match=r"plain\.safetensors holds no control branch"):
        load_prior(tmp_path / "plain.safetensors", control=True)
    record = published(trained, None)
    weights = record["model_state_dict"]
    assert isinstance(weights, dict)
    del weights["module.zc_b2_1.bias"]
    torch.save(record, tmp_path / "half.pth")
    with pytest.raises(UntrustedFileError, match="does not hold the weights of a score network"):
        load_prior(tmp_path / "half.pth")
