"""The pinhole camera, with and without a lens that bends."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lifting.geometry.camera import Camera

K = np.array([[900.0, 0.0, 510.0], [0.0, 880.0, 390.0], [0.0, 0.0, 1.0]])
SIZE = (1000, 800)
LENS = np.array([-0.2, 0.05, 0.001, -0.002, 0.01])


def points(*shape: int) -> NDArray[np.float64]:
    """In front of the camera, within the picture."""
    rng = np.random.default_rng(0)
    return rng.uniform([-1.5, -1.2, 3.5], [1.5, 1.2, 8.0], (*shape, 3))


def test_projection_by_hand() -> None:
    camera = Camera(K, SIZE, "test")
    assert camera.project([0.5, -0.25, 2.0]).tolist() == pytest.approx([510 + 225, 390 - 110])
    assert camera.rays([735.0, 280.0]).tolist() == pytest.approx([0.25, -0.125, 1.0])
    assert camera.rays([510.0, 390.0]).tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_lens_distortion_by_the_formula() -> None:
    x, y = 0.3, -0.2
    k1, k2, p1, p2, k3 = LENS
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    bent = (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y)
    expected = [900 * bent[0] + 510, 880 * bent[1] + 390]
    assert Camera(K, SIZE, "test", LENS).project([3 * x, 3 * y, 3.0]).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(), (5,), (4, 17), (2, 3, 17)])
@pytest.mark.parametrize("distortion", [np.zeros(0), LENS], ids=["straight", "bent"])
def test_rays_undo_the_projection(shape: tuple[int, ...], distortion: NDArray[np.float64]) -> None:
    camera = Camera(K, SIZE, "test", distortion)
    X = points(*shape)
    pixels = camera.project(X)
    rays = camera.rays(pixels)
    assert pixels.shape == (*shape, 2) and rays.shape == (*shape, 3)
    assert np.all(rays[..., 2] == 1)
    # undistortion is iterative: good to a fraction of a pixel
    assert np.abs(rays - X / X[..., 2:]).max() * 900 < (0.1 if distortion.size else 1e-9)
    assert np.abs(camera.project(rays * 4) - pixels).max() < (0.1 if distortion.size else 1e-9)


def test_skew_is_respected() -> None:
    skewed = Camera(K + np.array([[0, 30.0, 0], [0, 0, 0], [0, 0, 0]]), SIZE, "test")
    X = points(10)
    assert np.allclose(skewed.rays(skewed.project(X)), X / X[:, 2:])
    assert np.allclose(skewed.project(X)[:, 0] - Camera(K, SIZE, "test").project(X)[:, 0], 30 * X[:, 1] / X[:, 2])


@pytest.mark.parametrize("distortion", [np.zeros(0), LENS], ids=["straight", "bent"])
def test_points_behind_the_camera_have_no_pixels(distortion: NDArray[np.float64]) -> None:
    camera = Camera(K, SIZE, "test", distortion)
    X = points(4)
    X[1, 2], X[2, 2], X[3] = -3.0, 0.0, np.nan
    pixels = camera.project(X)
    assert np.isfinite(pixels[0]).all() and np.isnan(pixels[1:]).all()
    assert np.isnan(camera.project(X[1:])).all()


def test_field_of_view_spans_the_longer_side() -> None:
    wide, tall = (Camera.from_fov(90.0, size, "test") for size in ((1000, 600), (600, 1000)))
    assert wide.K[0, 0] == wide.K[1, 1] == pytest.approx(500.0) and np.allclose(tall.K[[0, 1], [0, 1]], 500.0)
    assert wide.K[:2, 2].tolist() == [500.0, 300.0] and tall.K[:2, 2].tolist() == [300.0, 500.0]
    edge = wide.rays([1000.0, 300.0])
    assert np.degrees(np.arctan2(edge[0], edge[2])) == pytest.approx(45.0)


@pytest.mark.parametrize("fov", [4.9, 170.1, -60.0, np.nan])
def test_impossible_fields_of_view(fov: float) -> None:
    with pytest.raises(ValueError, match="field of view"):
        Camera.from_fov(fov, SIZE, "test")


@pytest.mark.parametrize("focal", [0.0, -900.0, np.nan, np.inf, 1e-300, 1e300])
def test_impossible_focal_lengths(focal: float) -> None:
    with pytest.raises(ValueError, match="intrinsics"):
        Camera.from_focal(focal, SIZE, "test")


def test_intrinsics_must_be_a_matrix() -> None:
    with pytest.raises(ValueError, match="3x3"):
        Camera(np.eye(4), SIZE, "test")


@pytest.mark.parametrize("distortion", [np.zeros(0), LENS], ids=["straight", "bent"])
@pytest.mark.parametrize("shape", [(0,), (0, 17), (3, 0)])
def test_no_points_have_no_rays_and_no_pixels(distortion: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    camera = Camera(K, SIZE, "test", distortion)
    assert camera.rays(np.zeros((*shape, 2))).shape == (*shape, 3)
    assert camera.project(np.zeros((*shape, 3))).shape == (*shape, 2)
