"""Training a prior: data and settings from files, and the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.archive import load_arrays
from pipeline.errors import InputError
from pipeline.progress import Reporter
from pipeline.training_run import Job, carry_out

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lifting.prior import Prior
    from lifting.start_network import StartNetwork
    from lifting.training.start_trainer import StartSettings
    from lifting.training.trainer import TrainSettings

__all__ = [
    "load_poses",
    "noise_judge",
    "read_settings",
    "read_start_settings",
    "read_train_settings",
    "train_prior",
    "train_start",
]

T = TypeVar("T")

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
    from lifting.training.augment import Augmentation
    from lifting.training.trainer import TrainSettings

    def made(augmentation: Mapping[str, Any] | None = None, **values: Any) -> TrainSettings:
        return TrainSettings(**values, augmentation=Augmentation(**(augmentation or {})))

    return read_settings(made, config, given)


def read_start_settings(config: Path | None, given: Mapping[str, Any]) -> StartSettings:
    """``read_train_settings`` for the learnt start: names of ``StartSettings``, ``[augmentation]``, ``[views]``."""
    from lifting.training.augment import Augmentation
    from lifting.training.start_trainer import StartSettings
    from lifting.training.views import Views

    def made(
        augmentation: Mapping[str, Any] | None = None, views: Mapping[str, Any] | None = None, **values: Any
    ) -> StartSettings:
        parts: dict[str, Any] = {}
        if augmentation is not None:
            parts["augmentation"] = Augmentation(**augmentation)
        if views is not None:
            parts["views"] = Views(**views)
        return StartSettings(**values, **parts)

    return read_settings(made, config, given)


def read_settings(made: Callable[..., T], config: Path | None, given: Mapping[str, Any]) -> T:
    """Settings from the values of a TOML file, overridden by those of ``given`` that are not None.

    Raises InputError if the file cannot be read, or ``made`` does not know a name or a value.
    """
    import tomllib

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
        return made(**values)
    except TypeError as error:
        # "Views.__init__() got an unexpected keyword argument 'cutt'": only the name is for the user.
        _, unknown, name = str(error).partition("unexpected keyword argument ")
        what = (
            f"there is no setting {name} of the training" if unknown else "a setting of the training has a wrong value"
        )
        raise InputError(f"{what}; docs/training.md says where all are listed") from error
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

    A new run starts from random weights or from those of ``start``; see ``carry_out`` for what it leaves.

    Returns:
        The prior if the run is complete, else None.
    Raises:
        InputError: the data or the checkpoint cannot be used.
    """
    import torch

    from lifting.prior import save_prior
    from lifting.training.augment import Augmentation, draw_poses
    from lifting.training.skeleton import take_apart
    from lifting.training.trainer import TrainState, denoising, drawn_from

    poses, held_out = load_poses(data), load_poses(validation)
    plain = Augmentation(exchange_limb=0, size=0, bones=0, width=0, definition=0, any_orientation=0)
    judged = draw_poses(
        take_apart(torch.from_numpy(held_out)), torch.ones(len(held_out)), 2048, plain, torch.Generator().manual_seed(1)
    )
    weights = None if start is None else start.network.state_dict()
    job = Job(
        settings=settings,
        begin=lambda device: TrainState.new(settings, device, weights),
        objective=denoising(drawn_from(poses, settings), settings),
        judge=noise_judge(judged),
        write=save_prior,
        product="prior.safetensors",
        poses=len(poses),
        files={"data": data, "validation": validation},
        report_every=_REPORT_EVERY,
    )
    return carry_out(job, folder, device_name, reporter, stop_after_s)


def noise_judge(poses: Tensor) -> Callable[[nn.Module, torch.device], dict[str, float]]:
    """Validation of a score network: its loss per noise level on ``[N, J, 3]`` poses, as figures named ``t0.1``."""
    from lifting.training.trainer import validation_losses

    def judge(network: nn.Module, device: torch.device) -> dict[str, float]:
        return {f"t{time:g}": loss for time, loss in validation_losses(network, poses.to(device)).items()}

    return judge


def train_start(
    data: Path,
    validation: Path,
    folder: Path,
    settings: StartSettings,
    device_name: str,
    reporter: Reporter,
    stop_after_s: float | None = None,
    start: StartNetwork | None = None,
) -> Path | None:
    """Train the learnt start until the last step or the time is up; see ``carry_out`` for what it leaves.

    A new run starts from random weights or from those of ``start``.

    Returns:
        The network if the run is complete, else None.
    Raises:
        InputError: the data or the checkpoint cannot be used, or ``start`` has another size.
    """
    from lifting.prior import save_start_network
    from lifting.training.start_trainer import held_out_views, looking, new_start, start_errors

    poses, clip, fps = load_motion(data)
    held_out = load_motion(validation)
    judged = {name: held_out_views(*held_out, alone) for name, alone in (("", False), ("_alone", True))}

    def judge(network: Any, device: torch.device) -> dict[str, float]:
        figures: dict[str, float] = {}
        for name, views in judged.items():
            errors = start_errors(network, *(value.to(device) for value in views))
            figures |= {f"{figure}{name}_mm": 1000 * error for figure, error in errors.items()}
        return figures

    weights = None if start is None else start.state_dict()
    sizes = ("hidden", "context", "blocks", "modes")
    if start is not None and any(getattr(start, name) != getattr(settings, name) for name in sizes):
        raise InputError(
            f"the weights to begin with have {', '.join(f'{name} = {getattr(start, name)}' for name in sizes)}; "
            "give the same sizes with --config"
        )
    job = Job(
        settings=settings,
        begin=lambda device: new_start(settings, device, weights),
        objective=looking(poses, clip, fps, settings),
        judge=judge,
        write=save_start_network,
        product="start.safetensors",
        poses=len(poses),
        files={"data": data, "validation": validation},
        report_every=2 * _REPORT_EVERY,
        figures="mean distance of joints, mm",
    )
    return carry_out(job, folder, device_name, reporter, stop_after_s)


def load_motion(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64], float]:
    """``load_poses``, with the clip of each pose ``[N]`` and the poses per second.

    Raises InputError if the file does not say which poses follow each other.
    """
    poses = load_poses(path)
    arrays = load_arrays(path)
    if "clip_index" not in arrays or "fps" not in arrays or arrays["clip_index"].shape != (len(poses),):
        raise InputError(
            f"{path} does not say which poses follow each other (clip_index [N] and fps); write it with "
            "`zedo-video prepare`"
        )
    fps = float(arrays["fps"])
    if not 3 <= fps <= 1000:
        raise InputError(f"fps in {path} is {fps:g}; a motion needs at least 3 poses per second")
    return poses, arrays["clip_index"].astype(np.int64), fps
