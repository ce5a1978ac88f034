"""Template poses: turned the right way, placed where the rays meet them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from lifting.geometry.rays import reprojection_error
from lifting.geometry.rotations import quaternion_matrix, rotation_by, rotation_matrix
from lifting.initial.grid import grid_poses, turned_poses
from lifting.initial.weights import Templates
from lifting.optimise.reference import adam_ipo

X, Y, Z = torch.eye(3)


def adam(*args: Any, **options: Any) -> tuple[Tensor, Tensor]:
    """x and T of ``adam_ipo``."""
    state = adam_ipo(*args, **options)
    return state.x, state.T


@pytest.fixture
def pose(templates: Templates) -> Tensor:
    """``[1, 17, 3]`` the shipped mean pose, with one arm forward so that it has no symmetry."""
    pose = torch.from_numpy(templates.poses[1].copy())
    pose[0, 12] += torch.tensor([0.1, -0.2, -0.1])
    pose[0, 13] += torch.tensor([0.1, -0.5, -0.3])
    return pose


def turn(axis: str, degrees: float) -> Tensor:
    return rotation_matrix(axis, torch.tensor(math.radians(degrees)))


def rays_to(x: Tensor, T: Tensor) -> Tensor:
    placed = x + T[..., None, :]
    return placed / placed[..., 2:]


@pytest.mark.parametrize(("axis", "start", "end"), [("x", Y, Z), ("y", Z, X), ("z", X, Y)])
def test_a_quarter_turn_is_right_handed(axis: str, start: Tensor, end: Tensor) -> None:
    quarter = turn(axis, 90)
    assert torch.allclose(quarter @ start, end, atol=1e-6)
    fixed = {"x": X, "y": Y, "z": Z}[axis]
    assert torch.allclose(quarter @ fixed, fixed, atol=1e-6)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_rotations_form_a_group(axis: str) -> None:
    angles = torch.linspace(-4, 4, 7, dtype=torch.float64)
    R = rotation_matrix(axis, angles)
    assert R.shape == (7, 3, 3)
    assert torch.allclose(R @ R.transpose(-1, -2), torch.eye(3, dtype=torch.float64).expand(7, 3, 3), atol=1e-12)
    assert torch.allclose(torch.linalg.det(R), torch.ones(7, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(R @ rotation_matrix(axis, angles.flip(0) + 1), rotation_matrix(axis, torch.ones(7).double()))


def test_all_turns_of_a_pose(pose: Tensor) -> None:
    grid = turned_poses(pose)
    assert grid.shape == (12, 9, 17, 3)
    # rolls go from -90 to 90 degrees, the fifth is upright; the roll follows the yaw
    assert torch.allclose(grid[0, 4], pose[0], atol=1e-6)
    assert torch.allclose(grid[3, 4], pose[0] @ turn("y", 90).T, atol=1e-6)
    assert torch.allclose(grid[2, 8], pose[0] @ (turn("z", 90) @ turn("y", 60)).T, atol=1e-6)
    assert torch.allclose(grid[2, 0], pose[0] @ (turn("z", -90) @ turn("y", 60)).T, atol=1e-6)


@pytest.mark.parametrize(("yaw", "roll"), [(0, 0), (90, 0), (150, 22.5), (180, -45), (270, 90), (330, 0)])
def test_grid_finds_a_turned_pose(pose: Tensor, yaw: float, roll: float) -> None:
    truth = pose[0] @ (turn("z", roll) @ turn("y", yaw)).T
    T = torch.tensor([[0.4, -0.3, 3.5]])
    x, found = grid_poses(pose, rays_to(truth[None], T), torch.ones(1, 17))
    assert x.shape == (1, 1, 17, 3) and found.shape == (1, 1, 3)
    assert torch.allclose(x[0, 0], truth, atol=1e-5)
    assert torch.allclose(found[0], T, atol=1e-3)


def test_grid_chooses_among_starting_poses(templates: Templates) -> None:
    poses = torch.from_numpy(templates.poses[10])
    truth = poses @ turn("y", 120).T
    T = torch.tensor([0.1, 0.0, 4.0]).expand(10, 3)
    x, found = grid_poses(poses, rays_to(truth, T), torch.ones(10, 17))
    assert torch.allclose(x[0], truth, atol=1e-5)
    assert torch.allclose(found[0], T, atol=1e-2)


def test_grid_does_not_look_at_unseen_joints(pose: Tensor) -> None:
    truth, T = pose @ turn("y", 60).T, torch.tensor([[0.0, 0.2, 4.0]])
    rays, confidence = rays_to(truth, T), torch.ones(1, 17)
    confidence[0, [6, 13, 16]] = 0.0
    rays[0, [6, 13, 16], :2] += 5.0
    x, found = grid_poses(pose, rays, confidence)
    assert torch.allclose(x[0], truth, atol=1e-5) and torch.allclose(found[0], T, atol=1e-3)


def test_further_hypotheses_face_away(pose: Tensor) -> None:
    yaw = 2
    truth, T = pose @ turn("y", 30 * yaw).T, torch.tensor([[0.0, 0.0, 4.0]])
    x, found = grid_poses(pose, rays_to(truth, T), torch.ones(1, 17), alternatives=4)
    assert x.shape == (4, 1, 17, 3) and torch.all(found[..., 2] > 0)
    grid = turned_poses(pose)
    yaws = [int((grid - start).abs().amax(dim=(-1, -2)).amin(dim=1).argmin()) for start in x[:, 0]]
    assert yaws[0] == yaw
    for found_yaw, away in zip(yaws[1:], (6, 3, 9), strict=True):
        assert (found_yaw - yaw - away + 6) % 12 - 6 in (-1, 0, 1)


@pytest.mark.parametrize("count", [0, 5])
def test_grid_refuses_another_number_of_hypotheses(pose: Tensor, count: int) -> None:
    with pytest.raises(ValueError, match="alternatives"):
        grid_poses(pose, torch.ones(1, 17, 3), torch.ones(1, 17), alternatives=count)


def test_grid_starts_are_independent_of_each_other(pose: Tensor) -> None:
    truth = torch.stack([pose[0] @ turn("y", a).T for a in (40, 200)])
    rays = rays_to(truth, torch.tensor([[0.5, 0.0, 3.0], [-0.5, 0.1, 6.0]]))
    confidence = torch.rand(2, 17, generator=torch.Generator().manual_seed(0))
    x, T = grid_poses(pose, rays, confidence, alternatives=2)
    for i in range(2):
        alone_x, alone_T = grid_poses(pose, rays[i : i + 1], confidence[i : i + 1], alternatives=2)
        assert torch.allclose(x[:, i : i + 1], alone_x) and torch.allclose(T[:, i : i + 1], alone_T, atol=1e-5)


@pytest.mark.parametrize("length", [1.0, 0.2, 7.0])
def test_quaternions_have_the_real_part_first_and_any_length(length: float) -> None:
    turns = Rotation.random(5, rng=np.random.default_rng(0))
    x, y, z, w = torch.from_numpy(turns.as_quat()).unbind(-1)
    R = quaternion_matrix(length * torch.stack([w, x, y, z], dim=-1))
    assert np.allclose(R.numpy(), turns.as_matrix(), atol=1e-12)


@pytest.mark.slow
def test_adam_recovers_a_roll_and_the_distance(pose: Tensor) -> None:
    truth, T = pose @ turn("z", 35).T, torch.tensor([[0.9, -0.6, 3.6]])
    rays, confidence = rays_to(truth, T), torch.ones(1, 17)
    options: dict[str, Any] = {
        "joints": (0, 1, 4, 8),
        "axes": "z",
        "distance_m": 3.0,
        "distance_scale": (0.5, 2.0),
        "learning_rate": 0.01,
    }
    start_x, start_T = adam(pose, rays, confidence, steps=0, **options)
    # 3 m from the camera along the ray, not 3 m deep
    assert torch.equal(start_x, pose) and torch.allclose(start_T, 3.0 * rays[:, 0] / rays[:, 0].norm())
    x, found = adam(pose, rays, confidence, steps=250, **options)
    assert (x - truth).norm(dim=-1).max() < 0.02
    assert (found - T).norm() < 0.1
    before, after = (reprojection_error(a + b[:, None], rays).mean() for a, b in ((start_x, start_T), (x, found)))
    assert after < 0.1 * before
    # the pelvis never leaves its ray
    assert torch.allclose(found / found[:, 2:], rays[:, 0], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("axis", "kept"), [("x", 0), ("y", 1), ("z", 2)])
def test_adam_turns_about_the_free_axes_alone(pose: Tensor, axis: str, kept: int) -> None:
    truth = pose @ (turn("z", 25) @ turn("y", 30) @ turn("x", 20)).T
    rays = rays_to(truth, torch.tensor([[0.0, 0.0, 3.0]]))
    options: dict[str, Any] = {"joints": tuple(range(17)), "distance_m": 3.0, "distance_scale": (0.9, 1.1)}
    x, _ = adam(pose, rays, torch.ones(1, 17), axes=axis, steps=30, learning_rate=0.02, **options)
    moved = (x - pose).abs().amax(dim=(0, 1))
    assert moved[kept] < 1e-6 and moved.max() > 0.02


def test_adam_finds_any_rotation_if_all_axes_are_free(pose: Tensor) -> None:
    truth, T = pose @ (turn("z", 25) @ turn("y", 30) @ turn("x", 20)).T, torch.tensor([[0.2, 0.1, 3.0]])
    x, _ = adam(
        pose, rays_to(truth, T), torch.ones(1, 17), joints=tuple(range(17)), axes="xyz",
        distance_m=3.0, distance_scale=(0.5, 2.0), steps=200, learning_rate=0.02,
    )  # fmt: skip
    assert (x - truth).norm(dim=-1).max() < 0.03


@pytest.mark.parametrize(("depth", "bound"), [(30.0, 6.0), (0.8, 1.5)])
def test_adam_keeps_the_distance_within_its_bounds(pose: Tensor, depth: float, bound: float) -> None:
    rays = rays_to(pose, torch.tensor([[0.3 * depth, 0.0, depth]]))
    options: dict[str, Any] = {"joints": (0, 1, 4, 8), "axes": "z", "distance_m": 3.0, "distance_scale": (0.5, 2.0)}
    _, T = adam(pose, rays, torch.ones(1, 17), steps=60, **options)
    assert T.norm().item() == pytest.approx(bound)


def test_adam_looks_at_seen_joints_of_the_list_alone(pose: Tensor) -> None:
    rays, confidence = rays_to(pose @ turn("z", 20).T, torch.tensor([[0.0, 0.2, 4.0]])), torch.ones(1, 17)
    options: dict[str, Any] = {
        "joints": (0, 1, 4, 8),
        "axes": "z",
        "distance_m": 3.0,
        "distance_scale": (0.5, 2.0),
        "steps": 20,
    }
    unseen = confidence.clone()
    unseen[0, [4, 10]] = 0.0
    for hidden, changed in ((confidence, [10]), (unseen, [4, 10])):
        other = rays.clone()
        other[0, changed, :2] += 5.0
        before, after = (adam(pose, r, hidden, **options) for r in (rays, other))
        assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])


def test_adam_treats_poses_of_a_batch_alone(pose: Tensor) -> None:
    truth = torch.stack([pose[0] @ turn("z", a).T for a in (20, -50)])
    rays = rays_to(truth, torch.tensor([[0.5, 0.0, 2.5], [-0.5, 0.1, 4.0]]))
    confidence = torch.rand(2, 17, generator=torch.Generator().manual_seed(0))
    options: dict[str, Any] = {
        "joints": (0, 1, 4),
        "axes": "xyz",
        "distance_m": 3.0,
        "distance_scale": (0.5, 2.0),
        "steps": 40,
    }
    x, T = adam(pose, rays, confidence, **options)
    for i in range(2):
        alone_x, alone_T = adam(pose, rays[i : i + 1], confidence[i : i + 1], **options)
        assert torch.allclose(x[i], alone_x[0], atol=1e-4) and torch.allclose(T[i], alone_T[0], atol=1e-4)


def test_rotations_by_vectors() -> None:
    vectors = torch.randn(20, 3, generator=torch.Generator().manual_seed(2)) * 2
    expected = torch.from_numpy(Rotation.from_rotvec(vectors.numpy()).as_matrix()).float()
    assert torch.allclose(rotation_by(vectors), expected, atol=1e-5)
    assert torch.allclose(rotation_by(torch.zeros(3)), torch.eye(3))
