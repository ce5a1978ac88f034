"""``zedo-video evaluate h36m`` and its siblings: a data set in the files that people have, with its protocol."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npz
from lifting.benchmarks.datasets import DATASETS, Dataset, PoseSet
from lifting.benchmarks.datasets.contract import Keypoints
from lifting.benchmarks.scoring import Errors, chosen, figures, hypothesis_errors, motion_figures, oracle
from pipeline.errors import InputError, as_input_error
from pipeline.evaluate.report import Report, write_report
from pipeline.evaluate.subject import Subject
from pipeline.files.atomic import claimed
from pipeline.files.workspace import Workspace
from pipeline.machine import describe_machine
from pipeline.progress import Reporter
from pipeline.protocol import Benchmark, load_benchmark, published_protocol

__all__ = [
    "Block",
    "Measured",
    "evaluate_dataset",
    "given_blocks",
    "keep_sound_blocks",
    "lifted_blocks",
    "load_dataset",
    "load_predictions",
    "measure",
    "restricted",
]

_STAGE = "poses"


@dataclass(frozen=True)
class Measured:
    """A data set, ready to be lifted.

    Attributes:
        dataset: what it is.
        benchmark: how it is measured.
        stride: every N-th frame.
        poses: 2D and truth.
        judged: joints that are averaged over.
        folder: name of the folder that it came from.
    """

    dataset: Dataset
    benchmark: Benchmark
    stride: int
    poses: PoseSet
    judged: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class Block:
    """Some poses of a data set, lifted.

    Attributes:
        rows: which.
        predicted: ``[S, n, J, 3]`` metres, camera axes.
        cost: ``[S, n]`` what a hypothesis is chosen by, least is best; None without such a choice.
    """

    rows: slice
    predicted: NDArray[np.floating]
    cost: NDArray[np.floating] | None


def load_dataset(
    name: str, folder: Path, *, keypoints: Keypoints = "gt", joints: int | None = None, stride: int | None = None
) -> Measured:
    """Read the files of a data set.

    Args:
        name: of ``DATASETS``.
        folder: with the files.
        keypoints: which 2D.
        joints: how many are averaged over; None is what the data set has first.
        stride: every so manieth frame; None is the protocol's.

    Raises:
        InputError: a file cannot be used, or the data set does not have what is asked for.
    """
    dataset, benchmark = DATASETS[name], load_benchmark(name)
    if keypoints not in dataset.keypoints:
        raise InputError(f"{name} comes without {keypoints} keypoints; give --keypoints {dataset.keypoints[0]}")
    count = next(iter(dataset.judged)) if joints is None else joints
    if count not in dataset.judged:
        numbers = " or ".join(map(str, dataset.judged))
        raise InputError(f"{name} is measured over {numbers} joints, not over {count}; change --joints")
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the one with {dataset.files}")
    every = benchmark.stride if stride is None else stride
    try:
        poses = dataset.load(folder, keypoints, every)
    except UntrustedFileError as error:
        raise InputError(str(error)) from error
    # Files of others: what no loader has thought of is no reason for a traceback either.
    except (OSError, ValueError, TypeError, LookupError, OverflowError, MemoryError) as error:
        raise InputError(f"{folder} cannot be read as {dataset.title}: {type(error).__name__}, {error}") from error
    return Measured(dataset, benchmark, every, poses, dataset.judged[count], folder.resolve().name)


def load_predictions(path: Path, measured: Measured) -> NDArray[np.float64]:
    """Poses that another program found: ``joints_m [N, J, 3]`` or ``[S, N, J, 3]`` of an ``.npz``, as ``[S, N, J, 3]``.

    Raises:
        InputError: the file holds something else, or other poses than the data set.
    """
    with as_input_error():
        arrays = load_npz(path)
    if "joints_m" not in arrays:
        raise InputError(f"{path} has no array joints_m; it must hold predictions in metres")
    found = arrays["joints_m"]
    expected = measured.poses.truth_m.shape
    if found.shape[-3:] != expected or found.ndim not in (3, 4) or found.dtype.kind != "f" or not found.size:
        raise InputError(f"{path}: joints_m must be {list(expected)} numbers, not {list(found.shape)}")
    if not np.isfinite(found).all():
        raise InputError(f"{path}: joints_m holds NaN or infinite values")
    return found.reshape(-1, *expected).astype(np.float64)


def given_blocks(predicted: NDArray[np.float64]) -> Iterator[Block]:
    """Results that are there already, ``[S, N, J, 3]``."""
    yield Block(slice(0, predicted.shape[1]), predicted, None)


def lifted_blocks(measured: Measured, subject: Subject, workspace: Workspace, reporter: Reporter) -> Iterator[Block]:
    """Lift every pose from every template; what the workspace holds is not lifted again, see ``keep_sound_blocks``.

    Raises:
        OutputError: the disk is full.
    """
    poses, count = subject.seen(measured.poses), subject.hypotheses.count
    rays = poses.rays()
    work = _work(measured, subject)
    blocks = [block for which, block in work if which == 0]
    with reporter.stage("lift", count * len(poses)) as advance:
        done = sum(len(rays[block]) for _, block in work[: workspace.count(_STAGE)])
        for index in range(workspace.count(_STAGE), len(work)):
            which, block = work[index]
            advance(done)
            joints = subject.hypotheses.lift(which, rays[block], poses.confidence[block])
            kept: dict[str, NDArray[Any]] = {"joints_m": joints[:, subject.places(measured.poses)].astype(np.float32)}
            if subject.chooser is not None:
                kept["cost"] = subject.chooser.cost(joints, rays[block], poses.confidence[block])
            workspace.append(_STAGE, index, kept)
            done += len(joints)
        advance(done)
    for number, block in enumerate(blocks):
        stored = [next(workspace.chunks(_STAGE, which * len(blocks) + number)) for which in range(count)]
        judged = None if subject.chooser is None else np.stack([chunk["cost"] for chunk in stored])
        yield Block(block, np.stack([chunk["joints_m"] for chunk in stored]), judged)


def keep_sound_blocks(measured: Measured, subject: Subject, workspace: Workspace) -> None:
    """Have a workspace forget what ``lifted_blocks`` would not have written: other arrays, shapes, types, or NaN."""
    work = _work(measured, subject)

    def sound(index: int, arrays: Mapping[str, NDArray[Any]]) -> bool:
        truth = measured.poses.truth_m[work[index][1]]
        expected: dict[str, tuple[type, tuple[int, ...]]] = {"joints_m": (np.float32, truth.shape)}
        if subject.chooser is not None:
            expected["cost"] = (np.float64, truth.shape[:1])
        found = {name: (array.dtype.type, array.shape) for name, array in arrays.items()}
        return found == expected and all(np.isfinite(array).all() for array in arrays.values())

    workspace.keep_sound(_STAGE, sound)


def _work(measured: Measured, subject: Subject) -> list[tuple[int, slice]]:
    """What is lifted at once: template and rows. All poses from one template after the other: each is prepared once."""
    poses, rows = len(measured.poses), subject.block_rows
    blocks = [slice(first, min(first + rows, poses)) for first in range(0, poses, rows)]
    return [(which, block) for which in range(subject.hypotheses.count) for block in blocks]


def _fingerprint(measured: Measured, subject: Subject) -> dict[str, Any]:
    """What a resumed run must share with the killed one: the same poses, lifted in the same way."""
    digest = hashlib.sha256()
    for array in (measured.poses.keypoints_px, measured.poses.confidence, measured.poses.K):
        digest.update(np.ascontiguousarray(array).tobytes())
    return {
        "poses": digest.hexdigest(),
        "protocol": subject.protocol,
        "provenance": subject.provenance,
        "block_rows": subject.block_rows,
    }


def evaluate_dataset(
    measured: Measured,
    blocks: Iterable[Block],
    protocol: Mapping[str, Any],
    provenance: Mapping[str, Any],
    *,
    reflection: bool = False,
    seed: int = 0,
) -> Report:
    """Compare with the truth.

    Args:
        measured: see ``load_dataset``.
        blocks: all poses, in order: ``lifted_blocks`` or ``given_blocks``.
        protocol: how they were lifted, see ``Subject.protocol``.
        provenance: what with.
        reflection: PA-MPJPE may mirror.
        seed: of the confidence intervals.
    """
    began = time.perf_counter()
    poses = measured.poses
    judged = [poses.joints.index(name) for name in measured.judged]
    parts: list[Errors] = []
    choices, taken, ours = [], [], False
    for block in blocks:
        parts.append(hypothesis_errors(block.predicted, poses, block.rows, judged, reflection=reflection))
        which = np.zeros(block.predicted.shape[1], np.int64) if block.cost is None else block.cost.argmin(axis=0)
        choices.append(which)
        taken.append(block.predicted[which, np.arange(len(which))])
        ours = block.cost is not None
    errors = {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
    count = len(errors["mpjpe_mm"])
    rng = np.random.default_rng(seed)
    candidates: dict[str, Errors] = {}
    if count == 1 or ours:
        candidates["single" if count == 1 else "ours"] = chosen(errors, np.concatenate(choices))
    if count > 1:
        candidates["oracle"] = oracle(errors)
    groups = []
    for choice, of in candidates.items():
        row = asdict(figures(of, poses, measured.dataset.group_wise, rng))
        if choice != "oracle":
            motion = motion_figures(np.concatenate(taken), poses, rng)
            row["values"] |= {name: asdict(estimate) for name, estimate in motion.items()}
        groups.append({"name": _NAMES[choice], "choice": choice, "metrics": row.pop("values"), **row})
    headline = {name: estimate["value"] for name, estimate in groups[0]["metrics"].items()}
    if "oracle" in candidates:
        headline["oracle"] = {name: estimate["value"] for name, estimate in groups[-1]["metrics"].items()}
    full = _protocol(measured, count, reflection) | dict(protocol) | {"choice": groups[0]["choice"], "seed": seed}
    published = [
        {"figure": dict(figure), "protocol": published_protocol(figure, full, measured.benchmark.stride)}
        for figure in measured.benchmark.published
    ]
    return Report(
        protocol=full | {"published": published},
        metrics=headline,
        per_group=groups,
        time={"seconds": time.perf_counter() - began, **describe_machine()},
        provenance=provenance,
    )


def measure(
    measured: Measured,
    subject: Subject,
    reporter: Reporter,
    *,
    reflection: bool = False,
    seed: int = 0,
    json_file: Path | None = None,
) -> Report:
    """Lift and compare; with ``json_file``, write the report there.

    What is lifted is kept beside that file until the report stands, so that the same call goes on where a killed one
    was. Without a file nothing is left.

    Args:
        measured, subject: what is lifted, and what lifts it.
        reporter: gets the progress.
        reflection, seed: see ``evaluate_dataset``.
        json_file: of the report.

    Raises:
        OutputError: the file or the intermediate results cannot be written, or another run is at it.
    """
    began = time.perf_counter()
    with ExitStack() as stack:
        if json_file is None:
            folder = stack.enter_context(TemporaryDirectory(prefix="zedo-video-"))
            workspace = Workspace(Path(folder) / "poses", {})
        else:
            stack.enter_context(claimed([json_file]))
            workspace = Workspace.beside(json_file, _fingerprint(measured, subject))
        keep_sound_blocks(measured, subject, workspace)
        resumed = workspace.count(_STAGE)
        blocks = lifted_blocks(measured, subject, workspace, reporter)
        report = evaluate_dataset(
            measured, blocks, subject.protocol, subject.provenance, reflection=reflection, seed=seed
        )
        seconds = time.perf_counter() - began
        report = replace(report, time={**report.time, "seconds": seconds, "resumed": resumed > 0})
        if json_file is not None:
            write_report(json_file, report)
            workspace.remove()
    return report


_NAMES = {"single": "the only hypothesis", "ours": "our choice, without truth", "oracle": "oracle, best of S by truth"}


def _protocol(measured: Measured, count: int, reflection: bool) -> dict[str, Any]:
    dataset, poses = measured.dataset, measured.poses
    mean = f"mean over the means of each {dataset.group}" if dataset.group_wise else "mean over all frames"
    return {
        "name": dataset.name,
        "title": dataset.title,
        "data": measured.folder,
        "evidence_2d": poses.evidence,
        "evidence_error_px": poses.projected_error_px(),
        "camera": poses.camera,
        "stride": measured.stride,
        "frames": len(poses),
        "frames_in_file": poses.frames_in_file,
        "joints": len(measured.judged),
        "joint_names": measured.judged,
        "hypotheses": count,
        "mirroring": reflection,
        "mean": mean,
        "group": dataset.group,
        "group_wise": dataset.group_wise,
        "mpjpe": f"{_root(poses)}, no scaling; {mean}",
        "pa_mpjpe": f"similarity alignment of all {len(poses.joints)} joints per frame, "
        f"{'mirroring allowed' if reflection else 'without mirroring'}; {mean}",
        "n_mpjpe": f"{_root(poses)}, scaled to fit best; {mean}",
        "pck150_auc": "share of joints nearer than 150 mm, and its mean over 0, 5, ... 150 mm; mean over all frames",
        "ours": "the pose that the prior finds likeliest, its distance from the 2D counted in",
        "oracle": "each error of the hypothesis that has the least of it; PCK and AUC of that of least MPJPE",
        "interval": "95 % bootstrap, 2000 draws of whole sequences",
    }


def _root(poses: PoseSet) -> str:
    return "pelvis on pelvis" if isinstance(poses.root, int) else "middle of the hips on middle of the hips"


def restricted(measured: Measured, joints: tuple[str, ...]) -> Measured:
    """The same data set for a prior that knows fewer joints; averaged over is what both have."""
    if set(measured.poses.joints) <= set(joints):
        return measured
    judged = tuple(name for name in measured.judged if name in joints)
    return replace(measured, poses=measured.poses.only(joints), judged=judged)
