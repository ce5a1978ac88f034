"""The columns of a result, and the record of how it was made."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from importlib import metadata as packages
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.geometry.camera import Camera
from lifting.world.frame import World
from pipeline.media.decode import VideoInfo

__all__ = [
    "ONCE_FIELDS",
    "ROW_FIELDS",
    "SCHEMA_VERSION",
    "RowField",
    "build_metadata",
    "camera_record",
    "jsonable",
    "world_arrays",
]

#: Raised when a reader of the older format would misread the newer one.
SCHEMA_VERSION = 2

_JOINTS = len(H36M_17)
_AXES = (
    "camera frame: x right, y down, z forward (viewing direction); image: x right, y down, origin at the top left; "
    "world: y up, floor at y = 0, z towards the first camera of the shot, x to its right"
)
_PACKAGES = ("zedo-video", "numpy", "scipy", "torch", "onnxruntime", "opencv-python", "av", "trackers")


@dataclass(frozen=True)
class RowField:
    """One column of the result: shape behind the row axis, numpy type, unit, meaning, decimals kept in JSON."""

    shape: tuple[int, ...]
    dtype: str
    unit: str
    description: str
    decimals: int = 0


ROW_FIELDS: dict[str, RowField] = {
    "track_id": RowField((), "int64", "", "identity of the person along the video"),
    "frame_index": RowField((), "int64", "frames", "position in the decoded video, from 0"),
    "time_s": RowField((), "float64", "s", "presentation time after the first frame", 6),
    "joints_m": RowField((_JOINTS, 3), "float64", "m", "joints in the camera frame, absolute, smoothed over time", 5),
    "raw_joints_m": RowField((_JOINTS, 3), "float64", "m", "joints as lifted, before smoothing", 5),
    "sigma_m": RowField(
        (_JOINTS,), "float64", "m", "standard deviation of each coordinate of a joint, relative to the pelvis", 5
    ),
    "imputed": RowField((_JOINTS,), "bool", "", "joint placed by the prior because the image did not show it"),
    "keypoints_px": RowField((_JOINTS, 2), "float64", "px", "the 2D evidence, in pixels of the upright frame", 3),
    "confidence": RowField((_JOINTS,), "float64", "0..1", "of the 2D evidence", 4),
    "boxes": RowField((4,), "float64", "px", "x0, y0, x1, y1 around the person", 2),
    "contacts": RowField((2,), "float64", "0..1", "probability that the right and the left foot rest", 3),
}
"""The columns with one row per person and frame, sorted by track, then frame; in a gap the numbers are NaN."""

WORLD_FIELDS = ("world_frame_index", "world_from_camera", "world_shot")
ONCE_FIELDS = ("K", "distortion", "image_size", "joint_names", *WORLD_FIELDS, "metadata")
"""What a result holds once: camera matrix [3, 3] px, its distortion, width and height, joint names; of each of F frames
its number, its camera's place in the world [4, 4] and its shot; JSON text."""


def world_arrays(world: World | None) -> dict[str, NDArray[Any]]:
    """The arrays of ``WORLD_FIELDS``, of no frames where there is no world."""
    if world is None:
        empty = np.zeros(0, np.int64)
        return dict(zip(WORLD_FIELDS, (empty, np.zeros((0, 4, 4)), empty), strict=True))
    return dict(zip(WORLD_FIELDS, (world.frame_index, world.world_from_camera, world.shot), strict=True))


def build_metadata(
    *,
    camera: Camera,
    prior: Mapping[str, Any],
    detector: Mapping[str, Any],
    preset: str,
    seed: int,
    settings: Mapping[str, Any],
    video: VideoInfo | None = None,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Record of how a result was made; two runs of the same thing give the same record (no date in it).

    Args:
        camera: recorded as by ``camera_record``.
        prior: the score network: its ``name`` and the ``sha256`` of its file, and what else is known of it.
        detector: as from ``PoseDetector.describe``: name, files with their SHA-256, settings.
        preset: name of the preset that the settings started from.
        seed: of the random generator.
        settings: every effective setting of lifting and smoothing by name, defaults included; values may be anything
            that ``jsonable`` takes.
        video: the input, of which the file name, not its folder, is recorded.
        warnings: sentences that the user was told, such as that the input is cut off; without its folder here, too.
    """
    record = {
        "schema_version": SCHEMA_VERSION,
        "versions": {"python": platform.python_version(), **_package_versions()},
        "prior": prior,
        "detector": detector,
        "camera": camera_record(camera),
        "preset": preset,
        "seed": seed,
        "settings": settings,
        "video": None if video is None else _video_record(video),
        "warnings": [text if video is None else text.replace(str(video.path), video.path.name) for text in warnings],
        "axes": _AXES,
        "units": {name: column.unit for name, column in ROW_FIELDS.items() if column.unit},
        "joint_layout": H36M_17.name,
        "joint_names": H36M_17.joints,
    }
    plain: dict[str, Any] = jsonable(record)
    return plain


def camera_record(camera: Camera) -> dict[str, Any]:
    """Where the camera came from, and its field of view in degrees across the longer image side."""
    axis = int(np.argmax(camera.image_size))
    half = camera.image_size[axis] / 2 / float(camera.K[axis, axis])
    return {"source": camera.source, "fov_deg": round(math.degrees(2 * math.atan(half)), 3)}


def _video_record(video: VideoInfo) -> dict[str, Any]:
    record = asdict(video)
    # It stands among the settings.
    del record["given_fps"]
    return {"file": record.pop("path").name, **record}


def jsonable(value: Any) -> Any:
    """The nearest value that strict JSON holds: arrays as lists, NaN as None, anything unknown as its Unicode text.

    Numbers that take more than 64 bits are texts, too: readers refuse them, ours among them.
    """
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, (np.ndarray, np.generic)):
        return jsonable(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if value is None or isinstance(value, bool) or (isinstance(value, int | float) and -(2**63) < value < 2**63):
        return value
    # Names of files may hold bytes that are no UTF-8; no text file can.
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _package_versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = packages.version(name)
        except packages.PackageNotFoundError:
            continue
    return versions
