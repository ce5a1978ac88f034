"""The window of a live session, where there is a screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from pipeline.errors import InputError
from pipeline.live.feed import Feed, Picture

__all__ = ["Window", "has_screen"]

_TITLE = "zedo-video"
_KEYS = {"q": "q", "m": "m", "r": "r", "p": "p", " ": "space", "\x1b": "q"}


def has_screen() -> bool:
    """Whether this program can open a window."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Window:
    """Shows the newest picture of a feed; must be used by the main thread.

    Args:
        feed: pictures.
        key: called for each key.

    Raises:
        InputError: no window can be opened.
    """

    def __init__(self, feed: Feed, key: Callable[[str], None]) -> None:
        self._feed, self._key = feed, key
        # OpenCV's Qt misses fonts for a toolbar that this window does not have.
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
        import cv2

        self._shown = -1
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise InputError("no window can be opened here; add --serve for a page, or --headless") from error

    def step(self) -> Picture | None:
        """Show a picture that is new and hand on keys; returns it, or None if there was none within 20 ms."""
        import cv2

        picture = self._feed.newer(self._shown, 0.02)
        if picture is not None:
            if self._shown < 0:
                cv2.resizeWindow(_TITLE, picture.image.shape[1], picture.image.shape[0])
            cv2.imshow(_TITLE, cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR))
            self._shown = picture.number
        pressed = cv2.waitKey(1)
        if pressed >= 0:
            name = _KEYS.get(chr(pressed & 0xFF).lower())
            if name is not None:
                self._key(name)
        return picture

    @property
    def closed(self) -> bool:
        """Whether the user has closed it."""
        import cv2

        try:
            return self._shown >= 0 and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:
            return True

    def close(self) -> None:
        """Take it from the screen."""
        import cv2

        cv2.destroyAllWindows()
