"""The learnt IPO: what it sees does not depend on where a person stands, and what it says is a start."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.evidence import Evidence
from lifting.geometry import reprojection_error
from lifting.ipo import rotation_matrix
from lifting.metrics import pa_mpjpe
from lifting.prior import StartingPoses
from lifting.start_network import OFFSETS_S, StartNetwork, to_axis, view_features
from lifting.starts import LearntStart
from lifting.temporal import neighbour_rows

CPU = torch.device("cpu")


@pytest.fixture
def people(motion: NDArray[np.float64]) -> Tensor:
    """``[12, 17, 3]`` poses that stand here and there before the camera."""
    poses = torch.from_numpy(motion[::10] * [1.0, -1.0, -1.0]).float()
    aside = torch.linspace(-1.5, 1.5, len(poses))
    return poses + torch.stack([aside, 0.3 * aside.flip(0), 3.0 + aside.abs()], dim=1)[:, None]


def rays_of(X: Tensor) -> Tensor:
    return X / X[..., 2:]


def test_the_middle_of_the_rays_is_turned_onto_the_axis(people: Tensor) -> None:
    rays, confidence = rays_of(people), torch.ones(people.shape[:2])
    R = to_axis(rays, confidence)
    assert torch.allclose(R @ R.transpose(1, 2), torch.eye(3).expand_as(R), atol=1e-5)
    assert torch.allclose(torch.linalg.det(R), torch.ones(len(R)), atol=1e-5)
    middle = torch.nn.functional.normalize(torch.nn.functional.normalize(rays, dim=-1).sum(dim=1), dim=-1)
    turned = torch.einsum("bij,bj->bi", R, middle)
    assert torch.allclose(turned, torch.tensor([0.0, 0.0, 1.0]).expand_as(turned), atol=1e-5)
    # the shortest way: no turn about the axis itself
    angle = torch.arccos(((R.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1))
    assert torch.allclose(angle, torch.arccos(middle[:, 2].clamp(-1, 1)), atol=1e-3)


def test_only_seen_joints_say_where_the_middle_is(people: Tensor) -> None:
    rays, confidence = rays_of(people), torch.ones(people.shape[:2])
    confidence[:, 3] = 0.0
    moved = rays.clone()
    moved[:, 3] += torch.tensor([5.0, -3.0, 0.0])
    for original, other in zip(
        view_features(rays[:, None], confidence[:, None], 1), view_features(moved[:, None], confidence[:, None], 1),
        strict=True,
    ):  # fmt: skip
        assert torch.equal(original, other)
    assert torch.isfinite(view_features(rays[:, None], torch.zeros(12, 1, 17), 1)[0]).all()


def test_a_person_looks_the_same_wherever_the_camera_points(people: Tensor) -> None:
    confidence = torch.ones(12, 1, 17)
    features, rotation = view_features(rays_of(people)[:, None], confidence, 1)
    # panned, tilted, and turned about the axis: a cartwheel looks like a walk
    for axis, angle in (("y", 0.4), ("x", -0.3), ("z", 2.5)):
        turn = rotation_matrix(axis, torch.tensor(angle))
        other, back = view_features(rays_of(people @ turn.T)[:, None], confidence, 1)
        assert torch.allclose(features, other, atol=1e-3)
        assert torch.allclose(rotation, back @ turn, atol=1e-3)
    # twice the size in the picture: the same shape, and its logarithm tells
    nearer = torch.cat([rays_of(people)[..., :2] * 2, torch.ones(12, 17, 1)], dim=-1)
    centred = people - people.mean(dim=1, keepdim=True) + torch.tensor([0.0, 0.0, 40.0])
    far, _ = view_features(rays_of(centred)[:, None], confidence, 1)
    near, _ = view_features(
        torch.cat([rays_of(centred)[..., :2] * 2, torch.ones(12, 17, 1)], dim=-1)[:, None], confidence, 1
    )
    assert torch.allclose(far[:, :51], near[:, :51], atol=2e-2)
    assert torch.allclose(near[:, 51] - far[:, 51], torch.full((12,), math.log(2.0)), atol=1e-2)
    assert torch.isfinite(nearer).all()


def test_the_picture_is_turned_until_the_person_is_upright(people: Tensor) -> None:
    hips, above = [0, 1, 4], [8, 9, 10, 11, 14]
    generator = torch.Generator().manual_seed(3)
    rays, confidence = rays_of(people), torch.rand(people.shape[:2], generator=generator)
    features, rotation = view_features(rays[:, None], confidence[:, None], 1)
    assert torch.allclose(rotation @ rotation.transpose(1, 2), torch.eye(3).expand_as(rotation), atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(len(rotation)), atol=1e-5)
    turned = torch.einsum("bij,bnj->bni", rotation, rays)
    plane = turned[..., :2] / turned[..., 2:]

    def middle(joints: list[int]) -> Tensor:
        weight = confidence[:, joints, None]
        return (plane[:, joints] * weight).sum(dim=1) / weight.sum(dim=1)

    up = middle(above) - middle(hips)
    assert up[:, 0].abs().max() < 1e-5 and (up[:, 1] < 0).all()
    # the features are the same points, about their centre and in units of their spread
    points = features[:, :34].view(-1, 17, 2)
    ratio = (points - points[:, :1])[:, 1:].norm(dim=-1) / (plane - plane[:, :1])[:, 1:].norm(dim=-1)
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-3)


@pytest.mark.parametrize("hidden", [[0, 1, 4], [8, 9, 10, 11, 14]])
def test_without_hips_or_what_is_above_them_the_picture_stays(people: Tensor, hidden: list[int]) -> None:
    confidence = torch.ones(12, 1, 17)
    confidence[..., hidden] = 0.0
    _, rotation = view_features(rays_of(people)[:, None], confidence, 1)
    assert torch.allclose(rotation, to_axis(rays_of(people), confidence[:, 0]), atol=1e-6)


def test_someone_who_is_a_single_point_is_still_turned_by_a_rotation() -> None:
    rays = torch.tensor([0.2, -0.1, 1.0]).expand(1, 1, 17, 3)
    features, rotation = view_features(rays, torch.ones(1, 1, 17), 1)
    assert torch.allclose(rotation @ rotation.transpose(1, 2), torch.eye(3)[None], atol=1e-5)
    assert torch.isfinite(features).all()


def test_neighbours_that_are_missing_stand_at_zero(people: Tensor) -> None:
    rays, confidence = rays_of(people)[:, None], torch.ones(12, 1, 17)
    alone, _ = view_features(rays, confidence, 5)
    assert alone.shape == (12, 5 * 51 + 1) and not alone[:, 52:].any()
    with_nothing, _ = view_features(
        rays.expand(-1, 5, -1, -1), torch.zeros(12, 5, 17).index_fill(1, torch.tensor(2), 1.0), 5
    )
    assert torch.allclose(alone, with_nothing, atol=1e-6)


def test_motion_through_the_picture_counts(people: Tensor) -> None:
    steps = torch.tensor([-0.4, 0.0, 0.4])[None, :, None, None] * torch.tensor([1.0, 0.0, 0.0])
    walking = rays_of(people[:, None] + steps)
    features, _ = view_features(walking, torch.ones(12, 3, 17), 3)
    middle, before, after = features[:, :34], features[:, 52:86], features[:, 103:137]
    assert ((after - before).view(12, 17, 2)[..., 0] > 0.5).all()
    assert torch.allclose((before + after) / 2, middle, atol=0.2)


@pytest.fixture
def start(starts: StartingPoses) -> StartNetwork:
    assert starts.network is not None
    return starts.network


def standing(X: Tensor) -> Evidence:
    return Evidence(rays_of(X), torch.ones(X.shape[:2]), torch.arange(len(X)), len(X))


def test_the_shipped_start_is_close(start: StartNetwork, people: Tensor) -> None:
    found = LearntStart(start, None)(standing(people), 1)
    assert found.x.shape == (1, 12, 17, 3) and found.T.shape == (1, 12, 3)
    relative = found.x[0] - found.x[0][:, :1]
    errors = (relative - (people - people[:, :1])).norm(dim=-1).mean(dim=1)
    assert errors.median() < 0.09
    assert reprojection_error(found.x[0] + found.T[0][:, None], rays_of(people)).mean() < 0.02
    assert (found.T[0] - people[:, 0]).norm(dim=-1).median() < 0.5


def test_the_expected_error_grows_with_what_is_hidden(start: StartNetwork, people: Tensor) -> None:
    evidence = standing(people)
    seen = LearntStart(start, None)(evidence, 1).sigma_m
    evidence.confidence[:, [15, 16]] = 0.0
    hidden = LearntStart(start, None)(evidence, 1).sigma_m
    assert seen is not None and hidden is not None and seen.shape == (12, 17)
    assert torch.all(seen[:, 1:] > 0.001) and seen.mean() < 0.1
    assert (hidden[:, 16] / seen[:, 16]).median() > 1.7 > 1.2 > (hidden[:, 3] / seen[:, 3]).median()


def test_what_detectors_guess_is_as_good_as_not_seen(start: StartNetwork, people: Tensor) -> None:
    evidence = standing(people)
    evidence.confidence[:, 1:8] = 0.0
    without = LearntStart(start, None)(evidence, 1).x
    evidence.rays[:, 1:8, :2] += 0.3
    evidence.confidence[:, 1:8] = 0.05
    torch.testing.assert_close(LearntStart(start, None)(evidence, 1).x, without)
    evidence.confidence[:, 1:8] = 0.3
    assert (LearntStart(start, None)(evidence, 1).x - without).abs().max() > 0.05


@pytest.mark.parametrize("hidden", [[3, 6], [2, 3, 5, 6], [9, 10], [8], [0, 1, 2, 3, 4, 5, 6, 7]])
def test_what_is_seen_of_people_who_are_cut_off_is_close(
    start: StartNetwork, people: Tensor, hidden: list[int]
) -> None:
    evidence = standing(people)
    evidence.confidence[:, hidden] = 0.0
    x = LearntStart(start, None)(evidence, 1).x[0]
    seen = [joint for joint in range(17) if joint not in hidden]
    # How somebody at a desk leans towards the camera, nothing in the picture tells: the shape is judged.
    errors = pa_mpjpe(x[:, seen].double().numpy(), people[:, seen].double().numpy())
    assert np.median(errors) < 0.08


def test_further_hypotheses_are_other_explanations(start: StartNetwork, people: Tensor) -> None:
    one, four = (LearntStart(start, None)(standing(people), count) for count in (1, 4))
    assert torch.equal(one.x[0], four.x[0]) and four.x.shape[0] == 4
    for first in range(4):
        for second in range(first):
            assert (four.x[first] - four.x[second]).norm(dim=-1).mean() > 0.005
    # each of them looks like the person in the picture
    assert reprojection_error(four.x + four.T[:, :, None], rays_of(people)).mean() < 0.04


def test_neighbours_in_time_help(start: StartNetwork, motion: NDArray[np.float64]) -> None:
    X = torch.from_numpy(motion * [1.0, -1.0, -1.0]).float() + torch.tensor([0.3, 0.0, 4.0])
    noise = 0.01 * torch.randn(X.shape, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 1.0, 0.0])
    rays = rays_of(X) + noise
    group = torch.zeros(len(X), dtype=torch.int64)
    evidence = Evidence(rays, torch.ones(X.shape[:2]), group, 1)
    around = neighbour_rows(np.arange(len(X)) / 30, group.numpy(), OFFSETS_S, CPU)

    def error(neighbours: object) -> float:
        x = LearntStart(start, neighbours)(evidence, 1).x[0]  # type: ignore[arg-type]
        return float(((x - x[:, :1]) - (X - X[:, :1])).norm(dim=-1).mean())

    assert error(around) < error(None)


def test_a_network_is_rebuilt_from_its_weights() -> None:
    network = StartNetwork(joints=12, frames=3, hidden=24, blocks=3, modes=2)
    again = StartNetwork.like(network.state_dict())
    again.load_state_dict(network.state_dict())
    features = torch.randn(2, 3 * 12 * 3 + 1)
    assert torch.equal(network(features).pose, again(features).pose)
    with pytest.raises(KeyError):
        StartNetwork.like({})


def test_the_error_is_judged_without_changing_the_pose() -> None:
    network = StartNetwork(frames=1, hidden=16)
    guess = network(torch.randn(4, 52))
    (guess.log_scale.sum() + guess.logits.sum()).backward()
    assert network.pre.weight.grad is None and network.scale.weight.grad is not None
