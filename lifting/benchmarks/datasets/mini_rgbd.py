"""MINI-RGBD: the original folders of texts, or the same packed into ``MINI-RGBD.npy``. Sequences 11 and 12 validate.

Original: ``11/joints_2Ddep/syn_joints_2Ddep_00000.txt`` with 25 lines ``x y depth number`` (px), and
``11/joints_3D/syn_joints_3D_00000.txt`` with 25 lines ``x y z number`` (m), likewise ``12``. Packed: an object without
dimensions: dict ``validate`` -> ``11_syn_joints_2Ddep_00000.txt`` -> ``pose_2d [25, 2]``, ``pose_3d [25, 3]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npy
from assets.untrusted.texts import read_text
from detectors.layouts import H36M_17
from lifting.benchmarks.datasets.contract import (
    Dataset,
    Keypoints,
    PoseSet,
    finite,
    in_metres,
    intrinsics,
    named,
)
from lifting.body.joints import LIMBS_12

__all__ = ["DATASET"]

_PACKED = "MINI-RGBD.npy"
_VALIDATES = ("11", "12")

# H36M_17 joint by joint among the 25 of the SMIL model.
_FROM_SMIL = [0, 2, 5, 11, 1, 4, 10, 3, 9, 12, 15, 13, 18, 20, 14, 19, 21]

_FX, _FY, _CX, _CY = 588.67905803875317, 590.25690113005601, 322.22048191353628, 237.46785983766890


def _load(folder: Path, keypoints: Keypoints, stride: int) -> PoseSet:
    packed = folder / _PACKED
    frames = list(_packed(packed) if packed.is_file() else _texts(folder))
    if not frames:
        raise UntrustedFileError(f"{folder} holds no frame of the sequences {' and '.join(_VALIDATES)}")
    chosen = sorted(frames, key=lambda frame: frame[:2])[::stride]
    pixels = np.stack([frame[2] for frame in chosen])[:, _FROM_SMIL]
    truth = np.stack([frame[3] for frame in chosen])[:, _FROM_SMIL]
    sequence = tuple(frame[0] for frame in chosen)
    return PoseSet(
        joints=H36M_17.joints,
        keypoints_px=pixels,
        confidence=np.ones(pixels.shape[:2]),
        K=intrinsics(np.tile([[_FX], [_FY], [_CX], [_CY]], len(chosen)), "the camera of MINI-RGBD"),
        truth_m=in_metres(truth, f"{folder.name}: joints_3D", "m", infants=True),
        absolute=True,
        group=sequence,
        sequence=sequence,
        frame=np.array([frame[1] for frame in chosen], np.int64),
        evidence="annotated",
        camera=f"calibrated, of the data set: {_FX:.3f} {_FY:.3f} {_CX:.3f} {_CY:.3f}",
        frames_in_file=len(frames),
    )


_Frame = tuple[str, int, NDArray[np.float64], NDArray[np.float64]]  # sequence, number, [25, 2] px, [25, 3] m


def _packed(path: Path) -> Iterator[_Frame]:
    stored = load_npy(path, objects=True)
    stored = stored.item() if stored.shape == () else stored
    for name, frame in _items(named(stored, "validate", path.name), f"{path.name}, validate"):
        found = re.fullmatch(r"(\d\d)_.*?(\d+)\.txt", str(name))
        if not found:
            raise UntrustedFileError(
                f"{path.name}, validate: {name!r} is no name of a frame such as 11_syn_joints_2Ddep_00000.txt"
            )
        where = f"{path.name}, {name}"
        yield (
            found[1],
            int(found[2]),
            finite(named(frame, "pose_2d", where), f"{where}: pose_2d", (25, 2)),
            finite(named(frame, "pose_3d", where), f"{where}: pose_3d", (25, 3)),
        )


def _items(value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise UntrustedFileError(f"{where} must be a dict with an entry per frame, not a {type(value).__name__}")
    return value.items()


def _texts(folder: Path) -> Iterator[_Frame]:
    for sequence in _VALIDATES:
        flat, deep = folder / sequence / "joints_2Ddep", folder / sequence / "joints_3D"
        if not flat.is_dir() or not deep.is_dir():
            missing = flat if not flat.is_dir() else deep
            raise UntrustedFileError(
                f"there is no folder {missing}; --data must be the folder with 01 to 12, or with {_PACKED}"
            )
        places = {_number(path): path for path in deep.glob("*.txt")}
        for path in sorted(flat.glob("*.txt")):
            number = _number(path)
            if number not in places:
                raise UntrustedFileError(
                    f"{sequence}/joints_2Ddep/{path.name} has no counterpart in {sequence}/joints_3D"
                )
            yield sequence, number, _text(path, 2), _text(places.pop(number), 3)
        if places:
            raise UntrustedFileError(
                f"{sequence}/joints_3D/{min(places.values()).name} has no counterpart in joints_2Ddep"
            )


def _number(path: Path) -> int:
    found = re.search(r"(\d+)\.txt$", path.name)
    if not found:
        raise UntrustedFileError(f"{path.name} is no name of a frame such as syn_joints_3D_00000.txt")
    return int(found[1])


def _text(path: Path, columns: int) -> NDArray[np.float64]:
    """The first numbers of the 25 lines of a text."""
    where = "/".join(path.parts[-3:])
    try:
        rows = [line.split()[:columns] for line in read_text(path).splitlines() if line.strip()]
        values = [[float(text) for text in row] for row in rows]
    except ValueError as error:
        raise UntrustedFileError(f"{where} must hold a line of numbers per joint") from error
    if any(len(row) != columns for row in values):
        raise UntrustedFileError(f"{where} must have at least {columns} numbers in each line")
    return finite(values, where, (25, columns))


DATASET = Dataset(
    name="mini-rgbd",
    title="MINI-RGBD, sequences 11 and 12",
    files=f"the folders 11 and 12 with joints_2Ddep and joints_3D, or {_PACKED}",
    load=_load,
    keypoints=("gt",),
    judged={17: H36M_17.joints, 12: LIMBS_12.joints},
    group="sequence",
    group_wise=False,
)
