"""Work ahead in a background thread: decoding runs while the detector looks at the frame before."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from queue import Queue
from typing import TypeVar

__all__ = ["prefetch"]

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def prefetch(source: Iterable[T], depth: int = 4) -> Generator[T, None, None]:
    """The items of ``source`` in their order, produced up to ``depth`` + 1 items ahead in a background thread.

    It starts with the first item asked for. What ``source`` raises is raised here, behind the items before it. When the
    consumer stops early, the thread ends and ``source`` is closed (if it has ``close``) before this generator is.
    ``source``, and every function that it calls, runs in the thread.

    Raises:
        ValueError: ``depth`` is less than 1.
    """
    if depth < 1:
        raise ValueError(f"the depth of a prefetch must be at least 1, not {depth}")
    return _consume(source, depth)


def _consume(source: Iterable[T], depth: int) -> Generator[T, None, None]:
    items: Queue[T | _End] = Queue(depth)
    stopped = threading.Event()

    def produce() -> None:
        error: BaseException | None = None
        try:
            try:
                for item in source:
                    items.put(item)
                    if stopped.is_set():
                        break
            finally:
                # Only this thread may do it: a generator cannot be closed while another thread runs it.
                if close := getattr(source, "close", None):
                    close()
        except BaseException as caught:
            error = caught
        items.put(_End(error))

    # A daemon: a source that hangs must not keep a dying program alive.
    thread = threading.Thread(target=produce, name="prefetch", daemon=True)
    thread.start()
    item: T | _End | None = None
    try:
        while not isinstance(item := items.get(), _End):
            yield item
    finally:
        stopped.set()
        # Emptying the queue frees a producer that waits for room in it.
        while not isinstance(item, _End):
            item = items.get()
        thread.join()
    if item.error is not None:
        raise item.error
