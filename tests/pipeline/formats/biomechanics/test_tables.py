"""Tables as any program reads them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from detectors.layouts import H36M_17
from pipeline.formats.biomechanics.tables import ANGLE_COLUMNS, JOINT_COLUMNS
from pipeline.results.exporters import extension, save
from tests.pipeline.formats.biomechanics.people import bending, result
from tests.pipeline.results.test_result import track

DOCUMENT = Path(__file__).parents[4] / "docs" / "exports.md"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_two_parts_of_a_name_can_decide() -> None:
    assert [extension(Path(name)) for name in ("a.csv", "a.ANGLES.csv", "angles.csv", "a.b.csv")] == [
        *(".csv", ".angles.csv", ".csv", ".csv"),
    ]  # fmt: skip


def test_joints(tmp_path: Path) -> None:
    person = bending(5, 30, slice(2, 3))
    save(tmp_path / "a.csv", result(person, track(2, 1, 3)))
    table = rows(tmp_path / "a.csv")
    assert tuple(table[0]) == JOINT_COLUMNS
    assert len(table) == (5 + 3) * 17
    knees = [row for row in table if row["joint"] == "right_knee" and row["person"] == "1"]
    assert [row["frame"] for row in knees] == ["0", "1", "2", "3", "4"]
    assert [row["x_m"] + row["sigma_m"] for row in knees][2] == ""
    assert [float(knees[0][axis]) for axis in ("x_m", "y_m", "z_m")] == [-0.1, 0.5, 0]
    assert float(knees[1]["time_s"]) == pytest.approx(1 / 30, abs=1e-6)
    assert {row["axes"] for row in table} == {"world"}
    assert {row["joint"] for row in table} == set(H36M_17.joints)


def test_angles(tmp_path: Path) -> None:
    save(tmp_path / "a.angles.csv", result(bending(6, 30, slice(2, 4))))
    table = rows(tmp_path / "a.angles.csv")
    assert tuple(table[0]) == ANGLE_COLUMNS
    knee = [row["right_knee_flexion_deg"] for row in table]
    assert [float(value) for value in knee if value] == [20, 21, 24, 25]
    assert knee[2:4] == ["", ""]
    spread = [float(row["right_knee_flexion_sd_deg"]) for row in table if row["right_knee_flexion_deg"]]
    assert 0 < min(spread) <= max(spread) < 30
    assert {row["right_ankle_dorsiflexion_deg"] for row in table} == {""}
    assert float(table[0]["left_ankle_dorsiflexion_deg"]) == 0
    assert float(table[0]["head_top_height_m"]) == 1.7
    assert float(table[0]["speed_m_s"]) == 0


@pytest.mark.parametrize("name", ["a.csv", "a.angles.csv"])
def test_nobody_one_frame_and_no_world(tmp_path: Path, name: str) -> None:
    save(tmp_path / name, result())
    assert rows(tmp_path / name) == []
    save(tmp_path / name, result(bending(1, 30), world=False))
    assert {row["axes"] for row in rows(tmp_path / name)} == {"camera-upright"}


def test_the_document_names_every_angle() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for column in ANGLE_COLUMNS:
        plain = column.removeprefix("right_").removeprefix("left_").removesuffix("_deg").removesuffix("_sd")
        assert f"`{plain}`" in text or f"_{plain}`" in text, plain
    assert all(f"`{column}`" in text for column in JOINT_COLUMNS)


def test_numbers_are_short_and_zero_has_no_sign(tmp_path: Path) -> None:
    save(tmp_path / "a.angles.csv", result(bending(3, 30)))
    text = (tmp_path / "a.angles.csv").read_text(encoding="utf-8")
    assert "-0.0," not in text
    assert not np.any([len(cell) > 14 for cell in text.split("\n")[1].split(",")])
