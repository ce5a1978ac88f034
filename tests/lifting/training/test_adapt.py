"""Adapting a prior: what is drawn, priors of 12 joints, and that both ways learn what few poses show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifting.body.infants import limbs, root_of
from lifting.body.joints import IN_LIMBS_12
from lifting.prior.control import ControlNetwork
from lifting.prior.network import ScoreNetwork
from lifting.prior.weights import Prior
from lifting.training.adapt import AdaptSettings, limb_network, seen, views
from lifting.training.engine import RunState, fit
from lifting.training.infant_scores import infant_scores
from lifting.training.prior import denoising, validation_losses
from lifting.training.variety.infants import infant_poses
from pipeline.protocol import load_benchmark

CPU = torch.device("cpu")
PLAIN = AdaptSettings(mirror=0.0, size=0.0, roll=0.0)


@pytest.fixture(scope="module")
def infants(motion: NDArray[np.float64]) -> Tensor:
    return infant_poses(torch.from_numpy(motion), 120, torch.Generator().manual_seed(0))


def shape_of(poses: Tensor) -> Tensor:
    """All distances between joints."""
    return torch.cdist(poses, poses)


def test_views_keep_bodies_and_look_down(infants: Tensor) -> None:
    below = seen(infants, replace(PLAIN, down_low=90.0, down_high=90.0), torch.Generator().manual_seed(0))
    assert torch.allclose(shape_of(below), shape_of(infants), atol=1e-4) and below[:, 0].abs().max() < 1e-6
    # straight from above, depth is height
    assert torch.allclose(below[..., 2], -infants[..., 1], atol=1e-4)
    level = seen(infants, replace(PLAIN, down_low=0.0, down_high=0.0), torch.Generator().manual_seed(0))
    assert torch.allclose(level[..., 1], -infants[..., 1], atol=1e-4)
    assert float((torch.det(level[:, [4, 8, 9]]) * torch.det(infants[:, [4, 8, 9]])).min()) > 0, "never mirrored"


def test_what_a_camera_saw_is_only_turned_about_its_axis(infants: Tensor) -> None:
    turned = seen(infants, replace(PLAIN, axes="camera"), torch.Generator().manual_seed(0))
    assert torch.allclose(turned[..., 2], infants[..., 2], atol=1e-5)
    assert (turned - infants).abs().max() > 0.1 and torch.allclose(shape_of(turned), shape_of(infants), atol=1e-4)


@pytest.mark.parametrize("joints", [17, 12])
def test_mirrored_bodies_have_their_sides_exchanged(infants: Tensor, joints: int) -> None:
    poses = infants if joints == 17 else limbs(infants)
    settings = replace(PLAIN, joints=joints, mirror=1.0, axes="camera")
    mirrored = seen(poses, settings, torch.Generator().manual_seed(0))
    left, right = ((4, 5, 13), (1, 2, 16)) if joints == 17 else ((3, 4, 8), (0, 1, 11))
    sides = shape_of(mirrored)[:, left][:, :, left], shape_of(poses)[:, right][:, :, right]
    assert torch.allclose(*sides, atol=1e-4)
    assert torch.allclose(root_of(mirrored), torch.zeros(len(poses), 1, 3), atol=1e-6)


def test_batches_are_drawn_from_all_poses(infants: Tensor) -> None:
    draw = views(infants, PLAIN)
    batch = draw(600, torch.Generator().manual_seed(0))
    assert torch.equal(batch, draw(600, torch.Generator().manual_seed(0)))
    found = torch.cdist(shape_of(batch).flatten(1), shape_of(infants).flatten(1)).argmin(dim=1)
    assert len(found.unique()) > 110


@pytest.mark.parametrize(("name", "value"), [("joints", 14), ("axes", "image"), ("steps", 0)])
def test_settings_that_make_no_sense(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=str(value)):
        AdaptSettings(**{name: value})  # type: ignore[arg-type]


def test_a_prior_of_limbs_answers_as_the_whole_one_does(prior: Prior, motion: NDArray[np.float64]) -> None:
    poses = torch.from_numpy(motion[::8] * [1.0, -1.0, -1.0]).float()
    network = limb_network(prior.network)
    assert network.joints == 12 and len(IN_LIMBS_12) == 12
    losses = validation_losses(network, limbs(poses))
    # untrained, it knows something; without the columns of the other joints it would know less
    sliced = limb_network(prior.network).requires_grad_(False)
    columns = prior.network.pre_dense.weight.unflatten(1, (17, 3))[:, IN_LIMBS_12]
    sliced.pre_dense.weight.copy_(columns.flatten(1))
    worse = validation_losses(sliced, limbs(poses))
    assert np.mean(list(losses.values())) < 0.75 * np.mean(list(worse.values()))
    # noise of the trunk's joints away, the layers between see the same
    x = limbs(poses)
    whole = torch.zeros(len(poses), 17, 3)
    whole[:, IN_LIMBS_12] = x
    thorax = (x[:, 6] + x[:, 9]) / 2
    for joint, share in ((7, 0.5), (8, 1.0), (9, 1.2), (10, 1.4)):
        whole[:, joint] = share * thorax
    t = torch.full((len(poses),), 0.05)
    assert torch.allclose(network(x, t), prior.network(whole, t)[:, IN_LIMBS_12], atol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("joints", [17, 12])
@pytest.mark.parametrize("kind", ["finetune", "control"])
def test_few_poses_shift_a_prior(infants: Tensor, kind: str, joints: int) -> None:
    settings = AdaptSettings(steps=60, batch=64, learning_rate=3e-3, warm_up=5, ema=0.9, joints=joints)
    poses = infants if joints == 17 else limbs(infants)
    torch.manual_seed(0)
    network = ScoreNetwork(joints, hidden=128, embed=32)
    held_out = seen(poses[90:], settings, torch.Generator().manual_seed(1))
    state = RunState.of(network if kind == "finetune" else ControlNetwork.around(network), settings, CPU)
    before = validation_losses(state.averaged, held_out)
    list(fit(state, denoising(views(poses[:90], settings), settings), settings, CPU, lambda step, loss: None))
    after = validation_losses(state.averaged, held_out)
    assert all(after[t] < before[t] for t in before if t >= 0.06) and after[0.2] < 0.85 * before[0.2]


@pytest.mark.slow
def test_scores_tell_a_good_prior_from_a_bad_one(prior: Prior, infants: Tensor, network: ScoreNetwork) -> None:
    ipo = load_benchmark("mini-rgbd").ipo
    adult, random = (
        infant_scores(net, infants[:12], AdaptSettings(), (0.0, 20.0), ipo=ipo, steps=60, size=2.8)
        for net in (prior.network, network)
    )
    assert list(adult) == ["loss", "mpjpe_mm_0px", "pa_mpjpe_mm_0px", "mpjpe_mm_20px", "pa_mpjpe_mm_20px"]
    assert adult["loss"] < random["loss"]
    assert adult["pa_mpjpe_mm_0px"] < adult["pa_mpjpe_mm_20px"] and adult["pa_mpjpe_mm_0px"] < adult["mpjpe_mm_0px"]
