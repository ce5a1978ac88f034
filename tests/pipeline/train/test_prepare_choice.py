"""What ``prepare`` leaves out: broken poses, and clips by patterns of their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detectors.layouts import H36M_17
from pipeline.errors import InputError
from pipeline.train.pose_files import PrepareSettings
from pipeline.train.prepare import prepare
from tests.pipeline.train.test_prepare import EVERY, Notes, prepared, recordings
from tests.pipeline.train.walking import expected, walk


def collapsed(poses: np.ndarray, which: slice | list[int], share: float) -> np.ndarray:
    """The head top moved towards the thorax by a share of the neck."""
    thorax, top = H36M_17.index("thorax"), H36M_17.index("head_top")
    poses = poses.copy()
    poses[which, top] += share * (poses[which, thorax] - poses[which, top])
    return poses


def test_broken_poses_are_dropped_and_cut_the_clip(tmp_path: Path) -> None:
    poses = expected(walk()).astype(np.float32)
    broken = collapsed(collapsed(poses, [20, 21, 40], 0.17), [5, 50], 0.12)
    whole = {"clip_name": np.array(["one", "two"]), "clip_index": np.repeat([0, 1], 60)}
    np.savez(tmp_path / "in.npz", poses=np.concatenate([broken, poses]), **whole)
    arrays, notes = prepared(tmp_path / "in.npz")
    good = np.delete(np.arange(60), [20, 21, 40])
    assert np.abs(arrays["poses"] - np.concatenate([broken[good], poses])).max() < 1e-6
    assert np.bincount(arrays["clip_index"]).tolist() == [20, 18, 19, 60]
    assert arrays["clip_name"].tolist() == ["one", "one", "one", "two"]
    assert "117 of 120 poses kept; 3 dropped for bones" in notes.said[0]
    # In a recording with times, less than 0.1 s between broken frames is no clip.
    flickering = collapsed(poses, [20, 22, 40], 0.5)
    np.savez(tmp_path / "in.npz", poses=flickering, fps=30.0)
    arrays, _ = prepared(tmp_path / "in.npz")
    assert np.bincount(arrays["clip_index"]).tolist() == [20, 17, 19]
    for share in (0.5, -0.5):
        hurt = collapsed(collapsed(poses, slice(0, 20), share), slice(20, 40), 0.25)
        np.savez(tmp_path / "in.npz", poses=hurt)
        with pytest.raises(InputError, match=r"off their median length in 40 of 60 poses"):
            prepared(tmp_path / "in.npz")


def test_the_pieces_of_a_recording_stay_on_one_side_of_the_split(tmp_path: Path) -> None:
    poses = expected(walk()).astype(np.float32)
    np.savez(
        tmp_path / "in.npz", poses=np.tile(collapsed(poses, [30], 0.5), (6, 1, 1)),
        clip_index=np.repeat(np.arange(6), 60), clip_name=np.array([f"c{number}" for number in range(6)]),
    )  # fmt: skip
    settings = replace(EVERY, validation=0.4)
    prepare([tmp_path / "in.npz"], tmp_path / "t.npz", tmp_path / "v.npz", settings, Notes())
    with np.load(tmp_path / "t.npz") as train, np.load(tmp_path / "v.npz") as held_out:
        assert not set(train["clip_name"]) & set(held_out["clip_name"])
        assert len(train["clip_name"]) + len(held_out["clip_name"]) == 12


def test_what_was_thinned_out_is_not_thinned_out_again(tmp_path: Path) -> None:
    poses = expected(walk()).astype(np.float32)
    slow = poses[:1] + np.linspace(0, 0.1, 60)[:, None, None] * (poses[1:2] - poses[:1])
    np.savez(tmp_path / "in.npz", poses=slow, clip_index=np.zeros(60, dtype=int), fps=12.0)
    assert len(prepared(tmp_path / "in.npz", PrepareSettings())[0]["poses"]) == 60
    # Unless it is asked for, or the rate is another.
    assert len(prepared(tmp_path / "in.npz", PrepareSettings(least_move=0.02))[0]["poses"]) < 10
    assert len(prepared(tmp_path / "in.npz", PrepareSettings(fps=6))[0]["poses"]) < 10
    np.savez(tmp_path / "in.npz", poses=slow, fps=12.0)
    assert len(prepared(tmp_path / "in.npz", PrepareSettings())[0]["poses"]) < 10


@pytest.mark.parametrize(
    ("only", "exclude", "left"),
    [
        ((), ("x/*",), ["Y/s2/dance_1", "Y/s2/run"]),
        (("x/*",), (), ["X/s1/walk", "X/s1/slow dance"]),
        (("X/*", "*/RUN"), ("*dance*",), ["X/s1/walk", "Y/s2/run"]),
        (("*/s2/dance_?",), (), ["Y/s2/dance_1"]),
    ],
)
def test_clips_are_chosen_by_patterns(
    only: tuple[str, ...], exclude: tuple[str, ...], left: list[str], tmp_path: Path
) -> None:
    poses = expected(walk()).astype(np.float32)
    texts = {"source": ["X", "X", "Y", "Y"], "subject": ["s1", "s1", "s2", "s2"]}
    texts["name"] = ["walk", "slow dance", "dance_1", "run"]
    np.savez(
        tmp_path / "in.npz", poses=np.tile(poses, (4, 1, 1)), clip_index=np.repeat(np.arange(4), 60),
        **{f"clip_{key}": np.array(values) for key, values in texts.items()},
    )  # fmt: skip
    arrays, notes = prepared(tmp_path / "in.npz", replace(EVERY, only=only, exclude=exclude))
    names = zip(*(arrays[f"clip_{key}"].tolist() for key in texts), strict=True)
    assert ["/".join(name) for name in names] == left
    assert f"; {4 - len(left)} of 4 clips left out by --only and --exclude" in notes.said[0]


def test_patterns_choose_among_recordings(tmp_path: Path) -> None:
    data = recordings(tmp_path / "lab")
    # What is left out is not read: it cannot fail.
    (data / "anna/broken.bvh").write_text("nothing")
    out, notes = tmp_path / "o.npz", Notes()
    prepare([data], out, None, replace(EVERY, only=("lab/anna/*", "lab/ben/*"), exclude=("*/broken",)), notes)
    with np.load(out) as arrays:
        assert arrays["clip_subject"].tolist() == ["anna"] * 3 + ["ben"] * 3
    assert sum("1 of 1 clips left out" in line for line in notes.said) == 7 and not notes.warned
    for only, exclude, words in [
        (("lab/*", "lap/*"), (), r"--only 'lap/\*' matches none .* such as lab/anna/0"),
        ((), ("*/broken", "emma/*"), r"--exclude 'emma/\*' matches none"),
        (("*/anna/*",), ("lab/*",), "leave no clip"),
    ]:
        with pytest.raises(InputError, match=words):
            prepare([data], tmp_path / "n.npz", None, replace(EVERY, only=only, exclude=exclude), Notes())
        assert not (tmp_path / "n.npz").exists()
