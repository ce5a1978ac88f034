"""Somebody whose bones never change and whose every rotation is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from detectors.layouts import H36M_17
from lifting.skeleton.frames import as_quaternions, turned
from lifting.skeleton.names import SKELETONS
from lifting.skeleton.rig import Rig, make_rig
from lifting.skeleton.solve import Motion

Array = NDArray[np.float64]

#: Of ``BONES``: hip, knee, ankle on both sides, spine, thorax, nose, head top, shoulder, elbow, wrist on both sides.
LENGTHS = np.array([0.1, 0.42, 0.4, 0.1, 0.42, 0.4, 0.25, 0.26, 0.11, 0.12, 0.17, 0.29, 0.25, 0.17, 0.29, 0.25])
#: Degrees: how far each joint goes about x, y, z, and what it goes about.
_MOVES = {
    "pelvis": ((10, 0, 8), (0, 0, 0)),
    "spine": ((12, 15, 8), (5, 0, 0)),
    "left_clavicle": ((0, 4, 8), (0, 0, 0)),
    "right_clavicle": ((0, 4, 8), (0, 0, 0)),
    "left_shoulder": ((20, 30, 25), (10, -30, -50)),
    "right_shoulder": ((20, 30, 25), (-10, 30, 50)),
    "left_elbow": ((0, 30, 0), (0, -60, 0)),
    "right_elbow": ((0, 30, 0), (0, 60, 0)),
    "thorax": ((10, 15, 8), (0, 0, 0)),
    "left_hip": ((35, 10, 8), (-30, 0, 5)),
    "right_hip": ((35, 10, 8), (-30, 0, -5)),
    "left_knee": ((35, 0, 0), (60, 0, 0)),
    "right_knee": ((35, 0, 0), (60, 0, 0)),
}


def rig() -> Rig:
    return make_rig(LENGTHS, SKELETONS["h36m"].build)


def dance(time_s: Array, turns: float = 0.5, limbs: float = 1.0) -> Motion:
    """The dance at these times; the whole body turns ``turns`` times a second, arms and legs move by ``limbs``."""
    body = rig()
    local = np.tile(np.eye(3), (len(time_s), len(body.joints), 1, 1))
    for number, (joint, (sweeps, middles)) in enumerate(_MOVES.items()):
        waves = [np.sin(2 * np.pi * (0.4 + 0.07 * axis + 0.03 * number) * time_s + number + axis) for axis in range(3)]
        angles = np.stack([limbs * (m + s * w) for s, m, w in zip(sweeps, middles, waves, strict=True)], axis=1)
        if joint == "pelvis":
            angles[:, 1] = 360 * turns * time_s
        order = "YXZ" if joint == "pelvis" else "XYZ"
        columns = ["XYZ".index(axis) for axis in order]
        local[:, body.index(joint)] = Rotation.from_euler(order, angles[:, columns], degrees=True).as_matrix()
    root = np.stack([0.4 * np.sin(time_s), 0.95 + 0.05 * np.sin(5 * time_s), -3 + 0.3 * time_s], axis=1)
    return Motion(body, time_s, root, as_quaternions(local))


def joints_of(motion: Motion) -> Array:
    """``[T, 17, 3]`` the joints of a result."""
    places, turns, body = motion.positions(), motion.rotations(), motion.rig
    joints = np.empty((len(places), len(H36M_17), 3))
    for index, name in enumerate(H36M_17.joints):
        if name == "head_top":
            joints[:, index] = places[:, body.index("nose")] + turned(turns[:, body.index("nose")], body.ends["nose"])
        else:
            joints[:, index] = places[:, body.index(name)]
    return joints
