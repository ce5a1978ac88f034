"""3DPW: ``pw3d_test.npz``, the test set in 17 joints.

Arrays: ``keypoints3d17_relative [N, 17, >= 3]`` m relative to ``root_cam [N, 3]`` m, both in the axes of the camera;
``cam_param``, an object without dimensions: a dict with ``f [N, 2]`` and ``c [N, 2]`` px; ``image_width [N]``,
``image_height [N]`` px; ``image_path [N]``. There is no 2D: the truth is projected, as in the published evaluation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npz
from detectors.layouts import H36M_17
from lifting.benchmarks.datasets.contract import (
    ADULT_JOINTS,
    Dataset,
    Keypoints,
    PoseSet,
    finite,
    in_metres,
    intrinsics,
    named,
    require,
)
from lifting.benchmarks.datasets.records import folders

__all__ = ["DATASET"]

_FILE = "pw3d_test.npz"

# Joint i of the file is joint _TO_H36M[i] of H36M_17.
_TO_H36M = [5, 2, 6, 3, 11, 14, 12, 15, 13, 16, 1, 4, 8, 10, 0, 7, 9]


def _load(folder: Path, keypoints: Keypoints, stride: int) -> PoseSet:
    arrays = load_npz(require(folder / _FILE, folder_of=_FILE), objects=True)
    relative = named(arrays, "keypoints3d17_relative", _FILE)
    frames = len(relative) if np.ndim(relative) else 0
    if not frames:
        raise UntrustedFileError(f"{_FILE}: keypoints3d17_relative holds no frame")

    def field(record: Any, name: str, shape: tuple[int, ...], where: str = _FILE, columns: int | None = None) -> Any:
        values = named(record, name, where)
        if np.shape(values)[:1] != (frames,):
            raise UntrustedFileError(f"{where}: {name} must have {frames} entries like keypoints3d17_relative")
        return finite(values[::stride], f"{where}: {name}", (None, *shape), columns=columns)

    cameras = named(arrays, "cam_param", _FILE)
    if cameras.shape == () and cameras.dtype == object:
        cameras = cameras.item()
    focal, centre = (field(cameras, name, (2,), f"{_FILE}, cam_param") for name in ("f", "c"))
    truth = np.empty((-(-frames // stride), 17, 3))
    truth[:, _TO_H36M] = field(arrays, "keypoints3d17_relative", (17, 3), columns=3)
    truth = in_metres(truth, f"{_FILE}: keypoints3d17_relative", "m") + field(arrays, "root_cam", (3,))[:, None]
    if not (truth[..., 2] > 0).all():
        raise UntrustedFileError(f"{_FILE}: root_cam and keypoints3d17_relative put joints behind the camera")
    pixels = truth[..., :2] / truth[..., 2:] * focal[:, None] + centre[:, None]
    paths = named(arrays, "image_path", _FILE)
    if paths.shape != (frames,):
        raise UntrustedFileError(f"{_FILE}: image_path must have {frames} entries like keypoints3d17_relative")
    sequence = folders(paths[::stride])
    return PoseSet(
        joints=H36M_17.joints,
        keypoints_px=pixels,
        confidence=np.ones(pixels.shape[:2]),
        K=intrinsics(np.concatenate([focal, centre], axis=1).T, f"{_FILE}: cam_param"),
        truth_m=truth,
        absolute=True,
        group=sequence,
        sequence=sequence,
        frame=None,
        evidence="projected truth",
        camera="calibrated, from the file",
        frames_in_file=frames,
    )


DATASET = Dataset(
    name="3dpw",
    title="3DPW, test set",
    files=_FILE,
    load=_load,
    keypoints=("gt",),
    judged=ADULT_JOINTS,
    group="sequence",
    group_wise=False,
)
