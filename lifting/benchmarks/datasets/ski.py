"""Ski-Pose PTZ: ``ski_test.h5``, or ``labels.h5`` as it lies in the folder ``test`` of the original.

Arrays: ``3D [N, 51]`` or ``[N, 17, 3]`` m in the axes of the camera, ``2D [N, 34]`` or ``[N, 17, 2]`` as shares of the
image (0..1), ``cam_intrinsic [N, 3, 3]`` in the same unit, ``seq [N]``, ``cam [N]``, ``frame [N]``. Images: 256 px.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assets.untrusted import UntrustedFileError
from assets.untrusted.hdf5 import load_hdf5
from detectors.layouts import H36M_17
from lifting.benchmarks.datasets.contract import (
    ADULT_JOINTS,
    Dataset,
    Keypoints,
    PoseSet,
    finite,
    in_metres,
    intrinsics,
    require,
)

__all__ = ["DATASET"]

_NAMES = ("ski_test.h5", "labels.h5")
_FIELDS = ("3D", "2D", "cam_intrinsic", "seq", "cam", "frame")
_IMAGE_PX = 256.0


def _load(folder: Path, keypoints: Keypoints, stride: int) -> PoseSet:
    path = next((folder / name for name in _NAMES if (folder / name).is_file()), folder / _NAMES[0])
    file = require(path, folder_of=" or ".join(_NAMES)).name
    arrays = load_hdf5(path, _FIELDS)
    lengths = {name: array.shape[0] if array.ndim else 0 for name, array in arrays.items()}
    frames = lengths["seq"]
    if not frames:
        raise UntrustedFileError(f"{file}: seq holds no frame")
    for name, length in lengths.items():
        if length != frames:
            raise UntrustedFileError(f"{file}: {name} has {length} frames, but seq has {frames}")
    chosen = {name: array[::stride] for name, array in arrays.items()}
    count = len(chosen["seq"])
    for name, width in (("3D", 3), ("2D", 2)):
        if chosen[name].size != count * 17 * width:
            raise UntrustedFileError(
                f"{file}: {name} must have the shape [N, {17 * width}], not {list(arrays[name].shape)}"
            )
    truth = finite(chosen["3D"].reshape(count, 17, 3), f"{file}: 3D", (None, 17, 3))
    share = finite(chosen["2D"].reshape(count, 17, 2), f"{file}: 2D", (None, 17, 2))
    if np.abs(share).max() > 8:
        raise UntrustedFileError(f"{file}: 2D is in pixels, not in shares of the image (0..1) as this format has it")
    K = finite(chosen["cam_intrinsic"], f"{file}: cam_intrinsic", (None, 3, 3)) * _IMAGE_PX
    seq, cam, frame = (
        finite(np.ravel(chosen[name]), f"{file}: {name}", (count,)).astype(np.int64) for name in ("seq", "cam", "frame")
    )
    # Pixels need not be square, but rows and columns are never mixed.
    if np.abs(K[:, [0, 1], [1, 0]]).max() > 1e-3 * K[:, 0, 0].max():
        raise UntrustedFileError(f"{file}: cam_intrinsic is no matrix [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
    sequence = tuple(f"seq_{s:03d}/cam_{c:02d}" for s, c in zip(seq, cam, strict=True))
    return PoseSet(
        joints=H36M_17.joints,
        keypoints_px=share * _IMAGE_PX,
        confidence=np.ones(share.shape[:2]),
        K=intrinsics(K[:, [0, 1, 0, 1], [0, 1, 2, 2]].T, f"{file}: cam_intrinsic"),
        truth_m=in_metres(truth, f"{file}: 3D", "m"),
        absolute=True,
        group=tuple(f"seq_{s:03d}" for s in seq),
        sequence=sequence,
        frame=frame,
        evidence="annotated",
        camera="calibrated, from the file",
        frames_in_file=frames,
    )


DATASET = Dataset(
    name="ski",
    title="Ski-Pose PTZ, test set",
    files=" or ".join(_NAMES),
    load=_load,
    keypoints=("gt",),
    judged=ADULT_JOINTS,
    group="sequence",
    group_wise=False,
)
