"""What a body looks like whatever its size: the lengths of its parts relative to each other."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from detectors.layouts import H36M_17

__all__ = ["PROPORTIONS", "limb_lengths", "log_proportions"]


def _both(first: str, second: str) -> list[tuple[int, int]]:
    return [(H36M_17.index(f"{side}_{first}"), H36M_17.index(f"{side}_{second}")) for side in ("right", "left")]


def _across(joint: str) -> list[tuple[int, int]]:
    return [(H36M_17.index(f"right_{joint}"), H36M_17.index(f"left_{joint}"))] * 2


def _along(first: str, second: str) -> list[tuple[int, int]]:
    return [(H36M_17.index(first), H36M_17.index(second))] * 2


#: Between which joints the lengths are, of which the mean counts, and their logarithms (metres) in a typical body.
_LENGTHS = {
    "hips": (_across("hip"), -1.70),
    "shoulders": (_across("shoulder"), -1.02),
    "trunk": (_along("pelvis", "thorax"), -0.63),
    "head": (_along("thorax", "head_top"), -1.40),
    "thigh": (_both("hip", "knee"), -0.88),
    "shank": (_both("knee", "ankle"), -0.89),
    "upper_arm": (_both("shoulder", "elbow"), -1.25),
    "forearm": (_both("elbow", "wrist"), -1.35),
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
