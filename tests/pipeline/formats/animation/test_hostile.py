"""Whatever is in a result: a skeleton is written, or one sentence says why not."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import OutputError
from pipeline.results.exporters import ExportOptions
from pipeline.results.result import Result
from tests.pipeline.formats.animation.test_bvh import person, result
from tests.pipeline.formats.animation.test_gltf import Gltf
from tests.pipeline.results.test_properties import results


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(results(), st.sampled_from([".bvh", ".glb"]), st.sampled_from(["h36m", "lafan1"]))
def test_whatever_is_in_a_result(found: Result, extension: str, skeleton: str) -> None:
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            files = found.save(Path(folder) / f"a{extension}", skeleton=ExportOptions(skeleton).skeleton)  # type: ignore[arg-type]
        except OutputError as error:
            assert "nan" not in str(error) and not list(Path(folder).iterdir())
            return
        for file in files:
            assert file.stat().st_size
            if extension == ".bvh":
                assert "nan" not in file.read_text()
            else:
                Gltf(file)


def test_joints_in_one_place_have_no_directions(tmp_path: Path) -> None:
    people = person(np.arange(5) / 30)
    for name in ("a.bvh", "a.glb"):
        result(replace(people, joints_m=np.ones((5, 17, 3)))).save(tmp_path / name)
    assert "nan" not in (tmp_path / "a.bvh").read_text()


def test_a_frame_with_a_joint_missing_is_a_gap(tmp_path: Path) -> None:
    people = person(np.arange(9) / 30)
    people.joints_m[4, 13, 0] = np.nan
    with pytest.warns(UserWarning, match=r"person 1 is out of sight at 0\.133 to 0\.133 s"):
        result(people).save(tmp_path / "a.bvh")


def test_times_that_take_too_many_frames_are_refused(tmp_path: Path) -> None:
    people = person(np.array([0, 1e-4, 2e-4, 3e-4, 1e6]))
    with pytest.raises(OutputError, match="a BVH file of person 1 would take"):
        result(people).save(tmp_path / "a.bvh")
    far = replace(result(person(np.arange(3) / 30), person(np.arange(3) / 30, first=2**40, track_id=2)), world=None)
    with pytest.raises(OutputError, match="a BVH file of person 2 would take"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        far.save(tmp_path / "a.bvh")
    with pytest.raises(OutputError, match="frames without a time"):
        timeless = replace(person(np.arange(3) / 30), time_s=np.array([0, np.nan, 1]))
        result(timeless).save(tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []
