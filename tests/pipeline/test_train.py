"""Training from the command line: a run that is stopped and resumed, starting poses, and data that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.integrity import asset_path
from lifting.prior import load_prior, load_starting_poses
from lifting.training.trainer import TrainSettings
from pipeline.errors import InputError
from pipeline.progress import QuietReporter
from pipeline.training import load_poses, train_prior
from tests.pipeline.test_cli import refused, run

TINY = TrainSettings(steps=6, batch=64, hidden=32, embed=16, warm_up=2)


@pytest.fixture(scope="module")
def poses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The motion of the shipped clip in the training format."""
    path = tmp_path_factory.mktemp("poses") / "poses.npz"
    with np.load(asset_path("sample_motion.npz"), allow_pickle=False) as motion:
        joints = next(motion[name] for name in motion.files if motion[name].shape[1:] == (17, 3))
    np.savez(path, poses=joints.astype(np.float32))
    return path


def test_a_stopped_run_resumes_to_the_same_prior(poses: Path, tmp_path: Path) -> None:
    whole = train_prior(poses, poses, tmp_path / "whole", TINY, "cpu", QuietReporter())
    assert whole is not None
    assert train_prior(poses, poses, tmp_path / "parts", TINY, "cpu", QuietReporter(), stop_after_s=0.0) is None
    resumed = train_prior(poses, poses, tmp_path / "parts", TINY, "cpu", QuietReporter())
    assert resumed is not None
    one, other = load_prior(whole).network.state_dict(), load_prior(resumed).network.state_dict()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert load_prior(resumed).training["settings"]["steps"] == 6
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {
        "checkpoint.pt", "curve.png", "log.csv", "prior.safetensors",
    }  # fmt: skip


def test_starting_poses_from_the_command_line(poses: Path, tmp_path: Path) -> None:
    done = run("train", "clusters", "--data", poses, "--out", "s.npz", "--count", 1, "--count", 3, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    starts = load_starting_poses(tmp_path / "s.npz")
    assert sorted(starts.poses) == [1, 3]


def test_data_that_cannot_be_used(poses: Path, tmp_path: Path) -> None:
    refused(run("train", "clusters", "--data", "no.npz", "--out", "s.npz", cwd=tmp_path), "no.npz")
    for joints, words in [
        (np.zeros((3, 17, 2)), "[3, 17, 2]"),
        (np.full((3, 17, 3), np.nan), "finite"),
        (np.load(poses)["poses"] * 1000, "metres"),
        (np.load(poses)["poses"][:, :, [0, 2, 1]] * 0.1, "y up"),
    ]:
        np.savez(tmp_path / "bad.npz", poses=joints)
        with pytest.raises(InputError, match=r"bad\.npz") as caught:
            load_poses(tmp_path / "bad.npz")
        assert words in str(caught.value)
    np.savez(tmp_path / "bad.npz", other=np.zeros(3))
    with pytest.raises(InputError, match="poses"):
        load_poses(tmp_path / "bad.npz")
