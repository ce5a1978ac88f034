"""Recordings and poses read from files: brought to metres with y up, checked, thinned out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.training.bvh import parse_bvh
from lifting.training.motion import UNITS, find_units, find_up, pieces, select_frames, y_up
from lifting.training.motion_checks import check_bones, check_sides
from lifting.training.skeleton_maps import SkeletonMap, apply_map, detect_map
from pipeline.archive import load_arrays

__all__ = ["CLIP_TEXTS", "EXTENSIONS", "Clip", "PrepareSettings", "read_clips"]

EXTENSIONS = (".bvh", ".npz")
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
        least_move: metres that a joint must have moved against the pelvis since the last pose kept.
        source: what the recordings are called together; None: the name of the folder given.
        validation: share of poses that go to the validation file.
        split_by: what is never divided between the files: a clip, or a subject (the folder of the file).
        seed: of the split.
    """

    skeleton: str | None = None
    units: str | None = None
    up_axis: Literal["y", "z"] | None = None
    fps: float = 12.0
    least_move: float = 0.02
    source: str | None = None
    validation: float = 0.0
    split_by: Literal["clip", "subject"] = "clip"
    seed: int = 0


@dataclass(frozen=True)
class Clip:
    """The poses kept of one recording.

    Attributes:
        poses: ``[N, 17, 3]`` metres, y up, right-handed, ``H36M_17`` order.
        texts: source, subject, name, action, file, skeleton, units and up_axis (of the recording it came from).
        read_as: skeleton, units and up axis of the file that was read.
        fps: frames per second of the recording; 0 if not known.
        frames: how many frames it had.
        sides_seen: whether anything showed that left is left.
    """

    poses: NDArray[np.float32]
    texts: Mapping[str, str]
    read_as: tuple[str, str, str]
    fps: float
    frames: int
    sides_seen: bool


def read_clips(
    path: Path,
    source: str,
    maps: Mapping[str, SkeletonMap],
    settings: PrepareSettings,
    refuse: Callable[[str], None],
) -> list[Clip]:
    """The clips of one file; ``refuse`` is called with one sentence for the file or each clip that cannot be used."""
    texts = {
        "source": source, "subject": path.resolve().parent.name, "name": path.stem, "action": "", "file": path.name,
    }  # fmt: skip
    try:
        if path.suffix.lower() == ".bvh":
            return [_read_bvh(path, texts, maps, settings)]
        return _read_npz(path, texts, settings, refuse)
    except OSError as error:
        refuse(f"{path} cannot be read ({error.strerror}); check the name and its access rights")
    except ValueError as error:
        refuse(f"{path} {error}")
    return []


def _read_bvh(path: Path, texts: Mapping[str, str], maps: Mapping[str, SkeletonMap], settings: PrepareSettings) -> Clip:
    try:
        bvh = parse_bvh(path.read_bytes().decode("utf-8-sig", errors="replace"))
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
    return _checked(y_up(motion.poses * factor, up), toes, motion.fps, texts, read_as, settings, nose_known=False)


def _read_npz(
    path: Path, texts: Mapping[str, str], settings: PrepareSettings, refuse: Callable[[str], None]
) -> list[Clip]:
    try:
        arrays = load_arrays(path)
    except ValueError as error:
        raise ValueError("is damaged or no .npz file of plain arrays; get it again, or leave it out") from error
    if "poses" not in arrays:
        raise ValueError("holds no array named poses; give poses as .npz or recordings as .bvh")
    poses = _ordered(arrays["poses"], arrays.get("joint_names"))
    told = {key: str(arrays[key]) if key in arrays else None for key in ("units", "up_axis")}
    if told["units"] not in (None, *UNITS) or told["up_axis"] not in (None, "y", "z"):
        raise ValueError(f"says units {told['units']} and up_axis {told['up_axis']}, which are not known")
    groups, in_time = _groups(arrays, len(poses))
    fps = float(arrays["fps"]) if in_time and "fps" in arrays and arrays["fps"].size == 1 else None
    if fps is not None and not 1 <= fps <= 2000:
        raise ValueError(f"has {fps:g} fps, which no recording has")
    clips = []
    for number, group in enumerate(groups):
        kept = {key: arrays[f"clip_{key}"] for key in CLIP_TEXTS if f"clip_{key}" in arrays}
        own = {key: str(values[number]) for key, values in kept.items() if values.shape == (len(groups),)}
        if not len(group):
            continue
        clip = poses[group]
        try:
            if not np.isfinite(clip).all():
                raise ValueError("has values that are no finite numbers; leave those poses out")
            units, factor = find_units(clip, settings.units or told["units"])
            up = settings.up_axis or told["up_axis"] or find_up(clip, None)
            read_as = (H36M_17.name, units, up)
            clip = y_up(clip * factor, up)
            clips.append(_checked(clip, None, fps, {**texts, **own}, read_as, settings, nose_known=True))
        except ValueError as error:
            name = f", clip {own.get('name', number)}," if len(groups) > 1 else ""
            refuse(f"{path}{name} {error}")
    return clips


def _checked(
    poses: NDArray[np.float64],
    toes: NDArray[np.float64] | None,
    fps: float | None,
    texts: Mapping[str, str],
    read_as: tuple[str, str, str],
    settings: PrepareSettings,
    *,
    nose_known: bool,
) -> Clip:
    """A clip in metres with y up, checked and thinned out."""
    parts = [np.arange(len(poses))] if fps is None else pieces(poses, fps)
    if not parts:
        raise ValueError("jumps from frame to frame; check its frame time, or leave it out")
    frames = np.concatenate(parts)
    check_bones(poses[frames])
    seen = check_sides(poses[frames], None if toes is None else toes[frames], nose_known, fps)
    kept = np.concatenate([part[select_frames(poses[part], fps, settings.fps, settings.least_move)] for part in parts])
    full = dict(zip(("skeleton", "units", "up_axis"), read_as, strict=True)) | dict(texts)
    return Clip(poses[kept].astype(np.float32), full, read_as, fps or 0.0, len(poses), seen)


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
        return [everything[index == number] for number in range(clips)], False
    if "start" in arrays and "length" in arrays:
        parts = [
            everything[int(start) : int(start) + int(length)]
            for start, length in zip(arrays["start"].ravel(), arrays["length"].ravel(), strict=True)
        ]
        return parts, True
    return [everything], True
