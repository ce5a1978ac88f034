"""Times of frames from any time stamps."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.demux import Clock

#: As files have them: whole numbers of some unit, some missing, running back, or years off.
STAMPS = st.lists(
    st.none() | st.floats(-1, 100) | st.floats(-1e9, 1e9) | st.sampled_from([0.0, 0.04, 0.08, -30.0, 3e7]), max_size=60
)
PERIOD = st.floats(1 / 1000, 10)


@given(STAMPS, PERIOD)
def test_times_begin_at_0_and_increase(stamps: list[float | None], period_s: float) -> None:
    clock = Clock(period_s)
    times = [clock.tick(stamp) for stamp in stamps]
    assert all(map(math.isfinite, times)) and times[:1] in ([], [0.0])
    assert (np.diff(times) > 0).all()


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=60), st.integers(-(10**6), 10**6), PERIOD)
def test_times_that_increase_stay_as_they_are(steps: list[int], first: int, period_s: float) -> None:
    stamps = np.cumsum([first, *steps]) / 1000
    clock = Clock(period_s)
    assert np.allclose([clock.tick(float(stamp)) for stamp in stamps], stamps - stamps[0])


@given(st.integers(1, 60), PERIOD)
def test_without_stamps_time_goes_by_the_rate(count: int, period_s: float) -> None:
    clock = Clock(period_s)
    assert np.allclose([clock.tick(None) for _ in range(count)], np.arange(count) * period_s)
