from __future__ import annotations

import numpy as np
import pytest

from lifting.geometry.rotations import rotation_by
from lifting.world.gravity import CAMERA_UP, Leanings, find_up

STILL = np.eye(3)[None]


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def tilted(pitch_deg: float) -> np.ndarray:
    """Up for a camera that looks down by so much."""
    pitch = np.radians(pitch_deg)
    return np.array([0.0, -np.cos(pitch), -np.sin(pitch)])


def leaning(up: np.ndarray, spread_deg: float, count: int, rng: np.random.Generator, kappa: float = 100.0) -> Leanings:
    guesses = up + rng.normal(0, np.radians(spread_deg), (count, 3))
    guesses /= np.linalg.norm(guesses, axis=1, keepdims=True)
    return Leanings(guesses, np.full(count, np.log(kappa)), np.full(count, 1 / 15))


@pytest.mark.parametrize("pitch_deg", [-10, 0, 15, 35])
def test_people_tell_where_up_is(pitch_deg: float) -> None:
    rng = np.random.default_rng(0)
    people = [leaning(tilted(pitch_deg), 6, 300, rng), leaning(tilted(pitch_deg), 6, 200, rng)]
    found = find_up(people, STILL)
    assert found.source == "people" and angle(found.up, tilted(pitch_deg)) < 2


def test_guesses_that_are_wrong_altogether_do_not_count() -> None:
    rng = np.random.default_rng(0)
    good, wild = leaning(tilted(10), 5, 300, rng), leaning(np.array([1.0, 0.0, 0.0]), 5, 120, rng)
    mixed = Leanings(*(np.concatenate(pair) for pair in zip(vars(good).values(), vars(wild).values(), strict=True)))
    assert angle(find_up([mixed], STILL).up, tilted(10)) < 3


def test_without_people_the_camera_is_level() -> None:
    found = find_up([], STILL)
    assert found.source == "camera" and angle(found.up, CAMERA_UP) < 8


def test_a_camera_that_pans_without_roll_pans_about_up() -> None:
    up = tilted(25)
    pan = np.stack([rotation_by(torch_vector(up * yaw)) for yaw in np.linspace(0, np.pi / 2, 30)])
    alone, panned = find_up([], STILL), find_up([], pan)
    assert angle(panned.up, up) < 0.5 * angle(alone.up, up)


def torch_vector(vector: np.ndarray):  # type: ignore[no-untyped-def]
    import torch

    return torch.from_numpy(vector)


def test_what_is_given_is_taken() -> None:
    found = find_up([leaning(CAMERA_UP, 5, 100, np.random.default_rng(0))], STILL, np.array([0.0, -2.0, 0.0]))
    assert found.source == "given" and found.up.tolist() == [0, -1, 0]


def test_somebody_who_always_leans_does_not_outweigh_the_others() -> None:
    rng = np.random.default_rng(0)
    straight = [leaning(tilted(0), 5, 100, rng) for _ in range(4)]
    bent = leaning(tilted(14), 5, 5000, rng)
    assert angle(find_up([*straight, bent], STILL).up, tilted(0)) < 6
