from __future__ import annotations

from itertools import combinations

import numpy as np

from visualize.palette import ACCENTS, DARK, SIDE_COLOURS, Colour, accent, mix, readable_on

# Viénot, Brettel and Mollon 1999, on linear RGB.
_COLOUR_BLIND = {
    "protan": np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]]),
    "deutan": np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]]),
}


def _seen(colour: Colour, matrix: np.ndarray) -> np.ndarray:
    return np.clip(matrix @ (np.array(colour) / 255) ** 2.2, 0, 1) ** (1 / 2.2) * 255


def _luminance(colour: Colour) -> float:
    return float((np.array(colour) / 255) ** 2.2 @ [0.2126, 0.7152, 0.0722])


def test_sides_stay_apart_for_colour_blind_eyes() -> None:
    for matrix in (np.eye(3), *_COLOUR_BLIND.values()):
        for first, second in combinations(SIDE_COLOURS.values(), 2):
            assert np.linalg.norm(_seen(first, matrix) - _seen(second, matrix)) > 80


def test_accents_differ_from_each_other_and_from_the_sides() -> None:
    for first, second in combinations([*ACCENTS, *SIDE_COLOURS.values(), DARK.background], 2):
        assert np.linalg.norm(np.subtract(first, second)) > 45, (first, second)


def test_ids_count_from_one_and_colours_repeat() -> None:
    assert accent(1) == ACCENTS[0]
    assert accent(len(ACCENTS)) == ACCENTS[-1]
    assert accent(len(ACCENTS) + 1) == ACCENTS[0]


def test_mix_goes_from_the_first_to_the_second() -> None:
    assert mix((10, 20, 30), (110, 220, 130), 0.0) == (10, 20, 30)
    assert mix((10, 20, 30), (110, 220, 130), 1.0) == (110, 220, 130)
    assert mix((10, 20, 30), (110, 220, 130), 0.25) == (35, 70, 55)


def test_labels_are_readable() -> None:
    for colour in ACCENTS:
        low, high = sorted((_luminance(colour), _luminance(readable_on(colour))))
        assert (high + 0.05) / (low + 0.05) > 4.5
    assert readable_on((0, 0, 90)) == (255, 255, 255)
