"""Whatever is in a result: it is written and read back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from pipeline.results.exporters import save
from pipeline.results.result import Result, load_result
from pipeline.results.schema import ROW_FIELDS, SCHEMA_VERSION, jsonable

#: Values as settings and detectors have them, and worse: NaN, names that are no UTF-8, numbers of numpy.
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\udcff\x1b[31m")
VALUES = st.recursive(
    PLAIN | st.builds(np.float32, st.floats(width=32)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NUMBER = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))


@st.composite
def tracks(draw: st.DrawFn, track_id: int) -> Track3D:
    length = draw(st.integers(1, 4))
    columns: dict[str, Any] = {}
    for name, column in ROW_FIELDS.items():
        if name not in ("track_id", "frame_index", "time_s", "imputed"):
            columns[name] = draw(arrays.arrays(np.float64, (length, *column.shape), elements=NUMBER, fill=NUMBER))
    imputed = draw(arrays.arrays(np.bool_, (length, 17)))
    index = draw(st.integers(0, 2**40)) + np.arange(length)
    time_s = np.cumsum(draw(arrays.arrays(np.float64, length, elements=st.floats(0, 1e5))))
    return Track3D(track_id, index, time_s, imputed=imputed, **columns)


@st.composite
def results(draw: st.DrawFn) -> Result:
    size = draw(st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)))
    source = draw(st.text(max_size=20))
    camera = Camera.from_fov(draw(st.floats(5, 170)), size, source or "any")
    ids = sorted(draw(st.sets(st.integers(0, 2**31), max_size=3)))
    metadata = {"schema_version": SCHEMA_VERSION, "settings": draw(VALUES)}
    return Result(tuple(draw(tracks(number)) for number in ids), camera, metadata)


@pytest.mark.slow
@settings(max_examples=15)
@given(results())
def test_files_of_arrays_and_of_text_hold_what_was_written(result: Result) -> None:
    with TemporaryDirectory() as folder:
        result.save(Path(folder) / "r.npz")
        result.save(Path(folder) / "r.json")
        again = load_result(Path(folder) / "r.npz")
        # Strict: no NaN, and nothing that is no UTF-8.
        text = json.loads((Path(folder) / "r.json").read_text("utf-8"), parse_constant=lambda name: 1 / 0)
        save(Path(folder) / "again.npz", again)
        assert (Path(folder) / "again.npz").read_bytes() == (Path(folder) / "r.npz").read_bytes()
    assert [track.track_id for track in again.tracks] == [track.track_id for track in result.tracks]
    assert text["metadata"] == again.record() == result.record()
    assert np.array_equal(again.camera.K, result.camera.K) and again.camera.image_size == result.camera.image_size
    rows = iter(text["rows"])
    for track, found in zip(result.tracks, again.tracks, strict=True):
        for name, column in ROW_FIELDS.items():
            if name != "track_id":
                expected = np.asarray(getattr(track, name)).astype(column.dtype)
                np.testing.assert_array_equal(getattr(found, name), expected, strict=True)
        for row in range(len(track)):
            line = next(rows)
            for name, column in ROW_FIELDS.items():
                if np.dtype(column.dtype).kind == "f":
                    values = np.array(line[name], np.float64)
                    expected = np.asarray(getattr(track, name)[row], np.float64)
                    np.testing.assert_allclose(values, expected, rtol=0, atol=0.51 * 10.0**-column.decimals)
    assert next(rows, None) is None


@given(VALUES)
def test_any_value_becomes_strict_json_once_and_for_all(value: Any) -> None:
    plain = jsonable(value)
    text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert json.loads(text) == plain == jsonable(plain)
