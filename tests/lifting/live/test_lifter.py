"""Live lifting: from the past alone, frame by frame."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from assets.integrity import asset_path
from detectors.layouts import H36M_17
from detectors.people import Person2D
from lifting.body.skeleton import bone_lengths, stature
from lifting.geometry.camera import Camera
from lifting.initial.learnt import LearntPoses, learnt_poses
from lifting.initial.network import InitialNetwork
from lifting.initial.weights import Templates
from lifting.live.lifter import LiveLifter, LivePose, LiveSettings
from lifting.live.memory import BODY_FRAMES, SeenBody
from lifting.metrics import pa_mpjpe
from lifting.optimise.loop import State, optimise
from lifting.prior.weights import Prior

FPS = 30


@pytest.fixture(scope="module")
def clip() -> tuple[NDArray[np.float32], NDArray[np.float64], Camera]:
    """The first 45 frames of the shipped clip: projected truth, truth, camera."""
    with np.load(asset_path("sample_truth.npz")) as stored:
        width, height = stored["image_size"].tolist()
        camera = Camera(stored["K"], (width, height), "sample clip")
        return stored["keypoints_px"][:45].astype(np.float32), stored["joints_m"][:45].astype(np.float64), camera


@pytest.fixture
def lifter(prior: Prior, templates: Templates) -> LiveLifter:
    return LiveLifter(prior, templates, torch.device("cpu"))


def person(keypoints: NDArray[np.float32], track_id: int | None = 1, confidence: float = 1.0) -> Person2D:
    box = np.concatenate([keypoints.min(axis=0), keypoints.max(axis=0)])
    return Person2D(keypoints, np.full(17, confidence, np.float32), H36M_17.name, box, 1.0, track_id)


def lifted(lifter: LiveLifter, keypoints: NDArray[np.float32], camera: Camera, from_s: float = 0.0) -> list[LivePose]:
    return [lifter.lift([person(xy)], from_s + n / FPS, camera)[0] for n, xy in enumerate(keypoints)]


@pytest.mark.slow
def test_poses_are_right_steady_and_where_they_are_seen(lifter: LiveLifter, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, truth, camera = clip
    poses = lifted(lifter, keypoints, camera)
    joints = np.stack([pose.joints_m for pose in poses])
    assert pa_mpjpe(joints, truth).mean() < 0.06
    raw = np.stack([pose.raw_joints_m for pose in poses])
    assert np.linalg.norm(camera.project(raw) - keypoints, axis=-1).mean() < 6
    # the filter is there
    assert np.abs(np.diff(joints, 2, axis=0)).mean() < np.abs(np.diff(raw, 2, axis=0)).mean()
    assert [pose.restarted for pose in poses] == [True] + [False] * (len(poses) - 1)
    assert all(np.isfinite(pose.sigma_m).all() and (pose.sigma_m > 0).all() for pose in poses)


@pytest.mark.slow
def test_what_does_not_tremble_does_not_lag(prior: Prior, templates: Templates, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, _, camera = clip
    noisy = keypoints + np.random.default_rng(0).normal(size=keypoints.shape).astype(np.float32) * 6

    def moved(keypoints: NDArray[np.float32], noise_m: float) -> float:
        """How far the filter moves joints, after the time in which it learns about the noise."""
        lifter = LiveLifter(prior, templates, torch.device("cpu"), LiveSettings(noise_m=noise_m))
        poses = lifted(lifter, keypoints, camera)[15:]
        return float(np.mean([np.linalg.norm(pose.joints_m - pose.raw_joints_m, axis=-1) for pose in poses]))

    never = 1e-9  # no keypoints tremble as little as that, so the filter never opens
    assert moved(keypoints, LiveSettings().noise_m) < 0.4 * moved(keypoints, never)
    assert moved(noisy, LiveSettings().noise_m) > 0.8 * moved(noisy, never)
    # a picture that stands still does not tremble at all
    still = np.repeat(keypoints[:1], 30, axis=0)
    assert moved(still, LiveSettings().noise_m) <= moved(still, never)


@pytest.mark.slow
def test_the_body_keeps_its_size(lifter: LiveLifter, templates: Templates, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, _, camera = clip
    poses = lifted(lifter, keypoints, camera)
    sizes = [bone_lengths(pose.raw_joints_m).sum() for pose in poses]
    np.testing.assert_allclose(sizes, templates.size_m, rtol=1e-4)
    # bones of neighbouring frames agree: they are those of the past
    lengths = np.stack([bone_lengths(pose.raw_joints_m) for pose in poses[20:]])
    assert np.abs(np.diff(lengths, axis=0)).max() < 0.01


def test_the_start_is_told_what_the_past_has_shown_of_the_body(
    lifter: LiveLifter,
    clip,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    keypoints, _, camera = clip
    told: list[torch.Tensor] = []
    seen: list[LearntPoses] = []

    def watched(
        network: InitialNetwork, rays: torch.Tensor, confidence: torch.Tensor, **body: torch.Tensor
    ) -> LearntPoses:
        told.append(body["body"])
        seen.append(learnt_poses(network, rays, confidence, **body))
        return seen[-1]

    monkeypatch.setattr("lifting.live.lifter.learnt_poses", watched)
    lifted(lifter, keypoints[:3], camera)
    # once without a body, to see more of it, and once with what is known
    assert all(body.shape == (2, 8) and body[0].isnan().all() for body in told)
    assert told[0][1].isnan().all()
    torch.testing.assert_close(told[1][1], seen[0].body[0])
    both = torch.minimum(seen[0].body[0], seen[1].body[0]), torch.maximum(seen[0].body[0], seen[1].body[0])
    assert (both[0] - 1e-6 <= told[2][1]).all() and (told[2][1] <= both[1] + 1e-6).all()


def test_what_is_known_of_a_body_is_weighed_and_fades() -> None:
    body = SeenBody()
    assert body.mean().isnan().all()
    body.see(torch.full((8,), 0.1), torch.full((8,), 3.0))
    body.see(torch.full((8,), 0.3), torch.full((8,), 1.0))
    assert body.mean().tolist() == pytest.approx([0.15] * 8, abs=1e-3)
    for _ in range(3 * BODY_FRAMES):
        body.see(torch.zeros(8), torch.ones(8))
    assert body.mean().abs().max() < 0.01


def test_a_height_sets_the_scale(prior: Prior, templates: Templates, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, _, camera = clip
    tall = LiveLifter(prior, templates, torch.device("cpu"), LiveSettings(person_height_m=1.9))
    assert stature(lifted(tall, keypoints[:3], camera)[-1].raw_joints_m) == pytest.approx(1.9, abs=1e-3)


@pytest.mark.slow
def test_people_do_not_know_each_other(prior: Prior, templates: Templates, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, _, camera = clip
    alone, both = (LiveLifter(prior, templates, torch.device("cpu")) for _ in range(2))
    expected = lifted(alone, keypoints[:8], camera)
    for n in range(8):
        found = both.lift([person(keypoints[n]), person(keypoints[n + 20] + 40, 7)], n / FPS, camera)
        assert [pose.track_id for pose in found] == [1, 7]
        # batches of another size round otherwise
        np.testing.assert_allclose(found[0].joints_m, expected[n].joints_m, atol=0.02)


def test_it_begins_again_after_an_absence_and_when_time_goes_back(lifter: LiveLifter, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, _, camera = clip
    lifted(lifter, keypoints[:5], camera)
    assert not lifter.lift([person(keypoints[5])], 0.4, camera)[0].restarted
    assert lifter.lift([person(keypoints[6])], 1.2, camera)[0].restarted
    assert lifter.lift([person(keypoints[6])], 0.1, camera)[0].restarted
    lifter.reset()
    assert lifter.lift([person(keypoints[7])], 0.2, camera)[0].restarted


def test_a_jump_through_the_picture_is_another_person(lifter: LiveLifter, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, _, camera = clip
    lifted(lifter, keypoints[:10], camera)
    height = np.ptp(keypoints[10, :, 1])
    away = keypoints[10] + np.array([1.5 * height, 0], np.float32)
    assert lifter.lift([person(away)], 10 / FPS, camera)[0].restarted


def test_a_flip_is_not_blended(lifter: LiveLifter, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, truth, camera = clip
    before = lifted(lifter, keypoints[:12], camera)[-1]
    # the same person from behind: left and right change places
    turned = keypoints[11][list(H36M_17.flip)]
    found = lifter.lift([person(turned)], 12 / FPS, camera)[0]
    assert found.restarted
    mirrored = truth[11][list(H36M_17.flip)]
    halfway = pa_mpjpe((before.joints_m + mirrored)[None] / 2, mirrored[None]).mean()
    assert pa_mpjpe(found.joints_m[None], mirrored[None]).mean() < halfway


def test_joints_that_are_not_seen(lifter: LiveLifter, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, _, camera = clip
    hidden = person(keypoints[0])
    hidden.confidence[[2, 3]] = 0.0
    pose = lifter.lift([hidden], 0.0, camera)[0]
    assert pose.imputed.tolist() == [joint in (2, 3) for joint in range(17)]
    assert np.isfinite(pose.joints_m).all() and np.isnan(pose.keypoints_px[[2, 3]]).all()
    assert lifter.lift([person(keypoints[1], confidence=0.05)], 0.1, camera) == []


def test_what_cannot_be_lifted_is_said(prior: Prior, templates: Templates, lifter: LiveLifter, clip) -> None:  # type: ignore[no-untyped-def]
    keypoints, _, camera = clip
    with pytest.raises(ValueError, match="tracked"):
        lifter.lift([person(keypoints[0], None)], 0.0, camera)
    with pytest.raises(ValueError, match="initialiser"):
        LiveLifter(prior, replace(templates, network=None), torch.device("cpu"))


@pytest.mark.slow
def test_only_the_last_frames_move(prior: Prior, templates: Templates, clip, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """Three of each person, whoever came when; those before them still count."""
    keypoints, _, camera = clip
    optimised: list[int] = []

    def counting(denoise: object, schedule: object, state: State, *rest: object) -> object:
        optimised.append(len(state.x))
        return optimise(denoise, schedule, state, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("lifting.live.lifter.optimise", counting)
    lifter = LiveLifter(prior, templates, torch.device("cpu"), LiveSettings(rows=7, moving=3, calm_m_s=0.0))
    for n in range(8):
        people = [person(keypoints[n])] + ([person(keypoints[n + 9], 2)] if n >= 6 else [])
        lifter.lift(people, n / FPS, camera)
    assert optimised == [1, 2, 3, 3, 3, 3, 3 + 1, 3 + 2]
    short = LiveLifter(prior, templates, torch.device("cpu"), LiveSettings(rows=3, moving=3))
    held = LiveLifter(prior, templates, torch.device("cpu"), LiveSettings(rows=7, moving=3))
    few, many = (lifted(lifter, keypoints[:12], camera)[-1].raw_joints_m for lifter in (short, held))
    assert 1e-4 < np.abs(few - many).max() < 0.1


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps each call of the optimiser took."""
    taken: list[int] = []

    def counting(denoise: object, schedule: Sized, *rest: object) -> object:
        taken.append(len(schedule))
        return optimise(denoise, schedule, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("lifting.live.lifter.optimise", counting)
    return taken


def test_calm_frames_take_fewer_steps(prior: Prior, templates: Templates, clip, steps: list[int]) -> None:  # type: ignore[no-untyped-def]
    """Each person for themselves: one who comes does not change what is made of the other."""
    keypoints, _, camera = clip
    settings = LiveSettings(steps=4, calm_steps=2)
    lifter = LiveLifter(prior, templates, torch.device("cpu"), settings)
    alone = [lifter.lift([person(keypoints[0])], n / FPS, camera)[0] for n in range(5)]
    # who is new is lifted with care; who stands still is as expected
    assert steps == [4, 2, 2, 2, 2]
    steps.clear()
    lifter.reset()
    for n in range(5):
        people = [person(keypoints[0])] + ([person(keypoints[20], 2)] if n >= 3 else [])
        found = lifter.lift(people, n / FPS, camera)
        assert [pose.track_id for pose in found] == [one.track_id for one in people]
        assert np.allclose(found[0].raw_joints_m, alone[n].raw_joints_m, atol=1e-4)
    assert steps[:3] == [4, 2, 2] and sorted(steps[3:5]) == [2, 4] and steps[5:] == [2]
    # quick motion is not expected
    steps.clear()
    lifter.reset()
    for n in range(4):
        moving = keypoints[0] + np.float32(0)
        moving[10:] += np.float32(25 * n)
        lifter.lift([person(moving)], n / FPS, camera)
    assert steps[1:] == [4, 4, 4]
    # nor is a flip, however long the frame before was ago
    steps.clear()
    lifter.reset()
    for n, xy in enumerate((keypoints[0], keypoints[0], keypoints[0][list(H36M_17.flip)])):
        lifter.lift([person(xy)], n / 4, camera)
    assert steps == [4, 2, 4]


@pytest.mark.parametrize("fps", [20, 60, 120])
def test_quick_cameras_do_not_cost_more(prior: Prior, templates: Templates, clip, steps: list[int], fps: int) -> None:  # type: ignore[no-untyped-def]
    """Keypoints that tremble do so whenever the next frame comes."""
    keypoints, _, camera = clip
    lifter = LiveLifter(prior, templates, torch.device("cpu"), LiveSettings(steps=3, calm_steps=1))
    rng = np.random.default_rng(0)
    for n in range(12):
        lifter.lift([person((keypoints[0] + rng.normal(0, 3, (17, 2))).astype(np.float32))], n / fps, camera)
    assert steps[0] == 3 and steps[1:].count(1) >= 9
