"""A initialiser: one look at the 2D keypoints gives a pose to start from, its likely error, and other guesses.

Not in the paper. The published start turns one mean pose until it fits; this network has seen what poses project to
which keypoints, for any camera, so the optimiser begins near the end and at a low noise level.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detectors.layouts import H36M_17
from lifting.body.joints import ANKLES, ELBOWS, HIPS, KNEES, SHOULDERS, TRUNK, WRISTS
from lifting.body.proportions import PROPORTIONS
from lifting.prior.small_batch import SmallBatchLinear, small_batch_product
from lifting.temporal.neighbours import OFFSETS_S

__all__ = ["InitialGuess", "InitialNetwork"]

_JOINTS = len(H36M_17)
#: Where the right arm and the right leg begin, and the joints that follow.
_LIMBS = ((SHOULDERS[0], [ELBOWS[0], WRISTS[0]]), (HIPS[0], [KNEES[0], ANKLES[0]]))
_PARTS = (TRUNK, *(TRUNK + others for _, others in _LIMBS))


@dataclass(frozen=True)
class InitialGuess:
    """What the network makes of B frames, in axes turned as ``to_axis`` and ``to_upright`` say.

    Attributes:
        pose: ``[B, 17, 3]`` root-centred, metres: for each joint about the median of what it may be.
        log_scale: ``[B, 17]`` logarithm of a third of the expected distance error in metres (the Laplace scale in 3D).
        modes: ``[B, M, 17, 3]`` different explanations of the same keypoints; M = 0 if they were not asked for.
        logits: ``[B, M]`` how likely each of them is.
        body: ``[B, 8]`` proportions (``lifting.body.proportions``) that the keypoints show, about the median of what
            they may be; for people whose body was not told.
        body_log_scale: ``[B, 8]`` logarithm of the expected error of each (a Laplace scale).
    """

    pose: Tensor
    log_scale: Tensor
    modes: Tensor
    logits: Tensor
    body: Tensor
    body_log_scale: Tensor


class InitialNetwork(nn.Module):
    """Residual MLPs for trunk, arm and leg, from the normalised rays of a frame and its neighbours to the pose in it.

    A limb is made from what is seen of it and of the trunk; of the other limbs it knows a few numbers. So it can be put
    together with limbs that it was never captured with (the idea is that of Zeng et al., SRNet, ECCV 2020, section 3).
    Left limbs are right ones in the mirror: the network looks at the picture and at its mirror image, with the same
    weights, and what it makes of a mirror image is the mirror image of what it makes of the picture.

    A frame tells little of the proportions of a body, and without them depth is uncertain. So the network says what it
    sees of them, and can be told what all frames of a track have shown.

    Args:
        frames: number W of frames that are looked at, the one in the middle and those ``OFFSETS_S`` away.
        hidden: width of each of the three.
        context: how many numbers they all know of each other, in each block.
        blocks: residual blocks of two dense layers.
        modes: number M of alternative explanations.
    """

    def __init__(
        self, frames: int = len(OFFSETS_S), hidden: int = 320, context: int = 96, blocks: int = 2, modes: int = 4
    ) -> None:
        super().__init__()
        self.frames, self.hidden, self.context, self.blocks, self.modes = frames, hidden, context, blocks, modes
        parts = len(_PARTS)
        self.pre = _Dense(parts, _inputs(frames), hidden)
        self.pre_norm = _Norm(parts, hidden)
        self.gather = nn.ModuleList(nn.Linear((2 * parts - 1) * hidden, context) for _ in range(blocks))
        self.scatter = nn.ModuleList(nn.Linear(context, parts * hidden) for _ in range(blocks))
        self.dense = nn.ModuleList(_Dense(parts, hidden, hidden) for _ in range(2 * blocks))
        self.norm = nn.ModuleList(_Norm(parts, hidden) for _ in range(2 * blocks))
        self.trunk_pose = nn.Linear(hidden, 3 * len(TRUNK))
        self.trunk_scale = nn.Linear(hidden, len(TRUNK))
        self.trunk_modes = nn.Linear(hidden, modes * 3 * len(TRUNK))
        self.limb_pose = _Dense(len(_LIMBS), hidden, 3 * 2)
        self.limb_scale = _Dense(len(_LIMBS), hidden, 2)
        self.limb_modes = _Dense(len(_LIMBS), hidden, modes * 3 * 2)
        self.logits = nn.Linear(parts * hidden, modes)
        self.body = nn.Linear(parts * hidden, 2 * len(PROPORTIONS))

    @classmethod
    def like(cls, weights: Mapping[str, Tensor]) -> InitialNetwork:
        """A network of the size that the weights in a file need. Raises KeyError or ValueError if they are others."""
        _, inputs, hidden = weights["pre.weight"].shape
        context, modes = len(weights["gather.0.weight"]), len(weights["logits.weight"])
        blocks = sum(name.startswith("gather.") for name in weights) // 2
        frames = (inputs - _inputs(0)) // (_inputs(1) - _inputs(0))
        if inputs != _inputs(frames):
            raise ValueError("the input of the network is no whole number of frames")
        return cls(frames, hidden, context, blocks, modes)

    def calculating_in(self, dtype: torch.dtype, *, small_batch: bool = False) -> InitialNetwork:
        """This network, with the matrix products of its parts in another arithmetic.

        ``small_batch``: it will see a handful of frames at a time (see ``lifting.prior.small_batch``), and will not be
        trained.
        """
        for part in (self.pre, self.pre_norm, self.gather, self.scatter, self.dense, self.norm):
            part.to(dtype)
        if small_batch:
            for parent in (self, self.gather, self.scatter, self.dense):
                for name, dense in list(parent.named_children()):
                    if isinstance(dense, nn.Linear):
                        setattr(parent, name, SmallBatchLinear(dense))
                    elif isinstance(dense, _Dense) and dense.weight.shape[2] == self.hidden:
                        setattr(parent, name, _FewRowsDense(dense))
        return self

    def forward(
        self, seen: Tensor, log_spread: Tensor, body: Tensor | None = None, *, explain: bool = True
    ) -> InitialGuess:
        """Guesses for ``view_features``.

        Args:
            seen, log_spread: ``[B, W, 17, 3]`` and ``[B, 1]``.
            body: ``[B, 8]`` proportions of each person (``lifting.body.proportions``), as other frames have shown them;
                NaN, or nothing, where they are not known.
            explain: with other explanations.
        """
        if body is None:
            body = seen.new_full((len(seen), len(PROPORTIONS)), math.nan)
        # What leaves the trunk is metres: half precision would round them to several millimetres.
        h = self._of_parts(seen, log_spread, body).to(seen.dtype)
        # The error is judged by what is there, and must not change what the pose is made from.
        held = h.detach()
        modes, logits = seen.new_zeros(len(seen), 0, _JOINTS, 3), seen.new_zeros(len(seen), 0)
        if explain:
            modes = _assembled(self.trunk_modes(h[0]), self.limb_modes(h[1:]), 3, self.modes)
            logits = self.logits(_whole(held))
        shown, doubt = self.body(_whole(h)).chunk(2, dim=1)
        return InitialGuess(
            pose=_assembled(self.trunk_pose(h[0]), self.limb_pose(h[1:]), 3)[:, 0],
            log_scale=_assembled(self.trunk_scale(held[0]), self.limb_scale(held[1:]), 1)[:, 0, :, 0],
            modes=modes,
            logits=logits,
            body=shown,
            body_log_scale=doubt,
        )

    def _of_parts(self, seen: Tensor, log_spread: Tensor, body: Tensor) -> Tensor:
        """``[3, 2 B, hidden]``: trunk, right arm, right leg, of the picture and then of its mirror image."""
        flat = F.pad(torch.cat([log_spread, seen.flatten(1)], dim=1), (0, 1))
        columns, signs = _inputs_of_parts(self.frames, seen.device)
        chosen = (flat[:, columns] * signs).permute(2, 1, 0, 3).flatten(1, 2)
        # A body is its own mirror image. Proportions are within some tenths of 0: about as large as the rest, so.
        of_body = torch.cat([10 * body.nan_to_num(0.0), body.isfinite()], dim=1).repeat(2, 1)
        chosen = torch.cat([chosen, of_body.expand(len(_PARTS), -1, -1)], dim=2)
        h = F.silu(self.pre_norm(self.pre(chosen.to(self.pre_norm.weight.dtype))))
        for block, (gather, scatter) in enumerate(zip(self.gather, self.scatter, strict=True)):
            other = h[1:].unflatten(1, (2, -1)).flip(1).flatten(1, 2)  # the limbs of the other side
            known = F.silu(gather(torch.cat([h, other]).transpose(0, 1).flatten(1)))
            told = scatter(known).unflatten(1, (len(_PARTS), -1)).transpose(0, 1)
            inner = F.silu(self.norm[2 * block](self.dense[2 * block](h) + told))
            h = h + F.silu(self.norm[2 * block + 1](self.dense[2 * block + 1](inner)))
        return h


class _Dense(nn.Module):
    """Dense layers of several parts side by side, ``[P, B, I]`` -> ``[P, B, O]``."""

    def __init__(self, parts: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(parts, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(parts, 1, outputs).uniform_(-bound, bound))

    def forward(self, h: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, h, self.weight)


class _FewRowsDense(nn.Module):
    """``_Dense`` for a handful of rows, on the device where it was made."""

    def __init__(self, dense: _Dense) -> None:
        super().__init__()
        self._products = [small_batch_product(weight.detach().t()) for weight in dense.weight]
        self._biases = [bias.detach()[0] for bias in dense.bias]

    def forward(self, h: Tensor) -> Tensor:
        return torch.stack(
            [product(rows, bias) for product, rows, bias in zip(self._products, h, self._biases, strict=True)]
        )


class _Norm(nn.Module):
    """Layer normalisation of several parts side by side, ``[P, B, H]``."""

    def __init__(self, parts: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(parts, 1, width))
        self.bias = nn.Parameter(torch.zeros(parts, 1, width))

    def forward(self, h: Tensor) -> Tensor:
        return torch.addcmul(self.bias, F.layer_norm(h, h.shape[-1:]), self.weight)


def _whole(h: Tensor) -> Tensor:
    """What all parts know of a person ``[B, 3 hidden]``: the mean of picture and mirror image ``[3, 2 B, hidden]``."""
    return h.unflatten(1, (2, -1)).mean(dim=1).transpose(0, 1).flatten(1)


def _inputs(frames: int) -> int:
    return _of_frames(frames) + 2 * len(PROPORTIONS)


def _of_frames(frames: int) -> int:
    """What the part that sees most sees of the picture."""
    return 1 + frames * 3 * max(len(part) for part in _PARTS)


def _assembled(trunk: Tensor, limbs: Tensor, width: int, modes: int = 1) -> Tensor:
    """``[B, modes, 17, width]`` of what trunk ``[2 B, ..]`` and limbs ``[2, 2 B, ..]`` say: picture, mirror image."""
    of_trunk = trunk.unflatten(0, (2, -1)).unflatten(-1, (modes, -1)).permute(1, 2, 0, 3)
    of_limbs = limbs.unflatten(1, (2, -1)).unflatten(-1, (modes, -1)).permute(2, 3, 0, 1, 4)
    parts = torch.cat([of_trunk.flatten(2), of_limbs.flatten(2)], dim=2)
    return (parts @ _assembly(width, trunk.device, trunk.dtype)).unflatten(-1, (_JOINTS, width))


# What is cached outlives the inference mode in which it may be asked for first.
@cache
@torch.inference_mode(False)
def _inputs_of_parts(frames: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which of ``[log spread, seen [W, 17, 3], 0]`` each part sees, in the picture and in its mirror image, and with
    which sign: ``[2, 3, I]`` each. The trunk sees fewer joints than a limb with it: zeros make up for them.
    """
    nothing = 1 + frames * _JOINTS * 3
    columns = torch.full((2, len(_PARTS), _of_frames(frames)), nothing)
    signs = torch.ones(columns.shape)
    of_joints = 1 + torch.arange(nothing - 1).view(frames, _JOINTS, 3)
    for part, joints in enumerate(_PARTS):
        places = slice(1, 1 + frames * len(joints) * 3)
        columns[:, part, 0] = 0
        columns[0, part, places] = of_joints[:, joints].flatten()
        columns[1, part, places] = of_joints[:, [H36M_17.flip[joint] for joint in joints]].flatten()
        signs[1, part, places] = torch.tensor([-1.0, 1.0, 1.0]).repeat(frames * len(joints))
    return columns.to(device), signs.to(device)


@cache
@torch.inference_mode(False)
def _assembly(width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The joints as sums of what the parts say: ``[26 width, 17 width]``.

    Rows: trunk in the picture and in the mirror image, of which the mean counts; right arm, left arm, right leg and
    left leg. ``width`` 3 are points, and limbs are said from where they begin; 1 are numbers about joints.
    """
    matrix = torch.zeros(26, width, _JOINTS, width)
    same = torch.eye(width)
    mirrored = same * torch.tensor([-1.0, 1.0, 1.0])[:, None] if width == 3 else same
    for row, joint in enumerate(TRUNK):
        matrix[row, :, joint] += same / 2
        matrix[len(TRUNK) + row, :, H36M_17.flip[joint]] += mirrored / 2
    row = 2 * len(TRUNK)
    for begin, others in _LIMBS:
        for turn, side in ((same, range(_JOINTS)), (mirrored, H36M_17.flip)):
            for joint in others:
                if width == 3:
                    matrix[:, :, side[joint]] += matrix[:, :, side[begin]]
                matrix[row, :, side[joint]] += turn
                row += 1
    return matrix.view(26 * width, _JOINTS * width).to(device, dtype)
