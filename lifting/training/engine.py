"""The training loop: any network on any loss, resumed exactly where it was killed, by one process or several."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from assets.untrusted.limits import damage
from assets.untrusted.weights import check_weights, load_checkpoint
from lifting.training.processes import Team

__all__ = ["DataRecord", "Objective", "Pacing", "RunState", "describe", "fit", "rate"]

#: What a run learns from and is validated with: role ("data", "validation") -> ``name`` and ``sha256`` of the file.
DataRecord = dict[str, dict[str, str]]


#: Network, source of all randomness of the step, device, team -> mean loss of this process's part of the batch.
Objective = Callable[[nn.Module, torch.Generator, torch.device, Team], Tensor]


@dataclass(frozen=True)
class Pacing:
    """Settings of the optimisation; a checkpoint resumes only with the same ones (but for ``steps``).

    Attributes:
        steps: optimiser steps in all.
        batch: poses per step.
        learning_rate, weight_decay: of AdamW; the rate warms up and falls as a cosine.
        warm_up: steps of the linear warm-up.
        last_rate: share of the rate that is left at the end; 1 keeps it constant after the warm-up.
        ema: decay of the averaged weights.
        clip: bound on the norm of the gradient.
        start: SHA-256 of the file whose weights the run started from; empty for random ones.
        seed: of everything random.
    """

    steps: int = 12_000
    batch: int = 2048
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up: int = 500
    last_rate: float = 0.01
    ema: float = 0.999
    clip: float = 1.0
    start: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"a training needs at least 1 step, not {self.steps}")
        if not 0 <= self.last_rate <= 1:
            raise ValueError(f"last_rate is a share from 0 to 1, not {self.last_rate:g}")

    @property
    def together(self) -> int:
        """Neighbours in the batch that no two processes may share."""
        return 1


@dataclass
class RunState:
    """What a checkpoint holds. Randomness is a function of seed and step, so no random state needs to be kept."""

    network: nn.Module
    averaged: nn.Module
    optimiser: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def of(cls, network: nn.Module, settings: Pacing, device: torch.device) -> Self:
        """The beginning of a run that trains those parameters of a network that require gradients."""
        network.to(device)
        averaged = deepcopy(network).requires_grad_(False)
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimiser = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        return cls(network, averaged, optimiser)

    def save(self, path: Path, settings: Pacing, data: DataRecord | None = None) -> None:
        """Write a checkpoint; the old one stays until the new one is complete."""
        record = {
            "model_state_dict": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "settings": asdict(settings),
            "data": data or {},
        }
        partial = path.with_name(path.name + ".part")
        # The name can be guessed: what is written to is made here, and never what a link points to.
        partial.unlink(missing_ok=True)
        partial.touch(exist_ok=False)
        torch.save(record, partial)
        partial.replace(path)

    def restore(self, path: Path, settings: Pacing, data: DataRecord | None = None) -> None:
        """Go on from a checkpoint of the same settings; only the number of steps may be another: the rate follows it.

        Raises ValueError if others differ, if the run learnt from other data, or if the file is no checkpoint, and
        RuntimeError if it is one of another network. Of older checkpoints, settings that they do not know have the
        defaults, and data that they do not name are taken to be the same.
        """
        record = load_checkpoint(path)
        with damage(path, "checkpoint of a training", "use another folder"):
            # What an older version did not know of, it did as is the default now.
            stored = _completed(dict(record["settings"]), asdict(type(settings)()))
            files = {role: {**file, "name": str(file["name"])} for role, file in record.get("data", {}).items()}
            check_weights(path, record["model_state_dict"])
            check_weights(path, record["averaged"])
            self._check_optimiser(record["optimiser"])
            if type(record["step"]) is not int or record["step"] < 0:
                raise ValueError("no number of a step")
        wanted = {**asdict(settings), "steps": stored["steps"]}
        if stored != wanted:
            changed = [name for name, value in wanted.items() if stored.get(name) != value]
            raise ValueError(f"{path} was trained with another {', '.join(changed)}; use the same or another folder")
        for role, file in files.items():
            given = (data or {}).get(role, file)
            if given["sha256"] != file.get("sha256"):
                raise ValueError(
                    f"{path} was trained with {file['name']} as {role}, and {given['name']} holds something else; "
                    "give the same file or another folder"
                )
        self.network.load_state_dict(record["model_state_dict"])
        self.averaged.load_state_dict(record["averaged"])
        self.optimiser.load_state_dict(record["optimiser"])
        self.step = record["step"]

    def _check_optimiser(self, stored: dict[str, Any]) -> None:
        """Raise an error if a state is not one of this optimiser: PyTorch only counts the parameters."""
        own = self.optimiser.state_dict()["param_groups"]
        for group, mine in zip(stored["param_groups"], own, strict=True):
            # The rate follows the step; other versions of PyTorch know other settings.
            if any(group[name] != mine[name] for name in (group.keys() & mine.keys()) - {"lr"}):
                raise ValueError("another optimiser")
        parameters = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        for number, state in stored["state"].items():
            for name in ("exp_avg", "exp_avg_sq"):
                moment = state[name]
                if moment.shape != parameters[number].shape or not moment.isfinite().all():
                    raise ValueError("moments of other parameters")
            if not 0 <= float(state["step"]) < float("inf"):
                raise ValueError("no number of a step")


def _completed(stored: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Settings, with the defaults of those that are missing; settings within settings likewise."""
    inner = {
        name: _completed(stored.get(name, {}), value) for name, value in defaults.items() if isinstance(value, dict)
    }
    return {**defaults, **stored, **inner}


def fit(
    state: RunState,
    objective: Objective,
    settings: Pacing,
    device: torch.device,
    on_step: Callable[[int, float], None],
    team: Team = Team(),  # noqa: B008 - frozen
) -> Iterator[int]:
    """Run from the state's step to the last one, yielding the number of steps done after each.

    Args:
        state: changed in place.
        objective: what is to become small; every process draws the whole batch and works on its part, so that the
            result does not depend on their number.
        settings: see there.
        device: where to train.
        on_step: called with the step and its loss.
        team: the processes that train together.
    """
    model = team.joined(state.network)
    pairs = zip(state.averaged.parameters(), state.network.parameters(), strict=True)
    averaged: list[Tensor] = []
    present: list[Tensor] = []
    for mean, parameter in pairs:
        if parameter.requires_grad:
            averaged.append(mean)
            present.append(parameter)
    while state.step < settings.steps:
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + state.step)
        for group in state.optimiser.param_groups:
            group["lr"] = settings.learning_rate * rate(state.step, settings)
        loss = objective(model, generator, device, team)
        state.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(present, settings.clip)
        state.optimiser.step()
        state.step += 1
        # A young average must not remember the random start.
        decay = min(settings.ema, (1 + state.step) / (10 + state.step))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, present, 1 - decay)
        on_step(state.step, float(team.mean(loss.detach())))
        yield state.step


def rate(step: int, settings: Pacing) -> float:
    """Share of the learning rate at a step: linear warm-up, then a cosine to ``last_rate``."""
    if step < settings.warm_up:
        return (step + 1) / settings.warm_up
    progress = (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)
    return settings.last_rate + (1 - settings.last_rate) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def describe(settings: Pacing, poses: int, step: int, data: DataRecord | None = None) -> dict[str, Any]:
    """Record for the file of the prior after a number of steps."""
    return {"settings": asdict(settings), "poses": poses, "step": step, **(data or {})}
