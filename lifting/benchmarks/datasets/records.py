"""Lists of dicts, one per frame, as several data sets come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from lifting.benchmarks.datasets.contract import finite, named

__all__ = ["actions", "camera_numbers", "folders", "frame_list", "integer", "stacked"]


def frame_list(value: Any, file: str) -> Sequence[Any]:
    """A list of frames that is not empty. Raises UntrustedFileError if it is something else."""
    if not isinstance(value, list | tuple):
        raise UntrustedFileError(f"{file} must hold a list with a dict per frame, not a {type(value).__name__}")
    if not value:
        raise UntrustedFileError(f"{file} holds no frame")
    return value


def stacked(
    frames: Sequence[Any],
    name: str,
    where: Sequence[str],
    shape: tuple[int, ...],
    columns: int | None = None,
) -> NDArray[np.float64]:
    """A field of every frame, ``[N, *shape]``; a number may stand in an array of one. See ``finite``."""
    found = []
    for frame, place in zip(frames, where, strict=True):
        value = named(frame, name, place)
        if not shape and np.size(value) == 1:
            value = np.ravel(value)[0]
        found.append(finite(value, f"{place}: {name}", shape, columns=columns))
    return np.stack(found)


def camera_numbers(frames: Sequence[Any], where: Sequence[str]) -> NDArray[np.float64]:
    """``fx fy cx cy`` of every frame, ``[4, N]``.

    A number may stand in an array of one; in an array of two, x and y, stands the one that is asked for.
    """
    found = np.empty((4, len(frames)))
    for index, (frame, place) in enumerate(zip(frames, where, strict=True)):
        camera = named(frame, "camera_param", place)
        for row, name in enumerate(("fx", "fy", "cx", "cy")):
            label = f"{place}: camera_param {name}"
            values = np.ravel(named(camera, name, f"{place}: camera_param"))
            if len(values) not in (1, 2):
                raise UntrustedFileError(f"{label} must be a number in pixels, not an array of {len(values)}")
            found[row, index] = finite(values, label, (len(values),))[row % 2 if len(values) == 2 else 0]
    return found


def integer(value: Any, where: str) -> int:
    """A whole number, also in an array of one. Raises UntrustedFileError if it is none."""
    values = np.ravel(value)
    if (
        len(values) != 1
        or values.dtype.kind not in "biuf"
        or not np.isfinite(values[0])
        or values[0] != np.floor(values[0])
    ):
        raise UntrustedFileError(f"{where} must be a whole number")
    return int(values[0])


def actions(frames: Sequence[Any], where: Sequence[str], names: Sequence[str], first: int) -> tuple[str, ...]:
    """What is done in each frame: the names of the numbers ``action``, which count from ``first``."""
    numbers = [
        integer(named(frame, "action", place), f"{place}: action") for frame, place in zip(frames, where, strict=True)
    ]
    for number, place in zip(numbers, where, strict=True):
        if not 0 <= number - first < len(names):
            raise UntrustedFileError(f"{place}: action must be {first} to {first + len(names) - 1}, not {number}")
    return tuple(names[number - first] for number in numbers)


def folders(paths: Sequence[Any]) -> tuple[str, ...]:
    """The folder of each image, which holds one sequence; a frame whose path has none stands for itself."""
    found = []
    for index, path in enumerate(paths):
        parent = str(PurePosixPath(str(path).replace("\\", "/")).parent)
        found.append(f"frame {index}" if parent == "." else parent)
    return tuple(found)
