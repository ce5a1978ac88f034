"""``zedo-video convert``: other files of a finished result, or one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.results.result import Result, load_result
from tests.pipeline.command_line import leftovers, refused, run
from tests.pipeline.results.test_result import CAMERA, WORLD, metadata, track


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Result((track(1, 3, 6, slice(2, 4)), track(2, 0, 3)), CAMERA, metadata(), WORLD).save(tmp_path / "r.npz")
    return tmp_path


def test_other_formats(folder: Path) -> None:
    done = run("convert", "r.npz", "--out", "{name}-2.json", "--out", "p{person}.npz", "--person", 2, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "r.npz -> r-2.json, p2.npz\n"
    assert leftovers(folder) == ["p2.npz", "r-2.json", "r.npz"]
    (person,) = load_result(folder / "p2.npz").tracks
    np.testing.assert_array_equal(person.joints_m, load_result(folder / "r.npz").tracks[1].joints_m)
    assert {row["track_id"] for row in json.loads((folder / "r-2.json").read_text("utf-8"))["rows"]} == {2}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "a.gif"), "a.gif shows the video, which is not in a result; give it with --video FILE"),
        (("--out", "a.xyz"), "the extension decides"),
        (("--out", "r.npz", "--overwrite"), "is the input"),
        (("--out", "old.json"), "exists already"),
        (("--out", "a.json", "--person", 3), "there is no person 3 in r.npz; there are 1, 2"),
        (("--out", "a.json", "--out", "a.gif", "--video", "old.json"), "old.json"),
    ],
)
def test_refused(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    (folder / "old.json").write_text("{}")
    refused(run("convert", "r.npz", *arguments, cwd=folder), words)
    assert leftovers(folder) == ["old.json", "r.npz"]


def test_what_is_no_result(folder: Path) -> None:
    (folder / "bad.npz").write_bytes((folder / "r.npz").read_bytes()[:500])
    for name in ("bad.npz", "missing.npz"):
        refused(run("convert", name, "--out", "a.json", cwd=folder), name)


@pytest.mark.slow
def test_pictures_need_the_video(short_clip: Path, tmp_path: Path) -> None:
    assert run(short_clip, "--out", "r.npz", "--out", "r.html", "--end", 0.2, cwd=tmp_path).returncode == 0
    # the video is in the page
    assert '"inside":true' in (tmp_path / "r.html").read_text("utf-8")
    done = run(
        "convert",
        "r.npz",
        "--out",
        "r.gif",
        "--video",
        short_clip,
        "--gif-width",
        320,
        "--layout",
        "scene",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert leftovers(tmp_path) == ["r.gif", "r.html", "r.npz"]
    with Image.open(tmp_path / "r.gif") as picture:
        assert picture.size == (320, 240)
