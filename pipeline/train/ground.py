"""Training the ground network: motions as captured, and the same people as lifting sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.arrays import load_npz
from lifting.benchmarks.synthetic import motion_view
from pipeline.errors import InputError
from pipeline.files.atomic import atomic_path
from pipeline.progress import Reporter
from pipeline.settings import RunSettings
from pipeline.train.data import load_motion
from pipeline.train.run import Job, run_job

if TYPE_CHECKING:
    from lifting.training.ground import GroundSettings, GroundWindows

__all__ = ["train_ground"]

_REPORT_EVERY = 500
_SHORTEST = 6  # poses of a recording that is lifted


def train_ground(
    data: Sequence[Path],
    validation: Path,
    folder: Path,
    settings: GroundSettings,
    device_name: str,
    reporter: Reporter,
    stop_after_s: float | None = None,
) -> Path | None:
    """Train until the last step or the time is up; see ``run_job`` for what it leaves.

    Before the first step every recording is lifted before a random camera, which is kept in the folder.

    Returns:
        The network if the run is complete, else None.
    Raises:
        InputError: the data or the checkpoint cannot be used.
    """
    import torch

    from lifting.training.ground import GroundWindows, ground_errors, ground_objective, new_ground_network
    from lifting.world.ground import save_ground_network

    def windows(path: Path, number: int, *, captured: bool) -> list[GroundWindows]:
        poses, clip, fps = load_motion(path)
        kept = folder / f"lifted-{number}.npz"
        if not kept.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _lift(poses, clip, fps, kept, settings.seed + number, reporter)
        seen = load_npz(kept)
        try:
            found = [GroundWindows.of(seen["truth"], seen["clip"], fps, seen["up"], seen["lifted"])]
            if captured:
                found.append(GroundWindows.of(poses, clip, fps, np.tile([0.0, 1.0, 0.0], (len(poses), 1))))
        except (ValueError, KeyError) as error:
            raise InputError(f"{path} cannot be used: {error}; use another folder") from error
        return found

    parts = [part for number, path in enumerate(data) for part in windows(path, number, captured=True)]
    names = ("motion", "up", "resting", "velocity", "sight")
    learnt = GroundWindows(*(torch.cat([getattr(part, name) for part in parts]) for name in names))
    (held_out,) = windows(validation, len(data), captured=False)
    seen = held_out.draw(torch.arange(len(held_out.motion)), settings, torch.Generator().manual_seed(1))
    job = Job(
        settings=settings,
        begin=lambda device: new_ground_network(settings, device),
        objective=ground_objective(learnt, settings),
        validate=lambda network, device: ground_errors(network, *(value.to(device) for value in seen)),
        write=save_ground_network,
        product="ground.safetensors",
        poses=len(learnt.motion),
        files={f"data_{number}" if number else "data": path for number, path in enumerate(data)}
        | {"validation": validation},
        report_every=_REPORT_EVERY,
        figures="degrees, percent, cm/s",
        best=True,
    )
    return run_job(job, folder, device_name, reporter, stop_after_s)


def _lift(
    poses: NDArray[np.float32], clip: NDArray[np.int64], fps: float, kept: Path, seed: int, reporter: Reporter
) -> None:
    """Every recording before a camera of its own, as the fast preset lifts it."""
    from lifting.lifter import Lifter
    from lifting.settings import LiftSettings
    from pipeline.load import load_models

    models = load_models(RunSettings())
    lifter = Lifter(models.prior, models.templates, LiftSettings(), models.device)
    rng = np.random.default_rng(seed)
    truth, lifted, up, of_clip = [], [], [], []
    numbers = np.unique(clip)
    with reporter.stage("lift", len(poses)) as advance:
        done = 0
        for number in numbers.tolist():
            own = poses[clip == number]
            done += len(own)
            if len(own) >= _SHORTEST:
                view, up_there = motion_view(own.astype(np.float64), fps, rng)
                sure = np.full(view.keypoints_px.shape[:2], 0.8)
                truth.append(view.joints_m)
                lifted.append(lifter.lift_rows(view.camera.rays(view.keypoints_px), sure, view.time_s))
                up.append(np.tile(up_there, (len(own), 1)))
                of_clip.append(np.full(len(own), number))
            advance(done)
    with atomic_path(kept) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream,
            allow_pickle=False,
            truth=np.concatenate(truth).astype(np.float32),
            lifted=np.concatenate(lifted).astype(np.float32),
            up=np.concatenate(up).astype(np.float32),
            clip=np.concatenate(of_clip),
        )
