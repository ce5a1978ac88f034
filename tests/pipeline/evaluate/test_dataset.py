"""``zedo-video evaluate h36m`` and its siblings, from files to tables."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from detectors.layouts import H36M_17
from lifting.benchmarks.datasets import DATASETS
from lifting.body.joints import LIMBS_12
from lifting.optimise import reference
from lifting.optimise.reference import PublishedIPO
from lifting.prior.control import ControlNetwork
from lifting.prior.network import ScoreNetwork
from lifting.prior.weights import save_prior
from pipeline.errors import InputError, OutputError
from pipeline.evaluate.dataset import (
    _fingerprint,
    keep_sound_blocks,
    lifted_blocks,
    load_dataset,
    measure,
    restricted,
)
from pipeline.evaluate.subject import Subject, load_subject
from pipeline.files.workspace import Workspace
from pipeline.load import load_models
from pipeline.progress import QuietReporter
from pipeline.protocol import COMPARED, differences, load_benchmark
from pipeline.settings import RunSettings
from tests.benchmark_files import WRITERS, write_dataset
from tests.pipeline import command_line
from tests.pipeline.command_line import leftovers, refused, run

COUNT = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder per data set."""
    folder = tmp_path_factory.mktemp("benchmarks")
    for name in WRITERS:
        write_dataset(name, folder / name, COUNT)
    return {name: folder / name for name in WRITERS}


@pytest.fixture(scope="module")
def small_priors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Networks with random weights: 17 and 12 joints, a control branch, and a checkpoint with averaged weights."""
    folder = tmp_path_factory.mktemp("priors")
    torch.manual_seed(0)
    networks = {joints: ScoreNetwork(joints, hidden=64, embed=16).eval() for joints in (17, 12)}
    save_prior(folder / "17.safetensors", networks[17], {})
    save_prior(folder / "12.safetensors", networks[12], {})
    branch = ControlNetwork.around(networks[12])
    branch.zc_layer_2.weight.data.normal_(std=0.1)
    save_prior(folder / "control.pth", branch, {})
    weights = {f"module.{name}": value for name, value in networks[17].state_dict().items()}
    shadow = [value * 1.1 for value in networks[17].parameters()]
    torch.save({"model_state_dict": weights, "ema": {"shadow_params": shadow}, "step": 3}, folder / "both.pth")
    return {path.stem: path for path in folder.iterdir()}


def zedo(*arguments: object) -> None:
    command_line.zedo("evaluate", *arguments)


def evaluate(*arguments: object, json_file: Path) -> dict[str, Any]:
    zedo(*arguments, "--json", json_file, "--quiet")
    record: dict[str, Any] = json.loads(json_file.read_text("utf-8"))
    return record


def poses_of(name: str, folder: Path) -> NDArray[np.float64]:
    return DATASETS[name].load(folder, "gt", 1).truth_m


@pytest.mark.slow
@pytest.mark.parametrize("name", list(DATASETS))
def test_every_data_set_from_files_to_table(
    name: str, data: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zedo(name, "--data", data[name], "--stride", 1, "--steps", 3, "--json", tmp_path / "r.json")
    table = capsys.readouterr().out
    record = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert list(record) == ["protocol", "metrics", "per_group", "time", "provenance"]
    protocol = record["protocol"]
    assert {*COMPARED, "evidence_error_px", "frames", "mean", "ipo", "prior", "seed"} <= set(protocol)
    infants = name in ("mini-rgbd", "syrip")
    assert (protocol["name"], protocol["hypotheses"], protocol["choice"]) == (name, 1, "single")
    assert (protocol["preset"], protocol["steps"]) == ("reference" if infants else "fast", 3)
    assert protocol["joints"] == (12 if name == "syrip" else 17) and protocol["frames"] == COUNT
    assert record["provenance"]["prior"]["sha256"] and record["metrics"]["mpjpe_mm"] > 0
    assert f"{record['metrics']['mpjpe_mm']:.1f} [" in table
    for published in protocol["published"]:
        assert f"published: {published['figure']['name']}" in table
        assert f" {published['figure']['mpjpe_mm']} " in table
    assert not list(tmp_path.glob("*.work")) and str(data[name].parent) not in json.dumps(record)
    if protocol["group_wise"]:
        means = [group["mpjpe_mm"] for group in record["per_group"][0]["groups"].values()]
        assert record["metrics"]["mpjpe_mm"] == pytest.approx(np.mean(means))


@pytest.mark.parametrize("name", list(DATASETS))
def test_the_truth_as_prediction(name: str, data: dict[str, Path], tmp_path: Path) -> None:
    truth = poses_of(name, data[name])
    np.savez(tmp_path / "p.npz", joints_m=truth)
    found = evaluate(
        name, "--data", data[name], "--stride", 1, "--predictions", tmp_path / "p.npz", json_file=tmp_path / "r.json"
    )
    metrics = found["metrics"]
    for measure_name in ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm"):
        assert metrics[measure_name] == pytest.approx(0, abs=1e-6)
    assert metrics["pck150_percent"] == 100 and metrics["auc_percent"] == pytest.approx(3000 / 31)
    assert metrics.get("acceleration_error_mm", 0) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("joints", [17, 14])
def test_a_known_similarity_of_the_truth(data: dict[str, Path], tmp_path: Path, joints: int) -> None:
    truth = poses_of("3dpw", data["3dpw"])
    turn = Rotation.from_euler("xyz", [0.2, 0.5, -0.3])
    moved = 1.1 * turn.apply(truth.reshape(-1, 3)).reshape(truth.shape) + [0.5, 0, 1]
    # of two hypotheses the oracle finds the better one
    np.savez(tmp_path / "p.npz", joints_m=np.stack([truth * 1.5, moved]))
    found = evaluate(
        "3dpw", "--data", data["3dpw"], "--stride", 1, "--predictions", tmp_path / "p.npz", "--joints", joints,
        json_file=tmp_path / "r.json",
    )  # fmt: skip
    x = truth - truth[:, :1]
    error = np.linalg.norm(1.1 * x @ turn.as_matrix().T - x, axis=-1)
    other = np.linalg.norm(0.5 * x, axis=-1)
    judged = [j for j in range(17) if joints == 17 or j not in (0, 7, 9)]
    expected = np.minimum(error[:, judged].mean(axis=1), other[:, judged].mean(axis=1)).mean() * 1000
    assert found["metrics"]["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-6)
    assert found["metrics"]["mpjpe_mm"] == pytest.approx(expected) == found["metrics"]["oracle"]["mpjpe_mm"]
    assert found["protocol"]["choice"] == "oracle" and found["protocol"]["joints"] == joints
    assert [group["choice"] for group in found["per_group"]] == ["oracle"]  # no prior chose among them


def test_mirroring_is_asked_for_and_said(data: dict[str, Path], tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", joints_m=poses_of("ski", data["ski"]) * [-1, 1, 1])
    arguments = ("ski", "--data", data["ski"], "--predictions", tmp_path / "p.npz")
    without = evaluate(*arguments, json_file=tmp_path / "r.json")
    allowed = evaluate(*arguments, "--mirroring", json_file=tmp_path / "r.json")
    assert without["metrics"]["pa_mpjpe_mm"] > 20 and allowed["metrics"]["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-6)
    assert (without["protocol"]["mirroring"], allowed["protocol"]["mirroring"]) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["fast", "reference"])
def test_hypotheses_ours_and_oracle(
    data: dict[str, Path], tmp_path: Path, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "adam_ipo", partial(reference.adam_ipo, steps=50))
    found = evaluate(
        "h36m", "--data", data["h36m"], "--stride", 1, "--hypotheses", 10, "--preset", preset, "--steps", 3,
        "--keypoints", "detected", json_file=tmp_path / "r.json",
    )  # fmt: skip
    ours, oracle = found["per_group"]
    assert (ours["choice"], oracle["choice"]) == ("ours", "oracle") and found["protocol"]["hypotheses"] == 10
    assert found["protocol"]["evidence_2d"] == "detected" and found["protocol"]["preset"] == preset
    for measure_name in ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm"):
        assert oracle["metrics"][measure_name]["value"] < ours["metrics"][measure_name]["value"]
        assert found["metrics"]["oracle"][measure_name] == oracle["metrics"][measure_name]["value"]
        assert found["metrics"][measure_name] == ours["metrics"][measure_name]["value"]


class _Killed(BaseException):
    """What a signal does to a run."""


class _Counted:
    """Hypotheses that count what they lift, and are killed before one of them."""

    def __init__(self, inner: Any, killed_before: int | None = None) -> None:
        self.inner, self.killed_before, self.calls = inner, killed_before, 0
        self.count, self.describe = inner.count, inner.describe

    def lift(self, which: int, rays: Any, confidence: Any) -> Any:
        if self.calls == self.killed_before:
            raise _Killed
        self.calls += 1
        return self.inner.lift(which, rays, confidence)


@pytest.mark.slow
def test_a_killed_run_goes_on(data: dict[str, Path], tmp_path: Path) -> None:
    measured = load_dataset("3dpw", data["3dpw"], stride=1)
    # two blocks from each of ten templates
    method = replace(
        load_subject(measured.benchmark.ipo, load_models(RunSettings()), hypotheses=10, steps=2), block_rows=4
    )
    whole = measure(measured, method, QuietReporter())
    path = tmp_path / "r.json"

    def run(killed_before: int | None = None, **other: Any) -> tuple[_Counted, Any]:
        counted = _Counted(method.hypotheses, killed_before)
        try:
            report = measure(measured, replace(method, hypotheses=counted, **other), QuietReporter(), json_file=path)
        except _Killed:
            report = None
        return counted, report

    counted, _ = run(killed_before=7)
    assert counted.calls == 7 and not path.exists() and (tmp_path / "r.json.work").is_dir()
    counted, report = run()
    assert counted.calls == 13 and report.time["resumed"] and path.exists()
    assert report.metrics == whole.metrics and report.per_group == whole.per_group
    assert not (tmp_path / "r.json.work").exists()
    run(killed_before=5)
    counted, report = run(protocol={**method.protocol, "steps": 3})  # other settings begin anew
    assert counted.calls == 20 and not report.time["resumed"]


class _Truth:
    """Hypotheses that know the answers, and how often they were asked."""

    def __init__(self, truth_m: NDArray[np.float64], count: int = 2) -> None:
        self.truth_m, self.count, self.calls = truth_m, count, 0

    def lift(self, which: int, rays: Any, confidence: Any) -> Any:
        self.calls += 1
        return np.repeat(self.truth_m[:1] + which / 100, len(rays), axis=0)

    def cost(self, joints_m: Any, rays: Any, confidence: Any) -> Any:
        return joints_m[:, 0, 2]

    def describe(self) -> dict[str, Any]:
        return {"preset": "truth"}


def _known(measured: Any) -> tuple[_Truth, Subject]:
    """A subject that takes no time: two templates, two blocks of each."""
    truth: Any = _Truth(measured.poses.truth_m)
    return truth, Subject(truth, truth, measured.poses.joints, 4, truth.describe(), {})


@pytest.mark.parametrize(
    "arrays",
    [
        {"joints_m": None},
        {"cost": None},
        {"more": np.zeros(3)},
        {"joints_m": np.full((COUNT - 4, 17, 3), np.nan, np.float32)},
        {"joints_m": np.zeros((COUNT - 4, 17, 3))},
        {"joints_m": np.zeros((COUNT - 4, 17, 3), complex)},
        {"joints_m": np.zeros((1, 17, 3), np.float32)},
        {"joints_m": np.zeros((COUNT - 4, 51), np.float32)},
        {"joints_m": np.array("text")},
        {"cost": np.full(COUNT - 4, np.inf)},
        {"cost": np.zeros(3)},
        {"cost": np.zeros((COUNT - 4, 1))},
        {"cost": np.zeros(COUNT - 4, int)},
    ],
    ids=lambda arrays: "-".join(arrays),
)
def test_what_was_kept_and_is_none_is_lifted_again(
    arrays: dict[str, Any], data: dict[str, Path], tmp_path: Path
) -> None:
    measured = load_dataset("3dpw", data["3dpw"], stride=1)
    truth, subject = _known(measured)
    whole = measure(measured, subject, QuietReporter())
    workspace = Workspace.beside(tmp_path / "r.json", _fingerprint(measured, subject))
    list(lifted_blocks(measured, subject, workspace, QuietReporter()))
    assert truth.calls == 8 and workspace.count("poses") == 4
    chunk = tmp_path / "r.json.work" / "poses-000001.npz"
    with np.load(chunk) as stored:
        kept = {**dict(stored), **arrays}
    np.savez(chunk, **{name: array for name, array in kept.items() if array is not None})
    report = measure(measured, subject, QuietReporter(), json_file=tmp_path / "r.json")
    assert truth.calls == 11 and report.time["resumed"]
    assert report.metrics == whole.metrics and report.per_group == whole.per_group
    assert leftovers(tmp_path) == ["r.json"]


def test_more_chunks_than_there_is_work_are_deleted(data: dict[str, Path], tmp_path: Path) -> None:
    measured = load_dataset("3dpw", data["3dpw"], stride=1)
    truth, subject = _known(measured)
    workspace = Workspace(tmp_path / "w", {})
    list(lifted_blocks(measured, subject, workspace, QuietReporter()))
    workspace.append("poses", 4, next(workspace.chunks("poses")))
    keep_sound_blocks(measured, subject, workspace)
    assert truth.calls == workspace.count("poses") == 4


def test_two_runs_do_not_write_one_report(data: dict[str, Path], tmp_path: Path) -> None:
    from pipeline.files.atomic import claimed

    measured = load_dataset("3dpw", data["3dpw"], stride=1)
    method = load_subject(measured.benchmark.ipo, load_models(RunSettings()), steps=2)
    with claimed([tmp_path / "r.json"]), pytest.raises(OutputError, match="another run"):
        measure(measured, method, QuietReporter(), json_file=tmp_path / "r.json")


class TestPriors:
    @pytest.mark.slow
    def test_twelve_joints(self, data: dict[str, Path], small_priors: dict[str, Path], tmp_path: Path) -> None:
        arguments = ("--stride", 1, "--steps", 2, "--prior", small_priors["12"])
        for name in ("mini-rgbd", "syrip"):
            found = evaluate(name, "--data", data[name], *arguments, json_file=tmp_path / "r.json")
            assert found["protocol"]["joints"] == 12 and found["protocol"]["joint_names"] == list(LIMBS_12.joints)
            assert "middle of the hips" in found["protocol"]["mpjpe"]
        with pytest.raises(InputError, match=r"12\.safetensors has 12 joints; this data set needs one of 17"):
            zedo("h36m", "--data", data["h36m"], *arguments)

    def test_seventeen_joints_on_data_of_twelve(self, data: dict[str, Path], small_priors: dict[str, Path]) -> None:
        measured = load_dataset("syrip", data["syrip"])
        method = load_subject(measured.benchmark.ipo, load_models(RunSettings(prior=small_priors["17"])), steps=2)
        assert restricted(measured, method.joints) is measured
        seen = method.seen(measured.poses)
        hips = [H36M_17.index("right_hip"), H36M_17.index("left_hip")]
        assert np.allclose(seen.keypoints_px[:, 0], seen.keypoints_px[:, hips].mean(axis=1))
        assert (seen.confidence > 0).sum() == COUNT * (11 + 1)  # a wrist is not labelled, the pelvis is known
        assert np.allclose(seen.keypoints_px[:, method.places(measured.poses)], measured.poses.keypoints_px)

    @pytest.mark.slow
    def test_control_branch(self, data: dict[str, Path], small_priors: dict[str, Path], tmp_path: Path) -> None:
        arguments = ("syrip", "--data", data["syrip"], "--steps", 2, "--prior", small_priors["control"])
        trunk = evaluate(*arguments, json_file=tmp_path / "r.json")
        branch = evaluate(*arguments, "--control", json_file=tmp_path / "r.json")
        assert (trunk["protocol"]["control"], branch["protocol"]["control"]) == (False, True)
        assert trunk["metrics"]["mpjpe_mm"] != branch["metrics"]["mpjpe_mm"]
        with pytest.raises(InputError, match=r"12\.safetensors holds no control branch"):
            zedo("syrip", "--data", data["syrip"], "--control", "--prior", small_priors["12"])

    def test_averaged_and_raw_weights(self, small_priors: dict[str, Path]) -> None:
        both = {
            kind: load_subject(
                PublishedIPO(), load_models(RunSettings(prior=small_priors["both"]), ema=kind == "ema", control=False)
            )
            for kind in ("ema", "raw")
        }
        assert [method.protocol["weights"] for method in both.values()] == ["ema", "raw"]
        models = load_models(RunSettings(prior=small_priors["control"]), control=True)
        one = load_subject(PublishedIPO(axes="xyz", from_rays=True), models)
        assert one.protocol["weights"] == "raw"


class TestProtocols:
    def test_shipped_ones_are_those_of_the_method(self) -> None:
        def start(name: str) -> tuple[Any, ...]:
            found = load_benchmark(name)
            protocol = found.ipo
            return (protocol.joints, protocol.axes, protocol.distance_m, protocol.distance_scale, found.stride)

        assert start("h36m") == ((0, 1, 4), "z", 3.0, (0.5, 2.0), 640)
        assert start("3dhp") == ((0, 1, 4), "z", 3.0, (0.5, 2.0), 3)
        assert start("3dpw") == (None, "z", 8.0, (0.2, 2.0), 35)
        assert start("ski") == (None, "y", 20.0, (0.5, 2.0), 1)
        assert start("mini-rgbd") == (None, "xyz", 1.0, (0.0, 4.0), 1)
        assert start("syrip") == (None, "xyz", 1.0, (0.5, 8.0), 1)
        assert load_benchmark("3dpw").ipo == PublishedIPO()  # what videos start with, too
        for name in ("mini-rgbd", "syrip"):
            assert load_benchmark(name).ipo.from_rays and load_benchmark(name).ipo.frozen == 0.95

    def test_what_is_not_known_counts_as_different(self) -> None:
        ours = {field: field for field in COMPARED}
        assert differences([ours, ours, {**ours, "hypotheses": 50}, {**ours, "joints": None}]) == [
            (), (), ("S",), ("joints",)
        ]  # fmt: skip

    @pytest.mark.slow
    def test_runs_side_by_side(self, data: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        common = ("--stride", 1, "--steps", 2)
        for name, more in (("a", ()), ("b", ()), ("c", ("--joints", 14, "--stride", 2))):
            evaluate("3dpw", "--data", data["3dpw"], *common, *more, json_file=tmp_path / f"{name}.json")
        evaluate("ski", "--data", data["ski"], *common, json_file=tmp_path / "ski.json")
        zedo("compare", *(tmp_path / f"{name}.json" for name in "abc"))
        lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if ".json" in line}
        assert lines["c.json"].rstrip().endswith(" stride, joints") and "stride" not in lines["b.json"]
        with pytest.raises(InputError, match="figures of 3dpw and ski do not belong into one table"):
            zedo("compare", tmp_path / "a.json", tmp_path / "ski.json")
        (tmp_path / "no.json").write_text("[1]")
        with pytest.raises(InputError, match=r"no\.json is no report"):
            zedo("compare", tmp_path / "no.json")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("3dpw", ("--keypoints", "detected"), "3dpw comes without detected keypoints; give --keypoints gt"),
        ("3dpw", ("--joints", 12), "measured over 17 or 14 joints, not over 12"),
        ("3dpw", ("--hypotheses", 7), "template poses for S = 1, 10, 50; --hypotheses cannot be 7"),
        ("3dpw", ("--control",), "holds no control branch"),
        ("syrip", ("--preset", "fast"), "lift infants with --preset reference"),
        ("syrip", ("--hypotheses", 10), "give --hypotheses 1"),
        ("3dpw", ("--prior", "missing.pth"), r"missing\.pth does not exist"),
        ("3dpw", ("--predictions", "missing.npz"), r"missing\.npz does not exist"),
    ],
)
def test_what_cannot_be_done(data: dict[str, Path], name: str, arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        zedo(name, "--data", data[name], "--stride", 1, "--quiet", *arguments)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros(3)}, "has no array joints_m"),
        ({"joints_m": np.zeros((5, 17, 3))}, r"joints_m must be \[6, 17, 3\] numbers, not \[5, 17, 3\]"),
        ({"joints_m": np.zeros((0, 6, 17, 3))}, "joints_m must be"),
        ({"joints_m": np.full((6, 17, 3), np.nan)}, "joints_m holds NaN"),
    ],
)
def test_wrong_predictions(data: dict[str, Path], tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(InputError, match=words):
        zedo("3dpw", "--data", data["3dpw"], "--stride", 1, "--predictions", tmp_path / "p.npz")


def test_what_no_loader_has_thought_of_is_a_sentence(data: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(DATASETS, "3dpw", replace(DATASETS["3dpw"], load=fails))
    with pytest.raises(InputError, match="cannot be read as 3DPW, test set: PermissionError"):
        zedo("3dpw", "--data", data["3dpw"])


def test_a_hostile_file_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/h36m_test.pkl").write_bytes(b"cposix\nmkdir\n(S'made'\ntR.")
    done = run("evaluate", "h36m", "--data", "data", "--json", "out/r.json", cwd=tmp_path)
    refused(done, "h36m_test.pkl wants to run posix.mkdir")
    assert done.stdout == "" and done.stderr.count("\n") == 1 and leftovers(tmp_path) == ["data"]


def test_the_help_knows_every_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    zedo("--help")
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in (*DATASETS, "mocap", "multiview", "compare"))
    zedo("syrip", "--help")
    assert "SyRIP_3d_correction" in capsys.readouterr().out
