"""Template poses for the optimiser: cluster centres of the training poses (ZeDO, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.body.skeleton import bone_lengths, facing_camera

__all__ = ["templates", "write_templates"]


def templates(poses: NDArray[np.floating], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """k-means centres of poses that all face the camera, mirror images included.

    A centre is an average and thus smaller than a body; it is scaled to the mean size of the poses.

    Args:
        poses: ``[N, 17, 3]`` metres, y up.
        count: number of centres S, at most N.
        rng: chooses the initial centres.

    Returns:
        ``[S, 17, 3]`` float32, largest cluster first, camera axes, pelvis at the origin.
    """
    from scipy.cluster.vq import kmeans2

    facing = facing_camera(poses)
    mirrored = facing[:, list(H36M_17.flip)] * np.array([-1.0, 1.0, 1.0])
    points = np.concatenate([facing, mirrored]).reshape(2 * len(facing), -1)
    centres, labels = kmeans2(points, count, minit="++", rng=rng)
    order = np.argsort(-np.bincount(labels, minlength=count), kind="stable")
    centres = centres[order].reshape(count, *facing.shape[1:])
    centres -= centres[:, :1]
    size = bone_lengths(facing).sum(axis=-1).mean()
    return (centres * (size / bone_lengths(centres).sum(axis=-1))[:, None, None]).astype(np.float32)


def write_templates(
    path: str | Path, poses: NDArray[np.floating], counts: Sequence[int], rng: np.random.Generator
) -> None:
    """Write ``poses_<S>`` for every S of ``counts`` and ``bone_lengths_m [16]`` as one ``.npz`` without pickles."""
    arrays = {f"poses_{count}": templates(poses, count, rng) for count in counts}
    np.savez_compressed(path, allow_pickle=False, **arrays, bone_lengths_m=bone_lengths(poses).mean(axis=0))
