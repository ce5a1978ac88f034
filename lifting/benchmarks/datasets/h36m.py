"""Human3.6M: ``h36m_test.pkl``, one dict per frame, and ``h36m_sh_dt_ft.pkl``, the 2D of a stacked hourglass.

``h36m_test.pkl`` is a list of dicts: ``joint_3d_camera [17, 3]`` mm, ``joint_3d_image [17, >= 2]`` px, ``camera_param``
with ``fx fy cx cy`` px (numbers or arrays of one), ``image_path`` and ``action`` 2..16. ``h36m_sh_dt_ft.pkl`` is a dict
with ``test`` -> ``joint3d_image [N, 17, >= 2]`` px and ``confidence [N, 17, 1]`` of the same frames in the same order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from assets.untrusted.pickles import load_pickle
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
from lifting.benchmarks.datasets.records import actions, camera_numbers, folders, frame_list, stacked

__all__ = ["DATASET"]

_TRUTH, _DETECTED = "h36m_test.pkl", "h36m_sh_dt_ft.pkl"

_ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases", "Sitting", "SittingDown",
    "Smoking", "TakingPhoto", "Waiting", "Walking", "WalkingDog", "WalkTogether",
)  # fmt: skip


def _load(folder: Path, keypoints: Keypoints, stride: int) -> PoseSet:
    stored = load_pickle(require(folder / _TRUTH, folder_of=_TRUTH))
    items = frame_list(stored.value, _TRUTH)
    chosen = range(0, len(items), stride)
    frames = [stored.resolved(items[index]) for index in chosen]
    where = [f"{_TRUTH}, frame {index}" for index in chosen]
    truth = stacked(frames, "joint_3d_camera", where, (17, 3))
    if keypoints == "detected":
        pixels, confidence = _detected(folder, len(items), stride)
    else:
        pixels = stacked(frames, "joint_3d_image", where, (17, 2), columns=2)
        confidence = np.ones(pixels.shape[:2])
    return PoseSet(
        joints=H36M_17.joints,
        keypoints_px=pixels,
        confidence=confidence,
        K=intrinsics(camera_numbers(frames, where), f"{_TRUTH}: camera_param"),
        truth_m=in_metres(truth, f"{_TRUTH}: joint_3d_camera", "mm"),
        absolute=True,
        group=actions(frames, where, _ACTIONS, first=2),
        sequence=folders([named(frame, "image_path", place) for frame, place in zip(frames, where, strict=True)]),
        frame=None,
        evidence="detected" if keypoints == "detected" else "annotated",
        camera="calibrated, from the file",
        frames_in_file=len(items),
    )


def _detected(folder: Path, frames: int, stride: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    stored = load_pickle(require(folder / _DETECTED, folder_of=f"{_TRUTH} and {_DETECTED}"))
    test = named(stored.value, "test", _DETECTED)
    arrays: dict[str, Any] = {
        name: stored.resolved(named(test, name, f"{_DETECTED}, test")) for name in ("joint3d_image", "confidence")
    }
    for name, array in arrays.items():
        found = np.shape(array)[0] if np.ndim(array) else 0
        if found != frames:
            raise UntrustedFileError(f"{_DETECTED}: {name} has {found} frames, but {_TRUTH} has {frames}")
    pixels = finite(arrays["joint3d_image"][::stride], f"{_DETECTED}: joint3d_image", (None, 17, 2), columns=2)
    share = np.asarray(arrays["confidence"][::stride]).reshape(len(pixels), -1)
    # Bounds as published: no joint is without any say.
    return pixels, finite(share, f"{_DETECTED}: confidence", (None, 17)).clip(1e-4, 1.0)


DATASET = Dataset(
    name="h36m",
    title="Human3.6M, subjects 9 and 11",
    files=f"{_TRUTH}, and for detected keypoints {_DETECTED}",
    load=_load,
    keypoints=("gt", "detected"),
    judged=ADULT_JOINTS,
    group="action",
    group_wise=True,
)
