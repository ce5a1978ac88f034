"""Training poses of a file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files.archive import load_arrays

__all__ = ["load_motion", "load_people", "load_pose_arrays", "load_poses"]


def load_pose_arrays(path: Path, kind: str, joints: Collection[int] = (17,)) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz``, among them finite ``poses [N, J, 3]`` float32, J being one of ``joints``.

    ``kind`` says what poses should have been given. Raises InputError if they are none.
    """
    try:
        arrays = load_arrays(path)
        poses = arrays["poses"].astype(np.float32)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the name") from error
    except KeyError as error:
        raise InputError(f"{path} holds no array named poses; give {kind} as .npz") from error
    except ValueError as error:
        raise InputError(f"{path} is no .npz of plain numbers; give {kind} as .npz") from error
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
    fps = float(arrays["fps"])
    if not 3 <= fps <= 1000:
        raise InputError(f"fps in {path} is {fps:g}; a motion needs at least 3 poses per second")
    return poses, arrays["clip_index"].astype(np.int64), fps
