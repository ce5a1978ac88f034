from __future__ import annotations

import numpy as np
import pytest

from detectors.layouts import COCO_17, H36M_17, LAYOUTS, KeypointLayout
from detectors.people import Person2D

every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


@every_layout
def test_joint_names_are_unique_and_registered_under_the_layouts_name(layout: KeypointLayout) -> None:
    assert len(set(layout.joints)) == len(layout.joints) == len(layout)
    assert layout.name.endswith(f"-{len(layout)}")
    assert LAYOUTS[layout.name] is layout


@every_layout
def test_flip_exchanges_the_sides_and_undoes_itself(layout: KeypointLayout) -> None:
    flip = np.array(layout.flip)
    assert np.array_equal(flip[flip], np.arange(len(layout)))
    opposite = {"left": "right", "right": "left", "centre": "centre"}
    for joint, other in enumerate(layout.flip):
        assert layout.side(other) == opposite[layout.side(joint)]
        assert layout.joints[joint].split("_")[-1] == layout.joints[other].split("_")[-1]


@every_layout
def test_bones_reach_every_limb_joint_and_never_join_the_sides_of_a_limb(layout: KeypointLayout) -> None:
    drawn = {layout.joints[joint] for edge in layout.edges for joint in edge}
    assert drawn == {name for name in layout.joints if "face" not in name}  # 68 points need no lines
    limbs = ("elbow", "wrist", "knee", "ankle")
    for a, b in layout.edges:
        if layout.joints[a].endswith(limbs) and layout.joints[b].endswith(limbs):
            assert layout.side(a) == layout.side(b)


def test_layouts_have_the_published_order() -> None:
    assert [COCO_17.index(name) for name in ("nose", "left_shoulder", "right_wrist", "right_ankle")] == [0, 5, 10, 16]
    names = ("pelvis", "right_ankle", "left_hip", "thorax", "left_wrist", "right_wrist")
    assert [H36M_17.index(name) for name in names] == [0, 3, 4, 8, 13, 16]


def test_an_unknown_joint_is_refused() -> None:
    with pytest.raises(ValueError, match="coco-17 has no joint 'tail'"):
        COCO_17.index("tail")


def test_a_person_must_have_as_many_joints_as_its_layout() -> None:
    with pytest.raises(ValueError, match=r"coco-17 needs keypoints \[17, 2\]"):
        Person2D(np.zeros((16, 2), np.float32), np.zeros(17, np.float32), "coco-17", np.zeros(4, np.float32), 0.5)
