"""The file of the page: what it may do, how large it is, and that names in it are only names."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.integrity import asset_path
from pipeline.errors import InputError
from pipeline.formats.page import document, proxy
from pipeline.formats.page.document import SCRIPTS, page_script
from pipeline.formats.page.proxy import make_proxy
from pipeline.results.exporters import ExportOptions, save
from pipeline.results.result import Result
from tests.pipeline.formats.page.scenes import CAMERA, EVIL, FRAMES, film, two_people
from tests.pipeline.formats.page.test_columns import unpacked


def data_of(text: str) -> dict:  # type: ignore[type-arg]
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


@pytest.fixture
def page(tmp_path: Path) -> str:
    save(tmp_path / "a.html", two_people())
    return (tmp_path / "a.html").read_text("utf-8")


def test_nothing_is_loaded_and_only_our_scripts_run(page: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = policy[1].replace("&#x27;", "'")
    assert rules.startswith("default-src 'none'; ") and "unsafe" not in rules and "http" not in rules
    for tag in ("script", "style"):
        for text in re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in rules
    assert not re.search(r'(src|href)="(?!data:,")', page)


def test_names_are_only_names(page: str) -> None:
    assert "<title>&lt;script&gt;window.hacked" in page and "<script>window.hacked" not in page
    assert data_of(page)["title"] == EVIL


def test_the_same_result_gives_the_same_bytes(tmp_path: Path, page: str) -> None:
    save(tmp_path / "b.html", two_people())
    assert (tmp_path / "b.html").read_text("utf-8") == page


def test_size(page: str) -> None:
    data = len(json.dumps(data_of(page)["people"], separators=(",", ":")))
    assert len(page) - data < 1_200_000
    assert data / (2 * FRAMES) < 400


def test_every_source_is_in_the_script_after_what_it_imports() -> None:
    web = Path(document.__file__).parent / "web"
    assert sorted(path.name for path in web.glob("*.js")) == sorted(SCRIPTS)
    for number, name in enumerate(SCRIPTS):
        for needed in re.findall(r'from "\./([\w.]+)"', (web / name).read_text("utf-8")):
            assert needed in SCRIPTS[:number], f"{name} needs {needed}"
    script = page_script()
    assert not re.search(r"^(import|export) ", script, re.MULTILINE) and "</script" not in script
    used = set(re.findall(r"\bTHREE\.(\w+)", script))
    entry = (Path(document.__file__).parents[2] / "make_assets" / "three" / "entry.js").read_text("utf-8")
    assert used == set(re.findall(r"\b[A-Z]\w+", entry.split("\n", 1)[1].partition("/examples")[0]))
    licence = asset_path("three.min.js").read_text("utf-8")[:1500]
    assert "MIT License" in licence and "three.js authors" in licence


def test_numbers_are_those_of_the_result(page: str) -> None:
    both, data = two_people(), data_of(page)
    for track, person in zip(both.tracks, data["people"], strict=True):
        joints = unpacked(person["joints"]).reshape(FRAMES, 17, 3) / 1000
        np.testing.assert_allclose(joints[track.seen], both.world_joints(track)[track.seen], atol=5.1e-4)
    names = [angle["name"] for angle in data["angles"]]
    knee = unpacked(data["people"][1]["angles"])[:, names.index("right_knee_flexion")] / 10
    np.testing.assert_allclose(knee, 20 + np.arange(FRAMES), atol=0.051)


def test_nobody_and_no_world(tmp_path: Path) -> None:
    save(tmp_path / "a.html", Result((), CAMERA, {}))
    assert data_of((tmp_path / "a.html").read_text("utf-8"))["people"] == []
    save(tmp_path / "b.html", replace(two_people(), world=None))
    data = data_of((tmp_path / "b.html").read_text("utf-8"))
    assert not data["in_world"] and "turned upright" in data["axes"]


class TestVideo:
    """What travels with the page of the video."""

    def test_inside(self, tmp_path: Path) -> None:
        save(tmp_path / "a.html", two_people(), ExportOptions(video=film(tmp_path / "film.mp4", FRAMES + 4)))
        data = data_of((tmp_path / "a.html").read_text("utf-8"))
        assert data["video"]["inside"] and data["video"]["name"] == "film.mp4"
        # frames in which nobody is have their times from the video
        times = unpacked(data["frames"]["time_s"])[:, 0] / 1e4
        np.testing.assert_allclose(times, np.arange(FRAMES + 4) / 30, atol=1e-4)

    def test_the_part_that_the_result_was_made_of(self, tmp_path: Path) -> None:
        both = two_people()
        part = replace(both, metadata=both.metadata | {"settings": {"start": 0.2, "end": 0.5}})
        made = make_proxy(part, film(tmp_path / "film.mp4"))
        assert made.frame_index.tolist() == list(range(6, 15)) and made.data is not None

    def test_another_video_is_refused(self, tmp_path: Path, short_clip: Path) -> None:
        with pytest.raises(InputError, match="has 640 x 480 pixels, the video of the result had 320 x 240"):
            save(tmp_path / "a.html", two_people(), ExportOptions(video=short_clip))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("limit", ["_LEAST_RATE", "LARGEST"])
    def test_too_long_ones_stay_beside(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
        monkeypatch.setattr(proxy, limit, {"_LEAST_RATE": 10**12, "LARGEST": 900}[limit])
        monkeypatch.setattr(proxy, "_LEAST_RATE", {"_LEAST_RATE": 10**12, "LARGEST": 0}[limit])
        save(tmp_path / "a.html", two_people(), ExportOptions(video=film(tmp_path / "film.mp4")))
        text = (tmp_path / "a.html").read_text("utf-8")
        assert not data_of(text)["video"]["inside"] and "media-src blob: data: file: &#x27;self&#x27;;" in text
