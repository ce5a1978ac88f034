"""Joint angles as OpenSim's motion file (.mot), with the coordinates of its full-body models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifting.kinematics.opensim import LENGTHS, generalised_coordinates
from pipeline.results.even import even, nominal_rate
from pipeline.results.exporters import Exporter
from pipeline.results.kinematics import motions
from pipeline.results.result import Result
from pipeline.results.standing import gaps, standing

__all__ = ["MotExporter"]

Array = NDArray[np.float64]


class MotExporter(Exporter):
    """Degrees, metres, one row per frame at a constant rate; y up, the pelvis where the middle of the hips is.

    OpenSim knows no empty values: what a frame does not tell is interpolated, and 0 where no frame tells it.
    """

    one_person = True

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        motion = motions(result)[0]
        times = even(motion.track, nominal_rate(result, motion.track))
        found = generalised_coordinates(motion.joints_m, motion.angles)
        seconds = motion.track.time_s
        columns = {name: times(_filled(values, seconds, angle=name not in LENGTHS)) for name, values in found.items()}
        words = [f"{standing(result).sentence}, metres."]
        words += [f"Out of sight, interpolated: {a:.3f} to {b:.3f} s." for a, b in gaps(motion.track)]
        header = [
            "Coordinates", "version=1", f"nRows={len(times.time_s)}", f"nColumns={len(columns) + 1}", "inDegrees=yes",
            "",
            "Units are S.I. units (second, meters, Newtons, ...)",
            "If the header above contains a line with 'inDegrees', this indicates whether rotational values are in "
            "degrees (yes) or radians (no).",
            *words, "", "endheader", "\t".join(["time", *columns]),
        ]  # fmt: skip
        table = np.column_stack([times.time_s, *columns.values()])
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(header) + "\n")
            np.savetxt(file, table, fmt="%.6f", delimiter="\t")


def _filled(values: Array, time_s: Array, *, angle: bool) -> Array:
    """Values ``[T]`` with what is NaN interpolated; angles in degrees go the short way, and on beyond 180."""
    told = np.isfinite(values)
    if not told.any():
        return np.zeros(len(values))
    known = np.unwrap(values[told], period=360) if angle else values[told]
    return np.asarray(np.interp(time_s, time_s[told], known))
