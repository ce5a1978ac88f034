"""``zedo-video evaluate mocap --world``: errors that are known, and a small run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lifting.benchmarks.ground import resting_feet
from lifting.benchmarks.moving_cameras import WorldView, world_view
from pipeline.errors import InputError
from pipeline.evaluate.mocap import load_mocap
from pipeline.evaluate.world import InWorld, evaluate_world, world_errors
from tests.pipeline.command_line import zedo
from tests.pipeline.evaluate.test_mocap_and_multiview import mocap_arrays


@pytest.fixture(scope="module")
def view() -> WorldView:
    """Somebody who walks 3 m and jumps 0.4 m on the way, before a camera that pans."""
    poses = mocap_arrays()["poses"].astype(float)
    frames = len(poses)
    poses[..., 1] += np.maximum(0, 0.4 - 9.81 / 2 * ((np.arange(frames) - 60) / 30) ** 2)[:, None]
    poses[..., 0] += np.clip(np.arange(frames) / 20, 0, 3)[:, None]
    return world_view("walk", poses, "pan", np.random.default_rng(0), fps=30, noise_px=1.0)


@pytest.fixture
def right(view: WorldView) -> InWorld:
    people = len(view.joints_m)
    contacts = resting_feet(view.joints_m, view.time_s[:people]) * 0.98 + 0.01
    return InWorld(view.joints_m, view.rotation[:people, 1], contacts, "turning", view.from_first())


def test_the_truth_has_no_errors(view: WorldView, right: InWorld) -> None:
    found = world_errors(view, right)
    slides = found["foot_slide_mm"]
    assert found["contact_precision"] == found["contact_recall"] == 1 and 0 <= slides < 5
    zero = {name for name in found if name.endswith(("_deg", "_mm", "_percent"))} - {"foot_slide_mm"}
    assert zero == {
        "up_error_deg", "floor_error_mm", "camera_rotation_deg", "pa_mpjpe_mm", "w_mpjpe_mm", "wa_mpjpe_mm",
        "root_error_percent", "jump_error_mm",
    }  # fmt: skip
    assert all(found[name] == pytest.approx(0, abs=1e-3) for name in zero)
    assert found["world"] and found["camera"] == "turning" and found["path_m"] > 3


def test_errors_that_are_known(view: WorldView, right: InWorld) -> None:
    tilted = Rotation.from_euler("x", 3, degrees=True).as_matrix()
    assert right.up is not None and right.contacts is not None and right.camera_rotation is not None
    drift = Rotation.from_rotvec(np.linspace(0, np.radians(2), len(view.time_s))[:, None] * [0.6, 0.8, 0]).as_matrix()
    up = view.rotation[: len(view.joints_m)].transpose(0, 2, 1) @ tilted[:, 1]
    wrong = InWorld(
        view.joints_m * [1, 0.9, 1] + [0, 0.03, 0], up, 1 - right.contacts, "", right.camera_rotation @ drift
    )
    found = world_errors(view, wrong)
    assert found["up_error_deg"] == pytest.approx(3) and found["camera_rotation_deg"] == pytest.approx(2)
    assert found["floor_error_mm"] == pytest.approx(30 - 0.1 * 85, abs=3)
    assert 20 < found["jump_error_mm"] < 60 and found["contact_precision"] == 0
    # nothing is made up where nothing was found
    found = world_errors(view, InWorld(view.joints_m))
    assert not found["world"] and not {"up_error_deg", "floor_error_mm", "jump_error_mm", "contact_recall"} & set(found)
    stays = replace(view, joints_m=view.joints_m - view.joints_m[:, :1] * [1, 0, 1])
    assert "root_error_percent" not in world_errors(stays, InWorld(stays.joints_m))


@pytest.mark.slow
def test_report(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.evaluate.world.MOTIONS", ("still", "pan"))
    np.savez(tmp_path / "test.npz", allow_pickle=False, **mocap_arrays())
    zedo(
        "evaluate", "mocap", "--data", tmp_path / "test.npz", "--count", 2, "--sequences", 1, "--steps", 2, "--world",
        "--json", tmp_path / "r.json",
    )  # fmt: skip
    table = capsys.readouterr().out
    record = json.loads((tmp_path / "r.json").read_text("utf-8"))
    groups = [group for group in record["per_group"] if "world" in group]
    assert [group["name"] for group in groups] == ["world, still", "world, pan"]
    for group, kind in zip(groups, ("still", "turning"), strict=True):
        assert group["cameras_found"] == {kind: 1} and group["world"]["camera_rotation_deg"] < 0.3
    assert record["metrics"]["world"]["pan"]["wa_mpjpe_mm"] == groups[1]["world"]["wa_mpjpe_mm"] > 1
    assert {"up_error", "jump_error", "cameras"} <= set(record["protocol"]["world"])
    assert "The same person in the world" in table
    line = next(line for line in table.splitlines() if line.split()[:2] == ["pan", "1"])
    assert f"{groups[1]['world']['wa_mpjpe_mm']:.1f}" in line


def test_times_must_mean_something(tmp_path: Path) -> None:
    arrays = mocap_arrays()
    clips = {"clip_index": np.zeros(len(arrays["poses"]), int), "clip_name": np.array(["a"]), "fps": arrays["fps"]}
    np.savez(tmp_path / "train.npz", allow_pickle=False, poses=arrays["poses"], **clips)
    with pytest.raises(InputError, match="leaves out poses"):
        evaluate_world(load_mocap(tmp_path / "train.npz"), None, None, sequences=1, noise_px=5, seed=0)  # type: ignore[arg-type]
