"""Whether poses can be those of a person: bones that keep their length, human proportions, left on the left."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.training.mocap.motion import body_size

__all__ = ["check_bones", "check_sides", "steady_poses"]

_LIMBS = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
_LIMB_NAMES = ("thigh", "shank", "upper arm", "forearm")

#: A limb bone may differ from its median length by this (metres, and share of it).
_STEADY = (0.01, 0.04)
#: A pose with a bone this much (share) off its median length in the clip is broken. Bones here are the limbs, and neck
#: with head; trunk, shoulders and hips (of skeletons with joints inside the pelvis) are chains that bend. In 40,000
#: poses the good ones were up to 10.2 % off (necks bend a little), collapsed necks from 19 %.
_BROKEN = 0.15
_RIGID = (
    *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _LIMBS),
    ("thorax", "head_top"),
)
#: Left and right may differ by this share: measured skeletons of the CMU database differ by up to 13 %.
_ALIKE = 0.2
#: Lengths as shares of ``body_size``, between them infants, adults and the avatars of motion capture.
_PROPORTIONS = {
    ("right_hip", "right_knee"): (0.14, 0.36),
    ("right_knee", "right_ankle"): (0.14, 0.36),
    ("right_shoulder", "right_elbow"): (0.09, 0.28),
    ("right_elbow", "right_wrist"): (0.08, 0.26),
    ("left_hip", "right_hip"): (0.04, 0.26),
    ("left_shoulder", "right_shoulder"): (0.08, 0.42),
    ("pelvis", "thorax"): (0.2, 0.56),
    ("thorax", "head_top"): (0.06, 0.4),
}
#: Evidence (from -1 to 1) below minus this says that left and right are exchanged, above this that they are not.
_CLEAR = 0.15
_WALKING = 0.5  # m/s


def steady_poses(poses: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which poses of one clip ``[T, 17, 3]`` have all bones near their median length: ``[T]``.

    Raises:
        ValueError: fewer than half have, so that the median is no measure; the message says how many.
    """
    steady = np.ones(len(poses), dtype=np.bool_)
    for a, b in _RIGID:
        lengths = _length(poses, a, b)
        steady &= np.abs(lengths - np.median(lengths)) <= _BROKEN * np.median(lengths)
    if 2 * steady.sum() < len(poses):
        raise ValueError(
            f"has bones more than {_BROKEN:.0%} off their median length in {np.sum(~steady)} of {len(poses)} poses; "
            "bones must keep theirs, so check the joints of the skeleton map"
        )
    return steady


def check_bones(poses: NDArray[np.float64]) -> None:
    """Refuse poses ``[T, 17, 3]`` (metres, one clip) whose bones cannot be those of one person.

    Raises:
        ValueError: the message says which bone, and how long it is.
    """
    for name, (start, end) in zip(_LIMB_NAMES, _LIMBS, strict=True):
        sides = []
        for side in ("left", "right"):
            lengths = _length(poses, f"{side}_{start}", f"{side}_{end}")
            median = float(np.median(lengths))
            if np.percentile(np.abs(lengths - median), 98) > max(_STEADY[0], _STEADY[1] * median):
                low, high = np.percentile(lengths, [1, 99])
                raise ValueError(
                    f"has a {side} {name} whose length changes from {low:.3f} to {high:.3f} m; bones must keep theirs, "
                    "so check the joints of the skeleton map"
                )
            sides.append(median)
        if max(sides) > (1 + _ALIKE) * min(sides):
            raise ValueError(
                f"has a left {name} of {sides[0]:.3f} m and a right one of {sides[1]:.3f} m; check the joints of the "
                "skeleton map"
            )
    size = body_size(poses)
    for (a, b), (low, high) in _PROPORTIONS.items():
        share = float(np.median(_length(poses, a, b))) / size
        if not low < share < high:
            raise ValueError(
                f"has {share * size:.3f} m from {a} to {b}, which is {share:.0%} of legs, trunk and head (a human "
                f"has {low:.0%} to {high:.0%}); check the joints of the skeleton map"
            )


def check_sides(
    poses: NDArray[np.float64], toes: NDArray[np.float64] | None, nose_known: bool, fps: float | None
) -> bool:
    """Refuse poses whose left and right are exchanged, or that are mirrored.

    Where the hips say that the body faces is compared with where toes point, knees bend and the nose is, and, if none
    of these tells, with where the person walks.

    Args:
        poses: ``[T, 17, 3]``, right-handed axes with y up, metres.
        toes: ``[T, 2, 3]`` left and right, if known.
        nose_known: whether the nose was measured, not made from the sides.
        fps: frames per second, or None if the poses are not in the order of time.

    Returns:
        Whether there was anything to tell by.
    Raises:
        ValueError: they are exchanged; the message says what shows it.
    """
    hips = _unit(_joint(poses, "left_hip") - _joint(poses, "right_hip"))
    shoulders = _unit(_joint(poses, "left_shoulder") - _joint(poses, "right_shoulder"))
    if np.median(np.sum(hips * shoulders, axis=1)) < 0:
        raise ValueError(
            "has its left shoulder on the side of its right hip in most frames; check the joints of the skeleton map"
        )
    ahead = _unit(np.cross(hips, _joint(poses, "spine") - _joint(poses, "pelvis")))
    evidence = {"the knees bend": _knees(poses, ahead)}
    if toes is not None:
        feet = toes - np.stack([_joint(poses, "left_ankle"), _joint(poses, "right_ankle")], axis=1)
        evidence["the toes point"] = float(np.median(np.sum(_unit(feet) * ahead[:, None], axis=-1)))
    if nose_known:
        up = _joint(poses, "head_top") - _joint(poses, "thorax")
        nose = _joint(poses, "nose") - (_joint(poses, "head_top") + _joint(poses, "thorax")) / 2
        evidence["the nose is"] = float(np.median(np.sum(_unit(np.cross(shoulders, up)) * _unit(nose), axis=1)))
    if fps is not None and max(map(abs, evidence.values())) < _CLEAR:
        evidence["the person walks"] = _walking(poses, ahead, fps)
    backwards = [what for what, value in evidence.items() if value < -_CLEAR]
    if backwards and sum(evidence.values()) < 0:
        raise ValueError(
            f"has left and right exchanged, or is mirrored ({' and '.join(backwards)} backwards); exchange the two "
            "names of sides in a skeleton map of your own"
        )
    return any(value > _CLEAR for value in evidence.values())


def _knees(poses: NDArray[np.float64], ahead: NDArray[np.float64]) -> float:
    """How far ahead the knees are of the lines from hips to ankles, as a share of how far they are off them."""
    along, off = 0.0, 0.0
    for side in ("left", "right"):
        hip, knee, ankle = (_joint(poses, f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        line = _unit(ankle - hip)
        bend = knee - hip - np.sum((knee - hip) * line, axis=1, keepdims=True) * line
        # Legs that are nearly straight may bend a little either way.
        bent = np.linalg.norm(bend, axis=1) > 0.1 * np.linalg.norm(knee - hip, axis=1)
        along += float(np.sum(bend[bent] * ahead[bent]))
        off += float(np.linalg.norm(bend[bent], axis=1).sum())
    return along / off if off else 0.0


def _walking(poses: NDArray[np.float64], ahead: NDArray[np.float64], fps: float) -> float:
    """Cosine between where the person goes and where the body faces, seen from above, on average while walking."""
    way = np.diff(poses[:, 0], axis=0)[:, [0, 2]] * fps
    moving = np.linalg.norm(way, axis=1) > _WALKING
    return float(np.sum(_unit(way) * _unit(ahead[:-1][:, [0, 2]]), axis=1)[moving].mean()) if moving.any() else 0.0


def _joint(poses: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    return poses[:, H36M_17.index(name)]


def _length(poses: NDArray[np.float64], a: str, b: str) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(_joint(poses, a) - _joint(poses, b), axis=1))


def _unit(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
