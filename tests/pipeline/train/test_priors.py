"""Training from the command line: a run that is stopped and resumed, template poses, and data that cannot be used."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assets.integrity import asset_path
from lifting.initial.network import InitialNetwork
from lifting.initial.weights import load_initialiser, load_templates, save_initialiser
from lifting.prior.weights import load_prior
from lifting.training.prior import TrainSettings
from lifting.training.processes import Team
from pipeline.errors import InputError
from pipeline.progress import QuietReporter
from pipeline.train.data import load_poses
from pipeline.train.priors import train_prior
from pipeline.train.run import _best, _forget_after, draw_curve
from pipeline.train.settings import read_initialiser_settings, read_train_settings
from tests.pipeline.command_line import refused, run

CONFIGS = Path(__file__).parents[3] / "configs"
TINY = TrainSettings(steps=6, batch=64, hidden=32, embed=16, warm_up=2)


@pytest.fixture(scope="module")
def poses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The motion of the shipped clip in the training format."""
    path = tmp_path_factory.mktemp("poses") / "poses.npz"
    with np.load(asset_path("sample_motion.npz"), allow_pickle=False) as motion:
        joints = next(motion[name] for name in motion.files if motion[name].shape[1:] == (17, 3))
    np.savez(path, poses=joints.astype(np.float32))
    return path


@pytest.mark.slow
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
    templates = load_templates(tmp_path / "s.npz")
    assert sorted(templates.poses) == [1, 3]


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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stepss = 3", r"no setting 'stepss' of the training"),
        ("[views]\ncutt = 0.1", r"no setting 'cutt' of the training"),
        ("views = 3", "wrong value"),
        ('steps = "many"', "wrong value"),
    ],
)
def test_settings_that_do_not_exist(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_initialiser_settings(tmp_path / "wrong.toml", {})


@pytest.mark.slow
def test_two_processes_make_the_prior_that_one_makes(poses: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text("steps = 8\nbatch = 64\nhidden = 128\nembed = 16\nwarm_up = 2\n")
    arguments = ["train", "prior", "--data", poses, "--validation", poses, "--config", "tiny.toml", "--device", "cpu"]
    script = tmp_path / "zedo.py"
    script.write_text("from pipeline.commands import main\nmain()\n")
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", script]
    done = subprocess.run(
        [*map(str, together), *map(str, arguments), "--out", "two"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the weights are") == 1, "the first process alone reports"
    assert run(*arguments, "--out", "one", cwd=tmp_path).returncode == 0

    def losses(folder: str) -> list[list[float]]:
        with (tmp_path / folder / "log.csv").open(encoding="utf-8", newline="") as stream:
            return [[float(value) for value in row.values()] for row in csv.DictReader(stream)]

    # gradients that are not averaged are off by ten times as much in the losses and forty times in the weights
    assert len(losses("two")) == 1 and np.allclose(losses("two"), losses("one"), rtol=5e-4)
    first, second = (torch.load(tmp_path / folder / "checkpoint.pt") for folder in ("one", "two"))
    assert first["step"] == second["step"] == 8
    pairs = [(weights, second["model_state_dict"][name]) for name, weights in first["model_state_dict"].items()]
    assert torch.cat([(one - two).abs().flatten() for one, two in pairs]).mean() < 2e-4


def test_work_that_cannot_be_divided(poses: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="8 rows cannot be divided among 3 processes"):
        Team(rank=1, size=3).part(torch.arange(8))
    parts = [Team(rank, 4).part(torch.arange(8)).tolist() for rank in range(4)]
    assert parts == [[0, 1], [2, 3], [4, 5], [6, 7]]
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(InputError, match="several processes cannot train on mps"):
        train_prior(poses, poses, tmp_path / "run", TINY, "mps", QuietReporter())


@pytest.mark.slow
def test_a_run_knows_its_data(poses: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    np.savez(other, poses=np.load(poses)["poses"][:20])
    prior = train_prior(poses, other, tmp_path / "run", TINY, "cpu", QuietReporter())
    assert prior is not None
    for role, path in (("data", poses), ("validation", other)):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        assert load_prior(prior).training[role] == {"name": path.name, "sha256": sha256}
    with pytest.raises(InputError, match=r"poses\.npz as data, and other\.npz holds something else"):
        train_prior(other, other, tmp_path / "run", TINY, "cpu", QuietReporter())
    with pytest.raises(InputError, match=r"other\.npz as validation, and poses\.npz"):
        train_prior(poses, poses, tmp_path / "run", TINY, "cpu", QuietReporter())
    # the same data under another name are the same data
    renamed = tmp_path / "renamed.npz"
    renamed.write_bytes(poses.read_bytes())
    assert train_prior(renamed, other, tmp_path / "run", TINY, "cpu", QuietReporter()) == prior


@pytest.mark.slow
def test_checkpoints_from_before_data_were_recorded_go_on(poses: Path, tmp_path: Path) -> None:
    train_prior(poses, poses, tmp_path, TINY, "cpu", QuietReporter(), stop_after_s=0.0)
    record = torch.load(tmp_path / "checkpoint.pt")
    del record["data"]
    torch.save(record, tmp_path / "checkpoint.pt")
    assert train_prior(poses, poses, tmp_path, TINY, "cpu", QuietReporter()) == tmp_path / "prior.safetensors"


@pytest.mark.slow
def test_checkpoints_from_before_a_setting_go_on_as_they_began(poses: Path, tmp_path: Path) -> None:
    train_prior(poses, poses, tmp_path, TINY, "cpu", QuietReporter(), stop_after_s=0.0)
    record = torch.load(tmp_path / "checkpoint.pt")
    del record["settings"]["augmentation"]["bend"], record["settings"]["augmentation"]["spin"]
    torch.save(record, tmp_path / "checkpoint.pt")
    bent = replace(TINY, augmentation=replace(TINY.augmentation, bend=0.2))
    with pytest.raises(InputError, match="another augmentation"):
        train_prior(poses, poses, tmp_path, bent, "cpu", QuietReporter())
    assert train_prior(poses, poses, tmp_path, TINY, "cpu", QuietReporter()) == tmp_path / "prior.safetensors"


@pytest.mark.slow
def test_a_start_is_trained_and_used(poses: Path, tmp_path: Path) -> None:
    with np.load(poses) as stored:
        moving = {**stored, "clip_index": np.zeros(len(stored["poses"]), np.int32), "fps": np.float32(30)}
    np.savez(tmp_path / "moving.npz", **moving)
    (tmp_path / "tiny.toml").write_text("hidden = 64\nblocks = 1\nwarm_up = 1\n[views]\nhidden = 0.1\n")
    arguments = ("train", "initialiser", "--data", "moving.npz", "--validation", "moving.npz", "--config", "tiny.toml")
    done = run(*arguments, "--steps", "4", "--batch", "32", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    network, sha256 = load_initialiser(tmp_path / "run" / "initialiser.safetensors")
    assert (network.hidden, network.blocks, network.frames) == (64, 1, 7) and len(sha256) == 64
    header = (tmp_path / "run" / "log.csv").read_text().splitlines()[0]
    assert header.startswith("step,train,pose_mm,told_body_mm,best_mode_mm,likeliest_mode_mm,pose_alone_mm")
    assert (tmp_path / "run" / "curve.png").stat().st_size > 1000
    # another run goes on from these weights: with a learning rate of nothing they stay
    weights = ("--from", "run/initialiser.safetensors")
    changes = ("--steps", 1, "--learning-rate", "1e-12", "--batch", 32)
    done = run(*arguments, *weights, *changes, "--out", "more", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    further, _ = load_initialiser(tmp_path / "more" / "initialiser.safetensors")
    pairs = zip(network.state_dict().values(), further.state_dict().values(), strict=True)
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in pairs)
    other = ("train", "initialiser", "--data", "moving.npz", "--validation", "moving.npz", *weights)
    refused(run(*other, "--out", "wide", cwd=tmp_path), "hidden = 64")
    refused(run(*other[:-1], "no.safetensors", "--out", "wide", cwd=tmp_path), "no.safetensors")
    # the same command has nothing left to do, also in a folder of an older version; another size is another run
    (tmp_path / "run" / "initialiser.safetensors").rename(tmp_path / "run" / "start.safetensors")
    assert run(*arguments, "--steps", "4", "--batch", "32", "--out", "run", cwd=tmp_path).returncode == 0
    assert load_initialiser(tmp_path / "run" / "initialiser.safetensors")[1] == sha256
    refused(run(*arguments, "--steps", "4", "--batch", "16", "--out", "run", cwd=tmp_path), "another batch")
    refused(
        run("train", "initialiser", "--data", poses, "--validation", "moving.npz", "--out", "other", cwd=tmp_path),
        "follow each other",
    )


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("train_*.toml")), ids=lambda path: path.stem)
def test_the_settings_of_the_shipped_files_are_read(config: Path) -> None:
    read = read_initialiser_settings if config.stem.startswith("train_initialiser") else read_train_settings
    assert read(config, {}) != read(None, {})


def test_the_shipped_start_has_the_size_of_its_settings() -> None:
    settings, (network, _) = read_initialiser_settings(CONFIGS / "train_initialiser.toml", {}), load_initialiser()
    assert all(getattr(network, name) == getattr(settings, name) for name in ("hidden", "context", "blocks", "modes"))


def test_the_mean_of_two_networks(tmp_path: Path) -> None:
    torch.manual_seed(0)
    one, other = InitialNetwork(hidden=32, blocks=1), InitialNetwork(hidden=32, blocks=1)
    for name, network in (("one", one), ("other", other)):
        save_initialiser(tmp_path / f"{name}.safetensors", network, {})
    arguments = ("train", "average", "one.safetensors", "other.safetensors")
    done = run(*arguments, "--out", "mean.safetensors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    mean, _ = load_initialiser(tmp_path / "mean.safetensors")
    for name, value in mean.state_dict().items():
        assert torch.allclose(value, (one.state_dict()[name] + other.state_dict()[name]) / 2, atol=1e-3)
    save_initialiser(tmp_path / "wide.safetensors", InitialNetwork(hidden=64, blocks=1), {})
    (tmp_path / "damaged.safetensors").write_bytes(b"x" * 40)
    for last, words in (("wide", "another kind or size"), ("damaged", "damaged"), ("no", "no.safetensors")):
        refused(run(*arguments[:3], f"{last}.safetensors", "--out", "bad.safetensors", cwd=tmp_path), words)
    refused(run(*arguments[:3], "--out", "bad.safetensors", cwd=tmp_path), "two files")
    refused(run(*arguments, "--out", "bad.pth", cwd=tmp_path), "must end in .safetensors")
    assert not list(tmp_path.glob("bad*"))


def test_a_log_that_is_damaged_costs_its_rows_only(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(
        b"step,train,a,b\n5,0.3,2,4\n10,x,1,1\n15,0.1,1\n\xff,1,1,1\n"
        + "\u00b2,1,1,1\n".encode() + b"9" * 5000 + b",1,1,1\n20,nan,3,1\n25,0.1,1,"
    )  # fmt: skip
    assert _best(log) == 2.0
    draw_curve(log, tmp_path / "curve.png", "loss")
    _forget_after(log, 15)
    assert log.read_text() == "step,train,a,b\n5,0.3,2,4\n10,x,1,1\n15,0.1,1\n"
    for content in (b"", b"\0", b"a\n1\n", b"step,train,a\n"):
        log.write_bytes(content)
        assert _best(log) == np.inf
        draw_curve(log, tmp_path / "curve.png", "loss")
