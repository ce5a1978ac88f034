"""Infants from the command line: a set made from adults, fine-tuning, control branches, figures, and unusable data."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from assets.integrity import asset_path
from lifting.prior.control import ControlNetwork
from lifting.prior.network import ScoreNetwork
from lifting.prior.weights import load_prior, save_prior
from lifting.training.adapt import AdaptSettings
from pipeline.errors import InputError
from pipeline.progress import QuietReporter
from pipeline.train.adapt import adapt, load_small_poses, score_priors, write_infants
from tests.pipeline.command_line import refused, run


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The motion of the shipped clip in the training format, as three people."""
    path = tmp_path_factory.mktemp("motion") / "motion.npz"
    with np.load(asset_path("sample_motion.npz"), allow_pickle=False) as stored:
        poses = stored["positions_m"].astype(np.float32)
    clips = np.repeat([0, 1, 2], [20, 50, len(poses) - 70])
    np.savez(path, poses=poses, clip_index=clips, clip_subject=np.array(["a", "b", "c"]))
    return path


@pytest.fixture(scope="module")
def infants(motion: Path) -> Path:
    path = motion.with_name("infants.npz")
    write_infants(motion, path, 60, 30, seed=0)
    return path


@pytest.fixture(scope="module")
def small(motion: Path) -> Path:
    """An untrained prior, small enough to train in a second."""
    path = motion.with_name("small.safetensors")
    torch.manual_seed(0)
    save_prior(path, ScoreNetwork(hidden=64, embed=16), {})
    return path


def quickly(prior: Path, **changes: object) -> AdaptSettings:
    values = {
        "steps": 60,
        "batch": 64,
        "learning_rate": 3e-3,
        "warm_up": 5,
        "ema": 0.9,
        "start": load_prior(prior).sha256,
    }
    return AdaptSettings(**{**values, **changes})  # type: ignore[arg-type]


def losses(folder: Path) -> list[float]:
    """Mean validation loss of every row of the log."""
    with (folder / "log.csv").open(encoding="utf-8", newline="") as stream:
        return [float(np.mean([float(row[t]) for t in row if t.startswith("t0")])) for row in csv.DictReader(stream)]


def test_infants_made_from_adults(motion: Path, infants: Path, tmp_path: Path) -> None:
    with np.load(infants, allow_pickle=False) as stored:
        assert stored["poses"].shape == (90, 17, 3) and stored["held_out"].sum() == 30
        assert str(stored["units"]) == "m" and str(stored["up_axis"]) == "y" and len(str(stored["made_from"])) == 64
    arguments = ("--data", motion, "--count", 60, "--held-out", 30)
    assert run("train", "infants", *arguments, "--out", "again.npz", cwd=tmp_path).returncode == 0
    with np.load(infants) as one, np.load(tmp_path / "again.npz") as other:
        assert np.array_equal(one["poses"], other["poses"])
    write_infants(motion, tmp_path / "all.npz", 10, 0, seed=0)
    with np.load(tmp_path / "all.npz") as stored:
        assert stored["poses"].shape == (10, 17, 3) and "held_out" not in stored.files
    refused(run("train", "infants", "--data", motion, "--out", "set.txt", cwd=tmp_path), "set.txt", ".npz")


def test_those_held_out_come_from_other_people(motion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources: list[int] = []

    def watched(poses: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
        sources.append(len(poses))
        return torch.zeros(count, 17, 3)

    monkeypatch.setattr("lifting.training.variety.infants.infant_poses", watched)
    write_infants(motion, tmp_path / "set.npz", 5, 5, seed=0)
    # 20 of 120 poses are at least 15 %, and they are one person's
    assert sources == [100, 20]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "joints"), [("finetune", 17), ("control", 17), ("control", 12)])
def test_a_prior_learns_infants(infants: Path, small: Path, tmp_path: Path, kind: str, joints: int) -> None:
    settings = quickly(small, joints=joints)
    assert kind == "finetune" or kind == "control"
    start = load_prior(small)
    prior = adapt(kind, infants, None, tmp_path / "run", start, settings, "cpu", QuietReporter())
    assert prior is not None
    again = load_prior(small).network.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in start.network.state_dict().items()), "left alone"
    history = losses(tmp_path / "run")
    assert len(history) == 21 and history[-1] < 0.95 * history[0]
    adapted = load_prior(prior)
    assert adapted.network.joints == joints and isinstance(adapted.network, ControlNetwork) == (kind == "control")
    assert adapted.training["data"]["name"] == "infants.npz" and adapted.training["poses"] == 60
    assert adapted.training["settings"]["start"] == load_prior(small).sha256
    if kind == "control" and joints == 17:
        off, before = load_prior(prior, control=False).network.state_dict(), load_prior(small).network.state_dict()
        assert all(torch.equal(off[name], value) for name, value in before.items())


@pytest.mark.slow
def test_the_best_prior_is_kept_and_the_start_is_one_of_them(infants: Path, small: Path, tmp_path: Path) -> None:
    good = adapt("finetune", infants, None, tmp_path / "a", load_prior(small), quickly(small), "cpu", QuietReporter())
    assert good is not None
    settings = quickly(good, learning_rate=3.0, warm_up=1, ema=0.0)
    prior = adapt("finetune", infants, None, tmp_path / "b", load_prior(good), settings, "cpu", QuietReporter())
    assert prior is not None
    history = losses(tmp_path / "b")
    assert min(history[1:]) > history[0], "this rate destroys the prior"
    assert load_prior(prior).training["step"] == 0
    kept, start = load_prior(prior).network.state_dict(), load_prior(good).network.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in start.items())


@pytest.mark.slow
def test_a_run_resumes_with_its_own_data(infants: Path, small: Path, tmp_path: Path) -> None:
    settings = quickly(small, steps=10)
    adapt("finetune", infants, None, tmp_path / "run", load_prior(small), settings, "cpu", QuietReporter())
    other = tmp_path / "other.npz"
    np.savez(other, poses=np.load(infants)["poses"][:40])
    with pytest.raises(InputError, match=r"infants\.npz as data, and other\.npz"):
        adapt("finetune", other, None, tmp_path / "run", load_prior(small), settings, "cpu", QuietReporter())
    longer = quickly(small, steps=12)
    assert adapt("finetune", infants, None, tmp_path / "run", load_prior(small), longer, "cpu", QuietReporter())


def test_figures_of_priors(infants: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    counts: list[int] = []

    class Listening(QuietReporter):
        def say(self, text: str) -> None:
            said.append(text)

    def scores(network: ScoreNetwork, poses: torch.Tensor, *others: object, **options: object) -> dict[str, float]:
        counts.append(len(poses))
        return {"loss": 0.5, "mpjpe_mm_0px": 12.34}

    monkeypatch.setattr("lifting.training.infant_scores.infant_scores", scores)
    report = score_priors(infants, [("small", load_prior(small))], 12, "world", 1.0, 0, Listening())
    assert counts == [30], "those held out"
    assert said == ["small: loss 0.500, mpjpe_mm_0px 12.3"]
    assert report["protocol"]["joints"] == 12 and report["protocol"]["data"]["name"] == "infants.npz"
    assert json.loads(json.dumps(report))["priors"][0]["prior"]["name"] == "small.safetensors"


@pytest.mark.slow
def test_scoring_from_the_command_line(infants: Path, small: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", poses=np.load(infants)["poses"][:3])
    arguments = ("--data", "few.npz", "--prior", small, "--size", 2.0, "--json", "figures.json")
    done = run("train", "judge", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(small) in done.stdout and "pa_mpjpe_mm_5px" in done.stdout
    report = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert report["protocol"]["poses"] == 3 and report["protocol"]["size"] == 2.0
    (figures,) = report["priors"]
    assert 0 < figures["pa_mpjpe_mm_0px"] < figures["mpjpe_mm_0px"] and figures["loss"] > 0
    refused(run("train", "judge", "--data", "none.npz", cwd=tmp_path), "none.npz")


@pytest.mark.parametrize("fault", ["joints", "nan", "millimetres", "one", "marks", "all held out", "no poses"])
def test_data_that_cannot_be_used(infants: Path, tmp_path: Path, fault: str) -> None:
    poses = np.load(infants)["poses"]
    arrays, words = {
        "joints": ({"poses": poses[:, :14]}, r"\[N, 17, 3\], not \[90, 14, 3\]"),
        "nan": ({"poses": np.full_like(poses, np.nan)}, "finite"),
        "millimetres": ({"poses": 1000 * poses}, "metres"),
        "one": ({"poses": poses[:1]}, "1 poses"),
        "marks": ({"poses": poses, "held_out": np.ones(3, bool)}, "held_out"),
        "all held out": ({"poses": poses, "held_out": np.ones(90, bool)}, "false for others"),
        "no poses": ({"joints": poses}, "no array named poses"),
    }[fault]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=words) as caught:
        load_small_poses(tmp_path / "bad.npz", 17)
    assert "bad.npz" in str(caught.value)


def test_priors_that_cannot_be_adapted(infants: Path, small: Path, tmp_path: Path) -> None:
    save_prior(tmp_path / "branch.safetensors", ControlNetwork.around(load_prior(small).network), {})
    save_prior(tmp_path / "twelve.safetensors", ScoreNetwork(12, hidden=64, embed=16), {})
    for name, words in (("branch", r"branch\.safetensors has a control branch already"), ("twelve", "--joints 12")):
        prior = load_prior(tmp_path / f"{name}.safetensors")
        with pytest.raises(InputError, match=words):
            adapt("control", infants, None, tmp_path / "run", prior, AdaptSettings(), "cpu", QuietReporter())
    arguments = ("train", "control", "--data", infants, "--out", "run", "--prior", "none.safetensors")
    refused(run(*arguments, cwd=tmp_path), "none.safetensors")


def test_held_out_poses_without_marks_are_the_last(infants: Path, tmp_path: Path) -> None:
    poses = np.load(infants)["poses"]
    np.savez(tmp_path / "set.npz", poses=poses)
    learn, held = load_small_poses(tmp_path / "set.npz", 17)
    assert np.array_equal(np.concatenate([learn, held]), poses) and len(held) == 14
    nothing, everything = load_small_poses(tmp_path / "set.npz", 12, unmarked=1.0)
    assert nothing.shape == (0, 12, 3) and everything.shape == (90, 12, 3)
    learn, held = load_small_poses(infants, 17)
    assert (len(learn), len(held)) == (60, 30)
