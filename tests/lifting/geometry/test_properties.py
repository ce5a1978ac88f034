"""What holds for any camera, rotation and pose."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lifting.geometry.camera import Camera
from lifting.geometry.rays import nearest_on_rays, solve_translation
from lifting.geometry.rotations import quaternion_matrix, rotation_by, rotation_matrix

Array = NDArray[np.float64]


def numbers(shape: tuple[int, ...], low: float, high: float) -> Any:
    return arrays.arrays(np.float64, shape, elements=st.floats(low, high, allow_subnormal=False))


@st.composite
def cameras(draw: st.DrawFn, lenses: bool = False) -> Camera:
    """Any pinhole from fisheye to telescope; with ``lenses`` a lens that bends as much as those of phones do."""
    size = draw(st.tuples(st.integers(16, 8000), st.integers(16, 8000)))
    focal = max(size) * draw(st.floats(0.3, 50.0))
    K = np.array([
        [focal, draw(st.floats(-0.1, 0.1)) * focal, draw(st.floats(-1, 2)) * size[0]],
        [0, focal * draw(st.floats(0.5, 2)), draw(st.floats(-1, 2)) * size[1]],
        [0, 0, 1],
    ])  # fmt: skip
    bends = draw(st.tuples(*[st.floats(-0.15, 0.15)] * 2, *[st.floats(-0.01, 0.01)] * 2)) if lenses else ()
    return Camera(K, size, "any", np.array(bends))


@given(cameras(), numbers((5, 2), -2, 2), numbers((5, 1), 0.01, 1e4))
def test_a_point_on_the_ray_of_a_pixel_is_seen_there(camera: Camera, share: Array, depth: Array) -> None:
    pixels = share * camera.image_size
    rays = camera.rays(pixels)
    assert (rays[:, 2] == 1).all() and np.allclose(
        camera.project(rays * depth), pixels, rtol=0, atol=1e-8 * np.abs(camera.K).max()
    )


@given(cameras(lenses=True), numbers((5, 2), -0.5, 0.5), numbers((5, 1), 0.01, 1e4))
def test_the_ray_through_the_picture_of_a_point_leads_to_it(camera: Camera, xy: Array, depth: Array) -> None:
    points = np.concatenate([xy, np.ones_like(xy[:, :1])], axis=1) * depth
    found = camera.rays(camera.project(points))
    assert np.abs(found - points / depth).max() < 1e-6


@given(cameras(lenses=True), numbers((5, 2), -5, 5), numbers((5, 1), -1e4, 0))
def test_what_is_behind_the_camera_is_not_seen(camera: Camera, xy: Array, depth: Array) -> None:
    assert np.isnan(camera.project(np.concatenate([xy, depth], axis=1))).all()


@given(numbers((4, 3), -10, 10), numbers((4, 4), -1, 1), numbers((4,), -10, 10))
def test_rotations_are_rotations(vector: Array, quaternion: Array, angle: Array) -> None:
    assume((np.linalg.norm(quaternion, axis=1) > 1e-3).all())
    made = [rotation_by(torch.from_numpy(vector)), quaternion_matrix(torch.from_numpy(quaternion))]
    made += [rotation_matrix(axis, torch.from_numpy(angle)) for axis in "xyz"]
    expected = [Rotation.from_rotvec(vector), Rotation.from_quat(quaternion, scalar_first=True)]
    expected += [Rotation.from_euler(axis, angle[:, None]) for axis in "xyz"]
    for matrix, other in zip(made, expected, strict=True):
        assert np.allclose(matrix @ matrix.mT, np.eye(3), atol=1e-9)
        assert np.allclose(matrix, other.as_matrix(), atol=1e-9)
    assert np.allclose(made[0] @ rotation_by(-torch.from_numpy(vector)), np.eye(3), atol=1e-9)


@given(numbers((17, 3), -1, 1), numbers((3,), -3, 3), st.floats(1.5, 50), numbers((17,), 0.1, 1))
def test_a_pose_that_lies_on_its_rays_is_put_there(pose: Array, across: Array, depth: float, weight: Array) -> None:
    # All on one ray could be at any depth.
    assume(np.ptp(pose[:, :2], axis=0).max() > 0.1)
    at = np.array([across[0], across[1], depth])
    placed = pose + at
    rays = placed / placed[:, 2:]
    found = solve_translation(*(torch.from_numpy(v) for v in (pose, rays, weight)))
    spread = np.ptp(rays[:, :2], axis=0).max()
    assume(spread > 1e-2)
    assert np.allclose(found, at, atol=1e-6 / spread**2)


@given(numbers((17, 3), -5, 5), numbers((17, 3), -1, 1))
def test_the_nearest_point_on_a_ray_is_on_it_and_stays(points: Array, directions: Array) -> None:
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    assume((length > 1e-3).all())
    unit = torch.from_numpy(directions / length)
    near = nearest_on_rays(torch.from_numpy(points), unit)
    assert np.allclose(np.cross(near, unit), 0, atol=1e-9)
    assert np.allclose(nearest_on_rays(near, unit), near, atol=1e-9)
    assert np.allclose(((torch.from_numpy(points) - near) * unit).sum(-1), 0, atol=1e-9)
