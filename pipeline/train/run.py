"""One training run on disk: it resumes from its checkpoint, keeps a log, draws it, and leaves a network."""

from __future__ import annotations

import csv
import hashlib
import math
import re
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assets.untrusted.texts import read_text
from pipeline.errors import InputError
from pipeline.files.atomic import atomic_path
from pipeline.progress import Reporter

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lifting.training.engine import Objective, Pacing, RunState

__all__ = ["Job", "draw_curve", "file_record", "run_job"]

_SAVE_EVERY_S = 120.0


@dataclass(frozen=True)
class Job:
    """What is trained on what.

    Attributes:
        settings: of the optimisation.
        begin: device -> the state before the first step.
        objective: what it makes small.
        validate: network, device -> figures of the validation, by name; their mean decides which is best.
        write: path, network and record -> the finished file.
        product: name of that file.
        poses: number of training poses, for the record.
        files: role -> file: "data" and what else the run learns from and is validated with.
        report_every: steps between validations.
        figures: what the figures of the validation are, for the axis of the picture.
        best: keep the network of the best validation, the start included; otherwise the last one.
    """

    settings: Pacing
    begin: Callable[[torch.device], RunState]
    objective: Objective
    validate: Callable[[nn.Module, torch.device], dict[str, float]]
    write: Callable[[Path, Any, dict[str, Any]], None]
    product: str
    poses: int
    files: dict[str, Path]
    report_every: int
    figures: str = "mean squared error of the noise"
    best: bool = False


def file_record(path: Path) -> dict[str, str]:
    """``name`` and ``sha256`` of a file."""
    with path.open("rb") as stream:
        return {"name": path.name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def run_job(
    job: Job, folder: Path, device_name: str, reporter: Reporter, stop_after_s: float | None = None
) -> Path | None:
    """Train until the last step, or until the time is up; the same call goes on from the checkpoint.

    ``folder`` gets ``checkpoint.pt``, ``log.csv``, ``curve.png`` and, at every validation, the product with the
    averaged weights so far. Of several processes the first one alone writes.

    Returns:
        The product if the run is complete, else None.
    Raises:
        InputError: the checkpoint or the device cannot be used.
    """
    from lifting.training.engine import describe, fit
    from lifting.training.processes import working_together

    settings = job.settings
    checkpoint, log, product = folder / "checkpoint.pt", folder / "log.csv", folder / job.product
    data = {role: file_record(path) for role, path in job.files.items()}
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            team, device = stack.enter_context(working_together(device_name))
            if settings.batch // settings.together % team.size:
                groups = f" in groups of {settings.together}" if settings.together > 1 else ""
                raise ValueError(
                    f"a batch of {settings.batch}{groups} cannot be divided among {team.size} processes; "
                    "change --batch or their number"
                )
            state = job.begin(device)
            if checkpoint.exists():
                state.restore(checkpoint, settings, data)
        except ValueError as error:
            raise InputError(str(error)) from error
        except (RuntimeError, LookupError, TypeError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"the training cannot begin in {folder}: {reason}; choose another folder or --from"
            ) from error

        def validate(loss: float) -> None:
            before = _best(log)
            _append(log, {"step": state.step, "train": loss, **job.validate(state.averaged, device)})
            if job.best and _best(log) >= before:
                return
            record = describe(settings, job.poses, state.step, data)
            with atomic_path(product) as partial:
                job.write(partial, state.averaged, record)

        if team.leads:
            _forget_after(log, state.step)
            if job.best and state.step == 0:
                validate(float("nan"))
        began = saved = time.monotonic()
        recent: list[float] = []
        with reporter.stage("train", settings.steps) as advance:
            for step in fit(state, job.objective, settings, device, lambda _, loss: recent.append(loss), team):
                advance(step)
                now = time.monotonic()
                stop = stop_after_s is not None and team.agreed(now - began > stop_after_s, device)
                if team.leads and (step % job.report_every == 0 or step == settings.steps):
                    validate(float(np.mean(recent)))
                    recent.clear()
                if team.leads and (stop or now - saved > _SAVE_EVERY_S or step == settings.steps):
                    state.save(checkpoint, settings, data)
                    saved = now
                if stop:
                    break
        if team.leads:
            draw_curve(log, folder / "curve.png", job.figures)
        return product if state.step >= settings.steps else None


def draw_curve(log: Path, picture: Path, figures: str) -> None:
    """Losses over steps, of the training and one line for each figure of the validation."""
    if not log.exists():
        return
    from matplotlib.figure import Figure

    rows = _rows(log)
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    curves = {name: [row[name] for row in rows] for name in (rows[0] if rows else ()) if name != "step"}
    for name, values in curves.items():
        axes.plot([int(row["step"]) for row in rows], values, label=name)
    # A likelihood may be negative.
    positive = all(value > 0 for values in curves.values() for value in values)
    axes.set(xlabel="step", ylabel=figures, yscale="log" if positive else "linear")
    if curves:
        axes.legend()
    with atomic_path(picture) as partial:
        figure.savefig(partial, dpi=120)


def _best(log: Path) -> float:
    """The lowest mean validation loss so far, infinity before the first."""
    means = (np.mean([row[name] for name in row if name not in ("step", "train")]) for row in _rows(log))
    return min(map(float, means), default=float("inf"))


def _rows(log: Path) -> list[dict[str, float]]:
    """The rows of a log that are whole: a killed run may have left half a one, and people edit what they can."""
    if not log.exists():
        return []
    # As ``_append`` writes them, nothing is quoted.
    head, *lines = (line.split(",") for line in read_text(log, errors="replace").splitlines() or [""])
    rows = []
    for line in lines:
        with suppress(ValueError):
            row = dict(zip(head, map(float, line), strict=True))
            if 0 <= row.get("step", math.inf) < math.inf and len(row) == len(head) > 2:
                rows.append(row)
    return rows


def _forget_after(log: Path, step: int) -> None:
    """Drop the rows of a killed run that its checkpoint does not know of: they will come again."""
    if log.exists():
        lines = read_text(log, errors="replace").splitlines(keepends=True)
        kept = [line for line in lines[1:] if (found := re.match("[0-9]{1,15},", line)) and int(found[0][:-1]) <= step]
        log.write_text("".join(lines[:1] + kept), "utf-8")


def _append(log: Path, row: dict[str, float]) -> None:
    new = not log.exists()
    with log.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(row))
        if new:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})
