"""Closed forms of the optimiser against general-purpose solvers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.geometry.rays import nearest_on_rays, project_to_plane, reprojection_error, solve_translation


def random_case(seed: int = 0, batch: int = 5, joints: int = 17) -> tuple[Tensor, Tensor, Tensor]:
    """Poses, true translations in front of the camera, exact rays; float64."""
    generator = torch.Generator().manual_seed(seed)
    x = 0.4 * torch.randn(batch, joints, 3, generator=generator, dtype=torch.float64)
    T = torch.randn(batch, 3, generator=generator, dtype=torch.float64) + torch.tensor([0.0, 0.0, 5.0])
    X = x + T[:, None]
    return x, T, X / X[..., 2:]


def least_squares(
    x: NDArray[np.float64], rays: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Two rows per joint: T_x - u T_z = u x_z - x_x, and the same for y, each times the root of the weight."""
    rows, right = [], []
    for (px, py, pz), (u, v, _), w in zip(x, rays, np.sqrt(weight), strict=True):
        rows += [[w, 0, -w * u], [0, w, -w * v]]
        right += [w * (u * pz - px), w * (v * pz - py)]
    return np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]


def test_translation_is_recovered_from_exact_rays() -> None:
    x, T, rays = random_case()
    assert torch.allclose(solve_translation(x, rays, torch.ones(x.shape[:2])), T, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_translation_is_the_weighted_least_squares_solution(seed: int) -> None:
    x, _, rays = random_case(seed)
    generator = torch.Generator().manual_seed(100 + seed)
    rays[..., :2] += 0.02 * torch.randn((*rays.shape[:2], 2), generator=generator, dtype=torch.float64)
    weight = torch.rand(rays.shape[:2], generator=generator, dtype=torch.float64)
    expected = [least_squares(*case) for case in zip(x.numpy(), rays.numpy(), weight.numpy(), strict=True)]
    assert np.allclose(solve_translation(x, rays, weight).numpy(), expected, atol=1e-9)


def test_translation_ignores_joints_without_weight_and_the_scale_of_weights() -> None:
    x, T, rays = random_case()
    weight = torch.ones(x.shape[:2], dtype=torch.float64)
    weight[:, 5:9] = 0.0
    rays[:, 5:9, :2] += 100.0
    assert torch.allclose(solve_translation(x, rays, 1e-3 * weight), T, atol=1e-9)


def test_two_joints_are_enough() -> None:
    x, T, rays = random_case(joints=2)
    assert torch.allclose(solve_translation(x, rays, torch.ones(x.shape[:2])), T, atol=1e-8)


def test_translation_behind_the_camera_is_mirrored_to_the_front() -> None:
    x, T, rays = random_case()
    # The pose turned inside out fits the rays exactly from behind the camera.
    assert torch.allclose(solve_translation(-x, rays, torch.ones(x.shape[:2])), T, atol=1e-9)


def test_nearest_point_lies_on_the_ray_at_a_right_angle() -> None:
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(4, 17, 3, generator=generator, dtype=torch.float64) + torch.tensor([0.0, 0.0, 3.0])
    rays = torch.cat([torch.randn(4, 17, 2, generator=generator), torch.ones(4, 17, 1)], -1).double()
    directions = torch.nn.functional.normalize(rays, dim=-1)
    near = nearest_on_rays(points, directions)
    assert torch.allclose(torch.linalg.cross(near, rays), torch.zeros_like(near), atol=1e-9)
    assert torch.allclose(((points - near) * rays).sum(-1), torch.zeros(4, 17, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(nearest_on_rays(near, directions), near, atol=1e-12)


def test_projection_and_reprojection_error() -> None:
    points = torch.tensor([[1.0, -2.0, 4.0], [0.3, 0.4, 1.0]])
    assert project_to_plane(points).flatten().tolist() == pytest.approx([0.25, -0.5, 0.3, 0.4])
    rays = torch.tensor([[0.25, -0.5, 1.0], [0.0, 0.0, 1.0]])
    assert reprojection_error(points, rays).tolist() == pytest.approx([0.0, 0.5])


def test_projection_of_points_behind_the_camera_stays_finite() -> None:
    behind = torch.tensor([[1.0, 1.0, -2.0], [1.0, 1.0, 0.0]])
    assert project_to_plane(behind).flatten().tolist() == pytest.approx([100.0] * 4)


@pytest.mark.parametrize("shapes", [((1, 7), (5, 1)), ((3, 5), (5,)), ((), (5, 1))])
def test_translations_of_many_poses_and_many_people_at_once(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    generator = torch.Generator().manual_seed(2)
    x = 0.4 * torch.randn((*shapes[0], 17, 3), generator=generator, dtype=torch.float64)
    rays = torch.cat([torch.rand(*shapes[1], 17, 2, generator=generator), torch.ones(*shapes[1], 17, 1)], -1).double()
    weight = torch.rand(*shapes[1], 17, generator=generator, dtype=torch.float64)
    shape = torch.broadcast_shapes(*shapes)
    one_by_one = [
        solve_translation(*case)
        for case in zip(
            x.expand(*shape, 17, 3).reshape(-1, 17, 3),
            rays.expand(*shape, 17, 3).reshape(-1, 17, 3),
            weight.expand(*shape, 17).reshape(-1, 17),
            strict=True,
        )
    ]
    assert torch.allclose(solve_translation(x, rays, weight), torch.stack(one_by_one).view(*shape, 3), atol=1e-9)
