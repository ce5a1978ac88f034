"""The initialiser: what it says is where the optimiser begins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.layouts import H36M_17
from lifting.body.proportions import log_proportions
from lifting.evidence import Evidence
from lifting.geometry.rays import reprojection_error
from lifting.initial.learnt import LearntInitialiser, learnt_poses
from lifting.initial.network import InitialNetwork
from lifting.initial.weights import Templates
from lifting.metrics import pa_mpjpe
from lifting.temporal.neighbours import OFFSETS_S, neighbour_rows

CPU = torch.device("cpu")


def rays_of(X: Tensor) -> Tensor:
    return X / X[..., 2:]


@pytest.fixture
def shipped(templates: Templates) -> InitialNetwork:
    assert templates.network is not None
    return templates.network


def standing(X: Tensor) -> Evidence:
    return Evidence(rays_of(X), torch.ones(X.shape[:2]), torch.arange(len(X)), len(X))


def test_the_shipped_initialiser_is_close(shipped: InitialNetwork, people: Tensor) -> None:
    found = LearntInitialiser(shipped)(standing(people), 1)
    assert found.x.shape == (1, 12, 17, 3) and found.T.shape == (1, 12, 3)
    relative = found.x[0] - found.x[0][:, :1]
    errors = (relative - (people - people[:, :1])).norm(dim=-1).mean(dim=1)
    assert errors.median() < 0.09
    assert reprojection_error(found.x[0] + found.T[0][:, None], rays_of(people)).mean() < 0.02
    assert (found.T[0] - people[:, 0]).norm(dim=-1).median() < 0.5


def test_the_expected_error_grows_with_what_is_hidden(shipped: InitialNetwork, people: Tensor) -> None:
    evidence = standing(people)
    seen = LearntInitialiser(shipped)(evidence, 1).sigma_m
    evidence.confidence[:, [15, 16]] = 0.0
    hidden = LearntInitialiser(shipped)(evidence, 1).sigma_m
    assert seen is not None and hidden is not None and seen.shape == (12, 17)
    assert torch.all(seen[:, 1:] > 0.001) and seen.mean() < 0.1
    assert (hidden[:, 16] / seen[:, 16]).median() > 1.7 > 1.2 > (hidden[:, 3] / seen[:, 3]).median()


def test_what_detectors_guess_is_as_good_as_not_seen(shipped: InitialNetwork, people: Tensor) -> None:
    evidence = standing(people)
    evidence.confidence[:, 1:8] = 0.0
    without = LearntInitialiser(shipped)(evidence, 1).x
    evidence.rays[:, 1:8, :2] += 0.3
    evidence.confidence[:, 1:8] = 0.05
    torch.testing.assert_close(LearntInitialiser(shipped)(evidence, 1).x, without)
    evidence.confidence[:, 1:8] = 0.3
    assert (LearntInitialiser(shipped)(evidence, 1).x - without).abs().max() > 0.05


@pytest.mark.parametrize("hidden", [[3, 6], [2, 3, 5, 6], [9, 10], [8], [0, 1, 2, 3, 4, 5, 6, 7]])
def test_what_is_seen_of_people_who_are_cut_off_is_close(
    shipped: InitialNetwork, people: Tensor, hidden: list[int]
) -> None:
    evidence = standing(people)
    evidence.confidence[:, hidden] = 0.0
    x = LearntInitialiser(shipped)(evidence, 1).x[0]
    seen = [joint for joint in range(17) if joint not in hidden]
    # How somebody at a desk leans towards the camera, nothing in the picture tells: the shape is judged.
    errors = pa_mpjpe(x[:, seen].double().numpy(), people[:, seen].double().numpy())
    assert np.median(errors) < 0.08


def test_further_hypotheses_are_other_explanations(shipped: InitialNetwork, people: Tensor) -> None:
    one, four = (LearntInitialiser(shipped)(standing(people), count) for count in (1, 4))
    assert torch.equal(one.x[0], four.x[0]) and four.x.shape[0] == 4
    for first in range(4):
        for second in range(first):
            assert (four.x[first] - four.x[second]).norm(dim=-1).mean() > 0.005
    # each of them looks like the person in the picture
    assert reprojection_error(four.x + four.T[:, :, None], rays_of(people)).mean() < 0.04


def test_neighbours_in_time_help(shipped: InitialNetwork, motion: NDArray[np.float64]) -> None:
    X = torch.from_numpy(motion * [1.0, -1.0, -1.0]).float() + torch.tensor([0.3, 0.0, 4.0])
    noise = 0.01 * torch.randn(X.shape, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 1.0, 0.0])
    rays = rays_of(X) + noise
    group = torch.zeros(len(X), dtype=torch.int64)
    evidence = Evidence(rays, torch.ones(X.shape[:2]), group, 1)
    around = neighbour_rows(np.arange(len(X)) / 30, group.numpy(), OFFSETS_S, CPU)

    def error(neighbours: object) -> float:
        x = LearntInitialiser(shipped)(replace(evidence, neighbours=neighbours), 1).x[0]  # type: ignore[arg-type]
        return float(((x - x[:, :1]) - (X - X[:, :1])).norm(dim=-1).mean())

    assert error(around) < error(None)


@pytest.fixture
def small() -> InitialNetwork:
    torch.manual_seed(0)
    return InitialNetwork(frames=3, hidden=24, context=8, blocks=3, modes=2)


def features(count: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 17, 3, generator=generator), torch.randn(count, 1, generator=generator)


def test_a_network_is_rebuilt_from_its_weights(small: InitialNetwork) -> None:
    again = InitialNetwork.like(small.state_dict())
    again.load_state_dict(small.state_dict())
    for one, other in zip(vars(small(*features())).values(), vars(again(*features())).values(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(KeyError):
        InitialNetwork.like({})
    with pytest.raises(ValueError, match="whole number"):
        InitialNetwork.like({**small.state_dict(), "pre.weight": torch.zeros(3, 101, 24)})


def test_a_mirror_image_gives_the_mirror_image(small: InitialNetwork) -> None:
    seen, log_spread = features()
    flip, mirror = list(H36M_17.flip), torch.tensor([-1.0, 1.0, 1.0])
    guess, other = small(seen, log_spread), small(seen[:, :, flip] * mirror, log_spread)
    assert torch.allclose(other.pose, guess.pose[:, flip] * mirror, atol=1e-5)
    assert torch.allclose(other.modes, guess.modes[:, :, flip] * mirror, atol=1e-5)
    assert torch.allclose(other.log_scale, guess.log_scale[:, flip], atol=1e-5)
    assert torch.allclose(other.logits, guess.logits, atol=1e-5)
    assert torch.allclose(other.body, guess.body, atol=1e-5)
    # and no pose is its own mirror image
    assert (other.pose - guess.pose).abs().max() > 0.01


@pytest.mark.parametrize("limb", ["left_arm", "right_arm", "left_leg", "right_leg"])
def test_limbs_know_of_each_other_by_the_context_alone(small: InitialNetwork, limb: str) -> None:
    side, kind = limb.split("_")
    names = {"arm": ("shoulder", "elbow", "wrist"), "leg": ("hip", "knee", "ankle")}[kind]
    begin, *ends = (H36M_17.index(f"{side}_{name}") for name in names)
    seen, log_spread = features()
    moved = seen.clone()
    moved[:, :, ends, :2] += 0.5

    def change() -> Tensor:
        return (small(moved, log_spread).pose - small(seen, log_spread).pose).norm(dim=-1).amax(dim=0)

    others = [joint for joint in range(17) if joint not in ends]
    assert change()[ends].min() > 1e-3 and change()[others].min() > 1e-6
    with torch.no_grad():
        for scatter in small.scatter:
            scatter.weight.zero_()
    assert change()[ends].min() > 1e-3 and change()[others].max() < 1e-6
    # a limb begins where the trunk says
    moved = seen.clone()
    moved[:, :, begin, :2] += 0.5
    assert change()[ends].min() > 1e-3


def test_other_explanations_only_if_they_are_asked_for(small: InitialNetwork) -> None:
    guess, plain = small(*features()), small(*features(), explain=False)
    assert torch.equal(plain.pose, guess.pose) and torch.equal(plain.log_scale, guess.log_scale)
    assert guess.modes.shape == (4, 2, 17, 3) and guess.logits.shape == (4, 2)
    assert plain.modes.shape == (4, 0, 17, 3) and plain.logits.shape == (4, 0)


def test_the_error_is_judged_without_changing_the_pose(small: InitialNetwork) -> None:
    guess = small(*features())
    (guess.log_scale.sum() + guess.logits.sum()).backward()
    assert small.pre.weight.grad is None
    assert small.trunk_scale.weight.grad is not None and small.limb_scale.weight.grad is not None


def test_a_body_that_is_told_counts(small: InitialNetwork) -> None:
    seen, log_spread = features()
    body = torch.zeros(4, 8)
    guess, nothing = small(seen, log_spread), small(seen, log_spread, torch.full_like(body, torch.nan))
    assert torch.equal(guess.pose, nothing.pose) and guess.body.shape == guess.body_log_scale.shape == (4, 8)
    # what is like a typical body is not what is unknown
    typical, other = small(seen, log_spread, body), small(seen, log_spread, body + 0.1)
    assert (typical.pose - guess.pose).abs().max() > 1e-4 and (other.pose - typical.pose).abs().max() > 1e-4
    body[0] = torch.nan
    torch.testing.assert_close(small(seen, log_spread, body).pose[:1], guess.pose[:1])


def test_the_shipped_initialiser_sees_and_uses_proportions(
    shipped: InitialNetwork, motion: NDArray[np.float64]
) -> None:
    X = torch.from_numpy(motion * [1.0, -1.0, -1.0]).float() + torch.tensor([0.3, 0.0, 4.0])
    # shanks a tenth shorter than this person's
    for knee, ankle in ((2, 3), (5, 6)):
        X[:, ankle] = X[:, knee] + 0.9 * (X[:, ankle] - X[:, knee])
    evidence = Evidence(rays_of(X), torch.ones(X.shape[:2]), torch.zeros(len(X), dtype=torch.int64), 1)
    around = neighbour_rows(np.arange(len(X)) / 30, evidence.group.numpy(), OFFSETS_S, CPU)
    rays, confidence = around(evidence.rays, evidence.confidence)
    truth = log_proportions(X)

    def error(body: Tensor | None) -> float:
        x = learnt_poses(shipped, rays, confidence, body=body).x[0]
        return float(((x - x[:, :1]) - (X - X[:, :1])).norm(dim=-1).mean())

    unknown, known, wrong = error(None), error(truth), error(truth + 0.15 * torch.tensor([0, 0, 0, 0, -1, 1, -1, 1.0]))
    assert known < unknown and known < wrong
    found = LearntInitialiser(shipped)(replace(evidence, neighbours=around, body=truth), 1)
    torch.testing.assert_close(found.x[0], learnt_poses(shipped, rays, confidence, body=truth).x[0])
