"""What errors of joints make of values computed from them: propagation of first order.

Errors of coordinates have the standard deviation ``sigma_m``, are larger along the ray of the camera than across it,
and are alike in joints that hang together. With ``g_i`` the derivative of a value by the place of joint ``i``,

    variance = sum_ij rho_ij sigma_i sigma_j g_i . B g_j,    B = across**2 (1 - r r') + along**2 r r',

where ``r`` is the ray and ``rho_ij`` the product of the correlations along the bones from one joint to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.layouts import H36M_17

__all__ = ["ACROSS", "ALONG", "JointSpread", "alike", "spread_of"]

Array = NDArray[np.float64]

# Measured on validation motion capture (not on what is reported): docs/evaluation.md.
ACROSS, ALONG = 0.65, 2.1
_ALIKE = {
    ("right_hip", "left_hip"): -0.97,
    ("hip", "knee"): 0.3,
    ("knee", "ankle"): 0.6,
    ("spine", "thorax"): 0.85,
    ("thorax", "nose"): 0.95,
    ("nose", "head_top"): 0.97,
    ("thorax", "shoulder"): 0.9,
    ("shoulder", "elbow"): 0.7,
    ("elbow", "wrist"): 0.87,
}


@dataclass(frozen=True, eq=False)
class JointSpread:
    """How far joints may be from where they are.

    Attributes:
        sigma_m: ``[T, 17]`` standard deviation of each coordinate of a joint relative to the pelvis, metres.
        rays: ``[T, 3]`` from the camera to the person, of any length.
    """

    sigma_m: Array
    rays: Array


def spread_of(values: Sequence[Tensor], joints: Tensor, spread: JointSpread) -> Array:
    """Standard deviations of values, ``[T, A]`` in their unit.

    Args:
        values: A of ``[T]``, each row computed from the joints of that row alone.
        joints: ``[T, 17, 3]`` metres, the leaf that they were computed from.
        spread: of these joints.
    """
    length = np.linalg.norm(spread.rays, axis=-1, keepdims=True)
    ray = torch.from_numpy(spread.rays / np.maximum(length, 1e-9))[:, None]
    sigma = torch.from_numpy(np.asarray(spread.sigma_m, np.float64))[..., None]
    root = torch.from_numpy(np.linalg.cholesky(alike()).T.copy())
    found = []
    for value in values:
        (slope,) = torch.autograd.grad(value.sum(), joints, retain_graph=True)
        pull = slope * sigma
        mixed = root @ pull
        every = mixed.square().sum((1, 2))
        along = (mixed * ray).sum(-1).square().sum(-1)
        found.append((ACROSS**2 * (every - along) + ALONG**2 * along).clamp(min=0).sqrt())
    return torch.stack(found, dim=-1).numpy()


@cache
def alike() -> Array:
    """``[17, 17]`` correlation of the errors of two joints: the product of those of the bones between them.

    The pelvis is where errors are counted from. The hips lie on both sides of it; legs and trunk err each for itself.
    """
    rho = np.eye(len(H36M_17))
    for parent, child, value in _edges():
        # Everything that hangs on the parent so far is reached through it.
        rho[child] = rho[:, child] = value * rho[parent]
        rho[child, child] = 1.0
    return rho


def _edges() -> Iterator[tuple[int, int, float]]:
    """Parent, child and correlation, parents first."""
    for (parent, child), value in _ALIKE.items():
        sides = ("",) if child in H36M_17.joints else ("right_", "left_")
        for side in sides:
            begin = parent if parent in H36M_17.joints else side + parent
            yield H36M_17.index(begin), H36M_17.index(side + child), value
