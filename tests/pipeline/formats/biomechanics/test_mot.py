"""OpenSim's motion file: its header, and what stands below."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.results.exporters import save
from tests.pipeline.formats.biomechanics.people import bending, result


def read(path: Path) -> tuple[dict[str, str], dict[str, NDArray[np.float64]]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "Coordinates"
    end = lines.index("endheader")
    header = dict(line.split("=", 1) for line in lines[:end] if "=" in line and " " not in line)
    names = lines[end + 1].split("\t")
    table = np.array([[float(cell) for cell in line.split("\t")] for line in lines[end + 2 :]])
    assert table.shape == (int(header["nRows"]), int(header["nColumns"]))
    assert header["inDegrees"] == "yes"
    return header, dict(zip(names, table.T, strict=True))


def test_degrees_at_a_constant_rate(tmp_path: Path) -> None:
    times = np.arange(20) / 30
    times[5:] += 0.5 / 30
    save(tmp_path / "a.mot", result(bending(20, 30, times=times)))
    _, columns = read(tmp_path / "a.mot")
    np.testing.assert_allclose(np.diff(columns["time"]), 1 / 30, atol=2e-6)
    np.testing.assert_allclose(
        columns["knee_angle_r"], 20 + np.interp(columns["time"], times, np.arange(20)), atol=1e-3
    )
    np.testing.assert_allclose(columns["pelvis_ty"], 0.95, atol=1e-5)
    # Never told, since nothing is bent or the foot does not rest.
    assert (columns["hip_rotation_l"] == 0).all()
    assert (columns["ankle_angle_r"] == 0).all()


def test_gaps_are_interpolated_and_listed(tmp_path: Path) -> None:
    save(tmp_path / "a.mot", result(bending(10, 25, slice(4, 6)), world=False))
    _, columns = read(tmp_path / "a.mot")
    np.testing.assert_allclose(columns["knee_angle_r"], 20 + np.arange(10), atol=1e-3)
    text = (tmp_path / "a.mot").read_text(encoding="utf-8")
    assert "Out of sight, interpolated: 0.160 to 0.200 s." in text
    assert "axes of the camera turned upright" in text


def test_angles_take_the_short_way(tmp_path: Path) -> None:
    person = bending(3, 30)
    person.joints_m[1] = np.nan
    for frame, degrees in ((0, 170), (2, 190)):
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        person.joints_m[frame] = person.joints_m[frame] @ turn.T
    save(tmp_path / "a.mot", result(person))
    _, columns = read(tmp_path / "a.mot")
    assert np.diff(columns["pelvis_rotation"]) == pytest.approx([-10, -10], abs=0.01)
