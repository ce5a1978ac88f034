"""Reading BVH text, choosing a skeleton map, and where the 17 joints are put."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.layouts import H36M_17
from lifting.training.mocap.bvh import parse_bvh, world_frames
from lifting.training.mocap.motion import find_units, find_up, pieces, select_frames
from lifting.training.mocap.skeleton_maps import apply_map, builtin_maps, detect_map, parse_map

CHAIN = """HIERARCHY
ROOT upper arm {
  OFFSET 9 9 9
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT fore arm {
    OFFSET 2 0 0
    CHANNELS 4 Yposition Xrotation Yrotation Zrotation
    End Site
    {
      OFFSET 0 0 1
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.01
1 2 3 0 0 0 0 0 0 0
1 2 3 90 0 90  5 90 0 90
"""

MAP = """
sides = ["L", "R"]
hip = "hip{side}"
knee = "knee{side}"
ankle = "ankle{side}"
shoulder = "shoulder{side}"
elbow = "elbow{side}"
wrist = "wrist{side}"
trunk = ["back"]
thorax = "neck"
head = "skull"
head_top = ["skull/End", { skull = 3.0, neck = -2.0 }]
"""


def test_channels_turn_in_their_order_and_positions_replace_offsets() -> None:
    bvh = parse_bvh(CHAIN)
    assert bvh.names == ("upper arm", "fore arm", "fore arm/End") and bvh.parents.tolist() == [-1, 0, 1]
    places = np.stack([place for place, _ in world_frames(bvh, bvh.values, range(3)).values()], axis=1)
    assert np.allclose(places[0], [[1, 2, 3], [3, 2, 3], [3, 2, 4]])
    # By hand: root turns x to y about z, then about its own y: its x points to -z, its y to -x, its z to y.
    # The fore arm at (2, 5, 0) of it; about its own x by 90, then about z: the end, on the fore arm's z, is on -y of
    # the upper arm, which points to +x.
    assert np.allclose(places[1], [[1, 2, 3], [1 - 5, 2, 3 - 2], [1 - 5 + 1, 2, 1]])
    rest = world_frames(bvh, None, range(3))
    assert np.allclose(rest[2][0], [[11, 9, 10]])


def test_only_what_is_needed_gives_the_same_places() -> None:
    bvh = parse_bvh(CHAIN)
    everything, one = world_frames(bvh, bvh.values, range(3)), world_frames(bvh, bvh.values, [2])
    assert list(one) == [2] and np.array_equal(one[2][0], everything[2][0])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("HIERARCHY", "hello", "HIERARCHY"),
        ("Frames: 2", "Frames: 3", "promises 3 frames of 10 numbers, but 20"),
        ("Frames: 2", "Frames: two", "'two' frames"),
        ("0.01", "0", "frame time of 0 s"),
        ("Frame Time: 0.01\n", "", "MOTION"),
        ("OFFSET 2 0 0", "OFFSET 2 0", "three finite numbers"),
        ("OFFSET 2 0 0", "OFFSET 2 x 0", "no numbers"),
        ("OFFSET 2 0 0", "", "no OFFSET for 'fore arm'"),
        ("CHANNELS 4", "CHANNELS 3", "CHANNELS of 'fore arm'"),
        ("Yposition Xrotation", "Wposition Xrotation", "CHANNELS of 'fore arm'"),
        ("JOINT fore arm {", "ROOT fore arm {", "more than one skeleton"),
        ("JOINT fore arm {", "JOINT fore arm", "braces"),
        ("    }\n", "", "braces"),
        ("    }\n", "}}}}", "braces"),
        ("    OFFSET 2 0 0", "    LENGTH 2\n OFFSET 2 0 0", "LENGTH 2"),
        ("90 0 90\n", "90 0 9,0\n", "no number"),
        ("90 0 90\n", "90 0 inf\n", "finite"),
    ],
)
def test_damaged_text_is_refused(old: str, new: str, words: str) -> None:
    assert old in CHAIN
    with pytest.raises(ValueError, match=words):
        parse_bvh(CHAIN.replace(old, new))


def figure(head_end: float = 0.0, ankle: str = "ankle") -> str:
    """A T pose, 2 frames; the head turns to the left in the second."""
    lines = ["HIERARCHY", "ROOT hips", "{", "OFFSET 0 1 0", "CHANNELS 3 Zrotation Xrotation Yrotation"]

    def limb(*joints: tuple[str, tuple[float, float, float]], end: float | None = None) -> None:
        for name, place in joints:
            lines.extend([f"JOINT {name}", "{", f"OFFSET {place[0]} {place[1]} {place[2]}"])
            lines.append("CHANNELS 3 Zrotation Xrotation Yrotation")
        if end is not None:
            lines.extend(["End Site", "{", f"OFFSET 0 {end} 0", "}"])
        lines.extend("}" * len(joints))

    limb(("back", (0, 0.2, 0)), ("neck", (0, 0.3, 0)), ("skull", (0, 0.1, 0)), end=head_end)
    for side, sign in (("L", 1), ("R", -1)):
        limb((f"hip{side}", (sign * 0.1, -0.1, 0)), (f"knee{side}", (0, -0.4, 0)), (f"{ankle}{side}", (0, -0.4, 0)))
        limb(
            (f"shoulder{side}", (sign * 0.2, 0.45, 0)),
            (f"elbow{side}", (sign * 0.3, 0, 0)),
            (f"wrist{side}", (sign * 0.25, 0, 0)),
        )
    count = sum(line.startswith("CHANNELS") for line in lines) * 3
    turned = ["0"] * count
    turned[3 * 3 + 2] = "90"
    table = [" ".join(["0"] * count), " ".join(turned)]
    return "\n".join([*lines, "}", "MOTION", "Frames: 2", "Frame Time: 0.1", *table])


def test_spine_nose_and_head_top_by_their_definitions() -> None:
    motion = apply_map(parse_bvh(figure()), parse_map(MAP, "own"))
    at = {name: motion.poses[:, H36M_17.index(name)] for name in H36M_17.joints}
    # Pelvis between the hips, 0.1 under the root; the trunk of 0.6 has its 48 % at 0.288.
    assert np.allclose(at["pelvis"][0], [0, 0.9, 0]) and np.allclose(at["spine"][0], [0, 0.9 + 0.288, 0])
    assert np.allclose(at["thorax"][0], [0, 1.5, 0])
    # An end site at the head joint says nothing: two necks are added.
    assert np.allclose(at["head_top"][0], [0, 1.8, 0])
    assert np.allclose(at["nose"], [[0, 1.65, 0.34 * 0.3], [0.34 * 0.3, 1.65, 0]])
    assert motion.toes is None and motion.fps == 10
    assert motion.rest_up is not None and np.allclose(motion.rest_up, [0, 1, 0])
    longer = apply_map(parse_bvh(figure(head_end=0.15)), parse_map(MAP, "own"))
    assert np.allclose(longer.poses[0, H36M_17.index("head_top")], [0, 1.75, 0])


def test_toes_count_only_in_pairs() -> None:
    a_map = parse_map('toe = ["toe{side}"]\n' + MAP, "own")
    assert apply_map(parse_bvh(figure().replace("JOINT back", "JOINT toeL")), a_map).toes is None
    a_map = parse_map('toe = ["toe{side}", "ankle{side}"]\n' + MAP, "own")
    toes = apply_map(parse_bvh(figure()), a_map).toes
    assert toes is not None and np.allclose(toes[0], [[0.1, 0.1, 0], [-0.1, 0.1, 0]])


def test_a_map_that_does_not_fit_says_what_is_missing() -> None:
    bvh = parse_bvh(figure(ankle="foot"))
    with pytest.raises(ValueError, match=r"no joint for the ankle \(ankleL\) of the skeleton own"):
        apply_map(bvh, parse_map(MAP, "own"))
    with pytest.raises(ValueError, match=r"cmu, mixamo, bandai, human, xsens .*hips, back, neck"):
        detect_map(bvh, builtin_maps())
    assert detect_map(bvh, {"own": parse_map(MAP.replace("ankle{", "foot{"), "own")}).name == "own"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('hip = "hip{side}"', "", "no hip"),
        ('hip = "hip{side}"', "hip = 3", "must give hip"),
        ('hip = "hip{side}"', "hip = []", "no joint for hip"),
        ('hip = "hip{side}"', "hip = { a = 0.5, b = 0.4 }", "add up to 1"),
        ('hip = "hip{side}"', 'hip = { a = "b" }', "must give hip"),
        ('["L", "R"]', '["L", "L"]', "two different sides"),
        ('["L", "R"]', '"LR"', "list of names"),
        ("trunk", "truck", "no trunk"),
        ("sides", "sights = 1\nsides", "'sights', which is not known"),
        ("sides =", "sides", "line 2"),
    ],
)
def test_maps_with_mistakes(old: str, new: str, words: str) -> None:
    assert old in MAP
    with pytest.raises(ValueError, match=words):
        parse_map(MAP.replace(old, new), "own")


def person(stature: float) -> np.ndarray:
    """One upright figure ``[1, 17, 3]`` whose legs, trunk and head are 0.91 of the stature."""
    pose = np.zeros((1, 17, 3))
    for joint, height in {"knee": 0.285, "ankle": 0.039, "hip": 0.53}.items():
        pose[:, [H36M_17.index(f"{side}_{joint}") for side in ("left", "right")], 1] = height * stature
    for joint, height in {"pelvis": 0.53, "spine": 0.69, "thorax": 0.84, "nose": 0.9, "head_top": 0.949}.items():
        pose[:, H36M_17.index(joint), 1] = height * stature
    return pose


def test_units_of_every_grown_person_are_told_apart() -> None:
    for stature in np.linspace(1.3, 2.45, 24):
        for name, metres in {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "asf": 0.0254 / 0.45}.items():
            assert find_units(person(stature) / metres) == (name, pytest.approx(metres))
    for stature in (0.5, 4.0, 10.0, 300.0):
        with pytest.raises(ValueError, match="--units"):
            find_units(person(stature))
    # A newborn is no adult of any unit, but may be told.
    assert find_units(person(0.5), "m") == ("m", 1.0)
    assert find_units(person(5.0), "0.3") == ("0.3", 0.3)
    with pytest.raises(ValueError, match="units inch"):
        find_units(person(1.8), "inch")


def test_up_is_found_where_it_shows() -> None:
    standing, y, z = person(1.8), np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    along_z, along_x = standing[:, :, [0, 2, 1]], standing[:, :, [1, 0, 2]]
    assert find_up(np.concatenate([standing, standing, along_z]), None) == "y"
    assert find_up(np.concatenate([standing, along_z, along_z]), z) == "z"
    assert find_up(-standing, None) == "y"  # a hand stand
    crouching = standing + along_z + along_x
    assert find_up(crouching, z) == "z"
    for poses, rest in [(along_z, y), (crouching, None), (along_x, None)]:
        with pytest.raises(ValueError, match="--up"):
            find_up(poses, rest)


def test_frames_nearest_to_the_wanted_times() -> None:
    poses = np.zeros((50, 17, 3))
    poses[:, 3, 0] = np.arange(50)
    assert select_frames(poses, 50.0, 20.0, 0.01).tolist() == [0, 2, 5, 8, 10, 12, 15, 18, 20, 22, 25, 28, 30, 32, 35,
                                                              38, 40, 42, 45, 48]  # fmt: skip
    assert len(select_frames(poses, 50.0, 80.0, 0.01)) == 50
    assert select_frames(poses, None, 1.0, 2.5).tolist() == list(range(0, 50, 3))
    poses[:, :] = poses[:, 3:4]  # the whole person moves, the pose does not
    assert select_frames(poses, 50.0, 20.0, 0.01).tolist() == [0]


def test_recordings_are_cut_where_they_jump() -> None:
    poses = np.zeros((40, 17, 3))
    poses[20:, 3, 0] = 0.5
    poses[38:, 3, 0] = 1.0
    assert [part.tolist() for part in pieces(poses, 50.0)] == [list(range(20)), list(range(20, 38))]
    assert [len(part) for part in pieces(poses, 30.0)] == [40]
