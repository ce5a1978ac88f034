"""Between two threads: room for one item, the newest. Who is slow misses items, and nobody waits for them."""

from __future__ import annotations

import threading
import time
from typing import Generic, TypeVar

__all__ = ["Closed", "Slot"]

T = TypeVar("T")


class Closed(Exception):
    """Nothing comes any more."""


class Slot(Generic[T]):
    """Holds the newest item; putting another one in its place drops it.

    Attributes:
        dropped: number of items that nobody took.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._item: T | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Offer an item; never waits. Does nothing after ``close``."""
        with self._changed:
            if self._closed:
                return
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self, timeout_s: float | None = None) -> T | None:
        """The newest item, waiting for one that was not taken yet; None if none came in time.

        Raises Closed once the slot is closed and empty.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while self._item is None:
                if self._closed:
                    raise Closed
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """No more items; the one that is there can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
