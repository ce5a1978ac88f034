"""The page of a live session in headless Chromium, with the shipped clip in place of a camera."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.live.chromium import Browser, browser_path
from tests.pipeline.live.test_session import started

PROGRAM = browser_path()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium on this machine")

#: Pixels of the right half, the 3D panel, as a number.
PANEL = """(() => { const c = document.getElementById("picture"), size = c.height;
const data = c.getContext("2d").getImageData(c.width - size, 0, size, size).data;
let sum = 0; for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i]) % 1000003; return sum; })()"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    assert PROGRAM is not None
    browser = Browser(PROGRAM, tmp_path / "profile")
    yield browser
    browser.close()


def serve(sample: Path, port: int = 0, *more: str) -> tuple[subprocess.Popen[str], str]:
    """A session and the address of its page."""
    process = started("webcam", "--source", sample, "--loop", "--serve", port, "--quiet", *more)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[1]


def text(browser: Browser, name: str) -> str:
    return str(browser.ask(f'document.getElementById("{name}").textContent'))


@pytest.mark.slow
def test_the_page_lives(browser: Browser, sample: Path) -> None:
    process, url = serve(sample)
    try:
        browser.open(url)
        browser.until("window.frames_drawn > 5")
        browser.until('document.getElementById("people").textContent === "1"')
        # the 3D moves
        panels = set()
        for _ in range(4):
            drawn = browser.ask("window.frames_drawn")
            browser.until(f"window.frames_drawn > {drawn} + 2")
            panels.add(browser.ask(PANEL))
        assert len(panels) == 4
        # latency and speed are shown
        assert re.fullmatch(r"\d+ ms", text(browser, "latency")) and re.fullmatch(r"[\d.]+ fps", text(browser, "fps"))
        # stop and go on
        browser.ask("document.getElementById('stream').click()")
        browser.until('document.getElementById("state").textContent === "stopped"')
        stopped = browser.ask("window.frames_drawn")
        assert browser.ask(f"new Promise(r => setTimeout(() => r(window.frames_drawn - {stopped}), 600))") <= 1
        browser.ask("document.getElementById('stream').click()")
        browser.until(f"window.frames_drawn > {stopped} + 3")
        # keys go to the session
        browser.ask("document.getElementById('mirror').click()")
        browser.until('document.getElementById("mirror").getAttribute("aria-pressed") === "true"')
        # a session that comes back is found again
        process.terminate()
        assert process.wait(30) == 143
        browser.until('document.getElementById("state").textContent.startsWith("not connected")')
        before = browser.ask("window.frames_drawn")
        process, _ = serve(sample, int(url.split(":")[2].strip("/")))
        browser.until(f"window.frames_drawn > {before} + 3")
        assert browser.ask("window.connections") >= 2
        # and can be ended from here
        browser.ask("press('q')")
        assert process.wait(30) == 0
        browser.until('document.getElementById("state").textContent === "the session has ended"')
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.slow
def test_the_token(browser: Browser, sample: Path) -> None:
    process, url = serve(sample, 0, "--host", "0.0.0.0")
    try:
        address, _, token = url.replace("0.0.0.0", "127.0.0.1").partition("?token=")
        assert token
        browser.open(address)
        browser.until('document.body && document.body.textContent.includes("not allowed")')
        browser.open(f"{address}?token={token}")
        browser.until("window.frames_drawn > 2")
    finally:
        process.terminate()
        process.communicate(timeout=30)
