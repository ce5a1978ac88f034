"""Denoising score matching: the loss by hand, and a loop that resumes to the last bit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from assets.untrusted import UntrustedFileError
from lifting.prior.network import ScoreNetwork
from lifting.training import prior as trainer
from lifting.training.engine import RunState, fit, rate
from lifting.training.prior import TrainSettings, denoising, denoising_loss, drawn_from, new_prior, validation_losses

CPU = torch.device("cpu")
SMALL = TrainSettings(steps=6, batch=32, learning_rate=5e-3, warm_up=2, hidden=64, embed=16, poses_per_time=4)


class Guess(ScoreNetwork):
    """Predicts what it is told, whatever it sees; keeps what it saw."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__(hidden=32, embed=4)
        self.answer = answer

    def forward_grouped(self, x: Tensor, times: Tensor) -> Tensor:
        self.seen = x
        return self.answer


@pytest.fixture
def clean() -> Tensor:
    return 0.3 * torch.randn(6, 17, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def noise() -> Tensor:
    return torch.randn(6, 17, 3, generator=torch.Generator().manual_seed(1))


def run(state: RunState, poses: NDArray[np.float64], settings: TrainSettings, steps: int | None = None) -> list[float]:
    losses: list[float] = []
    objective = denoising(drawn_from(poses, settings), settings)
    for done in fit(state, objective, settings, CPU, lambda step, loss: losses.append(loss)):
        assert done == state.step
        if done == steps:
            break
    return losses


def resumed(path: Path, settings: TrainSettings = SMALL) -> RunState:
    state = new_prior(settings, CPU)
    state.restore(path, settings)
    return state


def equal(a: RunState, b: RunState) -> bool:
    pairs = [(a.network, b.network), (a.averaged, b.averaged)]
    return a.step == b.step and all(
        torch.equal(first, second)
        for one, other in pairs
        for first, second in zip(one.parameters(), other.parameters(), strict=True)
    )


def test_a_perfect_predictor_has_no_loss(clean: Tensor, noise: Tensor) -> None:
    times = torch.tensor([0.02, 0.2])
    assert denoising_loss(Guess(noise), clean, times, noise).tolist() == [0.0] * 6
    assert denoising_loss(Guess(noise + 0.5), clean, times, noise).tolist() == pytest.approx([0.25] * 6)
    one = noise.clone()
    one[2, 4, 1] += 3.0
    assert denoising_loss(Guess(one), clean, times, noise).tolist() == pytest.approx([0, 0, 9 / 51, 0, 0, 0], abs=1e-6)


def test_poses_are_noised_as_the_sde_says(clean: Tensor, noise: Tensor) -> None:
    network = Guess(noise)
    denoising_loss(network, clean, torch.tensor([0.02, 0.2]), noise)
    for poses, t in ((slice(0, 3), 0.02), (slice(3, 6), 0.2)):
        integral = 0.1 * t + 19.9 * t * t / 2
        expected = np.exp(-integral / 2) * clean[poses] + (1 - np.exp(-integral)) * noise[poses]
        assert torch.allclose(network.seen[poses], expected, atol=1e-6)


def test_validation_tells_noise_levels_apart(network: ScoreNetwork, motion: NDArray[np.float64]) -> None:
    poses = torch.from_numpy(motion[::4]).float()
    losses = validation_losses(network, poses)
    assert list(losses) == sorted(losses) and min(losses) == 0.01 and max(losses) == 0.2
    assert losses == validation_losses(network, poses) != validation_losses(network, poses, seed=1)
    # to predict no noise at all costs the variance of the noise, on every level
    assert list(validation_losses(Guess(torch.zeros(30, 17, 3)), poses).values()) == pytest.approx([1.0] * 6, abs=0.1)
    # the network answers for each level on its own
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(poses.shape, generator=generator)
    single = denoising_loss(network, poses, torch.full((30,), 0.06), noise).mean()
    assert losses[0.06] == pytest.approx(float(single), rel=1e-4)


def test_rate_warms_up_and_falls_as_a_cosine() -> None:
    settings = TrainSettings(steps=1100, warm_up=100)
    assert [rate(step, settings) for step in (0, 49, 99)] == pytest.approx([0.01, 0.5, 1.0])
    assert rate(100, settings) == pytest.approx(1.0)
    assert rate(350, settings) == pytest.approx(0.01 + 0.99 * (1 + np.sqrt(0.5)) / 2)
    assert rate(600, settings) == pytest.approx(0.505)
    assert rate(1100, settings) == rate(2000, settings) == pytest.approx(0.01)
    constant = replace(settings, last_rate=1.0)
    assert [rate(step, constant) for step in (49, 100, 600, 1100)] == [0.5, 1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="last_rate"):
        replace(settings, last_rate=1.5)


@pytest.mark.slow
def test_training_lowers_the_loss(motion: NDArray[np.float64]) -> None:
    settings = replace(SMALL, steps=60, batch=64, hidden=128, warm_up=5)
    state = new_prior(settings, CPU)
    poses = torch.from_numpy(motion[::6] * [1.0, -1.0, -1.0]).float()
    before = validation_losses(state.averaged, poses)
    losses = run(state, motion, settings)
    assert len(losses) == 60 and state.step == 60
    # below 1 the network knows something about people
    assert np.mean(losses[-10:]) < 0.92 < 1.0 < np.mean(losses[:5])
    after = validation_losses(state.averaged, poses)
    assert all(after[t] < before[t] for t in before) and after[0.2] < 0.9


def test_the_rate_is_applied(motion: NDArray[np.float64]) -> None:
    state = new_prior(SMALL, CPU)
    while run(state, motion, SMALL, steps=state.step + 1):
        assert state.optimiser.param_groups[0]["lr"] == pytest.approx(5e-3 * rate(state.step - 1, SMALL))
    assert state.step == SMALL.steps


def test_the_average_follows_the_weights(motion: NDArray[np.float64]) -> None:
    state = new_prior(SMALL, CPU)
    start = state.network.post_dense.weight.detach().clone()
    assert torch.equal(state.averaged.post_dense.weight, start)
    run(state, motion, SMALL, steps=1)
    # a young average forgets fast: its decay after one step is 2 / 11
    expected = 2 / 11 * start + 9 / 11 * state.network.post_dense.weight.detach()
    assert torch.allclose(state.averaged.post_dense.weight, expected, atol=1e-6)
    assert not torch.equal(state.network.post_dense.weight, start)


@pytest.mark.parametrize("killed_after", [1, 4])
def test_a_killed_run_resumes_exactly(motion: NDArray[np.float64], tmp_path: Path, killed_after: int) -> None:
    whole = new_prior(SMALL, CPU)
    losses = run(whole, motion, SMALL)

    first = new_prior(SMALL, CPU)
    before = run(first, motion, SMALL, steps=killed_after)
    first.save(tmp_path / "c.pt", SMALL)
    torch.rand(3)  # chance elsewhere in the program does not matter
    second = resumed(tmp_path / "c.pt")
    assert equal(first, second)
    after = run(second, motion, SMALL)

    assert before + after == losses and equal(whole, second)
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_seeds_make_different_runs(motion: NDArray[np.float64]) -> None:
    one, same, other = (new_prior(replace(SMALL, seed=seed), CPU) for seed in (0, 0, 1))
    assert equal(one, same) and not equal(one, other)
    assert run(one, motion, SMALL, steps=1) != run(same, motion, replace(SMALL, seed=1), steps=1)


def test_a_finished_run_does_nothing(motion: NDArray[np.float64]) -> None:
    state = new_prior(SMALL, CPU)
    state.step = SMALL.steps
    assert run(state, motion, SMALL) == []


def test_other_settings_are_refused(tmp_path: Path) -> None:
    new_prior(SMALL, CPU).save(tmp_path / "c.pt", SMALL)
    with pytest.raises(ValueError, match="another batch;"):
        resumed(tmp_path / "c.pt", replace(SMALL, batch=64))
    with pytest.raises(ValueError, match="another augmentation;"):
        changed = replace(SMALL, augmentation=replace(SMALL.augmentation, mirror=0.0))
        resumed(tmp_path / "c.pt", changed)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_checkpoint_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "c.pt.part").symlink_to(tmp_path / "thesis.txt")
    new_prior(SMALL, CPU).save(tmp_path / "c.pt", SMALL)
    assert resumed(tmp_path / "c.pt").step == 0
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_checkpoint_cut_short_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = new_prior(SMALL, CPU)
    state.save(tmp_path / "c.pt", SMALL)
    whole = (tmp_path / "c.pt").read_bytes()

    def full_disk(record: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(trainer.torch, "save", full_disk)
    state.step = 3
    with pytest.raises(OSError, match="no space"):
        state.save(tmp_path / "c.pt", SMALL)
    assert (tmp_path / "c.pt").read_bytes() == whole
    monkeypatch.undo()
    assert resumed(tmp_path / "c.pt").step == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.clear(),
        lambda record: record.pop("settings"),
        lambda record: record.update(settings=None),
        lambda record: record.update(data={"data": "x"}),
        lambda record: record.update(step=-1),
        lambda record: record.update(step=1e9),
        lambda record: next(iter(record["model_state_dict"].values())).fill_(np.inf),
        lambda record: record.update(averaged=[1]),
        lambda record: record.update(optimiser={}),
        lambda record: record["optimiser"]["param_groups"][0].update(eps="none"),
        lambda record: record["optimiser"]["param_groups"][0]["params"].pop(),
        lambda record: record["optimiser"]["state"][0].update(exp_avg=torch.zeros(2)),
        lambda record: record["optimiser"]["state"][0]["exp_avg_sq"].fill_(np.nan),
        lambda record: record["optimiser"]["state"][0].update(step=None),
    ],
)
def test_a_checkpoint_that_is_none_is_one_sentence(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    state, path = new_prior(SMALL, CPU), tmp_path / "c.pt"
    run(state, np.random.default_rng(0).normal(size=(20, 17, 3)), SMALL, 1)
    state.save(path, SMALL)
    assert resumed(path).step == 1
    record = torch.load(path)
    change(record)
    torch.save(record, path)
    with pytest.raises(UntrustedFileError, match=r"c\.pt (is damaged or no checkpoint of a training|holds weights)"):
        resumed(path)
