"""What holds for any times: filters over them, and long tracks in pieces."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from lifting.temporal.kernel import smooth_track, time_kernel
from lifting.temporal.windows import Blend, Windows, stacked
from lifting.tracks import Track3D

Array = NDArray[np.float64]
#: Seconds between frames: any rate, still pictures, films that pause.
STEPS = st.lists(st.sampled_from([0.001, 1 / 240, 1 / 60, 1 / 30, 0.05, 0.5, 3.0, 1e4]), min_size=1, max_size=40)
WIDTH = st.floats(0.005, 2)
DEGREE = st.sampled_from([0, 1, 2])


def times(steps: list[float]) -> Array:
    return np.cumsum([0.0, *steps])


@given(STEPS, WIDTH, DEGREE, st.integers(0, 2**32 - 1), st.booleans())
def test_filters_are_averages_that_keep_still_what_is_still(
    steps: list[float], width: float, degree: int, seed: int, doubted: bool
) -> None:
    time_s, rng = times(steps), np.random.default_rng(seed)
    group = np.sort(rng.integers(0, 3, len(time_s)))
    sure = rng.random((len(time_s), 4)) if doubted else None
    kernel = time_kernel(time_s, group, width, degree, sure, 0.7 if doubted else 0.0)
    assert np.isfinite(kernel.weight).all() and np.allclose(kernel.weight.sum(axis=1), 1)
    still = np.full((len(time_s), 4, 3), 0.7)
    assert np.allclose(kernel(still), still)
    # Rows of another group, and far away in time, count for nothing.
    counts = np.abs(kernel.weight).reshape(*kernel.index.shape, -1).max(axis=-1) > 0
    assert (group[kernel.index] == group[:, None])[counts].all()
    assert (np.abs(time_s[kernel.index] - time_s[:, None])[counts] <= 3 * width * 1.35 + 1e-6).all()
    # The same on a device.
    rows = rng.normal(size=(len(time_s), 4, 3))
    on_device = kernel.on(torch.device("cpu"))(torch.from_numpy(rows).float())
    assert np.allclose(on_device, kernel(rows), atol=1e-4 * max(1, np.abs(kernel.weight).max()))


@given(STEPS, WIDTH, DEGREE, st.floats(-1e5, 1e5))
def test_only_distances_in_time_count(steps: list[float], width: float, degree: int, later: float) -> None:
    time_s = times(steps)
    # Steps of whole microseconds, so that being later changes no distance.
    time_s = np.round(time_s, 6)
    rows = np.random.default_rng(0).normal(size=(len(time_s), 3))
    group = np.zeros(len(time_s), np.int64)
    filtered = [time_kernel(time_s + shift, group, width, degree)(rows) for shift in (0.0, round(later))]
    assert np.allclose(*filtered, atol=1e-5)


@given(STEPS, WIDTH, DEGREE, st.integers(1, 50))
def test_a_track_smoothed_in_blocks_is_smoothed_as_a_whole(
    steps: list[float], width: float, degree: int, block: int
) -> None:
    time_s = times(steps)
    rows = np.random.default_rng(0).normal(size=(len(time_s), 2))
    whole = time_kernel(time_s, np.zeros(len(time_s), np.int64), width, degree)(rows)
    assert np.allclose(smooth_track(rows, time_s, width, degree, block), whole, atol=1e-7)


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=5), st.integers(2, 60), st.floats(0, 0.5), st.integers(1, 100)
)
def test_tracks_in_windows_are_whole_again(lengths: list[int], size: int, share: float, rows: int) -> None:
    windows = Windows(size, int(share * size), rows)
    tracks = [np.random.default_rng(length).normal(size=(length, 3)) for length in lengths]
    blend = Blend(windows, lengths, (3,))
    for batch in windows.batches(lengths):
        assert sum(map(len, batch)) <= max(rows, size) and all(0 < len(window) <= size for window in batch)
        blend.add(batch, stacked(batch, tracks))
    for found, track in zip(blend.tracks(), tracks, strict=True):
        assert np.allclose(found, track)


@given(STEPS, st.integers(0, 10**9), st.data())
def test_times_of_frames_without_the_person_lie_between_those_with(
    steps: list[float], first: int, data: st.DataObject
) -> None:
    time_s = times(steps)
    gaps = data.draw(arrays.arrays(np.int64, len(steps), elements=st.integers(1, 5)))
    frames = first + np.cumsum([0, *gaps])
    shapes = {"joints_m": (17, 3), "raw_joints_m": (17, 3), "sigma_m": (17,), "keypoints_px": (17, 2), "boxes": (4,)}
    values = {name: np.ones((len(frames), *shape)) for name, shape in shapes.items()}
    seen = {"imputed": np.zeros((len(frames), 17), bool), "confidence": np.ones((len(frames), 17))}
    track = Track3D.from_frames(1, frames, time_s, **values, **seen)
    assert (np.diff(track.frame_index) == 1).all() and (np.diff(track.time_s) > 0).all()
    assert np.allclose(track.time_s[frames - first], time_s) and track.seen.sum() == len(frames)
    assert (track.confidence[~track.seen] == 0).all() and track.imputed[~track.seen].all()
