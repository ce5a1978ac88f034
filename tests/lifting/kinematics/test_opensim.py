"""OpenSim's coordinates of a figure whose segments were turned as OpenSim turns them."""

from __future__ import annotations

import numpy as np
import pytest

from lifting.kinematics.opensim import generalised_coordinates
from tests.lifting.kinematics.figure import posed, turned
from tests.lifting.kinematics.test_angles import read

#: OpenSim's neutral figure faces X with Z to the right; ours faces z.
FACING_X = ("pelvis", "all", turned(np.array([0.0, 1, 0]), 90))
X, Y, Z = np.eye(3)


def test_coordinates_are_those_that_it_was_turned_by() -> None:
    wanted = {
        "pelvis_tilt": -12.0, "pelvis_list": 8.0, "pelvis_rotation": 30.0, "pelvis_tx": 0.0, "pelvis_ty": 0.95,
        "pelvis_tz": 0.0, "hip_flexion_r": 55.0, "hip_adduction_r": -12.0, "hip_rotation_r": 14.0, "knee_angle_r": 70.0,
        "hip_flexion_l": -10.0, "hip_adduction_l": 6.0, "hip_rotation_l": -9.0, "knee_angle_l": 35.0,
        "lumbar_extension": 0.0, "lumbar_bending": 7.0, "lumbar_rotation": -15.0,
        "arm_flex_r": 40.0, "arm_add_r": -30.0, "arm_rot_r": 20.0, "elbow_flex_r": 60.0,
        "arm_flex_l": -20.0, "arm_add_l": -50.0, "arm_rot_l": 25.0, "elbow_flex_l": 90.0,
    }  # fmt: skip
    w = wanted
    turns = [FACING_X]
    for side, name, sign in (("r", "right", 1), ("l", "left", -1)):
        leg = turned(Z, w[f"hip_flexion_{side}"]) @ turned(X, sign * w[f"hip_adduction_{side}"])
        arm = turned(Z, w[f"arm_flex_{side}"]) @ turned(X, sign * w[f"arm_add_{side}"])
        turns += [
            (f"{name}_knee", f"{name}_shank", turned(Z, -w[f"knee_angle_{side}"])),
            (f"{name}_hip", f"{name}_leg", leg @ turned(Y, sign * w[f"hip_rotation_{side}"])),
            (f"{name}_elbow", f"{name}_forearm", turned(Z, w[f"elbow_flex_{side}"])),
            (f"{name}_shoulder", f"{name}_arm", arm @ turned(Y, sign * w[f"arm_rot_{side}"])),
        ]
    turns.append(("pelvis", "trunk", turned(X, w["lumbar_bending"]) @ turned(Y, w["lumbar_rotation"])))
    whole = turned(Z, w["pelvis_tilt"]) @ turned(X, w["pelvis_list"]) @ turned(Y, w["pelvis_rotation"])
    pose = posed(*turns, ("pelvis", "all", whole))
    found = generalised_coordinates(pose, read(pose))
    assert {name: float(found[name][0]) for name in wanted} == pytest.approx(wanted, abs=0.01)
    assert found.keys() - wanted.keys() == {"ankle_angle_r", "ankle_angle_l"}


def test_gaps_stay_empty() -> None:
    pose = np.concatenate([posed(), posed()])
    pose[0] = np.nan
    found = generalised_coordinates(pose, read(pose))
    assert all(np.isnan(values[0]) for values in found.values())
    assert np.isfinite(found["lumbar_extension"][1])
