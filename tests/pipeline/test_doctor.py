"""``zedo-video doctor``: the table, the exit code, and what is broken when something is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assets import integrity
from assets.integrity import asset_path
from detectors.openmmlab import zoo
from pipeline import doctor
from pipeline.doctor import Finding, examine, findings_table
from tests.pipeline.command_line import zedo


@pytest.fixture
def without_mmpose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "missing_packages", lambda: list(zoo.PACKAGES.values()))


def found(what: str) -> Finding:
    return next(finding for finding in examine() if finding.what == what)


def test_a_sound_installation_without_the_extra_is_fine(without_mmpose: None) -> None:
    states = {finding.what: finding.state for finding in examine()}
    assert states.pop("detector mmpose") == "absent"
    assert states.pop("packages") in ("ok", "differs")
    assert set(states.values()) == {"ok"} and {"detector movenet", "devices", "cache", "shipped files"} <= states.keys()


@pytest.mark.slow
def test_with_the_extra_the_embedded_model_works_and_weights_are_asked_for() -> None:
    if zoo.missing_packages():
        pytest.skip("the extra mmpose is not installed: pip install -c constraints.txt -e '.[dev,mmpose]'")
    assert found("detector mmpose").state == "ok" and "mmcv._ext" in found("detector mmpose").detail
    assert found("MoveNet in mmpose").state == "ok"
    for what in ("weights of boxes", "weights of keypoints"):
        assert found(what).state == "absent" and "https://download.openmmlab.com/" in found(what).advice


def test_the_command_prints_the_table_and_its_exit_code_tells(
    without_mmpose: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert zedo("doctor") == 0
    printed = capsys.readouterr().out
    assert "detector movenet" in printed and "pip install -c constraints.txt '.[mmpose]'" in printed
    broken = Finding("engine", "broken", "no oil", "add some")
    monkeypatch.setattr(doctor, "examine", lambda: iter([broken]))
    assert zedo("doctor") == 1
    assert "engine: add some" in capsys.readouterr().out


def test_the_arithmetic_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEDO_MATMUL", "bfloat16")
    assert "matrix products in bfloat16, ZEDO_MATMUL says so" in found("devices").detail
    monkeypatch.setenv("ZEDO_MATMUL", "half")
    assert found("devices").state == "broken" and "float32 or bfloat16" in found("devices").advice


@pytest.fixture
def missing_assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder in which every shipped file is missing; the manifest stays."""
    integrity.manifest()
    monkeypatch.setattr(integrity, "_folder", lambda: tmp_path)
    asset_path.cache_clear()
    yield
    asset_path.cache_clear()


def test_missing_files_are_found(without_mmpose: None, missing_assets: None) -> None:
    assert found("shipped files").state == found("detector movenet").state == "broken"


def test_half_an_extra_and_missing_or_other_packages_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "missing_packages", lambda: ["mmdet"])
    mmpose = found("detector mmpose")
    assert mmpose.state == "broken" and "mmdet" in mmpose.detail and "pip install" in mmpose.advice
    monkeypatch.setattr(doctor, "_pins", lambda extra: {"numpy": "1.0"})
    assert found("packages").state == "differs" and "tested: 1.0" in found("packages").detail
    monkeypatch.setattr(doctor, "_pins", lambda extra: {"no-such-package": "1.0"})
    assert found("packages").state == "broken" and "no-such-package" in found("packages").detail


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_no_disaster(without_mmpose: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert found("cache").state == "differs" and "ZEDO_CACHE" in found("cache").advice


def test_the_table_has_a_row_for_each_finding_and_the_advice_below() -> None:
    table = findings_table([Finding("a", "ok", "fine"), Finding("b", "absent", "not there", "get it")])
    lines = [line.split() for line in table.splitlines() if line.strip()]
    assert ["a", "ok", "fine"] in lines and lines[-1] == ["b:", "get", "it"]
