"""The body does not change along a track: bone lengths are estimated from all its frames and held in each."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.layouts import H36M_17
from lifting.body.proportions import limb_lengths
from lifting.body.skeleton import BONES

__all__ = ["BoneKeeper", "ancestors", "mirrored_bones"]

#: A track counts the mean body like this many frames of its own, so single frames lean on it and long tracks do not.
_MEAN_BODY_FRAMES = 0.4
#: The bones from the middle of the body to hips and shoulders go at least so far towards the mean body: they are short,
#: and what is wrong with where their ends are seen lasts, so many frames know no better than one.
_MEAN_HIPS, _MEAN_SHOULDERS = 0.5, 0.8
_HIPS, _SHOULDERS = (
    [BONES.tolist().index([H36M_17.index(middle), H36M_17.index(f"{side}_{end}")]) for side in ("right", "left")]
    for middle, end in (("pelvis", "hip"), ("thorax", "shoulder"))
)
#: So much of the way lengths go to those of a body that is known from elsewhere.
_BELIEVED = 0.4
#: Bones of half the hips, thighs, shanks, upper arms and forearms, as ``limb_lengths`` has them; right, left.
_OF_LIMBS = [
    [
        BONES.tolist().index([H36M_17.index(end if end == "pelvis" else f"{side}_{end}") for end in ends])
        for side in ("right", "left")
    ]
    for ends in (("pelvis", "hip"), ("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
]


def ancestors() -> NDArray[np.float64]:
    """``[17, 16]``: 1 where a bone lies between the pelvis and a joint, so that joints are sums of bones."""
    paths = np.zeros((17, 16))
    for bone, (parent, child) in enumerate(BONES):
        paths[child] = paths[parent]
        paths[child, bone] = 1.0
    return paths


def mirrored_bones() -> list[int]:
    """For every bone the one on the other side of the body."""
    pairs = [tuple(pair) for pair in BONES.tolist()]
    return [pairs.index((H36M_17.flip[parent], H36M_17.flip[child])) for parent, child in pairs]


@cache
def _skeleton(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Parent and child of each bone, ``ancestors`` and ``mirrored_bones``, on a device."""
    # They outlive the inference mode in which they may be asked for first.
    with torch.inference_mode(False):
        parent, child = (torch.from_numpy(BONES[:, end].copy()).to(device) for end in (0, 1))
        paths = torch.from_numpy(ancestors()).to(device, dtype)
        return parent, child, paths, torch.tensor(mirrored_bones(), device=device)


class BoneKeeper:
    """Moves poses towards bone lengths that are the same in all frames of a group and on both sides of the body.

    The lengths are estimated anew at each call: they settle together with the poses. Those to hips and shoulders
    lean on the mean body.

    Args:
        mean_m: ``[16]`` bone lengths of the mean body, of which only the proportions are used.
        group: ``[B]`` int64, which track a pose belongs to, counted from 0.
        groups: number of groups.
        confidence: ``[B, 17]`` a bone is estimated from the frames that show both its ends.
        body: ``[B, 8]`` proportions (``lifting.body.proportions``) that were seen elsewhere, the same for all poses
            of a track; NaN or None if there are none.
    """

    def __init__(
        self, mean_m: Tensor, group: Tensor, groups: int, confidence: Tensor, body: Tensor | None = None
    ) -> None:
        self._group, self._groups = group, groups
        self._parent, self._child, self._paths, self._mirror = _skeleton(confidence.device, mean_m.dtype)
        self._body = None
        if body is not None:
            self._body = body.new_empty(groups, body.shape[1])
            self._body[group] = body
        self._proportions = (mean_m + mean_m[self._mirror]) / (2 * mean_m.sum())
        # A trace of trust in every frame: a bone that nobody saw has the length the prior gives it.
        self._weight = torch.minimum(confidence[:, self._parent], confidence[:, self._child]).clamp_min(0.01)
        ones = torch.ones_like(self._weight[:, :1])
        self._of_all, self._count = self._sum(torch.cat([self._weight, ones], dim=1)).split([len(BONES), 1], dim=1)
        self._leaning = (_MEAN_BODY_FRAMES / (self._count + _MEAN_BODY_FRAMES)).repeat(1, len(BONES))
        for bones, least in ((_HIPS, _MEAN_HIPS), (_SHOULDERS, _MEAN_SHOULDERS)):
            self._leaning[:, bones] = self._leaning[:, bones].clamp_min(least)

    @property
    def frames(self) -> Tensor:
        """``[G]`` number of rows of each group."""
        return self._count[:, 0]

    def lengths(self, x: Tensor) -> Tensor:
        """Estimated lengths ``[B, 16]`` for poses ``[B, 17, 3]``, those of the group in every row."""
        present = (x[:, self._child] - x[:, self._parent]).norm(dim=-1)
        sums = self._sum(torch.cat([present * self._weight, present.sum(dim=1, keepdim=True)], dim=1))
        mean = sums[:, :-1] / self._of_all
        mean = (mean + mean[:, self._mirror]) / 2
        typical = self._proportions * (sums[:, -1:] / self._count)
        mean = torch.lerp(mean, typical, self._leaning)
        return (mean if self._body is None else self._like(mean, self._body))[self._group]

    def __call__(self, x: Tensor, share: float) -> Tensor:
        """Poses ``[B, 17, 3]`` that went ``share`` of the way to the held lengths, directions and centroid kept."""
        return x + share * (self.held(x, self.lengths(x)) - x)

    def held(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Poses ``[B, 17, 3]`` with bones of these lengths ``[B, 16]``, directions and centroid kept."""
        bones = torch.nn.functional.normalize(x[:, self._child] - x[:, self._parent], dim=-1)
        held = torch.einsum("jk,bkd->bjd", self._paths, bones * lengths[..., None])
        return held + (x - held).mean(dim=1, keepdim=True)

    def _like(self, mean: Tensor, body: Tensor) -> Tensor:
        """Lengths ``[G, 16]`` part of the way to those of bodies ``[G, 8]``, which have as long limbs."""
        unit_m = mean[:, _OF_LIMBS[1:]].clamp_min(1e-6).log().mean(dim=(1, 2)).exp()
        wanted = limb_lengths(body, unit_m)[..., None].expand(-1, -1, 2).flatten(1)
        bones = [bone for sides in _OF_LIMBS for bone in sides]
        found = mean.clone()
        found[:, bones] = torch.where(wanted.isfinite(), torch.lerp(mean[:, bones], wanted, _BELIEVED), mean[:, bones])
        return found

    def _sum(self, values: Tensor) -> Tensor:
        """Sum over the rows of each group, ``[B, D]`` -> ``[G, D]``."""
        total = torch.zeros(self._groups, values.shape[1], device=values.device, dtype=values.dtype)
        return total.index_add_(0, self._group, values)
