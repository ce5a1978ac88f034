"""Everybody's joints as a data set of ``movement`` and xarray (.nc): position by time, axis, joint and person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result
from pipeline.results.standing import standing

__all__ = ["NetcdfExporter"]

Array = NDArray[np.float64]


class NetcdfExporter(Exporter):
    """NetCDF (classic, 64-bit offsets), as scipy writes it: metres, y up, NaN where nobody is seen.

    Dimensions and names are those of the package ``movement``; ``sigma`` is the standard deviation of each coordinate.
    """

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        from scipy.io import netcdf_file

        with path.open("wb") as stream:
            file = netcdf_file(stream, "w", version=2)
            # The format has no empty dimensions: of nobody there are the attributes.
            if result.tracks:
                _fill(file, result)
            attributes = {"ds_type": "poses", "time_unit": "seconds", "source_software": "zedo-video"}
            for name, text in attributes.items():
                setattr(file, name, text)
            file.flush()


def _fill(file: Any, result: Result) -> None:
    stood = standing(result)
    seconds: dict[int, float] = {}
    for track in result.tracks:
        seconds |= dict(zip(track.frame_index.tolist(), track.time_s.tolist(), strict=True))
    frames = np.array(sorted(seconds), np.int64)
    shape = (len(frames), len(H36M_17), len(result.tracks))
    position = np.full((len(frames), 3, *shape[1:]), np.nan)
    confidence, sigma = np.full(shape, np.nan), np.full(shape, np.nan)
    for number, (track, joints) in enumerate(zip(result.tracks, stood.joints_m, strict=True)):
        rows = np.searchsorted(frames, track.frame_index)
        position[rows, :, :, number] = joints.swapaxes(1, 2)
        confidence[rows, :, number], sigma[rows, :, number] = track.confidence, track.sigma_m
    names = {"space": list("xyz"), "keypoints": list(H36M_17.joints)}
    names["individuals"] = [f"person_{track.track_id}" for track in result.tracks]
    file.createDimension("time", len(frames))
    _variable(file, "time", np.array([seconds[frame] for frame in frames.tolist()]), ("time",))
    for name, values in names.items():
        _words(file, name, values)
    whole = ("time", "space", "keypoints", "individuals")
    rest = ("time", "keypoints", "individuals")
    _variable(file, "position", position, whole, units="m", axes=stood.sentence)
    _variable(file, "confidence", confidence, rest)
    _variable(file, "sigma", sigma, rest, units="m")


def _variable(file: Any, name: str, values: Array, dimensions: tuple[str, ...], **attributes: str) -> None:
    variable = file.createVariable(name, "d", dimensions)
    variable[:] = values
    for key, text in attributes.items():
        setattr(variable, key, text)


def _words(file: Any, name: str, words: list[str]) -> None:
    """A coordinate of texts, as the classic format holds them: characters with a dimension of their own."""
    length = max(map(len, words), default=1)
    file.createDimension(name, len(words))
    file.createDimension(f"{name}_letters", length)
    letters = np.array([list(word.ljust(length, "\0")) for word in words], "S1").reshape(len(words), length)
    variable = file.createVariable(name, "c", (name, f"{name}_letters"))
    variable[:] = letters
    variable._Encoding = "utf-8"
