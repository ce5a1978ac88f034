"""Recordings and poses read from files: brought to metres with y up, checked, thinned out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npz
from assets.untrusted.texts import read_text
from detectors.layouts import H36M_17
from lifting.training.mocap.bvh import parse_bvh
from lifting.training.mocap.motion import UNITS, find_units, find_up, pieces, select_frames, y_up
from lifting.training.mocap.motion_checks import check_bones, check_sides, steady_poses
from lifting.training.mocap.skeleton_maps import SkeletonMap, apply_map, detect_map
from pipeline.train.clip_filter import ClipFilter

__all__ = ["CLIP_TEXTS", "EXTENSIONS", "Clip", "PrepareSettings", "Reading", "read_clips"]

EXTENSIONS = (".bvh", ".npz")
LEAST_MOVE = 0.02
#: How often the clips of a file may hold a pose, in the mean.
_OVERLAP = 4
#: Text that a pose file may hold for each clip, and an output always holds.
CLIP_TEXTS = ("source", "subject", "name", "action", "file", "skeleton", "units", "up_axis")


@dataclass(frozen=True)
class PrepareSettings:
    """What is told, not found out.

    Attributes:
        skeleton: name of a map or path of one; None: by the names of the joints.
        units: name in ``UNITS`` or metres per unit as text; None: as the file says, else by the body size.
        up_axis: ``y`` or ``z``; None: as the file says, else by the trunk.
        fps: of recordings, the poses kept per second.
        least_move: metres that a joint must have moved against the pelvis since the last pose kept; None:
            ``LEAST_MOVE``, but 0 for what was prepared at this ``fps`` before.
        source: what the recordings are called together; None: the name of the folder given.
        validation: share of poses that go to the validation file.
        split_by: what is never divided between the files: a clip, or a subject (the folder of the file).
        seed: of the split.
        only: patterns of the clips to keep (see ``ClipFilter``); none: all.
        exclude: patterns of the clips to leave out.
    """

    skeleton: str | None = None
    units: str | None = None
    up_axis: Literal["y", "z"] | None = None
    fps: float = 12.0
    least_move: float | None = None
    source: str | None = None
    validation: float = 0.0
    split_by: Literal["clip", "subject"] = "clip"
    seed: int = 0
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clip:
    """The poses kept of one recording, or of a piece of it that follows a jump or poses that were dropped.

    Attributes:
        poses: ``[N, 17, 3]`` metres, y up, right-handed, ``H36M_17`` order.
        texts: source, subject, name, action, file, skeleton, units and up_axis (of the recording it came from).
        read_as: skeleton, units and up axis of the file that was read.
        fps: frames per second of the recording; 0 if not known.
        sides_seen: whether anything showed that left is left.
    """

    poses: NDArray[np.float32]
    texts: Mapping[str, str]
    read_as: tuple[str, str, str]
    fps: float
    sides_seen: bool


@dataclass
class Reading:
    """What was found in one file.

    Attributes:
        clips: to use.
        frames: how many poses the recordings of these clips have.
        broken: how many of these were dropped for bones of another length.
        recordings: how many recordings or clips the file holds.
        filtered: how many of these the patterns left out.
    """

    clips: list[Clip] = field(default_factory=list)
    frames: int = 0
    broken: int = 0
    recordings: int = 0
    filtered: int = 0


def read_clips(
    path: Path,
    source: str,
    maps: Mapping[str, SkeletonMap],
    settings: PrepareSettings,
    chosen: ClipFilter,
    refuse: Callable[[str], None],
) -> Reading:
    """The clips of one file that are ``chosen``; ``refuse`` gets one sentence for what of them cannot be used."""
    reading = Reading()
    texts = {
        "source": source, "subject": path.resolve().parent.name, "name": path.stem, "action": "", "file": path.name,
    }  # fmt: skip
    try:
        if path.suffix.lower() == ".bvh":
            reading.recordings = 1
            if chosen.keeps(texts):
                _read_bvh(path, texts, maps, settings, reading)
            else:
                reading.filtered = 1
        else:
            _read_npz(path, texts, settings, chosen, refuse, reading)
    except UntrustedFileError as error:
        refuse(str(error))
    except ValueError as error:
        refuse(f"{path} {error}")
    # What nobody has thought of is no reason to lose the other files.
    except (TypeError, LookupError, ArithmeticError, MemoryError) as error:
        refuse(f"{path} cannot be used ({type(error).__name__}: {error}); leave it out")
    return reading


def _read_bvh(
    path: Path, texts: Mapping[str, str], maps: Mapping[str, SkeletonMap], settings: PrepareSettings, reading: Reading
) -> None:
    text = read_text(path, errors="replace")
    try:
        bvh = parse_bvh(text)
    except ValueError as error:
        raise ValueError(f"{error}; get it again, or leave it out") from error
    if len(bvh.values) < 2:
        raise ValueError(f"has {len(bvh.values)} frames, a rest pose and no motion; leave it out")
    a_map = detect_map(bvh, maps) if settings.skeleton is None else next(iter(maps.values()))
    motion = apply_map(bvh, a_map)
    units, factor = find_units(motion.poses, settings.units)
    up = settings.up_axis or find_up(motion.poses, motion.rest_up)
    toes = None if motion.toes is None else y_up(motion.toes * factor, up)
    read_as = (a_map.name, units, up)
    poses = y_up(motion.poses * factor, up)
    least_move = LEAST_MOVE if settings.least_move is None else settings.least_move
    _add(reading, poses, toes, motion.fps, texts, read_as, settings.fps, least_move, nose_known=False)


def _read_npz(
    path: Path, texts: Mapping[str, str], settings: PrepareSettings, chosen: ClipFilter,
    refuse: Callable[[str], None], reading: Reading,
) -> None:  # fmt: skip
    arrays = load_npz(path)
    if "poses" not in arrays:
        raise ValueError("holds no array named poses; give poses as .npz or recordings as .bvh")
    poses = _ordered(arrays["poses"], arrays.get("joint_names"))
    told = {key: str(arrays[key]) if key in arrays else None for key in ("units", "up_axis")}
    if told["units"] not in (None, *UNITS) or told["up_axis"] not in (None, "y", "z"):
        raise ValueError(f"says units {told['units']} and up_axis {told['up_axis']}, which are not known")
    groups, in_time = _groups(arrays, len(poses))
    given = arrays.get("fps")
    rate = float(given.item()) if given is not None and given.size == 1 and given.dtype.kind in "fiu" else None
    fps = rate if in_time else None
    if fps is not None and not 1 <= fps <= 2000:
        raise ValueError(f"has {fps:g} fps, which no recording has")
    # What was thinned out at this rate is not thinned out again: dropping more would change the time between poses.
    thinned = not in_time and rate is not None and bool(np.isclose(rate, settings.fps))
    usual = 0.0 if thinned else LEAST_MOVE
    least_move = usual if settings.least_move is None else settings.least_move
    for number, group in enumerate(groups):
        kept = {key: arrays[f"clip_{key}"] for key in CLIP_TEXTS if f"clip_{key}" in arrays}
        own = {key: str(values[number]) for key, values in kept.items() if values.shape == (len(groups),)}
        if not len(group):
            continue
        reading.recordings += 1
        if not chosen.keeps({**texts, **own}):
            reading.filtered += 1
            continue
        clip = poses[group]
        try:
            if not np.isfinite(clip).all():
                raise ValueError("has values that are no finite numbers; leave those poses out")
            units, factor = find_units(clip, settings.units or told["units"])
            up = settings.up_axis or told["up_axis"] or find_up(clip, None)
            read_as = (H36M_17.name, units, up)
            clip = y_up(clip * factor, up)
            _add(reading, clip, None, fps, {**texts, **own}, read_as, settings.fps, least_move, nose_known=True)
        except ValueError as error:
            name = f", clip {own.get('name', number)}," if len(groups) > 1 else ""
            refuse(f"{path}{name} {error}")


def _add(
    reading: Reading,
    poses: NDArray[np.float64],
    toes: NDArray[np.float64] | None,
    fps: float | None,
    texts: Mapping[str, str],
    read_as: tuple[str, str, str],
    wanted_fps: float,
    least_move: float,
    *,
    nose_known: bool,
) -> None:
    """Check a recording in metres with y up and add its pieces, thinned out."""
    parts = pieces(poses, fps)
    if not parts:
        raise ValueError("jumps from frame to frame; check its frame time, or leave it out")
    frames = np.concatenate(parts)
    check_bones(poses[frames])
    seen = check_sides(poses[frames], None if toes is None else toes[frames], nose_known, fps)
    good = steady_poses(poses)
    parts = pieces(poses, fps, good)
    if not parts:
        raise ValueError("has bones of changing length every few frames; leave it out")
    full = dict(zip(("skeleton", "units", "up_axis"), read_as, strict=True)) | dict(texts)
    reading.frames += len(poses)
    reading.broken += int(np.sum(~good))
    for part in parts:
        kept = poses[part][select_frames(poses[part], fps, wanted_fps, least_move)]
        reading.clips.append(Clip(kept.astype(np.float32), full, read_as, fps or 0.0, seen))


def _ordered(poses: NDArray[Any], names: NDArray[Any] | None) -> NDArray[np.float64]:
    """Poses as float64 in ``H36M_17`` order, whatever the order in the file."""
    if poses.ndim != 3 or poses.shape[1:] != (17, 3) or not len(poses) or poses.dtype.kind != "f":
        raise ValueError(f"has poses of shape {list(poses.shape)}; they must be numbers [N, 17, 3]")
    if names is None:
        return poses.astype(np.float64)
    full = [{"l_": "left_", "r_": "right_"}.get(name[:2], name[:2]) + name[2:] for name in names.ravel().astype(str)]
    if sorted(full) != sorted(H36M_17.joints):
        raise ValueError(f"has joints that are not those of {H36M_17.name}: {', '.join(full[:5])}, ...")
    return poses[:, [full.index(name) for name in H36M_17.joints]].astype(np.float64)


def _groups(arrays: Mapping[str, NDArray[Any]], count: int) -> tuple[list[NDArray[np.int64]], bool]:
    """The poses of each clip, and whether they follow each other in time without gaps."""
    everything = np.arange(count)
    if "clip_index" in arrays:
        index = arrays["clip_index"]
        if index.shape != (count,) or index.dtype.kind not in "iu" or index.min() < 0:
            raise ValueError("has a clip_index that does not fit its poses")
        # Numbers without poses keep their place, so that the arrays with one entry per clip still fit.
        clips = max(int(index.max()) + 1, arrays["clip_name"].size if "clip_name" in arrays else 0)
        if clips > max(count, arrays["clip_name"].size if "clip_name" in arrays else 0):
            raise ValueError("has a clip_index with numbers beyond its poses and clips")
        order = np.argsort(index, kind="stable")
        return np.split(order, np.searchsorted(index[order], np.arange(1, clips))), False
    if "start" in arrays and "length" in arrays:
        start, length = arrays["start"].ravel(), arrays["length"].ravel()
        whole = start.shape == length.shape and start.dtype.kind in "iu" and length.dtype.kind in "iu"
        if not whole or min(start.min(initial=0), length.min(initial=0)) < 0 or (start > count).any():
            raise ValueError("has a start and length of clips that do not fit its poses")
        if length.astype(float).sum() > _OVERLAP * count:
            raise ValueError("has clips that overlap too much; give each pose once")
        return [everything[begin:end] for begin, end in zip(start, start + length, strict=True)], True
    return [everything], True
