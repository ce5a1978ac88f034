"""The published optimiser from many starts, and hypotheses of both presets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.benchmarks.hypotheses import Chooser, FastHypotheses, ReferenceHypotheses
from lifting.body.infants import typical_infant
from lifting.initial.weights import Templates
from lifting.lifter import Lifter
from lifting.optimise.loop import optimise
from lifting.optimise.reference import InfantProtocol, PublishedIPO, adam_ipo, lift_infants, lift_reference
from lifting.optimise.schedule import Schedule, reference_schedule
from lifting.prior.network import ScoreNetwork
from lifting.prior.weights import Prior
from lifting.settings import LiftSettings
from tests.benchmark_files import people

STEPS = 10
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rays() -> NDArray[np.float64]:
    joints = people(5)
    return joints / joints[..., 2:]


@pytest.fixture(scope="module")
def poses(starts: Templates) -> torch.Tensor:
    return torch.from_numpy(starts.poses[10][:2])


def test_the_published_steps_from_every_start(network: ScoreNetwork, poses: torch.Tensor, rays: NDArray) -> None:
    seen = torch.from_numpy(rays).float()
    trust = torch.ones(seen.shape[:2])
    protocol = PublishedIPO(joints=(0, 1, 4), axes="y", distance_m=3.0, distance_scale=(0.5, 2.0), frozen=0.4)
    done: list[int] = []
    found = lift_reference(network, protocol, poses, seen, trust, steps=STEPS, batch_rows=3, on_progress=done.append)
    assert found.shape == (2, 5, 17, 3) and done == [3, 5, 8, 10]
    schedule = reference_schedule(STEPS)
    assert schedule.frozen == 2
    for index in range(2):
        x, T = adam_ipo(
            poses[index : index + 1], seen, trust, joints=(0, 1, 4), axes="y", distance_m=3.0, distance_scale=(0.5, 2.0)
        )
        late = type(schedule)(**{**vars(schedule), "frozen": 4})
        x, T = optimise(network, late, x, T, seen, trust)
        assert torch.allclose(found[index], x + T[:, None], atol=1e-4)


@pytest.mark.parametrize("steps", [4, 14, 15, 1000])
def test_the_translation_is_fixed_as_long_as_published(
    steps: int, monkeypatch: pytest.MonkeyPatch, network: ScoreNetwork, poses: torch.Tensor
) -> None:
    frozen: list[int] = []

    def seen(network: object, schedule: Schedule, x: torch.Tensor, T: torch.Tensor, *_: object) -> Any:
        frozen.append(schedule.frozen)
        return x, T

    monkeypatch.setattr("lifting.optimise.reference.optimise", seen)
    monkeypatch.setattr("lifting.optimise.reference.adam_ipo", lambda poses, rays, *_, **__: (rays, rays[:, 0]))
    lift_reference(network, PublishedIPO(), poses[:1], torch.ones(2, 17, 3), torch.ones(2, 17), steps=steps)
    assert frozen == [reference_schedule(steps).frozen] == [steps // 5]


def test_infants_begin_on_their_rays(network: ScoreNetwork, rays: NDArray) -> None:
    seen = torch.from_numpy(rays).float()
    trust = torch.ones(seen.shape[:2])
    start = torch.from_numpy(typical_infant())
    protocol = PublishedIPO(axes="xyz", distance_m=1.0, distance_scale=(0.0, 4.0), frozen=0.5, from_rays=True)
    found = lift_reference(network, protocol, start[None], seen, trust, steps=STEPS)
    by_hand = lift_infants(network, start, seen, trust, InfantProtocol(1.0, (0.0, 4.0), STEPS, 0.5))
    assert torch.allclose(found[0], by_hand, atol=1e-5)


def test_reference_hypotheses_are_numbered_as_the_starts(prior: Prior, starts: Templates, rays: NDArray) -> None:
    many = ReferenceHypotheses(prior, starts.poses[10], PublishedIPO(), STEPS, CPU)
    assert many.count == 10 and many.describe()["start"]["joints"] == "all"
    one = ReferenceHypotheses(prior, starts.poses[10][7:8], PublishedIPO(), STEPS, CPU)
    confidence = np.ones(rays.shape[:2])
    assert np.array_equal(many.lift(7, rays, confidence), one.lift(0, rays, confidence))
    assert not np.allclose(many.lift(6, rays, confidence), one.lift(0, rays, confidence), atol=1e-3)


def test_one_fast_hypothesis_is_what_a_run_lifts(prior: Prior, starts: Templates, rays: NDArray) -> None:
    settings = LiftSettings(steps=STEPS)
    confidence = np.ones(rays.shape[:2])
    one = FastHypotheses(prior, starts, 1, settings, CPU)
    run = Lifter(prior, starts, settings, CPU).lift_rows(rays, confidence, None)
    assert one.count == 1 and np.array_equal(one.lift(0, rays, confidence), run)


def test_fast_hypotheses_begin_with_starting_poses(prior: Prior, starts: Templates, rays: NDArray) -> None:
    many = FastHypotheses(prior, starts, 10, LiftSettings(steps=STEPS), CPU)
    confidence = np.ones(rays.shape[:2])
    lifted = [many.lift(which, rays, confidence) for which in (0, 4, 0)]
    assert np.array_equal(lifted[0], lifted[2]) and not np.allclose(lifted[0], lifted[1], atol=1e-3)
    assert "template pose" in many.describe()["start"] and many.count == 10
    with pytest.raises(KeyError):
        FastHypotheses(prior, starts, 3, LiftSettings(), CPU)


class TestChooser:
    def test_people_beside_their_contortions(self, prior: Prior, starts: Templates) -> None:
        truth = people(6)
        bent = truth.copy()
        knee, ankle = H36M_17.index("left_knee"), H36M_17.index("left_ankle")
        bent[:, ankle] = 2 * bent[:, knee] - bent[:, ankle]  # the shank stands up in front of the thigh
        chooser = Chooser(prior, starts.size_m, 0, CPU)
        confidence = np.ones(truth.shape[:2])
        good, bad = (chooser.cost(x, x / x[..., 2:], confidence) for x in (truth, bent))
        assert (good < bad).all()
        again = Chooser(prior, starts.size_m, 0, CPU)
        assert np.array_equal(good, again.cost(truth, truth / truth[..., 2:], confidence))
        # a larger person further away looks the same and is as likely
        assert np.allclose(good, chooser.cost(1.7 * truth, truth / truth[..., 2:], confidence), rtol=0.02)

    def test_likely_poses_that_left_the_2d(self, prior: Prior, starts: Templates) -> None:
        truth = people(6)
        rays = truth / truth[..., 2:]
        chooser = Chooser(prior, starts.size_m, 0, CPU)
        confidence = np.ones(truth.shape[:2])
        size = np.ptp(rays, axis=1).max(axis=1)
        aside = truth + np.array([0.05, 0, 0]) * (truth[..., 2:] * size[:, None, None])  # by 5 % of their size
        gain = chooser.cost(aside, rays, confidence) - chooser.cost(aside, aside / aside[..., 2:], confidence)
        assert np.allclose(gain, 10 * 0.05, rtol=0.01)
        # what was not seen says nothing
        confidence[:, 3] = 0
        before = chooser.cost(truth, rays, confidence)
        rays[:, 3, :2] += 1.0
        assert np.allclose(chooser.cost(truth, rays, confidence), before)
