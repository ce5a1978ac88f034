"""The score network: a residual MLP over root-centred poses, in the layout of the published checkpoints.

Architecture after GFPose (Ci et al., CVPR 2023) as used by ZeDO (Jiang et al., WACV 2024, section 4).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lifting.sde import marginal_std

__all__ = ["FoldedScoreNetwork", "ScoreNetwork"]

GROUPS = 32


class ScoreNetwork(nn.Module):
    """Predicts the noise in a pose; the score is ``-noise / marginal_std(t)``.

    Parameter names are those of the published checkpoints, so that weights in that layout load unchanged.

    Args:
        joints: number of joints J; poses are ``[B, J, 3]`` in metres, camera axes, pelvis at the origin.
        hidden: width of the residual trunk.
        embed: width of the time embedding.
    """

    def __init__(self, joints: int = 17, hidden: int = 1024, embed: int = 512) -> None:
        super().__init__()
        self.joints, self.hidden, self.embed = joints, hidden, embed
        self.pre_dense = nn.Linear(joints * 3, hidden)
        self.pre_dense_t = nn.Linear(embed, hidden)
        self.pre_gnorm = nn.GroupNorm(GROUPS, hidden)
        self.shared_time_embed = nn.Sequential(nn.Linear(embed, embed), nn.SiLU())
        for block in (1, 2):
            for layer in (1, 2):
                self.add_module(f"b{block}_dense{layer}", nn.Linear(hidden, hidden))
                self.add_module(f"b{block}_dense{layer}_t", nn.Linear(embed, hidden))
                self.add_module(f"b{block}_gnorm{layer}", nn.GroupNorm(GROUPS, hidden))
        self.post_dense = nn.Linear(hidden, joints * 3)

    def time_embedding(self, t: Tensor) -> Tensor:
        """Sinusoidal embedding of 999 t, ``[B]`` -> ``[B, embed]``, through the shared dense layer."""
        half = self.embed // 2
        rates = torch.exp(torch.arange(half, device=t.device, dtype=t.dtype) * (-math.log(10000.0) / (half - 1)))
        angles = 999.0 * t[:, None] * rates[None]
        embedding: Tensor = self.shared_time_embed(torch.cat([angles.sin(), angles.cos()], dim=1))
        return embedding

    def stages(self) -> list[tuple[nn.Linear, nn.Linear, nn.GroupNorm]]:
        """The five (dense, time dense, norm) triples in order of evaluation."""
        names = ["pre_{}"] + [f"b{block}_{{}}{layer}" for block in (1, 2) for layer in (1, 2)]
        triples = []
        for name in names:
            dense = self.get_submodule(name.format("dense"))
            time = self.get_submodule(name.format("dense") + "_t")
            norm = self.get_submodule(name.format("gnorm"))
            assert isinstance(dense, nn.Linear) and isinstance(time, nn.Linear) and isinstance(norm, nn.GroupNorm)
            triples.append((dense, time, norm))
        return triples

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Noise in ``x`` ``[B, J, 3]`` at diffusion times ``t`` ``[B]``, same shape as x."""
        return self.forward_grouped(x, t)

    def forward_grouped(self, x: Tensor, times: Tensor) -> Tensor:
        """Noise in ``x`` ``[B, J, 3]`` where ``B / G`` neighbours share each of the times ``[G]``, same shape as x.

        The five time layers are evaluated G times in place of B.
        """
        embedding = self.time_embedding(times)
        shared = len(x) // len(times)

        def stage(h: Tensor, dense: nn.Linear, time: nn.Linear, norm: nn.GroupNorm) -> Tensor:
            bias = time(embedding)
            if shared > 1:
                bias = bias.repeat_interleave(shared, dim=0)
            return F.silu(norm(dense(h) + bias))

        pre, b1_1, b1_2, b2_1, b2_2 = self.stages()
        h = stage(x.flatten(1), *pre)
        h = h + stage(stage(h, *b1_1), *b1_2)
        h = h + stage(stage(h, *b2_1), *b2_2)
        noise: Tensor = self.post_dense(h)
        return noise.view_as(x)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """Gradient of log p_t at x, ``[B, J, 3]``."""
        return -self(x, t) / marginal_std(t)[:, None, None]


class FoldedScoreNetwork:
    """The network at a fixed list of times: embeddings folded into one bias per stage and step, weights in ``dtype``.

    During optimisation all poses share the diffusion time, so the five time layers depend on the step only.

    Args:
        network: the trained network.
        times: ``[N]`` the diffusion times of the N steps.
        dtype: arithmetic of the matrix products; in- and output stay float32.
    """

    @torch.no_grad()
    def __init__(self, network: ScoreNetwork, times: Tensor, dtype: torch.dtype) -> None:
        embedding = network.time_embedding(times)
        self.dtype = dtype
        self._stages = [
            (
                dense.weight.to(dtype),
                (time(embedding) + dense.bias).to(dtype),
                norm.weight.to(dtype),
                norm.bias.to(dtype),
            )
            for dense, time, norm in network.stages()
        ]
        self._post = (network.post_dense.weight.to(dtype), network.post_dense.bias.to(dtype))

    def __call__(self, x: Tensor, step: int) -> Tensor:
        """Noise in ``x`` ``[B, J, 3]`` float32 at the step's time, float32."""

        def stage(h: Tensor, index: int) -> Tensor:
            weight, bias, scale, shift = self._stages[index]
            h = F.linear(h, weight, bias[step])
            # A group norm over single vectors is a layer norm of each group, which processors do a fifth faster.
            groups = h.unflatten(1, (GROUPS, -1))
            h = F.layer_norm(groups, groups.shape[2:]).flatten(1)
            return F.silu(torch.addcmul(shift, h, scale), inplace=True)

        h = stage(x.flatten(1).to(self.dtype), 0)
        h = h + stage(stage(h, 1), 2)
        h = h + stage(stage(h, 3), 4)
        return F.linear(h, *self._post).to(x.dtype).view_as(x)
