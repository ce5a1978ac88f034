"""Which of several results is the best, without knowing the truth: likely to the prior, and near the 2D evidence."""

from __future__ import annotations

import torch
from torch import Tensor

from lifting.body.skeleton import BONES
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork
from lifting.prior.sde import log_mean, marginal_std

__all__ = ["energy_noise", "prior_energy"]

_JUDGING_TIMES = (0.05, 0.1)
_JUDGING_DRAWS = 8


def energy_noise(generator: torch.Generator, joints: int = 17) -> Tensor:
    """Noise ``[2, 8, J, 3]`` with which all hypotheses are judged alike: common random numbers."""
    return torch.randn(len(_JUDGING_TIMES), _JUDGING_DRAWS, joints, 3, generator=generator)


@torch.no_grad()
def prior_energy(network: ScoreNetwork, X: Tensor, size_m: Tensor | float, noise: Tensor, dtype: torch.dtype) -> Tensor:
    """How unlikely the prior finds poses, ``[B]``: the mean squared error with which it sees through added noise.

    This is the denoising score matching loss of a pose, a bound on its negative log-likelihood (Song et al., NeurIPS
    2021, "Maximum likelihood training of score-based diffusion models") at the noise levels of the optimiser.

    Args:
        network: prior.
        X: ``[B, J, 3]`` poses, anywhere and of any size.
        size_m: sum of the bone lengths to which poses are scaled before they are judged.
        noise: see ``energy_noise``.
        dtype: arithmetic of the matrix products.
    """
    x = X - X[:, :1]
    ends = torch.from_numpy(BONES).to(x.device)
    size = (x[:, ends[:, 1]] - x[:, ends[:, 0]]).norm(dim=-1).sum(dim=1)
    x = x * (size_m / size)[:, None, None]
    times = torch.tensor(_JUDGING_TIMES, device=x.device)
    predict = FoldedScoreNetwork(network, times, dtype)
    energy = torch.zeros(len(x), device=x.device)
    for i in range(len(_JUDGING_TIMES)):
        clean = log_mean(times[i]).exp() * x
        for draw in noise[i]:
            error = predict(clean + marginal_std(times[i]) * draw, i) - draw
            energy = energy + error.square().mean(dim=(1, 2))
    return energy / noise.shape[:2].numel()
