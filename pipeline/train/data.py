"""Training poses of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files.archive import load_arrays

__all__ = ["load_motion", "load_poses"]


def load_poses(path: Path) -> NDArray[np.float32]:
    """Poses ``[N, 17, 3]`` of an ``.npz`` in the training format: metres, y up, ``H36M_17`` order.

    Raises InputError if the file is none, or its numbers cannot be people in metres.
    """
    try:
        poses = load_arrays(path)["poses"].astype(np.float32)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the name") from error
    except KeyError as error:
        raise InputError(f"{path} holds no array named poses; give training poses as .npz") from error
    except ValueError as error:
        raise InputError(f"{path} is no .npz of plain numbers; give training poses as .npz") from error
    if poses.ndim != 3 or poses.shape[1:] != (17, 3) or not len(poses) or not np.isfinite(poses).all():
        raise InputError(f"poses in {path} must be finite and [N, 17, 3], not {list(poses.shape)}")
    height = float(np.median(np.ptp(poses[..., 1], axis=1)))
    if not 0.3 < height < 2.5:
        raise InputError(f"the people in {path} are {height:.2f} high; poses must be in metres with y up")
    return poses


def load_motion(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64], float]:
    """``load_poses``, with the clip of each pose ``[N]`` and the poses per second.

    Raises InputError if the file does not say which poses follow each other.
    """
    poses = load_poses(path)
    arrays = load_arrays(path)
    if "clip_index" not in arrays or "fps" not in arrays or arrays["clip_index"].shape != (len(poses),):
        raise InputError(
            f"{path} does not say which poses follow each other (clip_index [N] and fps); write it with "
            "`zedo-video prepare`"
        )
    fps = float(arrays["fps"])
    if not 3 <= fps <= 1000:
        raise InputError(f"fps in {path} is {fps:g}; a motion needs at least 3 poses per second")
    return poses, arrays["clip_index"].astype(np.int64), fps
