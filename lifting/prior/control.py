"""A control branch on a frozen prior: what a few poses of another kind of body teach, added without forgetting.

After ControlNet (Zhang et al., ICCV 2023) as used for infants (Zhou et al., WACVW 2024, "Efficient Domain Adaptation
via Generative Prior for 3D Infant Pose Estimation"), in the layout of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lifting.prior.network import FoldedStage, ScoreNetwork

__all__ = ["ControlNetwork"]

_COPY = "_copy"
#: Part of the layout and without effect: in the published network the second copied layer of a block sees the
#: diffusion time alone, so that what leads to it ends there.
_UNUSED = ("b1_gnorm1_copy", "b1_dense2_copy", "b2_gnorm1_copy", "b2_dense2_copy", "b2_gnorm2_copy")


class ControlNetwork(ScoreNetwork):
    """A score network whose stages get additions from a trainable copy of them that sees a learnt condition.

    The additions go through layers that are zero at first (``zc_*``), so an untrained branch changes nothing. The
    trunk keeps the names and weights of the prior. What is computed is what the published weights were trained for.

    Args:
        joints, hidden, embed, body_axes: see ``ScoreNetwork``.
    """

    def __init__(self, joints: int = 17, hidden: int = 1024, embed: int = 512, *, body_axes: bool = False) -> None:
        super().__init__(joints, hidden, embed, body_axes=body_axes)
        self.infant_cond = nn.Parameter(torch.randn(joints * 3))
        self.zc_layer_1 = nn.Linear(joints * 3, joints * 3)
        self.zc_layer_2 = nn.Linear(hidden, hidden)
        for block in (1, 2):
            for layer in (1, 2):
                self.add_module(f"zc_b{block}_{layer}", nn.Linear(hidden, hidden))
        inner = ScoreNetwork(joints, hidden, embed)
        for name, module in inner.named_children():
            if name not in ("shared_time_embed", "post_dense"):
                self.add_module(name + _COPY, module)

    @classmethod
    def around(cls, prior: ScoreNetwork, seed: int = 0) -> ControlNetwork:
        """An untrained branch around a prior; only what has an effect and is not the prior's requires gradients."""
        weights = prior.state_dict()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = cls(prior.joints, prior.hidden, prior.embed, body_axes=prior.body_axes)
        network.requires_grad_(False)
        for name, parameter in network.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])
                continue
            if name.startswith("zc_"):
                parameter.zero_()
            elif _COPY in name:
                parameter.copy_(weights[name.replace(_COPY, "")])
            parameter.requires_grad = not name.startswith(_UNUSED)
        return network

    def trunk(self) -> ScoreNetwork:
        """The prior without the branch."""
        prior = ScoreNetwork(self.joints, self.hidden, self.embed, body_axes=self.body_axes)
        own = self.state_dict()
        prior.load_state_dict({name: own[name] for name in prior.state_dict()})
        return prior.to(self.infant_cond.device).eval().requires_grad_(False)

    def _noise(self, x: Tensor, times: Tensor) -> Tensor:
        """See ``ScoreNetwork.forward_grouped``."""
        embedding = self.time_embedding(times)
        shared = len(x) // len(times)

        def bias(time: nn.Linear) -> Tensor:
            values: Tensor = time(embedding)
            return values.repeat_interleave(shared, dim=0) if shared > 1 else values

        trunk, copy, zero = self.stages(), self.stages(_COPY), self._zero_layers()
        flat = x.flatten(1)
        dense, time, norm = copy[0]
        c = dense(flat + self._condition()) + bias(time)
        added = self.zc_layer_2(c)
        c = F.silu(norm(c))
        dense, time, norm = trunk[0]
        h = F.silu(norm(dense(flat) + bias(time) + added))
        for first in (1, 3):
            dense, time, _ = copy[first]
            added = zero[first - 1](dense(c) + bias(time))
            dense, time, norm = trunk[first]
            inner = F.silu(norm(dense(h) + bias(time) + added))
            _, time, norm = copy[first + 1]
            of_time = bias(time)
            added = zero[first](of_time)
            c = c + F.silu(norm(of_time))
            dense, time, norm = trunk[first + 1]
            h = h + F.silu(norm(dense(inner) + bias(time) + added))
        noise: Tensor = self.post_dense(h)
        return noise.view_as(x)

    @torch.no_grad()
    def folded(
        self, times: Tensor, dtype: torch.dtype, *, small_batch: bool = False
    ) -> Callable[[Tensor, int], Tensor]:
        """See ``ScoreNetwork.folded``.

        Zero layers follow dense layers without anything between, so their product is one layer, and what depends on
        the time alone is a bias: the branch costs two products of the width of the trunk in addition to its four.
        """
        embedding = self.time_embedding(times)
        trunk, copy, zero = self.stages(), self.stages(_COPY), self._zero_layers()

        dense, time, norm = copy[0]
        biases = time(embedding) + dense(self._condition())
        copied = FoldedStage(dense.weight, biases, norm, dtype, small_batch=small_batch)
        base, base_time, base_norm = trunk[0]
        weight = base.weight + self.zc_layer_2.weight @ dense.weight
        pre = FoldedStage(
            weight,
            base_time(embedding) + base.bias + self.zc_layer_2(biases),
            base_norm,
            dtype,
            small_batch=small_batch,
        )

        blocks = []
        for first in (1, 3):
            dense, time, _ = copy[first]
            base, base_time, base_norm = trunk[first]
            weight = torch.cat([base.weight, zero[first - 1].weight @ dense.weight], dim=1)
            biases = base_time(embedding) + base.bias + zero[first - 1](time(embedding) + dense.bias)
            entry = FoldedStage(weight, biases, base_norm, dtype, small_batch=small_batch)
            _, time, norm = copy[first + 1]
            of_time = time(embedding)
            base, base_time, base_norm = trunk[first + 1]
            biases = base_time(embedding) + base.bias + zero[first](of_time)
            out = FoldedStage(base.weight, biases, base_norm, dtype, small_batch=small_batch)
            blocks.append((entry, out, F.silu(norm(of_time)).to(dtype)))
        post = self.post_dense.weight.to(dtype), self.post_dense.bias.to(dtype)

        def noise(x: Tensor, step: int) -> Tensor:
            c, h = copied(x, step), pre(x, step)
            for entry, out, grown in blocks:
                h = h + out(entry(torch.cat([h, c], dim=1), step), step)
                c = c + grown[step]
            return F.linear(h, *post)

        return noise

    def _condition(self) -> Tensor:
        return F.silu(self.zc_layer_1(self.infant_cond))

    def _zero_layers(self) -> list[nn.Linear]:
        layers = [self.get_submodule(f"zc_b{block}_{layer}") for block in (1, 2) for layer in (1, 2)]
        return [layer for layer in layers if isinstance(layer, nn.Linear)]
