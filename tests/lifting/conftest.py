"""Small networks, the shipped prior, and a person who moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from assets.integrity import asset_path
from detectors.layouts import H36M_17
from lifting.initial.weights import Templates, load_templates
from lifting.prior.network import ScoreNetwork
from lifting.prior.weights import Prior, load_prior


def accelerators() -> list[str]:
    """The CPU, and what else there is on this machine."""
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, there in usable.items() if there]


@pytest.fixture(scope="session", params=accelerators())
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device of this machine in turn."""
    return torch.device(request.param)


@pytest.fixture
def network() -> ScoreNetwork:
    """Random weights and biases, 17 joints. Wide enough that a group of a norm is no mere pair of numbers."""
    torch.manual_seed(3)
    network = ScoreNetwork(joints=17, hidden=256, embed=16).eval().requires_grad_(False)
    for parameter in network.parameters():
        # norms start as identity, which would hide an exchange of scales and shifts
        parameter.add_(0.1 * torch.randn_like(parameter))
    network.post_dense.weight *= 0.1  # noise of about one unit, as a trained network predicts it
    return network


@pytest.fixture(scope="session")
def prior() -> Prior:
    """The shipped one."""
    return load_prior()


@pytest.fixture(scope="session")
def templates() -> Templates:
    """The shipped ones."""
    return load_templates()


@pytest.fixture(scope="session")
def motion() -> NDArray[np.float64]:
    """``[120, 17, 3]`` root-centred motion capture at 30 fps, metres, y up."""
    with np.load(asset_path("sample_motion.npz")) as stored:
        positions = stored["positions_m"].astype(np.float64)
    return positions - positions[:, :1]


# Standing on y = 0, facing +z, metres; x to the person's left, y up. The left arm is raised, the right foot ahead.
_BODY = {
    "pelvis": (0.0, 0.92, 0.0), "spine": (0.0, 1.18, 0.0), "thorax": (0.0, 1.44, 0.0),
    "nose": (0.0, 1.55, 0.08), "head_top": (0.0, 1.72, 0.0),
    "left_hip": (0.11, 0.92, 0.0), "left_knee": (0.12, 0.5, 0.02), "left_ankle": (0.13, 0.08, 0.0),
    "right_hip": (-0.11, 0.92, 0.0), "right_knee": (-0.12, 0.52, 0.2), "right_ankle": (-0.13, 0.1, 0.25),
    "left_shoulder": (0.17, 1.42, 0.0), "left_elbow": (0.22, 1.7, 0.05), "left_wrist": (0.18, 1.95, 0.1),
    "right_shoulder": (-0.17, 1.42, 0.0), "right_elbow": (-0.2, 1.13, -0.03), "right_wrist": (-0.2, 0.88, 0.05),
}  # fmt: skip


@pytest.fixture(scope="session")
def body() -> NDArray[np.float64]:
    """``[17, 3]`` somebody who stands and waves; metres, y up, facing +z."""
    return np.array([_BODY[name] for name in H36M_17.joints])


@pytest.fixture
def people(motion: NDArray[np.float64]) -> Tensor:
    """``[12, 17, 3]`` poses that stand here and there before the camera."""
    poses = torch.from_numpy(motion[::10] * [1.0, -1.0, -1.0]).float()
    aside = torch.linspace(-1.5, 1.5, len(poses))
    return poses + torch.stack([aside, 0.3 * aside.flip(0), 3.0 + aside.abs()], dim=1)[:, None]
