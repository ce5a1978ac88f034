"""Joints as points of the format of motion laboratories (.c3d): millimetres, y up, residual -1 where nobody is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from detectors.layouts import H36M_17
from pipeline.results.even import even, nominal_rate
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result
from pipeline.results.standing import standing

__all__ = ["C3dExporter"]


class C3dExporter(Exporter):
    """One person at a constant rate; the residual of a point is its ``sigma_m`` in millimetres."""

    one_person = True

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        import ezc3d

        track, stood = result.tracks[0], standing(result)
        rate = nominal_rate(result, track)
        times = even(track, rate)
        joints, sigma = times(stood.joints_m[0]) * 1000, times(track.sigma_m) * 1000
        seen = np.asarray(np.isfinite(joints).all(axis=-1))
        points = np.ones((4, len(H36M_17), len(joints)))
        points[:3] = np.where(seen[..., None], joints, 0.0).transpose(2, 1, 0)
        residuals = np.where(seen, np.nan_to_num(sigma), -1.0).T[None]

        c3d: Any = ezc3d.c3d()
        parameters = c3d["parameters"]
        parameters["POINT"]["RATE"]["value"] = [rate]
        parameters["POINT"]["UNITS"]["value"] = ["mm"]
        parameters["POINT"]["LABELS"]["value"] = list(H36M_17.joints)
        parameters["POINT"]["DESCRIPTIONS"]["value"] = [name.replace("_", " ") for name in H36M_17.joints]
        c3d.add_parameter("POINT", "X_SCREEN", ["+X"])
        c3d.add_parameter("POINT", "Y_SCREEN", ["+Y"])
        c3d.add_parameter("SUBJECTS", "NAMES", [f"person-{track.track_id}"])
        c3d.add_parameter("ZEDO", "AXES", [stood.sentence])
        c3d.add_parameter("ZEDO", "FIRST_TIME_S", [float(times.time_s[0])])
        c3d["data"]["points"] = points
        c3d["data"]["meta_points"] = {
            "residuals": residuals,
            "camera_masks": np.zeros((7, len(H36M_17), len(joints)), bool),
        }
        c3d.write(str(path))
