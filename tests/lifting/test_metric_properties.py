"""What measures must not depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lifting.metrics import acceleration_error, auc, mpjpe, n_mpjpe, pa_mpjpe, pck, per_joint_error, procrustes_align

Array = NDArray[np.float64]


def numbers(shape: tuple[int, ...], low: float, high: float) -> Any:
    return arrays.arrays(np.float64, shape, elements=st.floats(low, high, allow_subnormal=False))


POSE = numbers((17, 3), -2, 2)
PLACE = numbers((3,), -50, 50)
TURN = numbers((3,), -4, 4)
SCALE = st.floats(0.01, 100)


def spread(pose: Array) -> float:
    """The least extent along any direction: a flat pose is its own mirror image."""
    return float(np.linalg.svd(pose - pose.mean(0), compute_uv=False)[-1])


@given(POSE, PLACE, TURN, SCALE)
def test_a_similarity_of_the_truth_is_without_error_once_aligned(
    truth: Array, place: Array, turn: Array, scale: float
) -> None:
    assume(spread(truth) > 0.1)
    other = scale * truth @ Rotation.from_rotvec(turn).as_matrix().T + place
    assert pa_mpjpe(other, truth) < 1e-6
    mirrored = other * [-1, 1, 1]
    assert pa_mpjpe(mirrored, truth, reflection=True) < 1e-6 < pa_mpjpe(mirrored, truth)


@given(POSE, POSE, PLACE, TURN, SCALE)
def test_what_alignment_takes_away_does_not_count(
    predicted: Array, truth: Array, place: Array, turn: Array, scale: float
) -> None:
    assume(min(spread(predicted), spread(truth), spread(predicted - truth)) > 0.1)
    R = Rotation.from_rotvec(turn).as_matrix()
    assert np.isclose(pa_mpjpe(scale * predicted @ R.T + place, truth), pa_mpjpe(predicted, truth), atol=1e-5)
    assert np.isclose(n_mpjpe(scale * predicted + place, truth), n_mpjpe(predicted, truth), atol=1e-6)
    for measure in (mpjpe, pck, auc):
        assert np.isclose(measure(predicted + place, truth), measure(predicted, truth), atol=1 / 16)
    assert np.isclose(mpjpe(predicted @ R.T, truth @ R.T), mpjpe(predicted, truth))


@given(POSE, POSE, PLACE, TURN, st.floats(0.5, 2))
def test_no_other_similarity_fits_better(
    predicted: Array, truth: Array, place: Array, turn: Array, scale: float
) -> None:
    assume(min(spread(predicted), spread(truth)) > 0.1)

    def squares(aligned: Array) -> float:
        return float((per_joint_error(aligned, truth) ** 2).sum())

    best = procrustes_align(predicted, truth)
    other = scale * best @ Rotation.from_rotvec(turn / 10).as_matrix().T + place / 100
    assert squares(best) <= squares(other) + 1e-9
    assert squares(procrustes_align(predicted, truth, reflection=True)) <= squares(best) + 1e-9


@given(POSE, POSE, st.floats(0, 1), st.floats(0, 1))
def test_shares_lie_between_0_and_1_and_grow_with_the_threshold(
    predicted: Array, truth: Array, first: float, second: float
) -> None:
    low, high = (pck(predicted, truth, threshold) for threshold in sorted((first, second)))
    assert 0 <= low <= high <= 1 and 0 <= auc(predicted, truth) <= 30 / 31


@given(numbers((6, 17, 3), -2, 2), PLACE, PLACE)
def test_steady_motion_has_no_acceleration(motion: Array, place: Array, speed: Array) -> None:
    moving = motion + place + np.arange(6)[:, None, None] * speed
    assert np.allclose(acceleration_error(moving, motion), 0, atol=1e-9)
