"""The page in headless Chromium, opened from the disk, with WebGL computed by the processor."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.formats.page import proxy
from pipeline.results.exporters import ExportOptions, save
from pipeline.results.result import Result
from tests.pipeline.formats.page.scenes import CAMERA, EVIL, FRAMES, film, moved, two_people
from tests.pipeline.live.chromium import Browser, browser_path

PROGRAM = browser_path()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium on this machine")]

#: The frame that the video shows, by its brightness.
SEEN = """(() => { const c = document.createElement("canvas"), x = c.getContext("2d"); c.width = c.height = 1;
x.drawImage(document.getElementById("video"), 0, 0, 1, 1);
return (x.getImageData(0, 0, 1, 1).data[1] - 20) / 10; })()"""
#: What the scene shows, as text.
SCENE = """(() => { page.scene.draw(page.frame, page.view.values, false);
return document.getElementById("scene").toDataURL(); })()"""
#: By how many degrees angles differ between people that belong together; as long as what one has and the other has not.
APART = """page.second().pairs.map(([first, second]) => Math.max(...Array.from(first.angles, (value, i) => {
    const known = [value, second.angles[i]].filter(Number.isFinite);
    return known.length === 1 ? 1000 : known.length ? Math.abs(known[0] - known[1]) : 0; })))"""
#: Two frames of the screen later.
LATER = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    browser = Browser(PROGRAM, tmp_path_factory.mktemp("profile"), *Browser.WEBGL)
    browser.listen()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    save(folder / "two people.html", two_people(), ExportOptions(video=film(folder / "film.mp4")))
    return folder / "two people.html"


@pytest.fixture
def page(browser: Browser, file: Path) -> Browser:
    show(browser, file)
    browser.until("page.player.usable && page.drawn > 1")
    return browser


def show(browser: Browser, file: Path, width: int = 1280, height: int = 900, *, touch: bool = False) -> None:
    browser.size(width, height, touch=touch)
    browser.events.clear()
    browser.open("about:blank")
    browser.open(file.as_uri())
    browser.until("window.page && window.page.ready")


def go(page: Browser, frame: int) -> None:
    page.ask(f"page.player.seek({frame})")
    page.until(f"page.frame === {frame} && page.player.wanted === null")


def click(page: Browser, name: str) -> None:
    page.ask(f"document.getElementById('{name}').click()")


def text(page: Browser, selector: str) -> str:
    return str(page.ask(f"document.querySelector({json.dumps(selector)}).innerText"))


def problems(page: Browser) -> list[str]:
    """Exceptions, errors of the console, and requests for anything but the page and what it holds itself."""
    found = []
    for name, told in page.events:
        if name == "Runtime.exceptionThrown":
            found.append(str(told["exceptionDetails"]))
        elif name == "Log.entryAdded" and told["entry"]["level"] == "error":
            found.append(told["entry"]["text"])
        elif name == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            found.append(str(told["args"]))
        elif name == "Network.requestWillBeSent" and not told["request"]["url"].startswith(
            ("file:", "blob:", "about:")
        ):
            found.append(told["request"]["url"])
    return found


def test_it_opens_from_the_disk_and_is_in_step(page: Browser) -> None:
    assert page.ask("document.title") == f"{EVIL} in 3D" and text(page, "#title") == EVIL
    assert page.ask("window.hacked === undefined")
    assert text(page, "#warned") == "1 warning"
    for frame in (13, 0, 7, FRAMES - 1):
        go(page, frame)
        assert page.ask(SEEN) == pytest.approx(frame, abs=0.4)
        assert f"frame {frame}" in text(page, "#clock")
    # plays to the end, and what the video shows is what the rest shows
    go(page, 0)
    page.ask("page.player.setSpeed(0.25)")
    click(page, "play")
    offsets = []
    while page.ask("page.player.playing"):
        frame, seen = page.ask(f"[page.frame, {SEEN}]")
        offsets.append(abs(frame - seen))
    # On a machine that is busy, a single answer may be between two pictures.
    assert len(offsets) > 5 and sorted(offsets)[int(0.8 * len(offsets))] < 1.4 and max(offsets) < 4
    assert page.ask("page.frame") == FRAMES - 1
    # where the numbers stand that were asked for
    click(page, "back")
    page.until(f"page.frame === {FRAMES - 2}")
    assert page.ask("page.plots()[1].table.innerText").count("at 0:00.") == 4
    assert not problems(page)


def test_the_scene_turns_and_people_can_be_switched_off(page: Browser) -> None:
    go(page, 3)
    pictures = [page.ask(SCENE)]
    left, top = page.ask(
        "(() => { const r = document.getElementById('scene').getBoundingClientRect(); return [r.x, r.y]; })()"
    )
    page.drag((left + 150, top + 150), (left + 260, top + 190))
    page.ask(LATER)
    pictures.append(page.ask(SCENE))
    for change in ("page.model.people[0].visible = false", "page.view.set({raw: true})",
                   "page.view.set({uncertainty: 'fade'})", "page.view.set({uncertainty: 'ellipsoids'})",
                   "page.view.set({contacts: false})", "page.view.set({colours: 'side'})"):  # fmt: skip
        page.ask(change)
        page.ask(LATER)
        pictures.append(page.ask(SCENE))
    assert len(set(pictures)) == len(pictures)
    click(page, "fromcamera")
    assert page.ask(SCENE) not in pictures
    # in its gap nobody is in the plot, and the list says so
    go(page, 9)
    assert "out of sight now" in text(page, "#people") and "1 gap" in text(page, "#people")
    assert not problems(page)


def test_the_keyboard_is_enough(page: Browser) -> None:
    page.press("ArrowRight")
    page.until("page.frame === 1")
    page.press("ArrowRight", shift=True)
    page.until("page.frame === 11")
    page.press("Home")
    page.until("page.frame === 0")
    page.press("2")
    assert page.ask("page.model.people.map(person => person.visible)") == [True, False]
    page.press(">")
    assert page.ask("[page.player.speed, document.getElementById('speed').value]") == [2, "2"]
    page.press(" ")
    page.until(f"page.frame === {FRAMES - 1} && !page.player.playing")
    reached = set()
    for _ in range(40):
        page.press("Tab")
        reached.add(page.ask("document.activeElement.id || document.activeElement.className"))
        if page.ask("document.activeElement.id") == "scene":
            before = page.ask("page.scene.viewer.position.x")
            page.press("ArrowLeft")
            assert page.ask("page.scene.viewer.position.x") != before and page.ask("page.frame") == FRAMES - 1
    assert {"open", "png", "csv", "scene", "play", "speed", "time", "raw", "uncertainty", "plot", "jump"} <= reached
    unnamed = """[...document.querySelectorAll("button, select, input, canvas[tabindex]")].filter(one =>
        !one.labels?.length && !one.getAttribute("aria-label") && !one.innerText.trim() && !one.hidden)
        .map(one => one.id)"""
    assert page.ask(unnamed) == []


def test_a_second_result(page: Browser, tmp_path: Path) -> None:
    both = two_people()
    other = replace(both, tracks=tuple(moved(track, track.track_id, (0.03, 0, 0.04)) for track in both.tracks))
    save(tmp_path / "other.npz", other)
    save(tmp_path / "other.json", other)
    go(page, 5)
    alone = page.ask(SCENE)
    for name in ("other.npz", "other.json"):
        page.choose("#file", tmp_path / name)
        page.until(f"document.getElementById('secondname').textContent === '{name}'")
        assert page.ask("page.second().pairs.map(pair => pair.map(person => person.id))") == [[1, 1], [2, 2]]
        rows = text(page, "#difference")
        assert rows.count("50 mm") == 4 and rows.count("0.0°") == 8
        # angles that the page computes are those that the file brought
        assert max(page.ask(APART)) < 0.11
    assert page.ask(SCENE) != alone
    page.ask("document.getElementById('align').value = 'pelvis'")
    page.ask("document.getElementById('align').dispatchEvent(new Event('change'))")
    page.ask(LATER)
    assert text(page, "#difference").count("0 mm") == 4 and "50" not in text(page, "#difference")
    click(page, "closesecond")
    assert page.ask("page.second()") is None
    (tmp_path / "a.npz").write_bytes(b"PK nonsense")
    (tmp_path / "a.txt").write_text("hello")
    for name, words in (("a.npz", "is no .npz file"), ("a.txt", "drop a result")):
        page.choose("#file", tmp_path / name)
        page.until(f"document.getElementById('status').textContent.includes({json.dumps(words)})")
    assert not problems(page)


def test_markers_of_another_system(page: Browser, tmp_path: Path) -> None:
    """They stand elsewhere, turned, in millimetres: laid over by a turn about the vertical and a shift."""
    track = two_people().tracks[1]
    world = two_people().world_joints(track) @ np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]).T + [5, 0, 2]
    joints = {"RHip": 1, "RKnee": 2, "RAnkle": 3, "LHip": 4, "LKnee": 5, "LAnkle": 6, "Neck": 8, "RShoulder": 14}
    names = "\t\t\t".join(joints)
    head = [
        "PathFileType\t4\t(X/Y/Z)\ta.trc",
        "DataRate\tNumFrames\tUnits",
        f"30\t{FRAMES}\tmm",
        f"Frame#\tTime\t{names}",
        "",
    ]
    rows = [
        "\t".join([str(i + 1), f"{i / 30:.5f}", *(f"{1000 * v:.4f}" for v in world[i, list(joints.values())].ravel())])
        for i in range(FRAMES)
    ]
    (tmp_path / "a.trc").write_text("\n".join(head + rows))
    page.ask("page.model.people[0].visible = false")
    page.choose("#file", tmp_path / "a.trc")
    page.until("page.second() !== null")
    page.ask(LATER)
    (pair,) = page.ask("page.second().pairs.map(pair => pair[0].id)")
    assert pair == 2 and "0 mm" in text(page, "#difference")


def test_a_phone_in_light(browser: Browser, file: Path) -> None:
    browser.prefers(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    show(browser, file, 390, 844, touch=True)
    browser.until("page.player.usable && page.drawn > 1")
    assert browser.ask("[document.documentElement.scrollWidth, document.documentElement.dataset.theme]") == [
        390,
        "light",
    ]
    assert not browser.ask("page.player.playing")
    small = browser.ask("""[...document.querySelectorAll("#stage canvas, .plot")].map(one => one.clientWidth)""")
    assert min(small) > 300
    browser.prefers(prefers_color_scheme="dark")
    browser.until("document.documentElement.dataset.theme === 'dark'")
    assert not problems(browser)


def test_what_is_kept_equals_what_is_shown(page: Browser, tmp_path: Path) -> None:
    rows = str(page.ask("page.table()")).splitlines()
    knees = [f"{side}_knee_flexion_{what}" for side in ("left", "right") for what in ("deg", "sd_deg")]
    assert rows[0].split(",") == ["person", "frame", "time_s", *knees]
    assert len(rows) == 1 + 2 * FRAMES
    cells = rows[-1].split(",")
    assert cells[:3] == ["2", str(FRAMES - 1), f"{(FRAMES - 1) / 30:.4f}"] and float(cells[5]) == 20 + FRAMES - 1
    assert rows[9].endswith(",,,,")
    picture: Any = page.ask("page.picture().toDataURL()")
    assert base64.b64decode(picture.partition(",")[2]).startswith(b"\x89PNG")
    page.download_to(tmp_path)
    for name in ("csv", "png"):
        click(page, name)
        end = time.monotonic() + 20
        while not list(tmp_path.glob(f"*.{name}")) and time.monotonic() < end:
            page.ask(LATER)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["_script_window.hacked_1_script_amp_-0.png", "_script_window.hacked_1_script_amp_.csv"]
    assert (tmp_path / kept[1]).read_text("utf-8").splitlines() == rows


def test_a_video_beside_the_page(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "_LEAST_RATE", 10**12)
    video = film(tmp_path / "a film, 100%.mp4")
    save(tmp_path / "a.html", two_people(), ExportOptions(video=video))
    show(browser, tmp_path / "a.html")
    browser.until("page.player.usable")
    go(browser, 7)
    # the browser lets nobody read such a video, but it can be seen, and the picture is made without it
    assert browser.ask("document.getElementById('video').currentTime") == pytest.approx(7.5 / 30, abs=1e-3)
    assert browser.ask("page.picture().toDataURL().length") > 1000
    video.rename(tmp_path / "elsewhere.mp4")
    show(browser, tmp_path / "a.html")
    browser.until("document.body.innerText.includes('Put a film, 100%.mp4 beside this page')")
    browser.choose("#file", tmp_path / "elsewhere.mp4")
    browser.until("page.player.usable")
    go(browser, 3)
    assert browser.ask(SEEN) == pytest.approx(3, abs=0.4)


@pytest.mark.parametrize("kind", ["nobody", "no video", "one frame", "fifty", "damaged video"])
def test_odd_results(browser: Browser, tmp_path: Path, kind: str) -> None:
    both, options, words = two_people(), ExportOptions(), "made without the video"
    if kind == "nobody":
        both, words = Result((), CAMERA, {}), "Nobody was found"
    elif kind == "one frame":
        options = ExportOptions(video=film(tmp_path / "film.mp4", 1))
        cut = {name: getattr(both.tracks[1], name)[:1] for name in vars(both.tracks[1]) if name != "track_id"}
        both, words = replace(both, tracks=(replace(both.tracks[1], **cut),), world=None), "is ready"
    elif kind == "fifty":
        both = replace(both, tracks=tuple(moved(both.tracks[1], i, (0.3 * i, 0, 0)) for i in range(1, 51)))
    file = tmp_path / "a.html"
    save(file, both, options)
    if kind == "damaged video":
        save(file, both, ExportOptions(video=film(tmp_path / "film.mp4")))
        data = file.read_text("utf-8")
        begin = data.index('id="video-data">') + len('id="video-data">')
        file.write_text(data[:begin] + "AAAA" * 100 + data[data.index("</script>", begin) :], "utf-8")
        words = "cannot play"
    show(browser, file)
    browser.until(f"document.body.innerText.includes({json.dumps(words)})")
    browser.ask("page.player.play()")
    browser.until("page.drawn > 2 || page.model.frames.count < 2")
    assert not problems(browser)
