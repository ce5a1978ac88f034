"""What a body looks like whatever its size: the lengths of its parts relative to each other."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from lifting.body.joints import ANKLES, ELBOWS, HEAD_TOP, HIPS, KNEES, PELVIS, SHOULDERS, THORAX, WRISTS

__all__ = ["PROPORTIONS", "limb_lengths", "log_proportions"]


#: Between which joints the lengths are, of which the mean counts, and their logarithms (metres) in a typical body.
_LENGTHS = {
    "hips": ([HIPS, HIPS], -1.70),
    "shoulders": ([SHOULDERS, SHOULDERS], -1.02),
    "trunk": ([(PELVIS, THORAX)] * 2, -0.63),
    "head": ([(THORAX, HEAD_TOP)] * 2, -1.40),
    "thigh": ([*zip(HIPS, KNEES, strict=True)], -0.88),
    "shank": ([*zip(KNEES, ANKLES, strict=True)], -0.89),
    "upper_arm": ([*zip(SHOULDERS, ELBOWS, strict=True)], -1.25),
    "forearm": ([*zip(ELBOWS, WRISTS, strict=True)], -1.35),
}
#: The names of the 8 lengths.
PROPORTIONS = tuple(_LENGTHS)
# The size of a body cannot be seen: the limbs together are the unit.
_LIMBS = slice(4, 8)


def log_proportions(poses: Tensor) -> Tensor:
    """Logarithms ``[B, 8]`` of the lengths in poses ``[B, 17, 3]`` over those of a typical body with as long limbs."""
    ends, typical = _tables(poses.device)
    first, second = poses[:, ends].unbind(dim=3)
    logs = (first - second).norm(dim=-1).mean(dim=2).clamp_min(1e-3).log() - typical
    return logs - logs[:, _LIMBS].mean(dim=1, keepdim=True)


def limb_lengths(logs: Tensor, unit_m: Tensor) -> Tensor:
    """Lengths ``[B, 5]`` in metres of half the hips, thigh, shank, upper arm and forearm.

    Args:
        logs: ``[B, 8]`` proportions.
        unit_m: ``[B]`` geometric mean of the lengths of the four limbs.
    """
    _, typical = _tables(logs.device)
    lengths = (logs + typical + (unit_m.log() - typical[_LIMBS].mean())[:, None]).exp()
    return torch.cat([lengths[:, :1] / 2, lengths[:, _LIMBS]], dim=1)


# They outlive the inference mode in which they may be asked for first.
@cache
@torch.inference_mode(False)
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    ends = torch.tensor([pairs for pairs, _ in _LENGTHS.values()], device=device)
    return ends, torch.tensor([log for _, log in _LENGTHS.values()], device=device)
