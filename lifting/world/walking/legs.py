"""Legs that reach: two bones from the hip to where the ankle rests, bent in the plane that they were bent in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lifting.body.joints import ANKLES, HIPS, KNEES

__all__ = ["reach"]

Array = NDArray[np.float64]


def reach(joints: Array, targets: Array, share: Array) -> Array:
    """Poses whose ankles went ``share`` of the way to their targets, hips and lengths of bones kept.

    The knee follows from the law of cosines: for thigh ``a`` and shank ``b`` and hip to ankle ``d``, it lies
    ``(a^2 - b^2 + d^2) / 2d`` along the way, and beside it in the plane of the old knee. What is farther than the leg
    is long is not reached.

    Args:
        joints: ``[N, 17, 3]`` metres.
        targets: ``[N, 2, 3]`` for the right and the left ankle; anything where the share is 0.
        share: ``[N, 2]`` from 0 to 1.
    """
    found = joints.copy()
    for foot in range(2):
        rows = np.flatnonzero(share[:, foot] > 0)
        if not len(rows):
            continue
        hip, knee, ankle = (joints[rows, pair[foot]] for pair in (HIPS, KNEES, ANKLES))
        wanted = ankle + share[rows, foot, None] * (targets[rows, foot] - ankle)
        thigh, shank = np.linalg.norm(knee - hip, axis=1), np.linalg.norm(ankle - knee, axis=1)
        way = wanted - hip
        distance = np.linalg.norm(way, axis=1)
        along = way / np.maximum(distance, 1e-9)[:, None]
        distance = np.clip(distance, np.abs(thigh - shank) + 1e-6, thigh + shank - 1e-6)
        # Which way the knee was bent: out of the line to the old ankle, then across that to the new one.
        old = ankle - hip
        old /= np.maximum(np.linalg.norm(old, axis=1, keepdims=True), 1e-9)
        out = knee - hip
        out -= (out * old).sum(1, keepdims=True) * old
        out -= (out * along).sum(1, keepdims=True) * along
        length = np.linalg.norm(out, axis=1, keepdims=True)
        out = np.where(length > 1e-6, out / np.maximum(length, 1e-9), 0.0)
        forward = (thigh**2 - shank**2 + distance**2) / (2 * distance)
        aside = np.sqrt(np.maximum(thigh**2 - forward**2, 0.0))
        found[rows, KNEES[foot]] = hip + forward[:, None] * along + aside[:, None] * out
        found[rows, ANKLES[foot]] = hip + distance[:, None] * along
    return found
