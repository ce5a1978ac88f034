"""Motion capture files to training poses: known motion in many kinds of file, and files that must be refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from detectors.layouts import H36M_17
from lifting.training.mocap.motion_checks import check_sides
from lifting.training.mocap.skeleton_maps import builtin_maps
from pipeline.errors import InputError, OutputError
from pipeline.train.data import load_poses
from pipeline.train.pose_files import PrepareSettings
from pipeline.train.prepare import prepare
from tests.pipeline.command_line import leftovers, refused, run
from tests.pipeline.train.walking import BODY, Walk, expected, names, scrambled, walk, write_bvh

EVERY = PrepareSettings(fps=1000, least_move=0)
PER_METRE = {"m": 1.0, "cm": 100.0, "mm": 1000.0, "inch": 1 / 0.0254, "asf": 0.45 / 0.0254}


class Notes:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.warned: list[str] = []
        self.said: list[str] = []

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str = "frames") -> Iterator[Callable[[int], None]]:
        yield lambda done: None

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def say(self, text: str) -> None:
        self.said.append(text)


def prepared(path: Path, settings: PrepareSettings = EVERY) -> tuple[dict[str, np.ndarray], Notes]:
    out, notes = path.with_name("prepared.npz"), Notes()
    prepare([path], out, None, settings, notes, overwrite=True)
    load_poses(out)
    with np.load(out, allow_pickle=False) as arrays:
        return dict(arrays), notes


@pytest.mark.parametrize(
    ("kind", "order", "units", "up", "positions"),
    [
        ("human", "ZXY", "m", "y", False),
        ("human", "ZYX", "mm", "z", True),
        ("mixamo", "XYZ", "cm", "y", False),
        ("xsens", "YXZ", "inch", "z", False),
        ("xsens", "XZY", "asf", "y", True),
        ("bandai", "YZX", "cm", "z", True),
    ],
)
def test_known_joints_come_back(kind: str, order: str, units: str, up: str, positions: bool, tmp_path: Path) -> None:
    walked, path = walk(), tmp_path / "walk.bvh"
    text = write_bvh(walked, names(kind), order=order, per_metre=PER_METRE[units], up=up, positions=positions)
    path.write_text(text)
    arrays, notes = prepared(path)
    assert arrays["poses"].dtype == np.float32
    assert np.abs(arrays["poses"] - expected(walked)).max() < 1e-5
    assert [str(arrays[f"clip_{key}"][0]) for key in ("skeleton", "units", "up_axis")] == [kind, units, up]
    assert notes.said[0].endswith(f"walk.bvh: {kind}, units {units}, {up} up, 30 fps, 60 of 60 poses kept")


def test_joints_whose_axes_point_anywhere(tmp_path: Path) -> None:
    walked, path = walk(), tmp_path / "walk.bvh"
    path.write_text(write_bvh(scrambled(walked), names("human"), per_metre=100))
    poses = prepared(path)[0]["poses"]
    error = np.linalg.norm(poses - expected(walked), axis=-1)
    nose = H36M_17.index("nose")
    assert np.delete(error, nose, axis=1).max() < 1e-5
    # Without a rest pose the head is taken to look, on average, where the chest does.
    assert error[:, nose].max() < 0.015


def test_bones_that_the_cmu_release_leaves_out_are_put_back(tmp_path: Path) -> None:
    thorax = (0.0, 0.12, 0.02)
    body = {"root": BODY["root"], "lower": ("root", (0.0, 0.0, 0.0)), "waist": ("lower", (0.0, 0.11, 0.0))}
    body |= {"chest": ("waist", thorax), "neck0": ("chest", thorax), "neck": ("neck0", (0.0, 0.1, 0.0))}
    body |= {part: BODY[part] for part in ("head", "head_end")}
    for side in "lr":
        body |= {f"{side}_joint": ("root", (0.0, 0.0, 0.0)), f"{side}_collar": ("chest", thorax)}
        body |= {part: value for part, value in BODY.items() if part[:2] == f"{side}_" and part not in body}
        body[f"{side}_hip"] = (f"{side}_joint", BODY[f"{side}_hip"][1])
    joints = names("human") | {"lower": "LowerBack", "neck0": "Neck", "neck": "Neck1", "l_joint": "LHipJoint"}
    dropped = {**body, "neck0": ("chest", (0.0, 0.0, 0.0))}
    # What has an offset keeps it.
    body["l_collar"] = ("chest", (0.03, 0.1, 0.0))
    dropped |= {"r_collar": ("chest", (0.0, 0.0, 0.0)), "l_collar": body["l_collar"]}
    walked = walk(body=body)
    (tmp_path / "1.bvh").write_text(
        write_bvh(replace(walked, body=dropped), joints | {"r_joint": "RHipJoint"}, per_metre=PER_METRE["asf"])
    )
    arrays, _ = prepared(tmp_path / "1.bvh")
    at = walked.places
    assert str(arrays["clip_skeleton"][0]) == "cmu" and str(arrays["clip_units"][0]) == "asf"
    for joint, place in {
        "spine": at["waist"] + 0.35 * (at["chest"] - at["waist"]),
        "thorax": at["neck"],
        "head_top": at["head_end"],
        "left_shoulder": at["l_shoulder"],
        "right_shoulder": at["r_shoulder"],
        "right_wrist": at["r_elbow"] + 1.3 * (at["r_wrist"] - at["r_elbow"]),
    }.items():
        assert np.abs(arrays["poses"][:, H36M_17.index(joint)] - place).max() < 1e-5, joint


def human(walked: Walk | None = None, **kinds: object) -> str:
    return write_bvh(walked or walk(), names("human"), per_metre=100, **kinds)  # type: ignore[arg-type]


def exchanged(
    text: str, parts: tuple[str, ...] = ("UpLeg", "Leg", "Foot", "ToeBase", "Shoulder", "Arm", "ForeArm", "Hand")
) -> str:
    for part in parts:
        text = text.replace(f"Left{part}\n", f"?{part}\n").replace(f"Right{part}\n", f"Left{part}\n")
        text = text.replace(f"?{part}\n", f"Right{part}\n")
    return text


def changed(**offsets: tuple[float, float, float]) -> Walk:
    return walk(body=BODY | {part: (BODY[part][0], offset) for part, offset in offsets.items()})


def mirrored() -> Walk:
    """As in left-handed axes: every x has the other sign, names stay."""
    flip = np.array([-1.0, 1.0, 1.0])
    walked = walk()
    turns = {part: Rotation.from_matrix(flip[:, None] * turn.as_matrix() * flip) for part, turn in walked.turns.items()}
    body = {part: (parent, tuple(flip * offset)) for part, (parent, offset) in BODY.items()}
    return replace(walked, turns=turns, body=body, places={"root": walked.places["root"] * flip})


def stretched() -> str:
    """The left knee slides along its thigh."""
    head, _, table = human(positions=True).partition("Frame Time: ")
    first, *rows = table.splitlines()
    columns = [line.split()[2:] for line in head.splitlines() if "CHANNELS" in line]
    joints = [line.split()[1] for line in head.splitlines() if line.split()[0] in ("ROOT", "JOINT")]
    column = sum(map(len, columns[: joints.index("LeftLeg")])) + 1
    for number, row in enumerate(rows):
        values = row.split()
        values[column] = str(float(values[column]) * (1 + 0.2 * np.sin(number)))
        rows[number] = " ".join(values)
    return head + "Frame Time: " + "\n".join([first, *rows])


def lying() -> Walk:
    walked = walk(speed=0)
    down = Rotation.from_euler("x", -85, degrees=True)
    return replace(
        walked, places={"root": down.apply(walked.places["root"])}, turns={k: down * v for k, v in walked.turns.items()}
    )


DAMAGE: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "empty": (lambda: "", "is empty"),
    "binary": (lambda: bytes(range(256)) * 40, "is no BVH file"),
    "another format": (lambda: "frame,x,y\n1,2,3\n", "is no BVH file"),
    "cut off in the skeleton": (lambda: human()[:700], "has no MOTION part"),
    "cut off in the frames": (lambda: human()[:-4000], "the file may be cut off"),
    "not numbers": (lambda: human().replace(" 0.", " O.", 40).replace("OFFSET O.", "OFFSET 0."), "no number"),
    "decimal commas": (lambda: human().replace(".", ","), "no numbers"),
    "nan": (lambda: human().rstrip().rpartition(" ")[0] + " nan\n", "finite"),
    "one frame": (lambda: human(walk(frames=1)), "has 1 frames"),
    "no frames": (lambda: human(walk(frames=1)).partition("Frames:")[0] + "Frames: 0\nFrame Time: 1", "has 0 frames"),
    "two people": (lambda: human().replace("MOTION", "ROOT Hips2\n{\nOFFSET 0 0 0\n}\nMOTION"), "one person per file"),
    "braces": (lambda: human().replace("}", "", 1), "braces"),
    "other names": (lambda: human().replace("UpLeg", "Bone"), "none of the kinds"),
    "other size": (lambda: write_bvh(walk(), names("human"), per_metre=7), "give the units"),
    "sides exchanged": (lambda: exchanged(human()), "has left and right exchanged"),
    "mirrored": (lambda: human(mirrored()), "has left and right exchanged"),
    "arms exchanged": (lambda: exchanged(human(), ("Shoulder", "Arm", "ForeArm", "Hand")), "left shoulder"),
    "sliding knee": (stretched, "left thigh whose length changes"),
    "one long arm": (lambda: human(changed(l_elbow=(0.4, 0, 0))), "left upper arm of 0.400 m"),
    "no human": (lambda: human(changed(l_wrist=(0.6, 0, 0), r_wrist=(-0.6, 0, 0))), "right_elbow to right_wrist"),
    "lying": (lambda: human(lying()), "--up"),
    "jumping": (lambda: human().replace("Frame Time: 0.0333333", "Frame Time: 0.001"), "jumps"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_cannot_be_used_is_left_out_with_one_sentence(damage: str, tmp_path: Path) -> None:
    make, words = DAMAGE[damage]
    (tmp_path / "in").mkdir()
    content = make()
    (tmp_path / "in/bad.bvh").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=r"none of 1 files .*bad\.bvh"):
        prepare([tmp_path / "in"], tmp_path / "o.npz", None, EVERY, Notes())
    assert leftovers(tmp_path) == ["in"]
    (tmp_path / "in/good.bvh").write_text(human())
    notes = Notes()
    with pytest.raises(InputError, match=r"1 files or clips were left out.*o\.npz"):
        prepare([tmp_path / "in"], tmp_path / "o.npz", None, EVERY, notes)
    assert len(notes.warned) == 1 and str(tmp_path / "in/bad.bvh") in notes.warned[0]
    assert words in notes.warned[0] and "\n" not in notes.warned[0]
    assert len(load_poses(tmp_path / "o.npz")) == 60
    assert leftovers(tmp_path) == ["in", "o.npz"]


SWAPPED = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]


def test_each_sign_of_the_sides_counts_alone() -> None:
    walked = walk()
    poses, toes = expected(walked), np.stack([walked.places["l_toe"], walked.places["r_toe"]], axis=1)
    stiff = poses.copy()
    stiff[:, [2, 5]] = (stiff[:, [1, 4]] + stiff[:, [3, 6]]) / 2
    for given, arguments, words in [
        (poses, (None, False, None), "the knees bend backwards"),
        (stiff, (toes, False, None), "the toes point backwards"),
        (stiff, (None, True, None), "the nose is backwards"),
        (stiff, (None, False, 30.0), "the person walks backwards"),
    ]:
        assert check_sides(given, *arguments)
        exchanged_toes = None if arguments[0] is None else arguments[0][:, ::-1]
        with pytest.raises(ValueError, match=words):
            check_sides(given[:, SWAPPED], exchanged_toes, *arguments[1:])
    assert not check_sides(stiff, None, False, None)
    back = np.arange(60)[:, None, None] * [0.0, 0.0, 0.2]
    # Knees and toes are better signs than the way: people walk backwards, too.
    assert check_sides(poses - back, toes - back, False, 30.0)


def test_what_the_user_says_overrides_what_is_found(tmp_path: Path) -> None:
    path = tmp_path / "in.bvh"
    path.write_text(human(lying()))
    lain = prepared(path, replace(EVERY, up_axis="y"))[0]["poses"]
    down = Rotation.from_euler("x", -85, degrees=True)
    assert np.abs(lain - down.apply(expected(walk(speed=0)).reshape(-1, 3)).reshape(-1, 17, 3)).max() < 1e-5
    path.write_text(write_bvh(walk(), names("human"), per_metre=7))
    assert np.abs(prepared(path, replace(EVERY, units=str(1 / 7)))[0]["poses"] - expected(walk())).max() < 1e-5
    with pytest.raises(InputError, match="units cm"):
        prepared(path, replace(EVERY, units="cm"))


def test_a_map_of_ones_own(tmp_path: Path) -> None:
    path, own = tmp_path / "in.bvh", tmp_path / "own.toml"
    path.write_text(exchanged(human()))
    text = (resources.files("lifting.training.mocap") / "skeletons/human.toml").read_text("utf-8")
    own.write_text(text.replace('["Left", "Right"]', '["Right", "Left"]'))
    arrays, _ = prepared(path, replace(EVERY, skeleton=str(own)))
    assert np.abs(arrays["poses"] - expected(walk())).max() < 1e-5
    assert str(arrays["clip_skeleton"][0]) == "own"
    with pytest.raises(InputError, match=r"no joint for the hip \(LeftHip\) of the skeleton xsens"):
        prepared(path, replace(EVERY, skeleton="xsens"))
    with pytest.raises(InputError, match="nothing is no skeleton"):
        prepared(path, replace(EVERY, skeleton="nothing"))
    own.write_text(text + "colour = 3\n")
    with pytest.raises(InputError, match=r"own\.toml cannot be used: has 'colour'"):
        prepared(path, replace(EVERY, skeleton=str(own)))


def test_frames_are_thinned_out(tmp_path: Path) -> None:
    path = tmp_path / "in.bvh"
    walked = walk(frames=480, fps=120)
    still = {
        key: np.concatenate([value[:240], np.repeat(value[239:240], 240, axis=0)])
        for key, value in walked.places.items()
    }
    turns = {key: Rotation.concatenate([value[:240], *[value[239]] * 240]) for key, value in walked.turns.items()}
    path.write_text(human(replace(walked, places=still, turns=turns)))
    poses = prepared(path, PrepareSettings())[0]["poses"]
    assert 20 <= len(poses) <= 25  # two seconds at 12 per second, then nothing new
    centred = poses - poses[:, :1]
    assert np.linalg.norm(np.diff(centred, axis=0), axis=-1).max(-1).min() > 0.0199
    assert np.abs(poses[1] - expected(walked)[10]).max() < 1e-4
    assert len(prepared(path, PrepareSettings(fps=24))[0]["poses"]) == pytest.approx(2 * len(poses), abs=4)


def test_a_first_frame_in_t_pose_is_no_motion(tmp_path: Path) -> None:
    path = tmp_path / "in.bvh"
    head, _, table = human(walk(frames=60, fps=120)).partition("Frame Time: 0.0083333\n")
    rows = table.splitlines()
    rows[0] = " ".join("0" for _ in rows[0].split())
    path.write_text(head + "Frame Time: 0.0083333\n" + "\n".join(rows) + "\n")
    poses = prepared(path)[0]["poses"]
    assert np.abs(poses - expected(walk(frames=60, fps=120))[1:]).max() < 1e-5


def recordings(folder: Path) -> Path:
    for subject in ("anna", "ben", "cleo", "dan"):
        (folder / subject).mkdir(parents=True)
        for number in range(3):
            (folder / subject / f"{number}.bvh").write_text(human(walk(frames=20, speed=1 + number)))
    return folder


@pytest.mark.parametrize("split_by", ["clip", "subject"])
def test_a_split_never_divides_what_belongs_together(split_by: str, tmp_path: Path) -> None:
    data = recordings(tmp_path / "lab")
    settings = replace(EVERY, validation=0.25, split_by=split_by)  # type: ignore[arg-type]

    def split(seed: int) -> tuple[set[str], set[str]]:
        prepare([data], tmp_path / "t.npz", tmp_path / "v.npz", replace(settings, seed=seed), Notes(), overwrite=True)
        parts = []
        for name in ("t.npz", "v.npz"):
            with np.load(tmp_path / name) as arrays:
                clips = [f"{a}/{b}" for a, b in zip(arrays["clip_subject"], arrays["clip_name"], strict=True)]
                assert set(arrays["clip_source"]) == {"lab"}
                assert np.array_equal(np.bincount(arrays["clip_index"]), [20] * len(clips))
            parts.append(set(clips))
        return parts[0], parts[1]

    train, held_out = split(0)
    assert len(train) == 9 and len(held_out) == 3 and not train & held_out
    if split_by == "subject":
        assert len({clip.partition("/")[0] for clip in held_out}) == 1
    assert split(0) == (train, held_out)
    assert any(split(seed)[1] != held_out for seed in (1, 2, 3))


def test_one_subject_cannot_be_split(tmp_path: Path) -> None:
    (tmp_path / "in.bvh").write_text(human())
    settings = replace(EVERY, validation=0.5)
    with pytest.raises(InputError, match="only one clip"):
        prepare([tmp_path / "in.bvh"], tmp_path / "t.npz", tmp_path / "v.npz", settings, Notes())
    assert leftovers(tmp_path) == ["in.bvh"]


def test_pose_files_are_merged(tmp_path: Path) -> None:
    poses = expected(walk()).astype(np.float32)
    # In another order of joints, in cm, z up, as two clips.
    order = np.random.default_rng(0).permutation(17)
    short = [name.replace("left_", "l_").replace("right_", "r_") for name in H36M_17.joints]
    z_up = np.stack([poses[..., 0], -poses[..., 2], poses[..., 1]], axis=-1) * 100
    np.savez(
        tmp_path / "a.npz", poses=z_up[:, order], joint_names=np.array(short)[order], units="cm", up_axis="z",
        clip_index=np.repeat([0, 2], 30), clip_name=np.array(["one", "none", "two"]), clip_source=np.array(["X"] * 3),
        clip_subject=np.array(["s", "s", "s"]), clip_action=np.array(["walks", "", "runs"]), fps=12.0,
    )  # fmt: skip
    np.savez(tmp_path / "b.npz", poses=poses, start=[0, 40], length=[40, 20], fps=30.0, units="m", up_axis="y")
    (tmp_path / "c.bvh").write_text(human())
    inputs = [tmp_path / name for name in ("a.npz", "b.npz", "c.bvh")]
    prepare([*inputs, tmp_path], tmp_path / "o.npz", None, EVERY, Notes())
    with np.load(tmp_path / "o.npz") as arrays:
        assert np.abs(arrays["poses"] - np.concatenate([poses, poses, poses])).max() < 1e-4
        assert arrays["clip_name"].tolist() == ["one", "two", "b", "b", "c"]
        assert arrays["clip_action"].tolist() == ["walks", "runs", "", "", ""]
        assert arrays["clip_source"].tolist() == ["X", "X"] + [tmp_path.name] * 3
        assert arrays["clip_units"].tolist() == ["cm", "cm", "m", "m", "cm"]
        assert arrays["clip_file"].tolist() == ["a.npz"] * 2 + ["b.npz"] * 2 + ["c.bvh"]
        assert np.bincount(arrays["clip_index"]).tolist() == [30, 30, 40, 20, 60]
        assert json.loads(str(arrays["preparation"]))["settings"]["fps"] == 1000
    # What was prepared can be prepared again and still says what it came from.
    notes = Notes()
    prepare([tmp_path / "o.npz"], tmp_path / "again.npz", None, EVERY, notes)
    assert notes.said[0].endswith("o.npz: h36m-17, units m, y up, no times, 180 of 180 poses kept")
    with np.load(tmp_path / "again.npz") as arrays:
        assert arrays["clip_units"].tolist() == ["cm", "cm", "m", "m", "cm"]
    (tmp_path / "again.npz").unlink()
    # The output lies in the folder and is none of its inputs the next time.
    prepare([tmp_path], tmp_path / "o.npz", None, EVERY, Notes(), overwrite=True)
    assert len(load_poses(tmp_path / "o.npz")) == 180


def test_pose_files_that_cannot_be_used(tmp_path: Path) -> None:
    poses = expected(walk()).astype(np.float32)
    gap = poses.copy()
    gap[3, 2, 1] = np.nan
    for arrays, words in [
        ({"joints_m": poses}, "no array named poses"),
        ({"poses": poses[:, :16]}, "[60, 16, 3]"),
        ({"poses": poses, "joint_names": np.array([f"j{n}" for n in range(17)])}, "h36m-17"),
        ({"poses": poses, "units": "furlong"}, "furlong"),
        ({"poses": poses, "units": "cm"}, "0.019 m in the units cm"),
        ({"poses": poses, "clip_index": np.zeros(3, dtype=int)}, "clip_index"),
        ({"poses": poses[:, SWAPPED]}, "exchanged"),
        ({"poses": gap}, "finite"),
    ]:
        np.savez(tmp_path / "bad.npz", **arrays)
        with pytest.raises(InputError, match=r"bad\.npz") as caught:
            prepared(tmp_path / "bad.npz")
        assert words in str(caught.value)
    (tmp_path / "bad.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"bad\.npz is damaged"):
        prepared(tmp_path / "bad.npz")
    # One clip of several: the others stay.
    np.savez(tmp_path / "bad.npz", poses=np.concatenate([poses, poses[:, SWAPPED]]), clip_index=np.repeat([0, 1], 60))
    notes = Notes()
    with pytest.raises(InputError, match="left out"):
        prepare([tmp_path / "bad.npz"], tmp_path / "o.npz", None, EVERY, notes)
    assert len(notes.warned) == 1 and "bad.npz, clip 1, has left and right exchanged" in notes.warned[0]
    assert len(load_poses(tmp_path / "o.npz")) == 60


def test_outputs_are_not_lost(tmp_path: Path) -> None:
    (tmp_path / "in.bvh").write_text(human())
    out = tmp_path / "o.npz"
    out.write_text("mine")
    for outputs, words in [
        ((out, None), "--overwrite"),
        ((tmp_path / "o.txt", None), ".npz"),
        ((tmp_path / "n.npz", tmp_path / "n.npz"), "twice"),
    ]:
        with pytest.raises(OutputError, match=words):
            prepare([tmp_path / "in.bvh"], *outputs, EVERY, Notes())
    assert out.read_text() == "mine"
    for given, words in [("no.bvh", "does not exist"), ("o.txt", "neither"), ("empty", "holds no")]:
        (tmp_path / "o.txt").touch()
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(InputError, match=words):
            prepare([tmp_path / given], tmp_path / "n.npz", None, EVERY, Notes())


def test_from_the_command_line(tmp_path: Path) -> None:
    data = recordings(tmp_path / "lab")
    done = run("prepare", "lab", "--out", "t.npz", "--validation-out", "v.npz", "--split-by", "subject", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "lab/anna/0.bvh: human, units cm, y up, 30 fps" in done.stdout
    assert "t.npz: poses" in done.stdout and "subjects 3" in done.stdout
    assert leftovers(tmp_path) == ["lab", "t.npz", "v.npz"]
    done = run("prepare", "t.npz", "--exclude", "*/0", "--exclude", "*/1", "--out", "few.npz", cwd=tmp_path)
    assert done.returncode == 0 and "6 of 9 clips left out" in done.stdout and "clips 3, subjects 3" in done.stdout
    (tmp_path / "few.npz").unlink()
    (data / "bad.bvh").write_text(exchanged(human()))
    done = run("prepare", "lab", "--out", "u.npz", "--quiet", cwd=tmp_path)
    refused(done, "1 files or clips were left out", "u.npz")
    assert (
        "warning: lab/bad.bvh has left and right exchanged" in done.stderr
        and not done.stdout
        and (tmp_path / "u.npz").exists()
    )
    for options, words in [
        (("--units", "stone"), "stone"),
        (("--validation", "0.1"), "--validation-out"),
        (("--fps", "0"), "fps"),
    ]:
        wrong = run("prepare", "lab", "--out", "x.npz", *options, cwd=tmp_path)
        assert wrong.returncode == 2 and words in wrong.stderr and "Traceback" not in wrong.stderr
    told = run("prepare", "--help", cwd=tmp_path)
    assert all(name in told.stdout for name in builtin_maps())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder in which everybody may write; those of pytest let nobody else in."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        for path in folder.rglob("*"):
            path.chmod(0o777)


@contextmanager
def not_root() -> Iterator[None]:
    """Root may look everywhere."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_closed_folder_is_one_sentence(open_folder: Path, mode: int) -> None:
    closed, notes = open_folder / "in", Notes()
    closed.mkdir()
    (closed / "walk.bvh").write_text(write_bvh(walk(), names("human"), per_metre=100))
    closed.chmod(mode)
    for given in (closed, closed / "walk.bvh"):
        with not_root(), pytest.raises(InputError, match=r"cannot be looked at \(Permission denied\); check"):
            prepare([given], open_folder / "o.npz", None, EVERY, notes)
    assert not notes.warned and leftovers(open_folder) == ["in"]


def test_a_closed_folder_among_others_is_left_out_by_name(open_folder: Path) -> None:
    notes = Notes()
    for name, mode in (("open", 0o755), ("shut", 0o000), ("unlisted", 0o444)):
        (open_folder / "in" / name).mkdir(parents=True)
        (open_folder / "in" / name / "walk.bvh").write_text(write_bvh(walk(), names("human"), per_metre=100))
        (open_folder / "in" / name).chmod(mode)
    with not_root(), pytest.raises(InputError, match="2 files or clips were left out"):
        prepare([open_folder / "in"], open_folder / "o.npz", None, EVERY, notes)
    assert [warning.split(" ")[0].rpartition("in/")[2] for warning in sorted(notes.warned)] == [
        "shut",
        "unlisted/walk.bvh",
    ]
    assert len(load_poses(open_folder / "o.npz")) == 60


def test_names_that_lead_nowhere_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "loop.bvh").symlink_to("loop.bvh")
    (tmp_path / "nowhere.bvh").symlink_to("missing")
    for given, words in (
        ("loop.bvh", "cannot be looked at"),
        ("nowhere.bvh", "does not exist"),
        ("x" * 300, "cannot be looked at"),
        ("a\0b.bvh", "cannot be looked at"),
    ):
        with pytest.raises(InputError, match=words):
            prepare([tmp_path / given], tmp_path / "o.npz", None, EVERY, Notes())
    with pytest.raises(InputError, match="cannot be looked at"):
        prepare([tmp_path], tmp_path / "o.npz", None, replace(EVERY, skeleton=str(tmp_path / "loop.bvh")), Notes())
    with pytest.raises(InputError, match="cannot be looked at"):
        prepare([tmp_path], tmp_path / "o.npz", None, EVERY, Notes())
    assert leftovers(tmp_path) == ["loop.bvh", "nowhere.bvh"]
