"""The result of a run, and the two files that hold it: ``.npz`` (arrays) and ``.json`` (the same for everything else).

The format is described in ``docs/result-file.md``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from pipeline.errors import InputError
from pipeline.files.archive import load_arrays
from pipeline.files.atomic import atomic_path
from pipeline.results.schema import ONCE_FIELDS, ROW_FIELDS, SCHEMA_VERSION, build_metadata, camera_record, jsonable

__all__ = ["Result", "build_metadata", "load_result", "save_json", "save_npz"]


@dataclass(frozen=True, eq=False)
class Result:
    """Everybody in a video, in metres.

    Attributes:
        tracks: in ascending order of ``track_id``; empty if nobody was found.
        camera: pinhole camera of the upright frames.
        metadata: JSON-able record of how the result was made, see ``build_metadata``.
    """

    tracks: tuple[Track3D, ...]
    camera: Camera
    metadata: dict[str, Any]

    def __post_init__(self) -> None:
        ids = [track.track_id for track in self.tracks]
        if ids != sorted(set(ids)):
            raise ValueError(f"the tracks of a result must have different, ascending ids, not {ids}")


def save_npz(path: str | Path, result: Result) -> None:
    """Write the compressed arrays, without pickles; the file appears whole or not at all.

    Raises:
        OutputError: the file cannot be written there, see ``atomic_path``.
    """
    rows: dict[str, NDArray[Any]] = {}
    for name, column in ROW_FIELDS.items():
        parts = [_column(track, name).astype(column.dtype, copy=False) for track in result.tracks]
        rows[name] = np.concatenate(parts) if parts else np.zeros((0, *column.shape), column.dtype)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            **rows,
            K=np.asarray(result.camera.K, dtype=np.float64),
            distortion=np.asarray(result.camera.distortion, dtype=np.float64),
            image_size=np.array(result.camera.image_size, dtype=np.int64),
            joint_names=np.array(H36M_17.joints),
            metadata=np.array(json.dumps(_metadata(result), allow_nan=False, ensure_ascii=False)),
        )


def save_json(path: str | Path, result: Result) -> None:
    """Write strict JSON, one person and frame per line; NaN becomes null.

    Rows are written one by one, so that the text is never in memory as a whole.

    Raises:
        OutputError: the file cannot be written there, see ``atomic_path``.
    """
    header = {
        "metadata": _metadata(result),
        "K": np.asarray(result.camera.K).tolist(),
        "distortion": np.asarray(result.camera.distortion).tolist(),
        "image_size": list(result.camera.image_size),
        "joint_names": list(H36M_17.joints),
        "fields": {
            name: {
                "shape": list(column.shape),
                "type": column.dtype,
                "unit": column.unit,
                "meaning": column.description,
            }
            for name, column in ROW_FIELDS.items()
        },
    }
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(header, allow_nan=False, ensure_ascii=False, indent=1).removesuffix("\n}"))
        file.write(',\n "rows": [')
        separator = "\n"
        for row in _json_rows(result.tracks):
            file.write(separator + json.dumps(row, allow_nan=False, separators=(",", ":")))
            separator = ",\n"
        file.write("\n]}\n")


def load_result(path: str | Path) -> Result:
    """Read a result from its ``.npz`` file.

    Raises:
        InputError: the file is missing, damaged, of another kind, or written by a newer version.
    """
    path = Path(path)
    try:
        arrays = load_arrays(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the name") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged or no result of zedo-video; give an .npz that it has written") from error
    fail = _failure(path)
    metadata = _check_arrays(arrays, fail)
    camera = metadata.get("camera")
    if not isinstance(camera, dict) or not isinstance(camera.get("source"), str):
        raise fail("its metadata does not say where the camera came from")
    width, height = arrays["image_size"].tolist()
    try:
        pinhole = Camera(arrays["K"], (width, height), camera["source"], arrays["distortion"])
    except ValueError as error:
        raise fail(str(error)) from error
    return Result(_split_tracks(arrays, fail), pinhole, metadata)


def _failure(path: Path) -> Callable[[str], InputError]:
    return lambda what: InputError(f"{path} is not a valid result: {what}; write it again with this version")


def _check_arrays(arrays: Mapping[str, NDArray[Any]], fail: Callable[[str], InputError]) -> dict[str, Any]:
    """The metadata, once every array is known to be there with the right type and shape."""
    if missing := [name for name in (*ROW_FIELDS, *ONCE_FIELDS) if name not in arrays]:
        raise fail(f"it has no {', '.join(missing)}")
    try:
        metadata = json.loads(str(arrays["metadata"]))
    except ValueError as error:
        raise fail("its metadata is not JSON") from error
    version = metadata.get("schema_version") if isinstance(metadata, dict) else None
    if version != SCHEMA_VERSION:
        raise fail(f"its schema version is {version}, and this version of zedo-video reads {SCHEMA_VERSION}")
    rows = len(np.atleast_1d(arrays["track_id"]))
    shapes = {name: ((rows, *column.shape), np.dtype(column.dtype).kind) for name, column in ROW_FIELDS.items()}
    shapes |= {"K": ((3, 3), "f"), "image_size": ((2,), "i"), "distortion": ((arrays["distortion"].size,), "f")}
    shapes |= {"joint_names": ((len(H36M_17),), "U")}
    for name, (shape, kind) in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype.kind != kind:
            raise fail(f"{name} is {array.dtype} {list(array.shape)} in place of {list(shape)}")
    if tuple(arrays["joint_names"].tolist()) != H36M_17.joints:
        raise fail(f"its joints are not those of {H36M_17.name}")
    return dict(metadata)


def _split_tracks(arrays: Mapping[str, NDArray[Any]], fail: Callable[[str], InputError]) -> tuple[Track3D, ...]:
    ids, frames = arrays["track_id"], arrays["frame_index"]
    if (np.diff(ids) < 0).any() or (np.diff(frames)[np.diff(ids) == 0] != 1).any():
        raise fail("its rows are not sorted by track and consecutive frames")
    tracks = []
    for track_id in np.unique(ids).tolist():
        first, last = np.searchsorted(ids, [track_id, track_id + 1])
        columns = {
            name: arrays[name][first:last].astype(column.dtype)
            for name, column in ROW_FIELDS.items()
            if name != "track_id"
        }
        tracks.append(Track3D(track_id, **columns))
    return tuple(tracks)


def _column(track: Track3D, name: str) -> NDArray[Any]:
    if name == "track_id":
        return np.full(len(track), track.track_id, dtype=np.int64)
    column: NDArray[Any] = getattr(track, name)
    return column


def _json_rows(tracks: Sequence[Track3D]) -> Iterator[dict[str, Any]]:
    for track in tracks:
        for i in range(len(track)):
            yield {
                name: track.track_id if name == "track_id" else _plain(getattr(track, name)[i], column.decimals)
                for name, column in ROW_FIELDS.items()
            }


def _plain(values: Any, decimals: int) -> Any:
    """Numbers for JSON: rounded to what is meaningful, null where they are not finite."""
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return array.tolist()
    rounded = np.round(array, decimals)
    finite = np.isfinite(rounded)
    if finite.all():
        return rounded.tolist()
    holes = rounded.astype(object)
    holes[~finite] = None
    return holes.tolist()


def _metadata(result: Result) -> dict[str, Any]:
    own = {"schema_version": SCHEMA_VERSION, "camera": camera_record(result.camera)}
    plain: dict[str, Any] = jsonable({**result.metadata, **own})
    return plain
