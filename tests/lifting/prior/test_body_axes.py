"""A prior that sees every pose in the axes of its body: which they are, and that it then knows no direction."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lifting.prior.control import ControlNetwork
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork, body_axes
from lifting.prior.weights import load_prior, save_prior
from lifting.training.adapt import limb_network
from lifting.training.prior import TrainSettings, new_prior

TIMES = torch.tensor([0.1, 0.05, 0.01])


def poses(count: int, joints: int = 17) -> Tensor:
    return torch.randn(count, joints, 3, generator=torch.Generator().manual_seed(0))


def turns(count: int) -> Tensor:
    q, r = torch.linalg.qr(torch.randn(count, 3, 3, generator=torch.Generator().manual_seed(1)))
    q = q * r.diagonal(dim1=1, dim2=2).sign()[:, None]
    return q * torch.linalg.det(q)[:, None, None]


def seen_from_the_body(joints: int = 17) -> ScoreNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ScoreNetwork(joints, hidden=256, embed=16, body_axes=True)
    return network.eval().requires_grad_(False)


def upright() -> Tensor:
    """Someone who faces the camera: their left on the right of the picture, y down; hips, then shoulders."""
    pose = torch.zeros(17, 3)
    for joint, place in {1: (-0.1, 0.0), 4: (0.1, 0.0), 11: (0.2, -0.5), 14: (-0.2, -0.5)}.items():
        pose[joint, :2] = torch.tensor(place)
    return pose


def test_who_stands_upright_and_faces_the_camera_has_its_axes() -> None:
    limbs = upright()[[1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]]
    for pose in (upright(), limbs):
        assert torch.allclose(body_axes(pose[None])[0], torch.eye(3), atol=1e-6)


@pytest.mark.parametrize("joints", [17, 12])
def test_axes_are_rotations_that_turn_with_the_pose(joints: int) -> None:
    x, R = poses(20, joints), turns(20)
    axes = body_axes(x)
    assert torch.allclose(axes @ axes.transpose(1, 2), torch.eye(3).expand_as(axes), atol=1e-5)
    assert torch.allclose(torch.linalg.det(axes), torch.ones(20), atol=1e-5)
    assert torch.allclose(body_axes(x @ R.transpose(1, 2)), axes @ R.transpose(1, 2), atol=1e-4)


def test_a_pose_without_a_trunk_stays_finite() -> None:
    assert torch.isfinite(seen_from_the_body()(torch.zeros(2, 17, 3), TIMES[:2])).all()


@pytest.mark.parametrize("joints", [17, 12])
def test_the_noise_turns_with_the_pose(joints: int) -> None:
    network, x, R = seen_from_the_body(joints), poses(6, joints), turns(6)
    t = TIMES.repeat_interleave(2)
    assert torch.allclose(network(x @ R.transpose(1, 2), t), network(x, t) @ R.transpose(1, 2), atol=1e-4)
    # which a network that sees the camera's axes does not do
    plain = ScoreNetwork(joints, hidden=256, embed=16)
    plain.load_state_dict({name: value for name, value in network.state_dict().items() if name != "in_body_axes"})
    assert not torch.allclose(plain(x @ R.transpose(1, 2), t), plain(x, t) @ R.transpose(1, 2), atol=1e-2)
    facing = upright()[None] if joints == 17 else upright()[None, [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]]
    assert torch.allclose(plain(facing, t[:1]), network(facing, t[:1]), atol=1e-5)


def test_all_ways_to_evaluate_it_agree() -> None:
    network, x = seen_from_the_body(), poses(6)
    folded, half = (FoldedScoreNetwork(network, TIMES, dtype) for dtype in (torch.float32, torch.bfloat16))
    for step, time in enumerate(TIMES):
        exact = network(x, time.expand(6))
        assert torch.allclose(folded(x, step), exact, atol=1e-5)
        assert (half(x, step) - exact).abs().max() < 0.03 * exact.abs().max()
    assert torch.allclose(network.forward_grouped(x, TIMES), network(x, TIMES.repeat_interleave(2)), atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network(x, TIMES.repeat_interleave(2))
    assert rounded.dtype == torch.float32 and (rounded - network(x, TIMES.repeat_interleave(2))).abs().max() < 0.05


def test_a_control_branch_sees_the_same_axes_as_its_prior() -> None:
    prior, x, R = seen_from_the_body(), poses(6), turns(6)
    branch = ControlNetwork.around(prior).eval()
    t = TIMES.repeat_interleave(2)
    assert torch.equal(branch(x, t), prior(x, t)) and torch.equal(branch.trunk()(x, t), prior(x, t))
    with torch.no_grad():
        branch.zc_layer_2.weight.normal_(generator=torch.Generator().manual_seed(2))
        assert not torch.allclose(branch(x, t), prior(x, t), atol=1e-2)
        assert torch.allclose(branch(x @ R.transpose(1, 2), t), branch(x, t) @ R.transpose(1, 2), atol=1e-3)
    folded = FoldedScoreNetwork(branch, TIMES, torch.float32)
    assert torch.allclose(folded(x, 1), branch(x, TIMES[1].expand(6)), atol=1e-4)


@pytest.mark.parametrize("name", ["prior.safetensors", "prior.pth"])
def test_a_file_says_which_axes_its_prior_sees(tmp_path: Path, name: str) -> None:
    x, t = poses(3), TIMES
    body, camera = seen_from_the_body(), ScoreNetwork(hidden=64, embed=16)
    for network in (body, camera, ControlNetwork.around(body)):
        save_prior(tmp_path / name, network.eval().requires_grad_(False), {}, torch.float32)
        stored = load_prior(tmp_path / name).network
        assert stored.body_axes == network.body_axes and torch.equal(stored(x, t), network(x, t))


def test_limbs_keep_the_axes_of_the_prior_they_come_from() -> None:
    assert limb_network(seen_from_the_body()).body_axes
    assert not limb_network(ScoreNetwork(hidden=64, embed=16)).body_axes


@pytest.mark.parametrize("body", [True, False])
def test_training_may_begin_with_a_prior_of_other_axes(body: bool) -> None:
    settings = TrainSettings(hidden=64, embed=16, body_axes=not body)
    before = ScoreNetwork(hidden=64, embed=16, body_axes=body)
    network = new_prior(settings, torch.device("cpu"), before.state_dict()).network
    assert isinstance(network, ScoreNetwork) and network.body_axes is not body
    assert all(torch.equal(value, dict(network.named_parameters())[name]) for name, value in before.named_parameters())


def test_a_body_without_known_axes_is_refused() -> None:
    with pytest.raises(ValueError, match="5 joints has no known axes"):
        ScoreNetwork(5, body_axes=True)
