"""What a report says of people whose motion is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from pipeline.commands import cli
from pipeline.errors import InputError, OutputError
from pipeline.report.files import report_files
from pipeline.report.numbers import report_of
from pipeline.report.text import report_text
from pipeline.results.exporters import save
from pipeline.results.result import Result
from tests.pipeline.formats.biomechanics.people import bending, result


def told(person: Track3D, *, world: bool = True, **changes: Any) -> Result:
    """A result of which everything is known, but for what changes."""
    found = result(person, world=world)
    metadata = found.metadata | {"settings": {"person_height": 1.8}}
    return replace(found, metadata=metadata, **changes)


def seen(frames: int = 60, rate: float = 30) -> Track3D:
    person = bending(frames, rate)
    return replace(person, imputed=np.zeros_like(person.imputed), confidence=np.full_like(person.confidence, 0.8))


def remarks(found: Result) -> dict[str, str]:
    (person,) = report_of(found).people
    return {remark.name: remark.level for remark in person.remarks}


def test_numbers() -> None:
    (person,) = report_of(told(seen())).people
    assert (person.seen, person.gaps_s, person.jumps, person.imputed) == (1.0, [], [], 0.0)
    assert person.bones_m["hip_to_knee"] == pytest.approx(0.45)
    assert person.bones_m["shoulder_to_elbow"] == pytest.approx(0.28)
    knee = person.angles["right_knee_flexion"]
    assert (knee.low, knee.high) == pytest.approx((23, 76), abs=0.2)
    assert person.angles["left_knee_flexion"].high == pytest.approx(0, abs=0.01)
    assert 2 < knee.sigma < 30
    assert person.confidence == pytest.approx(0.8)
    assert person.speed_m_s == pytest.approx((0, 0), abs=1e-6)
    assert person.jitter is not None
    assert person.jitter < 0.5


def test_nothing_against_it() -> None:
    assert remarks(told(seen(25, 20))) == {"sound": "good"}


def towards(person: Track3D) -> Track3D:
    joints = person.joints_m.copy()
    joints[:, 16] = joints[:, 15] * 0.9
    return replace(person, joints_m=joints)


def waving(person: Track3D) -> Track3D:
    joints = person.joints_m.copy()
    joints[:, 13, 0] += 0.5 * np.sin(np.arange(len(joints)))
    return replace(person, joints_m=joints)


def hidden(person: Track3D, joints: list[int]) -> Track3D:
    imputed = person.imputed.copy()
    imputed[:, joints] = True
    return replace(person, imputed=imputed)


def gone(person: Track3D) -> Track3D:
    columns = {name: getattr(person, name).copy() for name in ("joints_m", "sigma_m")}
    for column in columns.values():
        column[8:16] = np.nan
    return replace(person, **columns)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (told(seen(25, 20), camera=Camera.from_fov(55, (640, 480), "assumed")), {"camera assumed": "care"}),
        (replace(told(seen(25, 20)), metadata={"settings": {"person_height": None}}), {"size assumed": "care"}),
        (told(seen(25, 20), world=False), {"no world": "poor"}),
        (told(hidden(seen(25, 20), [2, 3, 5, 6])), {"half body": "poor"}),
        (told(hidden(seen(25, 20), [12])), {"half body": "care"}),
        (told(replace(seen(25, 20), confidence=np.full((25, 17), 0.2))), {"doubtful keypoints": "poor"}),
        (told(towards(seen(25, 20))), {"limb towards the camera": "poor"}),
        (told(waving(seen(25, 20))), {"fast motion": "care"}),
        (told(gone(seen(25, 20))), {"gaps": "care"}),
        (told(seen(20)), {"short": "care"}),
    ],
    ids=lambda value: min(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_verdict(found: Result, expected: dict[str, str]) -> None:
    assert remarks(found) == expected


def test_files(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", told(seen(25, 20)))
    text = report_files(tmp_path / "a.npz", json_file=tmp_path / "a.json", png_file=tmp_path / "a.png")
    assert "right knee flexion" in text
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["people"][0]["angles"]["right_knee_flexion"]["told"] == 1
    assert Image.open(tmp_path / "a.png").size == (1240, 1755)
    first = (tmp_path / "a.png").read_bytes()
    with pytest.raises(OutputError, match="exists"):
        report_files(tmp_path / "a.npz", png_file=tmp_path / "a.png")
    report_files(tmp_path / "a.npz", png_file=tmp_path / "a.png", overwrite=True)
    assert (tmp_path / "a.png").read_bytes() == first
    with pytest.raises(OutputError, match=r"must end in \.png"):
        report_files(tmp_path / "a.npz", png_file=tmp_path / "a.gif")
    with pytest.raises(OutputError, match="different names"):
        report_files(tmp_path / "a.npz", json_file=tmp_path / "a.npz", overwrite=True)
    with pytest.raises(InputError, match="no person 7"):
        report_files(tmp_path / "a.npz", [7])


def test_nobody_and_one_frame(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", result())
    said = CliRunner().invoke(cli, ["report", str(tmp_path / "a.npz"), "--png", str(tmp_path / "a.png")])
    assert said.exit_code == 0
    assert (tmp_path / "a.png").exists()
    assert "nobody was found" in report_text(report_of(result()))
    (person,) = report_of(told(seen(1))).people
    assert (person.jitter, person.path_m, person.speed_m_s) == (None, 0.0, (0.0, 0.0))
