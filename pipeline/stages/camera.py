"""Which camera took the video: told, read from a calibration file or the video's metadata, or assumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from assets.untrusted.texts import load_json, load_toml
from lifting.geometry.camera import Camera
from lifting.settings import DEFAULT_FOV_DEG
from lifting.world.floor import KnownGround
from pipeline.errors import InputError, as_input_error
from pipeline.media.decode import VideoInfo
from pipeline.settings import RunSettings, direction_of

__all__ = ["choose_camera", "known_ground", "load_camera"]


def choose_camera(settings: RunSettings, video: VideoInfo) -> Camera:
    """The camera of the upright frames; its ``source`` says where the intrinsics came from.

    Raises InputError if the calibration file cannot be used.
    """
    size = (video.width, video.height)
    if settings.camera is not None:
        return load_camera(settings.camera, size)
    if settings.focal_px is not None:
        return Camera.from_focal(settings.focal_px, size, f"--focal-px {settings.focal_px:g}")
    if settings.fov is not None:
        return Camera.from_fov(settings.fov, size, f"--fov {settings.fov:g}")
    if video.focal_px is not None:
        return Camera.from_focal(video.focal_px, size, f"metadata: focal length {video.focal_35mm:g} mm (35 mm film)")
    return Camera.from_fov(
        DEFAULT_FOV_DEG, size, f"assumed field of view of {DEFAULT_FOV_DEG:g} degrees along the longer side"
    )


def known_ground(settings: RunSettings) -> KnownGround:
    """What the user says of up and the floor: ``--up``, else ``[world]`` in the calibration file.

    Raises InputError if the table cannot be used.
    """
    table = {} if settings.camera is None else _read(settings.camera).get("world", {})
    place = f"[world] in {settings.camera}"
    if not isinstance(table, dict) or table.keys() - {"up", "height_m"}:
        raise InputError(f"{place} holds up = [x, y, z] and height_m, nothing else; see docs/camera-file.md")
    up, height = None, table.get("height_m")
    if height is not None and not (isinstance(height, (int, float)) and 0.05 <= height <= 1000):
        raise InputError(f"height_m in {place} is that of the camera above the floor, 0.05 to 1000 m, not {height!r}")
    if settings.up is not None:
        up = np.array(direction_of(settings.up, "--up"))
    elif "up" in table:
        numbers = table["up"] if isinstance(table["up"], list) else [table["up"]]
        up = np.array(direction_of(",".join(map(str, numbers)), f"up in {place}"))
    return KnownGround(up, None if height is None else float(height))


def load_camera(path: Path, image_size: tuple[int, int]) -> Camera:
    """Read a calibration (``docs/camera-file.md``) and scale it to the size of the frames.

    Raises:
        InputError: the file is missing, of another form, or for frames of another shape.
    """
    values = _read(path)
    unknown = values.keys() - {"world", "K", "fx", "fy", "cx", "cy", "distortion", "image_size"}
    if unknown:
        raise InputError(f"{path} has an unknown entry {min(unknown)!r}; see docs/camera-file.md for the names")
    try:
        size = values.get("image_size", image_size)
        width, height = (int(side) for side in size)
        if "K" in values:
            K = np.array(values["K"], np.float64).reshape(3, 3)
        else:
            fx = float(values["fx"])
            K = np.array(
                [
                    [fx, 0.0, float(values.get("cx", width / 2))],
                    [0.0, float(values.get("fy", fx)), float(values.get("cy", height / 2))],
                    [0.0, 0.0, 1.0],
                ]
            )
        distortion = np.array(values.get("distortion", []), np.float64)
        scale = np.array(image_size) / np.array([width, height])
        if abs(scale[0] / scale[1] - 1) > 0.02:
            raise ValueError(f"it is for {width} x {height} pixels, the video has {image_size[0]} x {image_size[1]}")
        return Camera(np.diag([*scale, 1.0]) @ K, image_size, f"file {path.name}", distortion)
    except KeyError as error:
        raise InputError(f"{path} has neither K nor fx; see docs/camera-file.md") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is no usable camera: {error}; see docs/camera-file.md") from error


def _read(path: Path) -> dict[str, Any]:
    with as_input_error():
        values = load_toml(path) if path.suffix.lower() == ".toml" else load_json(path)
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no names with values; see docs/camera-file.md")
    return values
