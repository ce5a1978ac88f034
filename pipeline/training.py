"""Training runs on disk: data in, checkpoints and the finished prior out."""

from __future__ import annotations

import csv
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.archive import load_arrays
from pipeline.atomic import atomic_path
from pipeline.errors import InputError
from pipeline.progress import Reporter

if TYPE_CHECKING:
    from lifting.prior import Prior
    from lifting.training.trainer import TrainSettings

__all__ = ["load_poses", "read_train_settings", "train_prior"]

_SAVE_EVERY_S = 120.0
_REPORT_EVERY = 250  # steps between validations


def load_poses(path: Path) -> NDArray[np.float32]:
    """Poses ``[N, 17, 3]`` of an ``.npz`` in the training format: metres, y up, ``H36M_17`` order.

    Raises InputError if the file is none, or its numbers cannot be people in metres.
    """
    try:
        poses = load_arrays(path)["poses"].astype(np.float32)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the name") from error
    except KeyError as error:
        raise InputError(f"{path} holds no array named poses; give training poses as .npz") from error
    except ValueError as error:
        raise InputError(f"{path} is no .npz of plain numbers; give training poses as .npz") from error
    if poses.ndim != 3 or poses.shape[1:] != (17, 3) or not len(poses) or not np.isfinite(poses).all():
        raise InputError(f"poses in {path} must be finite and [N, 17, 3], not {list(poses.shape)}")
    height = float(np.median(np.ptp(poses[..., 1], axis=1)))
    if not 0.3 < height < 2.5:
        raise InputError(f"the people in {path} are {height:.2f} high; poses must be in metres with y up")
    return poses


def read_train_settings(config: Path | None, given: Mapping[str, Any]) -> TrainSettings:
    """Defaults, overridden by a TOML file with the names of ``TrainSettings``, overridden by ``given``.

    Raises InputError if the file cannot be read or has an unknown name.
    """
    import tomllib

    from lifting.training.augment import Augmentation
    from lifting.training.trainer import TrainSettings

    values: dict[str, Any] = {}
    if config is not None:
        try:
            values = tomllib.loads(config.read_text("utf-8"))
        except OSError as error:
            raise InputError(f"{config} cannot be read ({error.strerror}); check the name") from error
        except ValueError as error:
            raise InputError(f"{config} is not valid TOML: {error}; correct it there") from error
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        augmentation = Augmentation(**values.pop("augmentation", {}))
        return TrainSettings(**values, augmentation=augmentation)
    except TypeError as error:
        raise InputError(f"a setting of the training is not known: {error}; see docs/training.md") from error
    except ValueError as error:
        raise InputError(str(error)) from error


def train_prior(
    data: Path,
    validation: Path,
    folder: Path,
    settings: TrainSettings,
    device_name: str,
    reporter: Reporter,
    stop_after_s: float | None = None,
    start: Prior | None = None,
) -> Path | None:
    """Train until the last step, or until the time is up; the same call goes on from the checkpoint.

    A new run starts from random weights or from those of ``start``. ``folder`` gets ``checkpoint.pt``, ``log.csv``,
    ``curve.png`` and, at every validation, ``prior.safetensors`` with the averaged weights so far.

    Returns:
        The prior if the run is complete, else None.
    Raises:
        InputError: the data or the checkpoint cannot be used.
    """
    import torch

    from lifting.device import choose_device
    from lifting.prior import save_prior
    from lifting.training.augment import Augmentation, draw_poses
    from lifting.training.skeleton import take_apart
    from lifting.training.trainer import TrainState, describe, train, validation_losses

    poses, held_out = load_poses(data), load_poses(validation)
    checkpoint, log, prior = folder / "checkpoint.pt", folder / "log.csv", folder / "prior.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        device = choose_device(device_name)
        if checkpoint.exists():
            state = TrainState.load(checkpoint, settings, device)
        else:
            state = TrainState.new(settings, device, None if start is None else start.network.state_dict())
    except ValueError as error:
        raise InputError(str(error)) from error
    except (RuntimeError, LookupError, TypeError, EOFError, OSError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"the training cannot begin in {folder}: {reason}; choose another folder or --start"
        ) from error
    _forget_after(log, state.step)
    plain = Augmentation(exchange_limb=0, size=0, bones=0, width=0, definition=0, any_orientation=0)
    judged = draw_poses(
        take_apart(torch.from_numpy(held_out)), torch.ones(len(held_out)), 2048, plain, torch.Generator().manual_seed(1)
    ).to(device)

    def judge(loss: float) -> None:
        losses = validation_losses(state.averaged, judged)
        _append(log, {"step": state.step, "train": loss, **{f"t{t:g}": value for t, value in losses.items()}})
        with atomic_path(prior) as partial:
            save_prior(partial, state.averaged, describe(settings, len(poses), state.step))

    began = saved = time.monotonic()
    recent: list[float] = []
    with reporter.stage("train", settings.steps) as advance:
        for step in train(state, poses, settings, device, lambda _, loss: recent.append(loss)):
            advance(step)
            now = time.monotonic()
            if step % _REPORT_EVERY == 0 or step == settings.steps:
                judge(float(np.mean(recent)))
                recent.clear()
            if now - saved > _SAVE_EVERY_S or step == settings.steps:
                state.save(checkpoint, settings)
                saved = now
            if stop_after_s is not None and now - began > stop_after_s:
                state.save(checkpoint, settings)
                break
    draw_curve(log, folder / "curve.png")
    return prior if state.step >= settings.steps else None


def draw_curve(log: Path, picture: Path) -> None:
    """Losses over steps, training and one line per noise level."""
    if not log.exists():
        return
    from matplotlib.figure import Figure

    with log.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for name in rows[0].keys() - {"step"} if rows else ():
        axes.plot([int(row["step"]) for row in rows], [float(row[name]) for row in rows], label=name)
    axes.set(xlabel="step", ylabel="mean squared error of the noise", yscale="log")
    axes.legend()
    with atomic_path(picture) as partial:
        figure.savefig(partial, dpi=120)


def _forget_after(log: Path, step: int) -> None:
    """Drop the rows of a killed run that its checkpoint does not know of: they will come again."""
    if log.exists():
        lines = log.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines[1:] if line.partition(",")[0].isdigit() and int(line.partition(",")[0]) <= step]
        log.write_text("".join(lines[:1] + kept), "utf-8")


def _append(log: Path, row: dict[str, float]) -> None:
    new = not log.exists()
    with log.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(row))
        if new:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})
