"""MPI-INF-3DHP: ``mpii3d_test.pkl``, one dict per frame.

``joint_3d_camera [17, 3]`` mm, ``joint_2d [17, >= 2]`` px, ``w`` and ``h`` px, ``camera_param`` with ``fx fy cx cy``,
``imageid``, ``valid_i`` (1: the frame counts) and ``action`` 1..7. Numbers may stand in arrays of one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assets.untrusted import UntrustedFileError
from assets.untrusted.pickles import load_pickle
from detectors.layouts import H36M_17
from lifting.benchmarks.datasets.contract import (
    ADULT_JOINTS,
    Dataset,
    Keypoints,
    PoseSet,
    in_metres,
    intrinsics,
    named,
    require,
)
from lifting.benchmarks.datasets.records import actions, camera_numbers, folders, frame_list, integer, stacked

__all__ = ["DATASET"]

_FILE = "mpii3d_test.pkl"

_ACTIONS = ("Stand/Walk", "Exercise", "Sit on Chair", "Crouch/Reach", "On the Floor", "Sports", "Miscellaneous")


def _load(folder: Path, keypoints: Keypoints, stride: int) -> PoseSet:
    stored = load_pickle(require(folder / _FILE, folder_of=_FILE))
    items = frame_list(stored.value, _FILE)
    valid = []
    for index, item in enumerate(items):
        where = f"{_FILE}, frame {index}"
        if integer(stored.resolved(named(item, "valid_i", where)), f"{where}: valid_i") == 1:
            valid.append(index)
    if not valid:
        raise UntrustedFileError(f"{_FILE} holds no frame whose valid_i is 1")
    chosen = valid[::stride]
    frames = [stored.resolved(items[index]) for index in chosen]
    where_each = [f"{_FILE}, frame {index}" for index in chosen]
    pixels = stacked(frames, "joint_2d", where_each, (17, 2), columns=2)
    for name in ("w", "h"):
        if (stacked(frames, name, where_each, ()) < 16).any():
            raise UntrustedFileError(f"{_FILE}: {name} must be the size of the image in pixels")
    return PoseSet(
        joints=H36M_17.joints,
        keypoints_px=pixels,
        confidence=np.ones(pixels.shape[:2]),
        K=intrinsics(camera_numbers(frames, where_each), f"{_FILE}: camera_param"),
        truth_m=in_metres(stacked(frames, "joint_3d_camera", where_each, (17, 3)), f"{_FILE}: joint_3d_camera", "mm"),
        absolute=True,
        group=actions(frames, where_each, _ACTIONS, first=1),
        sequence=folders([named(frame, "imageid", place) for frame, place in zip(frames, where_each, strict=True)]),
        frame=None,
        evidence="annotated",
        camera="calibrated, from the file",
        frames_in_file=len(valid),
    )


DATASET = Dataset(
    name="3dhp",
    title="MPI-INF-3DHP, test set",
    files=_FILE,
    load=_load,
    keypoints=("gt",),
    judged=ADULT_JOINTS,
    group="activity",
    group_wise=True,
)
