"""The score network: a residual MLP over root-centred poses, in the layout of the published checkpoints.

Architecture after GFPose (Ci et al., CVPR 2023) as used by ZeDO (Jiang et al., WACV 2024, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detectors.layouts import H36M_17
from lifting.body.joints import LIMBS_12
from lifting.prior.small_batch import small_batch_product

__all__ = ["GROUPS", "FoldedScoreNetwork", "FoldedStage", "ScoreNetwork", "Stage", "body_axes"]

GROUPS = 32

#: A dense layer, the dense layer of the time embedding that is added to it, and the norm after them.
Stage = tuple[nn.Linear, nn.Linear, nn.GroupNorm]


_TRUNK = {
    len(layout): layout.indices(("right_hip", "left_hip", "left_shoulder", "right_shoulder"))
    for layout in (H36M_17, LIMBS_12)
}


class ScoreNetwork(nn.Module):
    """Predicts the noise in a pose; the score is ``-noise / marginal_std(t)``.

    Parameter names are those of the published checkpoints, so that weights in that layout load unchanged.

    Args:
        joints: number of joints J; poses are ``[B, J, 3]`` in metres, camera axes, pelvis at the origin.
        hidden: width of the residual trunk.
        embed: width of the time embedding.
        body_axes: poses are turned into ``lifting.prior.network.body_axes`` first and the noise is turned back, so that
            a posture is as likely whichever way the person faces or lies. Not in the paper, whose network has to learn
            every posture from every side. The weights then hold one entry more, ``in_body_axes``.

    Raises:
        ValueError: the body has no known axes with that many joints.
    """

    def __init__(self, joints: int = 17, hidden: int = 1024, embed: int = 512, *, body_axes: bool = False) -> None:
        super().__init__()
        self.joints, self.hidden, self.embed, self.body_axes = joints, hidden, embed, body_axes
        if body_axes:
            if joints not in _TRUNK:
                raise ValueError(f"a body of {joints} joints has no known axes; they are known of {sorted(_TRUNK)}")
            self.register_buffer("in_body_axes", torch.ones(1))
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

    def stages(self, suffix: str = "") -> list[Stage]:
        """The five (dense, time dense, norm) triples in order of evaluation; ``suffix`` ends their names."""
        names = ["pre_{}"] + [f"b{block}_{{}}{layer}" for block in (1, 2) for layer in (1, 2)]
        triples = []
        for name in names:
            dense = self.get_submodule(name.format("dense") + suffix)
            time = self.get_submodule(name.format("dense") + "_t" + suffix)
            norm = self.get_submodule(name.format("gnorm") + suffix)
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
        if not self.body_axes:
            return self._noise(x, times)
        # What turns the pose must not be rounded where the products are (autocast).
        with torch.autocast(x.device.type, enabled=False):
            axes = body_axes(x)
            turned = x @ axes.transpose(1, 2)
        noise = self._noise(turned, times)
        with torch.autocast(x.device.type, enabled=False):
            return noise.to(x.dtype) @ axes

    def _noise(self, x: Tensor, times: Tensor) -> Tensor:
        """``forward_grouped`` in the axes in which the network sees poses."""
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

    @torch.no_grad()
    def folded(
        self, times: Tensor, dtype: torch.dtype, *, small_batch: bool = False
    ) -> Callable[[Tensor, int], Tensor]:
        """Flat poses ``[B, 3 J]`` and a step -> noise, both in ``dtype``; see ``FoldedScoreNetwork``.

        Both are in the axes in which the network sees poses. ``small_batch``: B will be a handful
        (``lifting.prior.small_batch``).
        """
        embedding = self.time_embedding(times)
        pre, b1_1, b1_2, b2_1, b2_2 = (
            FoldedStage(dense.weight, time(embedding) + dense.bias, norm, dtype, small_batch=small_batch)
            for dense, time, norm in self.stages()
        )
        post = self.post_dense.weight.to(dtype), self.post_dense.bias.to(dtype)

        def noise(x: Tensor, step: int) -> Tensor:
            h = pre(x, step)
            h = h + b1_2(b1_1(h, step), step)
            h = h + b2_2(b2_1(h, step), step)
            return F.linear(h, *post)

        return noise


class FoldedStage:
    """A stage whose time embedding has become one bias per step.

    Args:
        weight: ``[O, I]`` of the dense layer.
        biases: ``[N, O]`` of the N steps.
        norm: the norm after it.
        dtype: arithmetic.
        small_batch: B will be a handful (see ``lifting.prior.small_batch``).
    """

    def __init__(
        self, weight: Tensor, biases: Tensor, norm: nn.GroupNorm, dtype: torch.dtype, *, small_batch: bool = False
    ) -> None:
        self._biases = biases.to(dtype)
        weight = weight.to(dtype)
        self._dense = small_batch_product(weight) if small_batch else lambda h, bias: F.linear(h, weight, bias)
        self._scale, self._shift = norm.weight.to(dtype), norm.bias.to(dtype)

    def __call__(self, h: Tensor, step: int) -> Tensor:
        """``[B, I]`` -> ``[B, O]``."""
        h = self._dense(h, self._biases[step])
        # A group norm over single vectors is a layer norm of each group, which processors do a fifth faster.
        groups = h.view(len(h), GROUPS, h.shape[1] // GROUPS)
        h = torch.layer_norm(groups, groups.shape[2:]).view_as(h)
        return F.silu(torch.addcmul(self._shift, h, self._scale), inplace=True)


class FoldedScoreNetwork:
    """The network at a fixed list of times: embeddings folded into one bias per stage and step, weights in ``dtype``.

    During optimisation all poses share the diffusion time, so the time layers depend on the step only.

    Args:
        network: the trained network, with or without control branch.
        times: ``[N]`` the diffusion times of the N steps.
        dtype: arithmetic of the matrix products; in- and output stay float32.
        small_batch: B will be a handful (see ``lifting.prior.small_batch``).
    """

    def __init__(self, network: ScoreNetwork, times: Tensor, dtype: torch.dtype, *, small_batch: bool = False) -> None:
        self.dtype, self.body_axes = dtype, network.body_axes
        times = times.to(network.pre_dense.weight.device, torch.float32)
        self._noise = network.folded(times, dtype, small_batch=small_batch)

    def __call__(self, x: Tensor, step: int) -> Tensor:
        """Noise in ``x`` ``[B, J, 3]`` float32 at the step's time, float32."""
        if not self.body_axes:
            return self._seen(x, step)
        axes = body_axes(x)
        return self._seen(x @ axes.transpose(1, 2), step) @ axes

    def _seen(self, x: Tensor, step: int) -> Tensor:
        return self._noise(x.flatten(1).to(self.dtype), step).to(x.dtype).view_as(x)


def body_axes(x: Tensor) -> Tensor:
    """Axes of the body in poses ``[B, J, 3]`` of 17 or 12 joints: rows of ``[B, 3, 3]`` rotations.

    From right to left, down along the trunk, and from front to back, by the hips and shoulders: those of the camera if
    the person stands upright and faces it. ``x @ body_axes(x).transpose(1, 2)`` is the pose in these axes.
    """
    right_hip, left_hip, left_shoulder, right_shoulder = x[:, _TRUNK[x.shape[1]]].unbind(dim=1)
    down = F.normalize(right_hip + left_hip - left_shoulder - right_shoulder, dim=-1)
    across = left_hip + left_shoulder - right_hip - right_shoulder
    across = F.normalize(across - (across * down).sum(dim=-1, keepdim=True) * down, dim=-1)
    return torch.stack([across, down, torch.linalg.cross(across, down)], dim=1)
