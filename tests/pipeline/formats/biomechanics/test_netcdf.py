"""The data set as scipy reads it; xarray and movement were tried by hand (docs/exports.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import netcdf_file

from detectors.layouts import H36M_17
from pipeline.results.exporters import save
from pipeline.results.standing import standing
from tests.pipeline.formats.biomechanics.people import bending, result
from tests.pipeline.results.test_result import track


def words(file: Any, name: str) -> list[str]:
    return [b"".join(row).rstrip(b"\0").decode() for row in file.variables[name][:]]


def test_two_people_and_a_gap(tmp_path: Path) -> None:
    people = result(bending(8, 30, slice(3, 5)), track(7, 2, 9))
    save(tmp_path / "a.nc", people)
    with netcdf_file(tmp_path / "a.nc", mmap=False) as file:
        position = file.variables["position"]
        assert position.dimensions == ("time", "space", "keypoints", "individuals")
        assert (position.units, file.ds_type) == (b"m", b"poses")
        assert b"world axes" in position.axes
        values, sigma = position[:].copy(), file.variables["sigma"][:].copy()
        assert words(file, "keypoints") == list(H36M_17.joints)
        assert words(file, "individuals") == ["person_1", "person_7"]
        assert words(file, "space") == ["x", "y", "z"]
        assert file.variables["time"].shape == (11,)
    np.testing.assert_allclose(values[:8, :, :, 0], standing(people).joints_m[0].swapaxes(1, 2))
    np.testing.assert_allclose(values[2:, :, :, 1], standing(people).joints_m[1].swapaxes(1, 2))
    assert np.isnan(values[8:, :, :, 0]).all()
    assert np.isnan(values[:2, :, :, 1]).all()
    assert np.isnan(values[3:5, :, :, 0]).all()
    np.testing.assert_allclose(sigma[0, :, 0], 0.01)


def test_nobody(tmp_path: Path) -> None:
    save(tmp_path / "a.nc", result())
    with netcdf_file(tmp_path / "a.nc", mmap=False) as file:
        assert file.variables == {}
        assert file.source_software == b"zedo-video"
