"""Headless Chromium, driven through a pipe: enough of its DevTools protocol to look at a page."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

__all__ = ["Browser", "browser_path"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def browser_path() -> str | None:
    """The browser of this machine, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page in a browser of its own.

    Args:
        program: see ``browser_path``.
        profile: folder for its files.
        options: more of its command line; without any there is no WebGL.

    Attributes:
        events: what the page has told of itself so far, once ``listen`` was called: name and parameters.
    """

    #: WebGL, computed by the processor.
    WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")

    def __init__(self, program: str, profile: Path, *options: str) -> None:
        into, self._out = os.pipe()
        self._in, out_of = os.pipe()
        # The browser reads commands from descriptor 3 and answers on 4.
        command = f'exec "$0" "$@" 3<&{into} 4>&{out_of}'
        every = (
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--no-proxy-server", "--disable-gpu",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--no-first-run", f"--user-data-dir={profile}", "--window-size=1280,720",
            *options, "about:blank",
        )  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "-c", command, program, *every],
            pass_fds=(into, out_of),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(into)
        os.close(out_of)
        self._count, self._rest = 0, b""
        self.events: list[tuple[str, dict[str, Any]]] = []
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._page = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]

    def open(self, url: str) -> None:
        """Go to a page."""
        self._call("Page.navigate", self._page, url=url)

    def listen(self) -> None:
        """From now on requests, exceptions and what the console says are kept in ``events``."""
        for domain in ("Runtime", "Log", "Network"):
            self._call(f"{domain}.enable", self._page)

    def size(self, width: int, height: int, *, touch: bool = False) -> None:
        """The window in pixels, as of a phone if it has a touch screen."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            self._page,
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )

    def prefers(self, **features: str) -> None:
        """What the user has told the system, such as ``prefers_color_scheme="dark"``."""
        told = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self._call("Emulation.setEmulatedMedia", self._page, features=told)

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key, by its name in JavaScript."""
        code = {"Tab": 9, "Enter": 13, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39}.get(key, 0)
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "modifiers": 8 if shift else 0, "windowsVirtualKeyCode": code}
        self._call("Input.dispatchKeyEvent", self._page, type="keyDown", text=text, **common)
        self._call("Input.dispatchKeyEvent", self._page, type="keyUp", **common)

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """The left button pressed at one place, in pixels, and released at another."""
        places = [("mousePressed", begin), ("mouseMoved", end), ("mouseReleased", end)]
        for kind, (x, y) in places:
            self._call(
                "Input.dispatchMouseEvent", self._page, type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
            )

    def download_to(self, folder: Path) -> None:
        """Files that the page gives are kept there."""
        self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def choose(self, selector: str, *files: Path) -> None:
        """Give files to an input of the page."""
        root = self._call("DOM.getDocument", self._page)["root"]["nodeId"]
        node = self._call("DOM.querySelector", self._page, nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", self._page, nodeId=node, files=[str(file) for file in files])

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self._call("Runtime.evaluate", self._page, expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression: str, seconds: float = 60.0) -> Any:
        """The value of an expression once it is true."""
        end = time.monotonic() + seconds
        while not (value := self.ask(expression)):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)
        return value

    def screenshot(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", self._page)["data"])

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                data = os.read(self._in, 1 << 16)
                assert data, "the browser has ended"
                self._rest += data
            line, _, self._rest = self._rest.partition(b"\0")
            answer = json.loads(line)
            if "method" in answer:
                self.events.append((answer["method"], answer["params"]))
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]
