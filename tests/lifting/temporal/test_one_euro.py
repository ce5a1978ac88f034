"""The One-Euro filter: calm at rest, quick in motion."""

from __future__ import annotations

import numpy as np
import pytest

from lifting.temporal.one_euro import OneEuro


def filtered(values: np.ndarray, filter_: OneEuro, step_s: float = 1 / 30) -> np.ndarray:
    return np.stack([filter_(value, number * step_s) for number, value in enumerate(values)])


def test_rest_is_kept_and_its_noise_shrinks() -> None:
    noise = np.random.default_rng(0).normal(size=(300, 5, 3)) * 0.01
    found = filtered(1.0 + noise, OneEuro(1.0, 1.0))
    assert np.abs(found[30:].mean() - 1.0) < 0.001
    assert found[30:].std() < 0.5 * noise.std()


def test_a_quick_motion_lags_less_if_the_filter_opens() -> None:
    way = np.zeros((60, 1, 3))
    way[30:, 0, 0] = np.arange(30) / 30 * 3.0  # 3 m/s
    lag = {quick: (way - filtered(way, OneEuro(1.0, quick)))[-1, 0, 0] for quick in (0.0, 4.0)}
    assert lag[0.0] > 0.3
    assert lag[4.0] < 0.1


def test_it_knows_no_axes() -> None:
    rng = np.random.default_rng(1)
    way = rng.normal(size=(50, 2, 3)).cumsum(axis=0) * 0.05
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(filtered(way @ turn, OneEuro(1, 4)), filtered(way, OneEuro(1, 4)) @ turn, atol=1e-12)


def test_time_goes_forward() -> None:
    filter_ = OneEuro(1.0, 1.0)
    filter_(np.zeros(3), 1.0)
    with pytest.raises(ValueError, match="cannot go back"):
        filter_(np.zeros(3), 1.0)
