"""SyRIP: 12 joints of real infants, in the files of its authors' repository Infant-Postural-Symmetry, folder ``data``.

- ``SyRIP_3d_correction/correct_3D.npy [1700, 14, 3]`` m, in the order of SPIN, the last two not used;
- ``SyRIP_3d_pred/output_imgnames.npy [1700]`` names of the images of those rows (``GB/image_00000.jpg``);
- ``survey_data/img_name700_map.npy [700, 2]``: these names (``image_00000.jpg``) and the original ones;
- ``SyRIP_2d_gt/train200/person_keypoints_train_infant.json``: COCO annotations of the 200 images that are judged.

The published evaluation judges these 200, although their names say "train": it trains on the other 500. Its camera is
assumed, 2000 px with the centre in the middle. The truth has no place before the camera, and is itself an estimate
that was corrected by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npy
from assets.untrusted.texts import load_json
from detectors.layouts import COCO_17
from lifting.benchmarks.datasets.contract import (
    Dataset,
    Keypoints,
    PoseSet,
    finite,
    in_metres,
    intrinsics,
    named,
    require,
)
from lifting.body.joints import LIMBS_12

__all__ = ["DATASET"]

_TRUTH = "SyRIP_3d_correction/correct_3D.npy"
_NAMES = "SyRIP_3d_pred/output_imgnames.npy"
_ORIGINALS = "survey_data/img_name700_map.npy"
_JUDGED = "SyRIP_2d_gt/train200/person_keypoints_train_infant.json"
_FILES = "the folders SyRIP_3d_correction, SyRIP_3d_pred, survey_data and SyRIP_2d_gt"

_FOCAL_PX = 2000.0

_SPIN = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
)  # fmt: skip
_FROM_SPIN = [_SPIN.index(name) for name in LIMBS_12.joints]
_FROM_COCO = COCO_17.indices(LIMBS_12.joints)


def _load(folder: Path, keypoints: Keypoints, stride: int) -> PoseSet:
    truth, names, originals = (_array(folder, file) for file in (_TRUTH, _NAMES, _ORIGINALS))
    if truth.ndim != 3 or truth.shape[1:] != (14, 3):
        raise UntrustedFileError(f"{_TRUTH} must have the shape [N, 14, 3], not {list(truth.shape)}")
    if names.shape != truth.shape[:1] or names.dtype.kind != "U":
        raise UntrustedFileError(f"{_NAMES} must hold a name for each of the {len(truth)} poses of {_TRUTH}")
    if originals.ndim != 2 or originals.shape[1] != 2 or originals.dtype.kind != "U":
        raise UntrustedFileError(f"{_ORIGINALS} must be pairs of names")
    image = {original: renamed for renamed, original in originals.tolist()}
    row = {name.rsplit("/", 1)[-1]: index for index, name in enumerate(names.tolist())}
    annotated = _annotations(folder)
    rows, points, sizes = [], [], []
    for name in sorted(annotated):
        if image.get(name) not in row:
            raise UntrustedFileError(f"{_ORIGINALS} and {_NAMES} lead from {name} to no pose of {_TRUTH}")
        rows.append(row[image[name]])
        points.append(annotated[name][0])
        sizes.append(annotated[name][1])
    rows, points, sizes = rows[::stride], points[::stride], sizes[::stride]
    marked = np.stack(points)[:, _FROM_COCO]
    width, height = np.array(sizes, np.float64).T
    poses = finite(truth[rows], _TRUTH, (None, 14, 3))[:, _FROM_SPIN]
    focal = np.full(len(rows), _FOCAL_PX)
    return PoseSet(
        joints=LIMBS_12.joints,
        keypoints_px=marked[..., :2],
        # COCO: 0 not labelled (the place is arbitrary), 1 labelled though hidden, 2 visible.
        confidence=(marked[..., 2] > 0).astype(np.float64),
        K=intrinsics(np.stack([focal, focal, width / 2, height / 2]), f"{_JUDGED}: width and height"),
        truth_m=in_metres(poses, _TRUTH, "m", infants=True),
        absolute=False,
        group=("all",) * len(rows),
        sequence=tuple(sorted(annotated)[::stride]),
        frame=None,
        evidence="annotated",
        camera=f"assumed: focal length {_FOCAL_PX:.0f} px, centre in the middle of the image",
        frames_in_file=len(annotated),
    )


def _array(folder: Path, file: str) -> NDArray[Any]:
    return load_npy(require(folder / file, folder_of=_FILES), objects=True)


def _annotations(folder: Path) -> dict[str, tuple[NDArray[np.float64], tuple[float, float]]]:
    """Image name -> ``[17, 3]`` x, y in px and visibility, and the size of the image. Joined by id, not by order."""
    file = Path(_JUDGED).name
    stored = load_json(require(folder / _JUDGED, folder_of=_FILES))
    images = {}
    for number, record in enumerate(_list(stored, "images")):
        where = f"{file}, image {number}"
        size = finite([named(record, name, where) for name in ("width", "height")], f"{where}: width, height", (2,))
        images[str(named(record, "id", where))] = (str(named(record, "file_name", where)), (size[0], size[1]))
    found = {}
    for number, record in enumerate(_list(stored, "annotations")):
        where = f"{file}, annotation {number}"
        of = str(named(record, "image_id", where))
        if of not in images:
            raise UntrustedFileError(f"{where}: image_id {of} is none of the images")
        points = finite(named(record, "keypoints", where), f"{where}: keypoints", (51,)).reshape(17, 3)
        name, (width, height) = images[of]
        if points[:, 2].any():
            found[name.rsplit("/", 1)[-1]] = (points, (float(width), float(height)))
    if not found:
        raise UntrustedFileError(f"{_JUDGED}: annotations hold no labelled infant")
    return found


def _list(stored: Any, name: str) -> list[Any]:
    values = named(stored, name, Path(_JUDGED).name)
    if not isinstance(values, list):
        raise UntrustedFileError(f"{_JUDGED}: {name} must be a list")
    return values


DATASET = Dataset(
    name="syrip",
    title="SyRIP, 200 real images",
    files=_FILES,
    load=_load,
    keypoints=("gt",),
    judged={12: LIMBS_12.joints},
    group="all",
    group_wise=False,
)
