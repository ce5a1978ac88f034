"""The kernel in time: what it must keep, what it must damp, whatever the frame rate."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lifting.temporal.kernel import time_kernel
from lifting.temporal.neighbours import neighbour_rows


def one_group(count: int) -> NDArray[np.int64]:
    return np.zeros(count, np.int64)


def irregular(count: int = 60, fps: float = 30.0) -> NDArray[np.float64]:
    """A variable frame rate with two dropped frames."""
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, count + 2) / fps
    return np.delete(np.arange(count + 2) / fps + jitter, [20, 21])


@pytest.mark.parametrize("time_s", [np.arange(60) / 30, np.arange(90) / 60, irregular()], ids=["30", "60", "irregular"])
@pytest.mark.parametrize("degree", [0, 1, 2])
def test_motion_up_to_the_degree_is_kept_also_at_the_ends(time_s: NDArray[np.float64], degree: int) -> None:
    kernel = time_kernel(time_s, one_group(len(time_s)), 0.1, degree)
    centred = time_s - time_s.mean()
    for power, tolerance in zip(range(degree + 1), (1e-12, 2e-4, 1e-3), strict=False):
        rows = centred[:, None] ** power * [1.0, -2.0]
        assert np.abs(kernel(rows) - rows).max() < 2 * tolerance


@pytest.mark.parametrize("degree", [1, 2])
def test_rows_are_weighted_polynomial_fits(degree: int) -> None:
    time_s = irregular()
    rows = np.random.default_rng(1).normal(size=len(time_s))
    smoothed = time_kernel(time_s, one_group(len(time_s)), 0.07, degree)(rows[:, None])[:, 0]
    for i, now in enumerate(time_s):
        near = np.abs(time_s - now) <= 3 * 0.07
        lag = (time_s[near] - now) / 0.07
        # polyfit weighs residuals, so the root of the Gaussian
        assert smoothed[i] == pytest.approx(np.polyfit(lag, rows[near], degree, w=np.exp(-(lag**2) / 4))[-1], abs=3e-3)


def test_degree_one_is_a_gaussian_in_the_middle() -> None:
    time_s = np.arange(61) / 30
    impulse = np.zeros((61, 1))
    impulse[30] = 1.0
    response = time_kernel(time_s, one_group(61), 0.1, 1)(impulse)[12:49, 0]
    gauss = np.exp(-0.5 * ((time_s[12:49] - time_s[30]) / 0.1) ** 2)
    gauss[np.abs(time_s[12:49] - time_s[30]) > 0.3 + 1e-6] = 0.0
    assert np.allclose(response, gauss / gauss.sum(), atol=1e-9)


def test_frame_rate_does_not_change_the_smoothing() -> None:
    def smoothed(fps: int) -> NDArray[np.float64]:
        time_s = np.arange(2 * fps + 1) / fps
        wave = np.sin(2 * np.pi * 2.0 * time_s)[:, None]
        return time_kernel(time_s, one_group(len(time_s)), 0.08, 1)(wave)[:: fps // 30, 0]

    slow, fast = smoothed(30), smoothed(60)
    # what a Gaussian leaves of 2 Hz
    assert np.abs(slow)[8:-8].max() == pytest.approx(np.exp(-0.5 * (2 * np.pi * 2.0 * 0.08) ** 2), rel=0.02)
    assert np.abs(slow - fast)[8:-8].max() < 0.005
    # at the ends, where the fit is one-sided, twice the frames weigh the last one half as much
    assert np.abs(slow - fast).max() < 0.05


def test_noise_is_damped_and_the_filter_has_no_phase() -> None:
    rng = np.random.default_rng(2)
    time_s = np.arange(300) / 30
    kernel = time_kernel(time_s, one_group(300), 0.1, 2)
    noise = rng.normal(size=(300, 51))
    # variance of a fit is the sum of its squared weights
    assert kernel(noise).std() == pytest.approx(np.sqrt((kernel.weight**2).sum(1).mean()), rel=0.05)
    assert kernel(noise).std() < 0.5
    assert np.allclose(kernel(noise[::-1]), kernel(noise)[::-1], atol=1e-9)


def test_groups_do_not_mix() -> None:
    # two tracks at the same times, then one later
    time_s = np.concatenate([np.arange(20) / 30, np.arange(25) / 30, 0.1 + np.arange(10) / 30])
    group = np.repeat([0, 1, 2], [20, 25, 10])
    rows = np.random.default_rng(3).normal(size=(55, 4))
    together = time_kernel(time_s, group, 0.2, 1)(rows)
    for g in range(3):
        mine = group == g
        alone = time_kernel(time_s[mine], one_group(mine.sum()), 0.2, 1)(rows[mine])
        assert np.allclose(together[mine], alone, atol=1e-9)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_single_rows_and_pairs(degree: int) -> None:
    rows = np.array([[3.0], [5.0], [7.0]])
    alone = time_kernel(np.zeros(3), np.arange(3), 0.1, degree)
    assert np.allclose(alone(rows), rows)
    pair = time_kernel(np.array([0.0, 0.02, 0.0]), np.array([0, 0, 1]), 0.1, degree)(rows)
    assert np.all((pair[:2] >= 3.0) & (pair[:2] <= 5.0)) and pair[2] == pytest.approx(7.0)
    assert time_kernel(np.zeros(0), np.zeros(0, np.int64), 0.1, degree)(np.zeros((0, 2))).shape == (0, 2)


def test_torch_and_numpy_agree_for_poses() -> None:
    time_s = irregular(30)
    kernel = time_kernel(time_s, np.repeat([0, 1], 15), 0.07, 2)
    rows = np.random.default_rng(4).normal(size=(30, 17, 3))
    on_device = kernel.on(torch.device("cpu"))(torch.from_numpy(rows).float())
    assert on_device.dtype == torch.float32 and on_device.shape == (30, 17, 3)
    assert np.allclose(on_device.numpy(), kernel(rows), atol=1e-5)


def test_a_repeated_kernel_filters_each_copy_alone() -> None:
    kernel = time_kernel(irregular(24), np.repeat([0, 1], [9, 15]), 0.07, 2).on(torch.device("cpu"))
    copies = torch.randn(3, 24, 17, 3, generator=torch.Generator().manual_seed(0))
    together = kernel.repeated(3)(copies.flatten(0, 1)).view_as(copies)
    for copy, filtered in zip(copies, together, strict=True):
        assert torch.allclose(filtered, kernel(copy), atol=1e-6)


@pytest.mark.parametrize(("sigma_s", "degree"), [(0.0, 1), (-1.0, 1), (0.1, 3), (0.1, -1)])
def test_bad_arguments(sigma_s: float, degree: int) -> None:
    with pytest.raises(ValueError, match="time kernel"):
        time_kernel(np.zeros(3), one_group(3), sigma_s, degree)


def around(
    time_s: NDArray[np.float64], group: NDArray[np.int64], offsets_s: list[float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What ``neighbour_rows`` finds of a signal that is the time itself, and where it finds something."""
    rows = neighbour_rows(time_s, group, offsets_s, torch.device("cpu"))
    signal = torch.from_numpy(time_s).float()[:, None, None].expand(-1, 2, 3)
    found, confidence = rows(signal, torch.ones(len(time_s), 2))
    assert found.shape == (len(time_s), len(offsets_s), 2, 3) and confidence.shape == (len(time_s), len(offsets_s), 2)
    return found[:, :, 0, 0].double().numpy(), confidence[:, :, 0].numpy() > 0


@pytest.mark.parametrize("fps", [12.0, 24.0, 30.0, 59.94])
def test_neighbours_are_found_at_their_time_whatever_the_frame_rate(fps: float) -> None:
    time_s = 5.0 + np.arange(40) / fps
    offsets = [-2 / 12, -1 / 12, 0.0, 1 / 12]
    found, present = around(time_s, np.zeros(40, np.int64), offsets)
    wanted = time_s[:, None] + offsets
    assert np.abs(found - wanted)[present].max() < 1e-5
    inside = (wanted > time_s[0] - 1e-5) & (wanted < time_s[-1] + 1e-5)
    assert np.array_equal(present, inside)


def test_neighbours_are_of_the_same_track_and_not_across_gaps() -> None:
    time_s = np.array([0.0, 0.05, 0.1, 0.1, 0.15, 0.6, 0.65])
    group = np.array([0, 0, 0, 1, 1, 1, 1])
    _, present = around(time_s, group, [-0.05, 0.05, 0.25])
    assert present.tolist() == [
        [False, True, False],
        [True, True, False],
        [True, False, False],
        [False, True, False],
        [True, False, False],
        [False, True, False],
        [True, False, False],
    ]


def test_a_neighbour_is_as_sure_as_the_less_sure_of_both_sides() -> None:
    rows = neighbour_rows(np.array([0.0, 0.1]), np.zeros(2, np.int64), [0.05, 0.1], torch.device("cpu"))
    rays = torch.tensor([[[0.0, 0.0, 1.0]], [[1.0, 2.0, 1.0]]])
    found, confidence = rows(rays, torch.tensor([[0.9], [0.2]]))
    assert torch.allclose(found[0, 0, 0], torch.tensor([0.5, 1.0, 1.0]))
    assert confidence[0, :, 0].tolist() == pytest.approx([0.2, 0.2])
    assert confidence[1, :, 0].tolist() == [0.0, 0.0]


def test_some_rows_of_a_kernel() -> None:
    kernel = time_kernel(np.arange(9) / 30, np.array([0] * 5 + [1] * 4), 0.05)
    rows = np.random.default_rng(0).normal(size=(9, 17, 3))
    chosen = np.array([3, 4, 8])
    assert np.allclose(kernel.of(chosen)(rows), kernel(rows)[chosen], atol=1e-12)
    some = kernel.of(chosen).on(torch.device("cpu"))(torch.from_numpy(rows).float())
    assert np.allclose(some.numpy(), kernel(rows)[chosen], atol=1e-5)


class TestConfidence:
    time_s = irregular(40)
    group = np.repeat([0, 1], [25, 15])

    @pytest.mark.parametrize("degree", [0, 1, 2])
    @pytest.mark.parametrize("everywhere", [1.0, 0.4, 0.0])
    def test_equal_confidence_is_none(self, degree: int, everywhere: float) -> None:
        rows = np.random.default_rng(0).normal(size=(40, 17, 3))
        plain = time_kernel(self.time_s, self.group, 0.07, degree)(rows)
        trusted = time_kernel(self.time_s, self.group, 0.07, degree, np.full((40, 17), everywhere))
        assert trusted.weight.shape[2] == 17 and np.allclose(trusted(rows), plain, atol=1e-10)

    def test_what_is_doubted_is_filtered_over_a_longer_time(self) -> None:
        rows = np.random.default_rng(0).normal(size=(40, 3, 3))
        confidence = np.ones((40, 3)) * [1.0, 0.75, 0.1]

        def filtered(sigma_s: float, joint: int) -> NDArray[np.float64]:
            return time_kernel(self.time_s, self.group, sigma_s)(rows[:, joint])

        found = time_kernel(self.time_s, self.group, 0.07, 1, confidence, doubt_widens=2.0)(rows)
        for joint, times_as_wide in enumerate((1.0, 1.5, 2.0)):
            assert np.allclose(found[:, joint], filtered(0.07 * times_as_wide, joint), atol=1e-3)
        # where the doubt is, and for the joint that it is about
        confidence = np.ones((40, 2))
        confidence[8:12, 1] = 0.1
        plain = time_kernel(self.time_s, self.group, 0.07, 1, confidence).weight
        found_weight = time_kernel(self.time_s, self.group, 0.07, 1, confidence, doubt_widens=2.0)
        assert np.allclose(found_weight(rows[:, :2])[:, 0], filtered(0.07, 0), atol=1e-10)
        assert (found_weight.weight[10, :, 1] > 1e-9).sum() > (plain[10, :, 1] > 1e-9).sum()
        assert np.allclose(found_weight.weight.sum(axis=1), 1.0)

    def test_motion_is_kept_whatever_was_seen(self) -> None:
        confidence = np.random.default_rng(1).uniform(0.1, 1.0, (40, 3))
        kernel = time_kernel(self.time_s, np.zeros(40, np.int64), 0.1, 2, confidence)
        parabola = np.stack([1.0 + self.time_s, self.time_s**2, self.time_s - 2 * self.time_s**2], axis=1)
        assert np.abs(kernel(parabola) - parabola).max() < 2e-3

    def test_what_was_hardly_seen_follows_what_was_seen(self) -> None:
        rows = np.zeros((40, 2, 3))
        rows[12] = 1.0
        confidence = np.ones((40, 2))
        confidence[12, 1] = 0.0
        found = time_kernel(self.time_s, self.group, 0.07, 2, confidence)(rows)
        # the joint that was seen keeps a good part of its way, the other nearly nothing, there and beside it
        assert found[12, 0, 0] > 0.25 and abs(found[12, 1, 0]) < 0.02
        assert np.abs(found[9:16, 1]).max() < 0.1 * np.abs(found[9:16, 0]).max()

    def test_joints_do_not_mix_and_copies_and_devices_agree(self) -> None:
        confidence = np.random.default_rng(2).uniform(0.0, 1.0, (40, 17))
        rows = np.random.default_rng(3).normal(size=(40, 17, 3))
        kernel = time_kernel(self.time_s, self.group, 0.07, 2, confidence, 2.0)
        for joint in (0, 13):
            alone = time_kernel(self.time_s, self.group, 0.07, 2, confidence[:, joint : joint + 1], 2.0)
            assert np.allclose(alone(rows[:, joint : joint + 1]), kernel(rows)[:, joint : joint + 1], atol=1e-12)
        on_device = kernel.on(torch.device("cpu"))
        tensor = torch.from_numpy(rows).float()
        assert np.allclose(on_device(tensor), kernel(rows), atol=1e-5)
        twice = on_device.repeated(2)(torch.cat([tensor, tensor.flip(0)]))
        assert torch.allclose(twice, torch.cat([on_device(tensor), on_device(tensor.flip(0))]), atol=1e-6)
        chosen = np.array([3, 30])
        assert np.allclose(kernel.of(chosen)(rows), kernel(rows)[chosen], atol=1e-12)
