"""Any keypoint layout, by joint name, as the 17 joints of Human3.6M that lifting works with."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17, LAYOUTS
from detectors.people import PersonTrack2D

__all__ = [
    "HEAD_TOP_FROM_THORAX",
    "NOSE_FROM_THORAX",
    "Joint",
    "joints_of_the_trunk",
    "to_h36m17",
    "trust_between",
]

# Other names under which layouts report these joints (Halpe-26: neck, hip, head).
_ALIASES = {"pelvis": ("hip", "root"), "thorax": ("neck",), "head_top": ("head",)}

# Where derived joints lie, fitted on motion capture in Human3.6M order (40,723 CMU and HDM05 poses): lengths in units
# of the trunk, middle of the hips to middle of the shoulders (51 cm). Residuals are medians in 3D.
_THORAX_ABOVE_SHOULDERS = 0.061  # along the trunk; 2.5 cm (4.1 cm with the middle of the shoulders itself)
_SPINE_ALONG_TRUNK = 0.497  # 3.0 cm
# A face keypoint is not what the 17 joints call nose and head top: the motion capture has them 0.222 and 0.385 trunks
# from the thorax; triangulated COCO keypoints of a person have the nose 0.387 and the ears 0.301 trunks from it.
NOSE_FROM_THORAX = 0.222 / 0.387
HEAD_TOP_FROM_THORAX = 0.385 / 0.301

# The shoulders alone nearly say where the thorax is: below the first confidence of the hips, which somebody at a desk
# does not show, it lies between them; above the second, where the trunk points to.
_HIPS_COUNT = (0.1, 0.3)
_THORAX_WITHOUT_HIPS = 0.75  # of its trust

# A derived joint is as certain as its least certain source times this, which is less the further it is from what was
# seen; the thorax, and with it the head, as certain as the shoulders.
_TRUST = {"pelvis": 1.0, "thorax": 0.8, "spine": 0.4, "nose": 0.6, "head_top": 0.4}

#: xy ``[..., 2]`` and confidence ``[...]``, both numpy arrays or both torch tensors.
Joint = tuple[Any, Any]


def joints_of_the_trunk(hips: Joint, shoulders: Joint, xp: ModuleType = np) -> dict[str, Joint]:
    """Pelvis, spine and thorax from the middle of the hips and that of the shoulders.

    The initialiser is trained on what the same code makes of motion capture: ``xp`` is numpy, or torch for tensors.
    """
    low, high = _HIPS_COUNT
    seen = xp.where(xp.isfinite(hips[0]).all(-1), xp.nan_to_num(hips[1]), 0.0)
    known = xp.clip((seen - low) / (high - low), 0.0, 1.0)
    up = xp.where(known[..., None] > 0, shoulders[0] - hips[0], 0.0)
    trust = shoulders[1] * (_THORAX_WITHOUT_HIPS + (1 - _THORAX_WITHOUT_HIPS) * known) * _TRUST["thorax"]
    return {
        "pelvis": (hips[0], hips[1] * _TRUST["pelvis"]),
        "spine": _on_line(hips, shoulders, _SPINE_ALONG_TRUNK, "spine", xp),
        "thorax": (shoulders[0] + _THORAX_ABOVE_SHOULDERS * known[..., None] * up, trust),
    }


def trust_between(first: Any, second: Any, joint: str, xp: ModuleType = np) -> Any:
    """Confidence ``[...]`` of a joint that is placed between two others of these confidences."""
    return xp.minimum(first, second) * _TRUST[joint]


def to_h36m17(track: PersonTrack2D) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keypoints and confidence of a track in the order of ``detectors.layouts.H36M_17``.

    Joints that the layout has are taken as they are. Pelvis, thorax and spine are otherwise placed on the line from the
    hips to the shoulders, nose and head top between thorax and face; their confidence says so.

    Returns:
        ``[T, 17, 2]`` float64 px and ``[T, 17]`` float64 in 0..1. A joint without evidence has confidence 0 and NaN
        as its place; every joint with confidence above 0 is finite.
    Raises:
        ValueError: if the layout lacks hips or shoulders, or another joint of the limbs.
    """
    layout = LAYOUTS[track.layout]
    have: dict[str, Joint] = {}
    for index, name in enumerate(layout.joints):
        have[name] = (track.keypoints_px[:, index].astype(np.float64), track.confidence[:, index].astype(np.float64))
    for name, others in _ALIASES.items():
        alias = next((other for other in others if other in have), None)
        if name not in have and alias is not None:
            have[name] = have[alias]
    if layout.name != H36M_17.name:
        _derive(have, layout.name)
    missing = [name for name in H36M_17.joints if name not in have]
    if missing:
        raise ValueError(f"layout {layout.name} has no {', '.join(missing)} and nothing to place it from")
    keypoints = np.stack([have[name][0] for name in H36M_17.joints], axis=1)
    confidence = np.stack([have[name][1] for name in H36M_17.joints], axis=1)
    confidence[~np.isfinite(keypoints).all(axis=-1) | ~(confidence > 0)] = 0.0
    keypoints[confidence == 0] = np.nan
    return keypoints, confidence


def _derive(have: dict[str, Joint], layout: str) -> None:
    """Add the central joints that the layout does not report."""
    trunk = [f"{side}_{part}" for part in ("hip", "shoulder") for side in ("left", "right")]
    lacking = [name for name in trunk if name not in have]
    if lacking:
        raise ValueError(f"layout {layout} has no {', '.join(lacking)}; without a trunk no pose can be lifted")
    hips, shoulders = _middle(have, trunk[:2]), _middle(have, trunk[2:])
    face_nose = have.pop("nose", None)
    ears: list[str] = [name for name in ("left_ear", "right_ear") if name in have]
    for name, joint in joints_of_the_trunk(hips, shoulders).items():
        have.setdefault(name, joint)
    if face_nose is not None:
        have["nose"] = _on_line(have["thorax"], face_nose, NOSE_FROM_THORAX, "nose")
    if ears:
        # one hidden ear is no reason to give up: the better seen one counts for more
        have.setdefault("head_top", _on_line(have["thorax"], _weighted(have, ears), HEAD_TOP_FROM_THORAX, "head_top"))
    elif face_nose is not None:
        have.setdefault("head_top", _on_line(have["thorax"], face_nose, 1.0, "head_top"))


def _middle(have: dict[str, Joint], names: list[str]) -> Joint:
    joints = [have[name] for name in names]
    return np.mean([xy for xy, _ in joints], axis=0), np.min([confidence for _, confidence in joints], axis=0)


def _weighted(have: dict[str, Joint], names: list[str]) -> Joint:
    """Mean by confidence, as certain as the best of them."""
    xy = np.stack([have[name][0] for name in names])
    weight = np.stack([have[name][1] for name in names])
    total = weight.sum(axis=0)
    seen = np.where(weight[..., None] > 0, xy, 0.0)
    mean = (seen * weight[..., None]).sum(axis=0) / np.where(total > 0, total, 1.0)[:, None]
    return mean, weight.max(axis=0)


def _on_line(start: Joint, end: Joint, share: float, joint: str, xp: ModuleType = np) -> Joint:
    """The point at ``share`` of the way from ``start`` to ``end`` (beyond it above 1)."""
    return start[0] + share * (end[0] - start[0]), trust_between(start[1], end[1], joint, xp)
