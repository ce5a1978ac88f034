"""Training poses of a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.arrays import load_npz
from pipeline.errors import InputError, as_input_error

__all__ = ["frame_rate", "load_motion", "load_people", "load_pose_arrays", "load_poses"]


def load_pose_arrays(path: Path, kind: str, joints: Collection[int] = (17,)) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz``, among them finite ``poses [N, J, 3]`` float32, J being one of ``joints``.

    ``kind`` says what poses should have been given. Raises InputError if they are none.
    """
    with as_input_error():
        arrays = load_npz(path)
    if "poses" not in arrays or arrays["poses"].dtype.kind not in "fiu":
        raise InputError(f"{path} holds no array named poses, or not of numbers; give {kind} as .npz")
    poses = arrays["poses"].astype(np.float32)
    shapes = [(number, 3) for number in sorted(joints)]
    if poses.ndim != 3 or poses.shape[1:] not in shapes or not len(poses) or not np.isfinite(poses).all():
        wanted = " or ".join(f"[N, {number}, 3]" for number, _ in shapes)
        raise InputError(f"poses in {path} must be finite and {wanted}, not {list(poses.shape)}")
    return {**arrays, "poses": poses}


def load_people(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` in the training format: ``poses [N, 17, 3]`` in metres, y up, ``H36M_17`` order.

    Raises InputError if the file is none, or its numbers cannot be people in metres.
    """
    arrays = load_pose_arrays(path, "training poses")
    height = float(np.median(np.ptp(arrays["poses"][..., 1], axis=1)))
    if not 0.3 < height < 2.5:
        raise InputError(f"the people in {path} are {height:.2f} high; poses must be in metres with y up")
    return arrays


def load_poses(path: Path) -> NDArray[np.float32]:
    """The poses of ``load_people``."""
    return load_people(path)["poses"]


def frame_rate(arrays: Mapping[str, NDArray[Any]], path: Path) -> float:
    """Frames per second as a file says, 30 if it does not. Raises InputError if it is no number."""
    fps = arrays.get("fps", np.array(30.0))
    if fps.size != 1 or fps.dtype.kind not in "fiu":
        raise InputError(f"fps in {path} must be a number")
    return float(fps.item())


def load_motion(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64], float]:
    """``load_poses``, with the clip of each pose ``[N]`` and the poses per second.

    Raises InputError if the file does not say which poses follow each other.
    """
    arrays = load_people(path)
    poses = arrays["poses"]
    if "clip_index" not in arrays or "fps" not in arrays or arrays["clip_index"].shape != (len(poses),):
        raise InputError(
            f"{path} does not say which poses follow each other (clip_index [N] and fps); write it with "
            "`zedo-video prepare`"
        )
    fps = frame_rate(arrays, path)
    if not 3 <= fps <= 1000:
        raise InputError(f"fps in {path} is {fps:g}; a motion needs at least 3 poses per second")
    return poses, arrays["clip_index"].astype(np.int64), fps
