"""Marker files as others read them: TRC by its rules, C3D by ezc3d."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import ezc3d
import numpy as np
import pytest

from detectors.layouts import H36M_17
from pipeline.errors import OutputError
from pipeline.results.exporters import save
from pipeline.results.standing import standing
from tests.pipeline.formats.biomechanics.people import bending, result

CONFIGS = Path(__file__).parents[4] / "configs" / "opensim"


def read_trc(path: Path) -> tuple[dict[str, str], np.ndarray, np.ndarray]:
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")]
    assert lines[0][:3] == ["PathFileType", "4", "(X/Y/Z)"]
    header = dict(zip(lines[1], lines[2], strict=True))
    names = lines[3][2::3]
    assert lines[3][:2] == ["Frame#", "Time"]
    assert tuple(names[: int(header["NumMarkers"])]) == H36M_17.joints
    assert lines[4][2:5] == ["X1", "Y1", "Z1"]
    assert lines[5] == [""]
    rows = lines[6:-1]
    assert len(rows) == int(header["NumFrames"])
    assert {len(row) for row in rows} == {2 + 3 * 17}
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    np.testing.assert_array_equal(table[:, 0], np.arange(1, len(rows) + 1))
    return header, table[:, 1], table[:, 2:].reshape(-1, 17, 3)


@pytest.mark.parametrize(
    ("stated", "step", "rate"),
    [(29.97, 0.033, 30000 / 1001), (23.976, 1001 / 24000, 24000 / 1001), (60.0, 1 / 60, 60.0), (59.86, 1 / 60, 60.0),
     (None, 0.04, 25.0), (30.0, 0.1, 10.0), (13.7, 1 / 13.7, 13.7)],
)  # fmt: skip
def test_uneven_times_become_the_nominal_rate(tmp_path: Path, stated: float | None, step: float, rate: float) -> None:
    times = np.arange(20) * step
    times[12:] += 0.4 * step
    person = result(bending(20, 0, times=times))
    person.metadata["video"] = {"fps": stated}
    save(tmp_path / "a.trc", person)
    header, seconds, joints = read_trc(tmp_path / "a.trc")
    assert float(header["DataRate"]) == pytest.approx(rate, abs=1e-6)
    np.testing.assert_allclose(seconds, np.arange(len(seconds)) / rate, atol=1e-6)
    true = standing(person).joints_m[0]
    for axis in range(3):
        np.testing.assert_allclose(joints[:, 3, axis], np.interp(seconds, times, true[:, 3, axis]), atol=2e-6)


def test_trc_has_metres_and_blank_cells(tmp_path: Path) -> None:
    person = result(bending(8, 30, slice(3, 5)))
    save(tmp_path / "a.trc", person)
    header, _, joints = read_trc(tmp_path / "a.trc")
    assert header["Units"] == "m"
    np.testing.assert_allclose(joints, standing(person).joints_m[0], atol=1e-6)
    assert "world axes" in (tmp_path / "a.trc").read_text(encoding="utf-8").split("\n")[0]
    save(tmp_path / "b.trc", result(bending(1, 30), world=False))
    assert len(read_trc(tmp_path / "b.trc")[1]) == 1


@pytest.mark.parametrize("end", [1e300, np.inf, np.nan, -1e9, 1e6])
def test_times_of_no_film_are_refused(tmp_path: Path, end: float) -> None:
    person = result(bending(5, 30, times=np.array([0, 0.1, 0.2, 0.3, end])))
    for name in ("a.trc", "a.c3d", "a.mot"):
        with pytest.raises(OutputError, match="more than files with a constant rate can hold"):
            save(tmp_path / name, person)
    assert list(tmp_path.iterdir()) == []


def read_c3d(path: Path) -> Any:
    return ezc3d.c3d(str(path))


def test_c3d_is_read_by_ezc3d(tmp_path: Path) -> None:
    person = result(bending(8, 29.97, slice(3, 5)))
    save(tmp_path / "a.c3d", person)
    found = read_c3d(tmp_path / "a.c3d")
    point = found["parameters"]["POINT"]
    assert point["UNITS"]["value"] == ["mm"]
    assert point["RATE"]["value"][0] == pytest.approx(30000 / 1001, rel=1e-6)
    assert tuple(point["LABELS"]["value"]) == H36M_17.joints
    assert point["Y_SCREEN"]["value"] == ["+Y"]
    assert "world axes" in found["parameters"]["ZEDO"]["AXES"]["value"][0]
    joints = found["data"]["points"][:3].transpose(2, 1, 0)
    np.testing.assert_allclose(joints, 1000 * standing(person).joints_m[0], atol=0.01)
    residuals = found["data"]["meta_points"]["residuals"][0]
    assert (residuals[:, 3:5] == -1).all()
    np.testing.assert_allclose(np.delete(residuals, [3, 4], axis=1), 10, atol=0.5)
    save(tmp_path / "b.c3d", person)
    assert (tmp_path / "a.c3d").read_bytes() == (tmp_path / "b.c3d").read_bytes()


def test_c3d_of_one_frame(tmp_path: Path) -> None:
    save(tmp_path / "a.c3d", result(bending(1, 30)))
    assert read_c3d(tmp_path / "a.c3d")["data"]["points"].shape == (4, 17, 1)


def test_markers_of_opensim_are_our_joints() -> None:
    markers = ET.parse(CONFIGS / "markers.xml").getroot()  # ours
    assert sorted(marker.attrib["name"] for marker in markers.iter("Marker")) == sorted(H36M_17.joints)
    tasks = ET.parse(CONFIGS / "ik.xml").getroot()
    assert sorted(task.attrib["name"] for task in tasks.iter("IKMarkerTask")) == sorted(H36M_17.joints)
    pairs = {name for pair in ET.parse(CONFIGS / "scale.xml").getroot().iter("markers") for name in pair.text.split()}
    assert pairs <= set(H36M_17.joints)
