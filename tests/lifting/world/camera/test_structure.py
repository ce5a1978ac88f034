"""Places and poses: what is given exactly is found exactly, and what is off is drawn in."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from lifting.world.camera.structure import Sights, adjusted, projected, resected, triangulated

RNG = np.random.default_rng(5)
PLACES = RNG.uniform((-3, -2, 4), (3, 2, 9), (60, 3))
ROTATION = Rotation.from_euler("YXZ", RNG.uniform(-6, 6, (5, 3)), degrees=True).as_matrix()
TRANSLATION = np.concatenate([np.zeros((1, 3)), RNG.uniform(-0.8, 0.8, (4, 3))])
CAMERA, POINT = np.repeat(np.arange(5), 60), np.tile(np.arange(60), 5)


def sights(noise: float = 0.0) -> Sights:
    shown, _ = projected(ROTATION[CAMERA], TRANSLATION[CAMERA], PLACES[POINT])
    return Sights(CAMERA, POINT, shown + np.random.default_rng(1).normal(0, 1, shown.shape) * noise)


def test_rays_meet_at_the_place() -> None:
    places, angle = triangulated(ROTATION, TRANSLATION, sights(), 61)
    assert np.allclose(places[:60], PLACES, atol=1e-5)
    assert angle[60] == 0 and np.median(angle[:60]) > np.radians(3)


def test_a_camera_is_found_by_the_places_that_it_sees_though_some_are_wrong() -> None:
    seen = sights(1e-4)
    n = seen.n[seen.camera == 2].copy()
    n[:15] += 0.1
    rotation, translation, agree = resected(PLACES, n, 3e-4, ROTATION[0], TRANSLATION[0])
    assert np.allclose(rotation, ROTATION[2], atol=1e-3) and np.allclose(translation, TRANSLATION[2], atol=5e-3)
    assert not agree[:15].any() and agree[15:].all()


def test_all_together_are_adjusted_and_fixed_cameras_stay() -> None:
    seen = sights(1e-4)
    off = Rotation.from_rotvec(RNG.normal(0, 0.01, (5, 3))).as_matrix()
    fixed = np.array([True, True, False, False, False])
    rotation = np.where(fixed[:, None, None], ROTATION, off @ ROTATION)
    places = PLACES + RNG.normal(0, 0.1, PLACES.shape)
    rotation, translation, places = adjusted(rotation, TRANSLATION, places, seen, 1e-3, fixed, steps=30)
    assert (rotation[:2] == ROTATION[:2]).all() and (translation[:2] == TRANSLATION[:2]).all()
    assert np.allclose(rotation, ROTATION, atol=1e-3)
    assert np.median(np.abs(places - PLACES)) < 0.01
