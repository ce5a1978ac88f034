"""Adapting a prior to infants: their poses from files, fine-tuning, control branches, and sets made from adults."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files.atomic import atomic_path
from pipeline.progress import Reporter
from pipeline.train.data import load_people, load_pose_arrays
from pipeline.train.priors import validation_on
from pipeline.train.run import Job, file_record, run_job

if TYPE_CHECKING:
    from lifting.prior.network import ScoreNetwork
    from lifting.prior.weights import Prior
    from lifting.training.adapt import AdaptSettings

__all__ = ["adapt", "load_small_poses", "score_priors", "write_infants"]

_VALIDATIONS = 20
#: Share of the poses that is held out where the file does not say which: the last ones, since neighbours are alike.
_HELD_OUT = 0.15


def adapt(
    kind: Literal["finetune", "control"],
    data: Path,
    validation: Path | None,
    folder: Path,
    prior: Prior,
    settings: AdaptSettings,
    device_name: str,
    reporter: Reporter,
) -> Path | None:
    """Shift a prior by few poses, or train a control branch on it; see ``run_job`` for what is left in ``folder``.

    The prior of the best validation is kept. Without ``validation`` the poses that ``data`` marks as ``held_out``
    validate, and if it marks none the last 15 %.

    Raises:
        InputError: the data, the prior or the checkpoint cannot be used.
    """
    import torch

    from lifting.prior.control import ControlNetwork
    from lifting.prior.weights import save_prior
    from lifting.training.adapt import seen, views
    from lifting.training.engine import RunState
    from lifting.training.prior import denoising

    poses, held_out = load_small_poses(data, settings.joints)
    files = {"data": data}
    if validation is not None:
        _, held_out = load_small_poses(validation, settings.joints, unmarked=1.0)
        files["validation"] = validation
    network = _prepared(prior, settings.joints)

    def begin(device: torch.device) -> RunState:
        if kind == "control":
            return RunState.of(ControlNetwork.around(network, settings.seed), settings, device)
        return RunState.of(deepcopy(network).requires_grad_(True), settings, device)

    generator = torch.Generator().manual_seed(1)
    shown = torch.from_numpy(held_out).repeat(-(-1024 // len(held_out)), 1, 1)
    job = Job(
        settings=settings,
        begin=begin,
        objective=denoising(views(torch.from_numpy(poses), settings), settings),
        validate=validation_on(seen(shown, replace(settings, size=0.0), generator)),
        write=save_prior,
        product="prior.safetensors",
        poses=len(poses),
        files=files,
        report_every=max(1, settings.steps // _VALIDATIONS),
        best=True,
    )
    return run_job(job, folder, device_name, reporter)


def load_small_poses(
    path: Path, joints: int, unmarked: float = _HELD_OUT
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Poses to learn from and poses held out, ``[N, joints, 3]`` metres; of 17 joints the 12 limb joints can be had.

    Args:
        path: ``.npz`` with ``poses [N, 17, 3]`` or ``[N, 12, 3]`` and perhaps ``held_out [N]``, true or false.
        joints: 17 or 12.
        unmarked: share of the poses, the last ones, that is held out where the file marks none.

    Raises:
        InputError: the file is none, or its numbers cannot be infants in metres.
    """
    import torch

    from lifting.body.infants import limbs

    arrays = load_pose_arrays(path, "poses of infants", {joints, 17})
    poses = arrays["poses"]
    if len(poses) < 2:
        raise InputError(f"{path} holds {len(poses)} poses; some are needed to learn from and others to validate with")
    extent = float(np.median(np.linalg.norm(np.ptp(poses, axis=1), axis=-1)))
    if not 0.15 < extent < 4.0:
        raise InputError(f"the bodies in {path} measure {extent:.3g} from end to end; poses must be in metres")
    if poses.shape[1] != joints:
        poses = limbs(torch.from_numpy(poses)).numpy()
    held = np.arange(len(poses)) >= min(len(poses) - 1, round(len(poses) * (1 - unmarked)))
    if "held_out" in arrays:
        held = arrays["held_out"].astype(bool)
        if held.shape != (len(poses),) or held.all() or not held.any():
            raise InputError(f"held_out in {path} must be true for some of the {len(poses)} poses and false for others")
    return poses[~held], poses[held]


def write_infants(data: Path, out: Path, count: int, held_out: int, seed: int) -> None:
    """Write ``count`` + ``held_out`` infants made from the motion capture of a file; the latter from other people.

    Without any held out, the infants are made from all people and none is marked.

    Raises:
        InputError: the motion capture cannot be used.
    """
    import torch

    from detectors.layouts import H36M_17
    from lifting.training.variety.infants import infant_poses

    arrays = load_people(data)
    poses = torch.from_numpy(arrays["poses"])
    others = _others(arrays, len(poses))
    generator = torch.Generator().manual_seed(seed)
    made: list[Any] = []
    sources = [(poses[~others], count), (poses[others], held_out)] if held_out else [(poses, count)]
    for source, number in sources:
        try:
            made.append(infant_poses(source, number, generator).numpy())
        except ValueError as error:
            raise InputError(f"{data}: {error}") from error
    with atomic_path(out) as partial:
        np.savez_compressed(
            partial,
            allow_pickle=False,
            poses=np.concatenate(made),
            **({"held_out": np.arange(count + held_out) >= count} if held_out else {}),
            joint_names=np.array(H36M_17.joints),
            units="m",
            up_axis="y",
            made_from=file_record(data)["sha256"],
        )


def score_priors(
    data: Path, priors: Sequence[tuple[str, Prior]], joints: int, axes: str, size: float, seed: int, reporter: Reporter
) -> dict[str, Any]:
    """Figures of each of the named priors on the same infants, one line each; see ``lifting.training.infant_scores``.

    Raises:
        InputError: the poses or a prior cannot be used.
    """
    import torch

    from lifting.device import matmul_dtype
    from lifting.training.adapt import AdaptSettings
    from lifting.training.infant_scores import FOCAL_PX, infant_scores
    from pipeline.protocol import load_benchmark

    _, poses = load_small_poses(data, joints, unmarked=1.0)
    settings = AdaptSettings(joints=joints, axes=axes)
    try:
        dtype = matmul_dtype(torch.device("cpu"))
    except ValueError as error:
        raise InputError(str(error)) from error
    ipo = load_benchmark("mini-rgbd").ipo
    rows = []
    for name, prior in priors:
        network = _with_joints(prior, joints)
        figures = infant_scores(network, torch.from_numpy(poses), settings, ipo=ipo, size=size, seed=seed, dtype=dtype)
        rows.append({"prior": prior.describe(), **figures})
        told = ", ".join(
            f"{key} {value:.3f}" if key == "loss" else f"{key} {value:.1f}" for key, value in figures.items()
        )
        reporter.say(f"{name}: {told}")
    protocol = {
        "data": file_record(data), "poses": len(poses), "joints": joints, "axes": axes, "size": size, "seed": seed,
        "focal_px": FOCAL_PX, "lifting": "infants: flat start on the rays, T fixed for 95 % of 1000 steps, S = 1",
        "arithmetic": str(dtype).removeprefix("torch."),
    }  # fmt: skip
    return {"protocol": protocol, "priors": rows}


def _others(arrays: dict[str, NDArray[Any]], count: int) -> NDArray[np.bool_]:
    """Which poses are of the people that are held out: the last subjects of the file, or its last poses."""
    if {"clip_subject", "clip_index"} <= arrays.keys():
        subject = arrays["clip_subject"][arrays["clip_index"]]
        names, sizes = np.unique(subject, return_counts=True)
        if len(names) > 1:
            # Small subjects first, until they are enough: what the others can do is to be learnt.
            order = np.argsort(sizes, kind="stable")
            enough = int(np.searchsorted(np.cumsum(sizes[order]), _HELD_OUT * count)) + 1
            return np.isin(subject, names[order][: min(enough, len(names) - 1)])
    return np.arange(count) >= round(count * (1 - _HELD_OUT))


def _prepared(prior: Prior, joints: int) -> ScoreNetwork:
    """The network of the prior with the wanted number of joints."""
    from lifting.prior.control import ControlNetwork

    if isinstance(prior.network, ControlNetwork):
        raise InputError(f"{prior.name} has a control branch already; give the prior under it")
    return _with_joints(prior, joints)


def _with_joints(prior: Prior, joints: int) -> ScoreNetwork:
    from lifting.prior.control import ControlNetwork
    from lifting.training.adapt import limb_network

    if prior.network.joints == joints:
        return prior.network
    if joints != 12 or isinstance(prior.network, ControlNetwork):
        raise InputError(f"{prior.name} knows {prior.network.joints} joints; add --joints {prior.network.joints}")
    return limb_network(prior.network)
