"""Small networks, the shipped prior, and a person who moves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from assets.integrity import asset_path
from lifting.network import ScoreNetwork
from lifting.prior import Prior, StartingPoses, load_prior, load_starting_poses


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """The matrices here are small: threads cost more than they bring."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def network() -> ScoreNetwork:
    """Random weights and biases, 17 joints. Wide enough that a group of a norm is no mere pair of numbers."""
    torch.manual_seed(3)
    network = ScoreNetwork(joints=17, hidden=256, embed=16).eval().requires_grad_(False)
    for parameter in network.parameters():
        # norms start as identity, which would hide an exchange of scales and shifts
        parameter.add_(0.1 * torch.randn_like(parameter))
    return network


@pytest.fixture(scope="session")
def prior() -> Prior:
    """The shipped one."""
    return load_prior()


@pytest.fixture(scope="session")
def starts() -> StartingPoses:
    """The shipped ones."""
    return load_starting_poses()


@pytest.fixture(scope="session")
def motion() -> NDArray[np.float64]:
    """``[120, 17, 3]`` root-centred motion capture at 30 fps, metres, y up."""
    with np.load(asset_path("sample_motion.npz")) as stored:
        positions = stored["positions_m"].astype(np.float64)
    return positions - positions[:, :1]
