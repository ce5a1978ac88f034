"""A figure whose joints are set by angles: the independent way to know what they should read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17

Array = NDArray[np.float64]

#: Standing upright in world axes (x right, y up, z), facing z; the right side is at -x. Metres.
STANDING = {
    "pelvis": (0, 0.95, 0), "right_hip": (-0.1, 0.95, 0), "right_knee": (-0.1, 0.5, 0), "right_ankle": (-0.1, 0.08, 0),
    "left_hip": (0.1, 0.95, 0), "left_knee": (0.1, 0.5, 0), "left_ankle": (0.1, 0.08, 0), "spine": (0, 1.2, 0),
    "thorax": (0, 1.45, 0), "nose": (0, 1.55, 0.06), "head_top": (0, 1.7, 0), "left_shoulder": (0.18, 1.42, 0),
    "left_elbow": (0.18, 1.14, 0), "left_wrist": (0.18, 0.9, 0), "right_shoulder": (-0.18, 1.42, 0),
    "right_elbow": (-0.18, 1.14, 0), "right_wrist": (-0.18, 0.9, 0),
}  # fmt: skip
FORWARDS, UP, RIGHT = np.array([0.0, 0, 1]), np.array([0.0, 1, 0]), np.array([-1.0, 0, 0])


def turned(axis: Array, degrees: float) -> Array:
    """The rotation ``[3, 3]`` about an axis (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def posed(*turns: tuple[str, str, Array]) -> Array:
    """``[1, 17, 3]`` the standing figure after rotations, each of a chain of joints about its first, one after another.

    Args:
        turns: the joint that is turned about, what turns with it (``"right_leg"``, ``"right_shank"`` ...), how.
    """
    x = {name: np.array(place, float) for name, place in STANDING.items()}
    for about, chain, rotation in turns:
        centre = x[about].copy()
        for name in _chain(chain):
            x[name] = centre + rotation @ (x[name] - centre)
    return np.array([x[name] for name in H36M_17.joints])[None]


def _chain(name: str) -> list[str]:
    if name == "all":
        return list(H36M_17.joints)
    if name == "trunk":
        return [joint for joint in H36M_17.joints if not joint.endswith(("hip", "knee", "ankle", "pelvis"))]
    if name == "head":
        return ["nose", "head_top"]
    side, part = name.split("_")
    parts = {"leg": ("knee", "ankle"), "shank": ("ankle",), "arm": ("elbow", "wrist"), "forearm": ("wrist",)}[part]
    return [f"{side}_{joint}" for joint in parts]
