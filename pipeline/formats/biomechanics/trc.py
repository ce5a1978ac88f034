"""Joints as markers of OpenSim (.trc): metres, y up, blank cells where nobody is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detectors.layouts import H36M_17
from pipeline.results.even import even, nominal_rate
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result
from pipeline.results.standing import standing

__all__ = ["TrcExporter"]


class TrcExporter(Exporter):
    """One person at a constant rate; the 17 joints are the markers, by their names."""

    one_person = True

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        track, stood = result.tracks[0], standing(result)
        rate = nominal_rate(result, track)
        times = even(track, rate)
        joints = times(stood.joints_m[0]).reshape(len(times.time_s), -1)
        names, frames, shown = H36M_17.joints, len(times.time_s), f"{rate:.6f}".rstrip("0").rstrip(".")
        fields = {
            "DataRate": shown, "CameraRate": shown, "NumFrames": frames, "NumMarkers": len(names), "Units": "m",
            "OrigDataRate": shown, "OrigDataStartFrame": 1, "OrigNumFrames": frames,
        }  # fmt: skip
        axes = [f"{axis}{number}" for number in range(1, len(names) + 1) for axis in "XYZ"]
        header = [
            ["PathFileType", "4", "(X/Y/Z)", f"person-{track.track_id}.trc", stood.sentence],
            list(fields),
            list(map(str, fields.values())),
            ["Frame#", "Time", *(cell for name in names for cell in (name, "", ""))],
            ["", "", *axes],
            [],
        ]
        line = "\t".join(["%.6f"] * joints.shape[1])
        blank = "\t" * (joints.shape[1] - 1)
        seen: list[bool] = np.asarray(np.isfinite(joints).all(axis=1)).tolist()
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines("\t".join(cells) + "\n" for cells in header)
            for frame, (second, places, there) in enumerate(zip(times.time_s.tolist(), joints, seen, strict=True), 1):
                file.write(f"{frame}\t{second:.6f}\t{line % tuple(places.tolist()) if there else blank}\n")
