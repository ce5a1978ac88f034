"""The published optimiser from many templates, and hypotheses of both presets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.benchmarks.hypotheses import Chooser, FastHypotheses, ReferenceHypotheses
from lifting.body.infants import root_of, typical_infant
from lifting.evidence import Evidence
from lifting.initial.weights import Templates
from lifting.lifter import Lifter
from lifting.optimise.loop import State, optimise
from lifting.optimise.reference import PublishedIPO, ReferenceSolver, adam_ipo
from lifting.optimise.schedule import Schedule, reference_schedule
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork
from lifting.prior.weights import Prior
from lifting.settings import LiftSettings
from pipeline.protocol import load_benchmark
from tests.benchmark_files import people

STEPS = 10
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rays() -> NDArray[np.float64]:
    joints = people(5)
    return joints / joints[..., 2:]


@pytest.fixture(scope="module")
def poses(templates: Templates) -> torch.Tensor:
    return torch.from_numpy(templates.poses[10][:2])


@pytest.mark.slow
def test_the_published_steps(network: ScoreNetwork, poses: torch.Tensor, rays: NDArray) -> None:
    evidence = Evidence.apart(torch.from_numpy(rays).float(), torch.ones(rays.shape[:2]))
    options = {"joints": (0, 1, 4), "axes": "y", "distance_m": 3.0, "distance_scale": (0.5, 2.0)}
    solver = ReferenceSolver(network, PublishedIPO(**options, frozen=0.4), poses[0], STEPS, batch_rows=3)
    begin = adam_ipo(poses[:1], evidence.rays, evidence.confidence, **options)
    schedule = replace(reference_schedule(STEPS), frozen=4)
    by_hand = optimise(FoldedScoreNetwork(network, schedule.times, torch.float32), schedule, begin, evidence)
    assert torch.allclose(solver.solve(evidence).X, by_hand.X, atol=1e-4)


@pytest.mark.parametrize("steps", [4, 14, 15, 1000])
def test_the_translation_is_fixed_for_a_fifth_rounded_down(steps: int) -> None:
    assert reference_schedule(steps).frozen == steps // 5


@pytest.mark.slow
@pytest.mark.parametrize("joints", [17, 12])
def test_infants_begin_on_their_rays(joints: int, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[State] = []

    def watched(denoise: object, schedule: Schedule, state: State, *rest: object) -> State:
        begun.append(state)
        assert (len(schedule), schedule.frozen) == (1000, 950)
        return state

    monkeypatch.setattr("lifting.optimise.reference.optimise", watched)
    infant = torch.from_numpy(typical_infant(joints))
    X = torch.stack([infant, infant]) + torch.tensor([[[0.1, -0.05, 0.9]], [[0.0, 0.0, 1.4]]])
    seen = Evidence.apart(X / X[..., 2:], torch.ones(2, joints))
    found = ReferenceSolver(ScoreNetwork(joints, 32, 8), load_benchmark("mini-rgbd").ipo, infant).solve(seen).X
    # flat, at the distance that the size of an infant tells, and seen as it was
    assert begun[0].x[..., 2].abs().max() < 1e-5
    assert torch.allclose(root_of(found)[:, 0, 2], torch.tensor([0.9, 1.4]), rtol=0.06)
    assert torch.allclose(found / found[..., 2:], seen.rays, atol=1e-4)


@pytest.mark.slow
def test_a_prior_of_larger_bodies_sees_larger_infants() -> None:
    infant = torch.from_numpy(typical_infant())
    X = infant[None] + torch.tensor([0.0, 0.0, 1.0])
    seen, met = Evidence.apart(X / X[..., 2:], torch.ones(1, 17)), []

    class Nothing(ScoreNetwork):
        def folded(self, *args: object, **options: object) -> Any:
            def noise(x: torch.Tensor, step: int) -> torch.Tensor:
                met.append(float(x.norm()))
                return torch.zeros_like(x)

            return noise

    network, ipo = Nothing(17, 32, 8), load_benchmark("mini-rgbd").ipo
    plain, larger = (ReferenceSolver(network, ipo, infant, 5, size=size).solve(seen).X for size in (1.0, 2.8))
    assert torch.allclose(plain, larger, rtol=0.02, atol=0.01)
    assert met[5] / met[0] == pytest.approx(2.8, rel=0.02)


@pytest.mark.slow
def test_reference_hypotheses_are_numbered_as_the_templates(prior: Prior, templates: Templates, rays: NDArray) -> None:
    many = ReferenceHypotheses(prior, templates.poses[10], PublishedIPO(), STEPS, CPU)
    assert many.count == 10 and many.describe()["ipo"]["joints"] == "all"
    one = ReferenceHypotheses(prior, templates.poses[10][7:8], PublishedIPO(), STEPS, CPU)
    confidence = np.ones(rays.shape[:2])
    assert np.array_equal(many.lift(7, rays, confidence), one.lift(0, rays, confidence))
    assert not np.allclose(many.lift(6, rays, confidence), one.lift(0, rays, confidence), atol=1e-3)


def test_one_fast_hypothesis_is_what_a_run_lifts(prior: Prior, templates: Templates, rays: NDArray) -> None:
    settings = LiftSettings(steps=STEPS)
    confidence = np.ones(rays.shape[:2])
    one = FastHypotheses(prior, templates, 1, settings, CPU)
    run = Lifter(prior, templates, settings, CPU).lift_rows(rays, confidence, None)
    assert one.count == 1 and np.array_equal(one.lift(0, rays, confidence), run)


def test_fast_hypotheses_begin_with_starting_poses(prior: Prior, templates: Templates, rays: NDArray) -> None:
    many = FastHypotheses(prior, templates, 10, LiftSettings(steps=STEPS), CPU)
    confidence = np.ones(rays.shape[:2])
    lifted = [many.lift(which, rays, confidence) for which in (0, 4, 0)]
    assert np.array_equal(lifted[0], lifted[2]) and not np.allclose(lifted[0], lifted[1], atol=1e-3)
    assert "template pose" in many.describe()["ipo"] and many.count == 10
    with pytest.raises(KeyError):
        FastHypotheses(prior, templates, 3, LiftSettings(), CPU)


class TestChooser:
    def test_people_beside_their_contortions(self, prior: Prior, templates: Templates) -> None:
        truth = people(6)
        bent = truth.copy()
        knee, ankle = H36M_17.index("left_knee"), H36M_17.index("left_ankle")
        bent[:, ankle] = 2 * bent[:, knee] - bent[:, ankle]  # the shank stands up in front of the thigh
        chooser = Chooser(prior, templates.size_m, 0, CPU)
        confidence = np.ones(truth.shape[:2])
        good, bad = (chooser.cost(x, x / x[..., 2:], confidence) for x in (truth, bent))
        assert (good < bad).all()
        again = Chooser(prior, templates.size_m, 0, CPU)
        assert np.array_equal(good, again.cost(truth, truth / truth[..., 2:], confidence))
        # a larger person further away looks the same and is as likely
        assert np.allclose(good, chooser.cost(1.7 * truth, truth / truth[..., 2:], confidence), rtol=0.02)

    def test_likely_poses_that_left_the_2d(self, prior: Prior, templates: Templates) -> None:
        truth = people(6)
        rays = truth / truth[..., 2:]
        chooser = Chooser(prior, templates.size_m, 0, CPU)
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
