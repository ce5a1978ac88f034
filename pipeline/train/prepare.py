"""Motion capture files made into training poses: found, read, split and written."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib import metadata as packages
from pathlib import Path
from typing import Any

import numpy as np

from assets.untrusted.texts import read_text
from detectors.layouts import H36M_17
from lifting.training.mocap.skeleton_maps import SkeletonMap, builtin_maps, parse_map
from pipeline.errors import InputError, OutputError, as_input_error
from pipeline.files.atomic import atomic_path, check_writable, real_path
from pipeline.progress import Reporter
from pipeline.train.clip_filter import ClipFilter
from pipeline.train.pose_files import CLIP_TEXTS, EXTENSIONS, Clip, PrepareSettings, Reading, read_clips

__all__ = ["prepare"]


def prepare(
    inputs: Sequence[Path],
    out: Path,
    validation_out: Path | None,
    settings: PrepareSettings,
    reporter: Reporter,
    *,
    overwrite: bool = False,
) -> None:
    """Read files and folders and write training poses, and validation poses if asked for.

    Files and clips that cannot be used are left out, each with one warning to ``reporter``; the rest is written.

    Raises:
        InputError: nothing could be used, or, after the rest has been written, something could not.
        OutputError: the outputs cannot be written.
    """
    outputs = [out] if validation_out is None else [out, validation_out]
    for path in outputs:
        if path.suffix.lower() != ".npz":
            raise OutputError(f"{path} must end in .npz")
        check_writable(path, overwrite)
    taken = {real_path(path) for path in outputs}
    if len(taken) < len(outputs):
        raise OutputError(f"{out} is given twice; choose another name for the validation poses")
    maps = _load_maps(settings.skeleton)
    clips: list[Clip] = []
    refusals: list[str] = []
    lines: list[str] = []

    def refuse(sentence: str) -> None:
        refusals.append(sentence)
        reporter.warn(sentence)

    files = _find_files(inputs, taken, settings.source, refuse)
    chosen = ClipFilter(settings.only, settings.exclude)
    with reporter.stage("prepare", len(files)) as advance:
        for number, (path, source) in enumerate(files, start=1):
            reading = read_clips(path, source, maps, settings, chosen, refuse)
            clips += reading.clips
            lines += [_describe(path, reading)] if reading.clips or reading.filtered else []
            advance(number)
    chosen.check_used()
    if not clips and not refusals:
        raise InputError("--only and --exclude leave no clip; choose other patterns")
    if not clips:
        raise InputError(f"none of {len(files)} files could be used: {refusals[0]}")
    held_out = _split(clips, settings) if validation_out is not None else set()
    _write(outputs, clips, held_out, settings, refusals)
    for line in lines:
        reporter.say(line)
    for path, second in zip(outputs, (False, True), strict=False):
        part = [clip for number, clip in enumerate(clips) if (number in held_out) == second]
        poses, subjects = sum(len(clip.poses) for clip in part), {clip.texts["subject"] for clip in part}
        reporter.say(f"{path}: poses {poses}, clips {len(part)}, subjects {len(subjects)}")
    if refusals:
        raise InputError(f"{len(refusals)} files or clips were left out, for the reasons above; the rest is in {out}")


def _find_files(
    inputs: Sequence[Path], outputs: set[Path], source: str | None, refuse: Callable[[str], None]
) -> list[tuple[Path, str]]:
    """Files to read, each once, and the source each belongs to; ``refuse`` gets what is closed within a folder."""
    found: dict[Path, tuple[Path, str]] = {}
    for given in inputs:
        kind = _kind(given)
        if kind is None:
            raise InputError(f"{given} does not exist; check the name")
        if stat.S_ISDIR(kind):
            closed: list[str] = []
            files = [path for path in _below(given, closed.append) if path.resolve() not in outputs]
            if not files and closed:
                raise InputError(closed[0])
            if not files:
                raise InputError(f"{given} holds no {' or '.join(EXTENSIONS)} files; check the name")
            for sentence in closed:
                refuse(sentence)
            name = given.resolve().name
        else:
            if given.suffix.lower() not in EXTENSIONS:
                raise InputError(f"{given} is neither {' nor '.join(EXTENSIONS)}; convert it to one of them")
            if given.resolve() in outputs:
                raise OutputError(f"{given} is the input, too; choose another name for the output")
            files, name = [given], given.resolve().parent.name
        for path in files:
            found.setdefault(path.resolve(), (path, source or name))
    return list(found.values())


def _below(folder: Path, closed: Callable[[str], None]) -> list[Path]:
    """Files with poses in a folder and those in it, sorted; ``closed`` gets a sentence for what is closed to us."""
    files = []

    def cannot(error: OSError) -> None:
        closed(f"{error.filename} cannot be looked at ({error.strerror}); check its access rights, or leave it out")

    for parent, _, names in os.walk(folder, onerror=cannot):
        for path in (Path(parent, name) for name in names):
            if path.suffix.lower() in EXTENSIONS and not path.name.startswith("."):
                try:
                    if stat.S_ISREG(path.stat().st_mode):
                        files.append(path)
                except FileNotFoundError:
                    pass  # a link to nowhere
                except OSError as error:
                    cannot(error)
    return sorted(files)


def _kind(path: Path) -> int | None:
    """What a path is, as ``stat`` says it; None if there is nothing.

    Raises:
        InputError: it cannot be looked at.
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path} cannot be looked at ({reason}); check the name and its access rights") from error


def _load_maps(skeleton: str | None) -> Mapping[str, SkeletonMap]:
    """All maps to choose from, or the one that is told."""
    maps = builtin_maps()
    if skeleton is None:
        return maps
    if skeleton in maps:
        return {skeleton: maps[skeleton]}
    path = Path(skeleton)
    if _kind(path) is None:
        raise InputError(f"{skeleton} is no skeleton ({', '.join(maps)}) and no file; check the name")
    with as_input_error():
        text = read_text(path)
    try:
        return {path.stem: parse_map(text, path.stem)}
    except ValueError as error:
        raise InputError(f"the skeleton map {skeleton} cannot be used: {error}; see docs/preparing.md") from error


def _split(clips: Sequence[Clip], settings: PrepareSettings) -> set[int]:
    """Indices of the clips for validation: whole groups, in an order that only their names and the seed decide."""
    groups: dict[tuple[str, ...], list[int]] = {}
    keys = ("source", "subject") if settings.split_by == "subject" else ("source", "subject", "name", "file")
    for number, clip in enumerate(clips):
        groups.setdefault(tuple(clip.texts[key] for key in keys), []).append(number)
    if len(groups) < 2:
        raise InputError(f"there is only one {settings.split_by}, which cannot be split; give more, or no --validation")

    def order(key: tuple[str, ...]) -> str:
        return hashlib.sha256(json.dumps([settings.seed, *key]).encode()).hexdigest()

    wanted = settings.validation * sum(len(clip.poses) for clip in clips)
    chosen: set[int] = set()
    for key in sorted(groups, key=order)[:-1]:
        chosen.update(groups[key])
        if sum(len(clips[number].poses) for number in chosen) >= wanted:
            break
    return chosen


def _write(
    outputs: Sequence[Path], clips: Sequence[Clip], held_out: set[int], settings: PrepareSettings,
    refusals: Sequence[str],
) -> None:  # fmt: skip
    record = {
        "version": packages.version("zedo-video"),
        "settings": {**asdict(settings), "skeleton": settings.skeleton and Path(settings.skeleton).name},
        "left_out": len(refusals),
    }
    with ExitStack() as stack:
        # Both appear, or none.
        partials = [stack.enter_context(atomic_path(path)) for path in outputs]
        for path, chosen in zip(partials, (False, True), strict=False):
            part = [clip for number, clip in enumerate(clips) if (number in held_out) == chosen]
            arrays: dict[str, Any] = {
                "poses": np.concatenate([clip.poses for clip in part]),
                "joint_names": np.array(H36M_17.joints),
                "fps": np.float32(settings.fps),
                "up_axis": np.array("y"),
                "units": np.array("m"),
                "clip_index": np.repeat(np.arange(len(part), dtype=np.int32), [len(clip.poses) for clip in part]),
                "clip_fps": np.array([clip.fps for clip in part], dtype=np.float32),
                "preparation": np.array(json.dumps(record)),
            }
            arrays |= {f"clip_{key}": np.array([clip.texts[key] for clip in part]) for key in CLIP_TEXTS}
            np.savez_compressed(path, allow_pickle=False, **arrays)


def _describe(path: Path, reading: Reading) -> str:
    """One line on a file that was read."""
    clips = reading.clips
    filtered = f"{reading.filtered} of {reading.recordings} clips left out by --only and --exclude"
    if not clips:
        return f"{path}: {filtered}"
    skeletons, units, ups = (
        "/".join(sorted(set(found))) for found in zip(*(clip.read_as for clip in clips), strict=True)
    )
    rates = "/".join(sorted({f"{clip.fps:.4g} fps" if clip.fps else "no times" for clip in clips}))
    kept = sum(len(clip.poses) for clip in clips)
    remarks = [f"{reading.broken} dropped for bones of another length than in the rest"] if reading.broken else []
    remarks += [filtered] if reading.filtered else []
    unseen = sum(not clip.sides_seen for clip in clips)
    remarks += [f"nothing tells left from right in {unseen} of {len(clips)} clips"] if unseen else []
    said = f"{path}: {skeletons}, units {units}, {ups} up, {rates}, {kept} of {reading.frames} poses kept"
    return "; ".join([said, *remarks])
