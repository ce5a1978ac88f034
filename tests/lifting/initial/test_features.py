"""What the initialiser sees does not depend on where a person stands and which way up."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lifting.geometry.rotations import rotation_matrix
from lifting.initial.features import to_axis, view_features


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
    seen, _, rotation = view_features(rays_of(people)[:, None], confidence, 1)
    # panned, tilted, and turned about the axis: a cartwheel looks like a walk
    for axis, angle in (("y", 0.4), ("x", -0.3), ("z", 2.5)):
        turn = rotation_matrix(axis, torch.tensor(angle))
        other, _, back = view_features(rays_of(people @ turn.T)[:, None], confidence, 1)
        assert torch.allclose(seen, other, atol=1e-3)
        assert torch.allclose(rotation, back @ turn, atol=1e-3)
    # twice the size in the picture: the same shape, and its logarithm tells
    centred = people - people.mean(dim=1, keepdim=True) + torch.tensor([0.0, 0.0, 40.0])
    far, log_far, _ = view_features(rays_of(centred)[:, None], confidence, 1)
    near, log_near, _ = view_features(
        torch.cat([rays_of(centred)[..., :2] * 2, torch.ones(12, 17, 1)], dim=-1)[:, None], confidence, 1
    )
    assert torch.allclose(far, near, atol=2e-2)
    assert torch.allclose(log_near - log_far, torch.full((12, 1), math.log(2.0)), atol=1e-2)


def test_the_picture_is_turned_until_the_person_is_upright(people: Tensor) -> None:
    hips, above = [0, 1, 4], [8, 9, 10, 11, 14]
    generator = torch.Generator().manual_seed(3)
    rays, confidence = rays_of(people), torch.rand(people.shape[:2], generator=generator)
    seen, _, rotation = view_features(rays[:, None], confidence[:, None], 1)
    assert torch.allclose(rotation @ rotation.transpose(1, 2), torch.eye(3).expand_as(rotation), atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(len(rotation)), atol=1e-5)
    turned = torch.einsum("bij,bnj->bni", rotation, rays)
    plane = turned[..., :2] / turned[..., 2:]

    def middle(joints: list[int]) -> Tensor:
        weight = confidence[:, joints, None]
        return (plane[:, joints] * weight).sum(dim=1) / weight.sum(dim=1)

    up = middle(above) - middle(hips)
    assert up[:, 0].abs().max() < 1e-5 and (up[:, 1] < 0).all()
    # what is seen are the same points, about their centre and in units of their spread
    points = seen[:, 0, :, :2]
    ratio = (points - points[:, :1])[:, 1:].norm(dim=-1) / (plane - plane[:, :1])[:, 1:].norm(dim=-1)
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-3)


@pytest.mark.parametrize("hidden", [[0, 1, 4], [8, 9, 10, 11, 14]])
def test_without_hips_or_what_is_above_them_the_picture_stays(people: Tensor, hidden: list[int]) -> None:
    confidence = torch.ones(12, 1, 17)
    confidence[..., hidden] = 0.0
    *_, rotation = view_features(rays_of(people)[:, None], confidence, 1)
    assert torch.allclose(rotation, to_axis(rays_of(people), confidence[:, 0]), atol=1e-6)


def test_someone_who_is_a_single_point_is_still_turned_by_a_rotation() -> None:
    rays = torch.tensor([0.2, -0.1, 1.0]).expand(1, 1, 17, 3)
    seen, _, rotation = view_features(rays, torch.ones(1, 1, 17), 1)
    assert torch.allclose(rotation @ rotation.transpose(1, 2), torch.eye(3)[None], atol=1e-5)
    assert torch.isfinite(seen).all()


def test_neighbours_that_are_missing_stand_at_zero(people: Tensor) -> None:
    rays, confidence = rays_of(people)[:, None], torch.ones(12, 1, 17)
    alone, *_ = view_features(rays, confidence, 5)
    assert alone.shape == (12, 5, 17, 3) and alone[:, 2].any() and not alone[:, [0, 1, 3, 4]].any()
    with_nothing, *_ = view_features(
        rays.expand(-1, 5, -1, -1), torch.zeros(12, 5, 17).index_fill(1, torch.tensor(2), 1.0), 5
    )
    assert torch.allclose(alone, with_nothing, atol=1e-6)


def test_motion_through_the_picture_counts(people: Tensor) -> None:
    steps = torch.tensor([-0.4, 0.0, 0.4])[None, :, None, None] * torch.tensor([1.0, 0.0, 0.0])
    walking = rays_of(people[:, None] + steps)
    seen, *_ = view_features(walking, torch.ones(12, 3, 17), 3)
    before, middle, after = seen[..., :2].unbind(dim=1)
    assert ((after - before)[..., 0] > 0.5).all()
    assert torch.allclose((before + after) / 2, middle, atol=0.2)
