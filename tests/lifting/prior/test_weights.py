"""Priors as files: what is written comes back, and what is no prior is refused without running it."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from assets.integrity import manifest
from assets.untrusted import UntrustedFileError
from detectors.layouts import H36M_17
from lifting.body.skeleton import facing_camera
from lifting.initial.weights import Templates, load_templates
from lifting.prior.network import ScoreNetwork
from lifting.prior.weights import Prior, load_prior, save_prior
from lifting.training.prior import validation_losses


def same(network: ScoreNetwork, weights: dict[str, Tensor], tolerance: float = 0.0) -> bool:
    state = network.state_dict()
    return state.keys() == weights.keys() and all(
        torch.allclose(state[name], value, rtol=tolerance, atol=tolerance) for name, value in weights.items()
    )


def shifted(network: ScoreNetwork) -> dict[str, Tensor]:
    return {name: value + 1.0 for name, value in network.state_dict().items()}


def test_round_trip(network: ScoreNetwork, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_prior(path, network, {"steps": 12, "data": ["a", "b"]})
    prior = load_prior(path)
    assert same(prior.network, network.state_dict(), tolerance=1e-3)
    assert not same(prior.network, network.state_dict())
    assert prior.training == {"steps": 12, "data": ["a", "b"]} and prior.name == "mine.safetensors"
    assert (prior.network.joints, prior.network.hidden, prior.network.embed) == (17, 256, 16)
    assert not prior.network.training
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in prior.network.parameters())
    save_prior(path, network, {}, dtype=torch.float32)
    again = load_prior(path)
    assert same(again.network, network.state_dict()) and again.sha256 != prior.sha256


def test_another_number_of_joints(tmp_path: Path) -> None:
    path = tmp_path / "infant.safetensors"
    save_prior(path, ScoreNetwork(joints=12, hidden=32, embed=8), {})
    assert load_prior(path).network.joints == 12


def test_shipped_prior_is_the_one_of_the_manifest(prior: Prior) -> None:
    assert prior.sha256 == manifest()["prior.safetensors"]["sha256"]
    assert (prior.network.joints, prior.network.hidden, prior.network.embed) == (17, 1024, 512)
    assert json.loads(json.dumps(prior.describe())) == {
        "name": "prior.safetensors",
        "sha256": prior.sha256,
        "training": prior.training,
    }


def test_shipped_prior_tells_noise_from_people(prior: Prior, motion: NDArray[np.float64]) -> None:
    poses = torch.from_numpy(motion[::6] * [1.0, -1.0, -1.0]).float()
    standing = validation_losses(prior.network, poses)
    shuffled = torch.randperm(17, generator=torch.Generator().manual_seed(0))
    fallen_apart = validation_losses(prior.network, poses[:, shuffled])
    # 1 is what no knowledge at all would give
    assert max(standing.values()) < 1.0 and standing[0.1] < 0.5
    assert all(fallen_apart[t] > 2 * standing[t] for t in standing)


def test_shipped_starting_poses_stand_at_the_origin_and_face_the_camera(templates: Templates) -> None:
    assert {count: poses.shape for count, poses in templates.poses.items()} == {
        count: (count, 17, 3) for count in (1, 10, 50)
    }
    assert templates.bone_lengths_m.shape == (16,)
    assert templates.size_m == pytest.approx(templates.bone_lengths_m.sum()) and 3.0 < templates.size_m < 5.0
    for poses in templates.poses.values():
        assert poses.dtype == np.float32 and np.abs(poses[:, 0]).max() < 1e-6
        # a person who faces the camera has the left hip at the right of the image; images go down
        assert (poses[:, H36M_17.index("left_hip"), 0] > 0.05).all()
        assert np.allclose(facing_camera(poses * [1, -1, -1]), poses, atol=0.02)
    assert templates.poses[1][0, H36M_17.index("head_top"), 1] < -0.5 < 0.5 < templates.poses[1][0, 3, 1]


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_published_checkpoints_load(network: ScoreNetwork, tmp_path: Path, prefix: str, wrapped: bool) -> None:
    weights = OrderedDict((prefix + name, value) for name, value in network.state_dict().items())
    torch.save({"model_state_dict": weights, "step": 3} if wrapped else weights, tmp_path / "c.pth")
    prior = load_prior(tmp_path / "c.pth")
    assert same(prior.network, network.state_dict())
    assert prior.training == {}


def test_averaged_weights_are_taken_unless_unwanted(network: ScoreNetwork, tmp_path: Path) -> None:
    averaged = shifted(network)
    ema = {"decay": 0.9999, "num_updates": 7, "shadow_params": list(averaged.values())}
    stored = {"module." + name: value for name, value in network.state_dict().items()}
    stored["module.sigmas"] = torch.linspace(50, 0.01, 1000)  # no parameter, so it has no average
    torch.save({"model_state_dict": stored, "ema": ema, "step": 7}, tmp_path / "c.pth")
    assert same(load_prior(tmp_path / "c.pth").network, averaged)
    assert same(load_prior(tmp_path / "c.pth", ema=False).network, network.state_dict())


class Malice:
    """Unpickling it creates a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("inside", [False, True])
def test_code_in_a_checkpoint_never_runs(network: ScoreNetwork, tmp_path: Path, inside: bool) -> None:
    marker = tmp_path / "ran"
    malice = Malice(marker)
    torch.save({"model_state_dict": network.state_dict(), "extra": malice} if inside else malice, tmp_path / "c.pth")
    with pytest.raises(UntrustedFileError, match="more than plain tensors"):
        load_prior(tmp_path / "c.pth")
    assert not marker.exists()
    # the trap itself works
    torch.load(tmp_path / "c.pth", weights_only=False)
    assert marker.exists()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UntrustedFileError, match="does not exist"):
        load_prior(tmp_path / "none.safetensors")
    with pytest.raises(UntrustedFileError, match="does not exist"):
        load_templates(tmp_path / "none.npz")


@pytest.mark.parametrize("name", ["c.safetensors", "c.pth"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_damaged_files(network: ScoreNetwork, tmp_path: Path, name: str, damage: str) -> None:
    path = tmp_path / name
    if name.endswith(".pth"):
        torch.save(network.state_dict(), path)
    else:
        save_prior(path, network, {})
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no weights in here" * 20}[damage])
    with pytest.raises(UntrustedFileError, match="damaged"):
        load_prior(path)


def without(weights: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: value for key, value in weights.items() if key != name}


@pytest.mark.parametrize("fault", ["missing", "surplus", "shape", "joints", "groups", "nan", "infinite", "none"])
def test_weights_of_something_else(network: ScoreNetwork, tmp_path: Path, fault: str) -> None:
    weights = network.state_dict()
    bias = weights["post_dense.bias"]
    wrong: dict[str, dict[str, Tensor]] = {
        "missing": without(weights, "b2_dense2_t.weight"),
        "surplus": {**weights, "control.weight": torch.zeros(3)},
        "shape": {**weights, "post_dense.bias": torch.zeros(48)},
        "joints": {**weights, "pre_dense.weight": torch.zeros(256, 50)},
        "groups": {**weights, "pre_dense.weight": torch.zeros(250, 51)},
        "nan": {**weights, "post_dense.bias": torch.where(torch.arange(51) == 7, torch.nan, bias)},
        "infinite": {**weights, "post_dense.bias": bias + torch.inf},
        "none": {"something": torch.zeros(1)},
    }
    save_file(wrong[fault], str(tmp_path / "c.safetensors"))
    torch.save(wrong[fault], tmp_path / "c.pth")
    for name in ("c.safetensors", "c.pth"):
        with pytest.raises(UntrustedFileError, match=r"not hold the weights of a score network|that are not finite"):
            load_prior(tmp_path / name)


@pytest.mark.parametrize(
    "stored",
    [[torch.zeros(3)], torch.zeros(3), 7, {"model_state_dict": [torch.zeros(3)]}, {"model_state_dict": torch.zeros(3)}],
    ids=["list", "tensor", "number", "list inside", "tensor inside"],
)
def test_checkpoints_without_weights_by_name(tmp_path: Path, stored: object) -> None:
    torch.save(stored, tmp_path / "c.pth")
    with pytest.raises(UntrustedFileError, match="no weights by name"):
        load_prior(tmp_path / "c.pth")


@pytest.mark.parametrize("shadow", [None, [], [1.0], "averages"], ids=["none", "empty", "numbers", "text"])
def test_averages_that_are_none_are_left_aside(network: ScoreNetwork, tmp_path: Path, shadow: object) -> None:
    weights = network.state_dict()
    # as many numbers as there are weights, which alone does not make them weights
    shadow = [1.0] * len(weights) if isinstance(shadow, list) and shadow else shadow
    torch.save({"model_state_dict": weights, "ema": {"shadow_params": shadow}}, tmp_path / "c.pth")
    assert same(load_prior(tmp_path / "c.pth").network, weights)


@pytest.mark.parametrize("garbage", [b"\x80\x02}q\x00.", b"\x80\x02h\x05.", b"a", b"\x80", b"(((", b".", b"I1\n", b"0"])
def test_garbage_is_no_checkpoint(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "c.pth").write_bytes(garbage)
    with pytest.raises(UntrustedFileError, match=r"damaged|no weights by name|does not hold"):
        load_prior(tmp_path / "c.pth")


def test_starting_poses_of_a_file(tmp_path: Path) -> None:
    poses = np.random.default_rng(0).normal(size=(3, 17, 3)).astype(np.float32)
    np.savez(tmp_path / "s.npz", poses_3=poses, bone_lengths_m=np.full(16, 0.25))
    loaded = load_templates(tmp_path / "s.npz")
    assert list(loaded.poses) == [3] and np.array_equal(loaded.poses[3], poses)
    assert loaded.size_m == pytest.approx(4.0)


POSES, LENGTHS = np.zeros((1, 17, 3), np.float32), np.full(16, 0.25)
NO_STARTING_POSES: dict[str, dict[str, object]] = {
    "no lengths": {"poses_1": POSES},
    "no poses": {"bone_lengths_m": LENGTHS},
    "other count than named": {"poses_2": POSES, "bone_lengths_m": LENGTHS},
    "count that is no number": {"poses_many": POSES, "bone_lengths_m": LENGTHS},
    "other joints": {"poses_1": np.zeros((1, 12, 3)), "bone_lengths_m": LENGTHS},
    "one pose too flat": {"poses_1": np.zeros((17, 3)), "bone_lengths_m": LENGTHS},
    "other bones": {"poses_1": POSES, "bone_lengths_m": np.ones(17)},
    "one length": {"poses_1": POSES, "bone_lengths_m": np.float64(1.0)},
    "no number": {"poses_1": POSES * np.nan, "bone_lengths_m": LENGTHS},
    "giants": {"poses_1": POSES, "bone_lengths_m": LENGTHS * 1e6},
    "words for lengths": {"poses_1": POSES, "bone_lengths_m": np.array(["long"] * 16)},
}


@pytest.mark.parametrize("fault", NO_STARTING_POSES)
def test_arrays_that_are_no_starting_poses(tmp_path: Path, fault: str) -> None:
    arrays: dict[str, Any] = NO_STARTING_POSES[fault]
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(UntrustedFileError, match="no template poses"):
        load_templates(tmp_path / "s.npz")


@pytest.mark.parametrize("fault", ["pickle", "text", "empty", "cut", "flipped", "single array"])
def test_files_that_are_no_starting_poses(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, poses_1=POSES, bone_lengths_m=LENGTHS)
    whole = path.read_bytes()
    if fault == "pickle":
        np.savez(path, poses_1=np.array([Malice(tmp_path / "ran")], dtype=object), bone_lengths_m=LENGTHS)
    elif fault == "single array":
        with path.open("wb") as stream:
            np.save(stream, POSES)
    else:
        at = whole.index(b"NUMPY") + 100
        damaged = {
            "text": b"nothing",
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "flipped": whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :],
        }
        path.write_bytes(damaged[fault])
    with pytest.raises(UntrustedFileError, match=r"is damaged or no|holds objects"):
        load_templates(path)
    assert not (tmp_path / "ran").exists()
