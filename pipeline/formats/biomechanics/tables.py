"""Tables for spreadsheets and statistics: tidy CSV of joints, and of angles with their standard deviations."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.kinematics.angles import ANGLES
from pipeline.results.exporters import Exporter
from pipeline.results.kinematics import PersonMotion, motions
from pipeline.results.result import Result
from pipeline.results.standing import stand, standing

__all__ = ["ANGLE_COLUMNS", "JOINT_COLUMNS", "AnglesExporter", "JointsExporter"]

#: Of joints: one row for each person, frame and joint.
JOINT_COLUMNS = ("person", "frame", "time_s", "joint", "x_m", "y_m", "z_m", "sigma_m", "imputed", "confidence", "axes")
#: Of angles: one row for each person and frame; two columns for each angle.
ANGLE_COLUMNS = (
    *("person", "frame", "time_s", "axes", "root_x_m", "root_y_m", "root_z_m", "speed_m_s"),
    *("head_top_height_m", "right_ankle_height_m", "left_ankle_height_m", "right_foot_rests", "left_foot_rests"),
    *(f"{angle.name}_{what}" for angle in ANGLES for what in ("deg", "sd_deg")),
)


class JointsExporter(Exporter):
    """One row for each person, frame and joint: every library that reads tables can group and filter them."""

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        _write(path, JOINT_COLUMNS, _joint_rows(stand(result)))


class AnglesExporter(Exporter):
    """One row for each person and frame: path, heights, and each angle beside its standard deviation."""

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        axes = _axes(result)
        _write(path, ANGLE_COLUMNS, (row for motion in motions(result) for row in _angle_rows(motion, axes)))


def _write(path: Path, columns: Sequence[str], rows: Iterator[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


def _axes(result: Result) -> str:
    """In one word, for every row: nobody can take one kind of axes for the other."""
    return "world" if standing(result).in_world else "camera-upright"


def _joint_rows(result: Result) -> Iterator[list[Any]]:
    axes = _axes(result)
    for track, joints in zip(result.tracks, standing(result).joints_m, strict=True):
        places, sigma = _texts(joints, 5), _texts(track.sigma_m, 5)
        sure, seconds = _texts(track.confidence, 4), _texts(track.time_s, 6)
        for row, frame in enumerate(track.frame_index.tolist()):
            for number, name in enumerate(H36M_17.joints):
                yield [
                    *(track.track_id, frame, seconds[row], name, *places[row][number], sigma[row][number]),
                    *(int(track.imputed[row, number]), sure[row][number], axes),
                ]


def _angle_rows(motion: PersonMotion, axes: str) -> Iterator[list[Any]]:
    path, track = motion.path, motion.track
    seconds = _texts(track.time_s, 6)
    lengths = _texts(np.column_stack([path.root_m, path.speed_m_s, path.head_m, path.ankles_m]), 4)
    rests = _texts(np.where(track.seen[:, None], track.contacts, np.nan), 2)
    pairs = np.stack([motion.angles.degrees, motion.angles.sigma], axis=-1).reshape(len(track), -1)
    for row, angles in enumerate(_texts(pairs, 2)):
        yield [track.track_id, int(track.frame_index[row]), seconds[row], axes, *lengths[row], *rests[row], *angles]


def _texts(values: NDArray[np.float64], decimals: int) -> Any:
    """Numbers as nested lists of what stands in the file: rounded, nothing where there is no number."""
    rounded = np.round(np.asarray(values, np.float64), decimals) + 0.0
    found = rounded.astype(object)
    found[~np.isfinite(rounded)] = ""
    return found.tolist()
