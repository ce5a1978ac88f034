"""The result of a run, and how it is read back from its ``.npz`` file (``docs/result-file.md``)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npz
from assets.untrusted.texts import parse_json
from detectors.layouts import H36M_17
from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from lifting.world.frame import Shot, World
from pipeline.errors import InputError, as_input_error
from pipeline.files.atomic import atomic_path
from pipeline.results.exporters import PICTURES, ExportOptions, Skeleton, check_format, save
from pipeline.results.schema import ONCE_FIELDS, ROW_FIELDS, SCHEMA_VERSION, camera_record, jsonable, world_arrays
from visualize.stream import Layout, PictureOptions, ThemeName

__all__ = ["Result", "load_result"]


@dataclass(frozen=True, eq=False)
class Result:
    """Everybody in a video, in metres.

    Attributes:
        tracks: in ascending order of ``track_id``; empty if nobody was found.
        camera: pinhole camera of the upright frames.
        metadata: JSON-able record of how the result was made, see ``build_metadata``.
        world: axes that stand still, with up and a floor; None where nobody looked for them, as live.
    """

    tracks: tuple[Track3D, ...]
    camera: Camera
    metadata: dict[str, Any]
    world: World | None = None

    def __post_init__(self) -> None:
        ids = [track.track_id for track in self.tracks]
        if ids != sorted(set(ids)):
            raise ValueError(f"the tracks of a result must have different, ascending ids, not {ids}")

    def save(
        self, path: str | Path, *, skeleton: Skeleton = ExportOptions.skeleton, video: str | Path | None = None
    ) -> list[Path]:
        """Write a data file, whole or not at all; the extension decides (``exporters.DATA``).

        A file of that name is replaced. ``{person}`` in the name makes a file for each person, named by the id; formats
        that hold one person do so anyway where there are several: ``out.bvh`` is then ``out-1.bvh``, ``out-2.bvh``.

        Args:
            path: file to write.
            skeleton: "h36m", "lafan1", "mixamo" or "unreal", for formats with a skeleton.
            video: what the result was made of, for formats that show it: a page (``.html``).

        Returns:
            The files.

        Raises:
            OutputError: the extension is that of no data format, it holds one person and there is nobody, or the file
                cannot be written there.
            InputError: the video cannot be read, or has frames of another size.
        """
        return save(path, self, ExportOptions(skeleton, None if video is None else Path(video)))

    def render(
        self,
        video: str | Path,
        out: str | Path,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        gif_width: int = PictureOptions.gif_width,
        gif_fps: float = PictureOptions.gif_fps,
        layout: Layout = PictureOptions.layout,
        theme: ThemeName = PictureOptions.theme,
    ) -> None:
        """Draw the people over the video and in 3D beside it; the extension decides (``exporters.PICTURES``).

        Gaps in the times that the format cannot show are cut, and said by ``warnings.warn``.

        Args:
            video: what the result was made of.
            out: file to write, whole or not at all; one of that name is replaced.
            start_s, end_s: part of the video in seconds; None is what the result was made of.
            gif_width, gif_fps, layout, theme: see ``PictureOptions``.

        Raises:
            InputError: the video cannot be read, or has frames of another size.
            OutputError: the extension is that of no picture format, or the file cannot be written there.
            ValueError: a size or a rate is out of range.
        """
        from pipeline.results.render import render_again

        out = Path(out)
        check_format(out, PICTURES)
        options = PictureOptions(gif_width, gif_fps, layout, theme)
        with atomic_path(out) as part:
            said = render_again(self, Path(video), [part], options, start_s, end_s, lambda done: None)
        for text in said:
            warnings.warn(text, stacklevel=2)

    def world_joints(self, track: Track3D) -> NDArray[np.float64]:
        """Joints of a track ``[T, 17, 3]`` in the world: metres, y up, floor at y = 0, right-handed.

        NaN in gaps and in frames whose camera moved in a way that is not known, and everywhere without a world.
        """
        if self.world is None:
            return np.full_like(track.joints_m, np.nan)
        return self.world(track.joints_m, track.frame_index)

    def record(self) -> dict[str, Any]:
        """The metadata as files hold it: plain JSON values, with the camera that the result has."""
        shots = [] if self.world is None else [asdict(shot) for shot in self.world.shots]
        own = {"schema_version": SCHEMA_VERSION, "camera": camera_record(self.camera), "shots": shots}
        plain: dict[str, Any] = jsonable({**self.metadata, **own})
        return plain


def load_result(path: str | Path) -> Result:
    """Read a result from its ``.npz`` file.

    Raises:
        InputError: the file is missing, damaged, of another kind, or written by a newer version.
    """
    path = Path(path)
    with as_input_error():
        arrays = load_npz(path)
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
    shots = metadata.pop("shots", [])
    return Result(_split_tracks(arrays, fail), pinhole, metadata, _world(arrays, shots, fail))


def _failure(path: Path) -> Callable[[str], InputError]:
    return lambda what: InputError(f"{path} is not a valid result: {what}; write it again with this version")


def _check_arrays(arrays: dict[str, NDArray[Any]], fail: Callable[[str], InputError]) -> dict[str, Any]:
    """The metadata, once every array is known to be there with the right type and shape.

    What files of version 1 do not know is added: nobody's feet rest, and there is no world.
    """
    if "metadata" not in arrays:
        raise fail("it has no metadata")
    try:
        metadata = parse_json(str(arrays["metadata"]), "its metadata")
    except UntrustedFileError as error:
        raise fail("its metadata is not JSON") from error
    version = metadata.get("schema_version") if isinstance(metadata, dict) else None
    if version not in (1, SCHEMA_VERSION):
        raise fail(f"its schema version is {version}, and this version of zedo-video reads 1 to {SCHEMA_VERSION}")
    if version == 1:
        rows = len(np.atleast_1d(arrays.get("track_id", np.zeros(0))))
        arrays |= {"contacts": np.zeros((rows, 2)), **world_arrays(None)}
    if missing := [name for name in (*ROW_FIELDS, *ONCE_FIELDS) if name not in arrays]:
        raise fail(f"it has no {', '.join(missing)}")
    rows = len(np.atleast_1d(arrays["track_id"]))
    shapes = {name: ((rows, *column.shape), np.dtype(column.dtype).kind) for name, column in ROW_FIELDS.items()}
    shapes |= {"K": ((3, 3), "f"), "image_size": ((2,), "i"), "distortion": ((arrays["distortion"].size,), "f")}
    shapes |= {"joint_names": ((len(H36M_17),), "U")}
    frames = len(np.atleast_1d(arrays["world_frame_index"]))
    shapes |= {"world_frame_index": ((frames,), "i"), "world_shot": ((frames,), "i")}
    shapes |= {"world_from_camera": ((frames, 4, 4), "f")}
    for name, (shape, kind) in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype.kind != kind:
            raise fail(f"{name} is {array.dtype} {list(array.shape)} in place of {list(shape)}")
    if tuple(arrays["joint_names"].tolist()) != H36M_17.joints:
        raise fail(f"its joints are not those of {H36M_17.name}")
    return dict(metadata)


def _world(arrays: Mapping[str, NDArray[Any]], shots: Any, fail: Callable[[str], InputError]) -> World | None:
    if not shots:
        return None
    names = [field.name for field in fields(Shot)]
    if not isinstance(shots, list) or not all(
        isinstance(shot, dict) and sorted(shot) == sorted(names) and all(isinstance(shot[name], str) for name in names)
        for shot in shots
    ):
        raise fail("its metadata does not say in words what is known of its shots")
    frame, shot = arrays["world_frame_index"], arrays["world_shot"]
    if (np.diff(frame) < 1).any() or (len(shot) and not 0 <= shot.min() <= shot.max() < len(shots)):
        raise fail("the frames of its world are not in order, or of no shot")
    # Gaps go on through damaged frames, which are none of the world's.
    seen = np.isfinite(arrays["joints_m"][:, 0, 0])
    if not np.isin(arrays["frame_index"][seen], frame).all():
        raise fail("it has people in frames of which its world knows nothing")
    matrices = arrays["world_from_camera"].astype(np.float64)
    return World(frame.astype(np.int64), matrices, shot.astype(np.int64), tuple(Shot(**shot) for shot in shots))


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
