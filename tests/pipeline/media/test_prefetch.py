"""Working ahead in a thread changes nothing but the time it takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pipeline.media.prefetch import prefetch

WAIT_S = 10


class Source:
    """Counts to ``length`` and records what was done to it."""

    def __init__(self, length: int, error: BaseException | None = None) -> None:
        self.length, self.error = length, error
        self.produced = 0
        self.closed_in: threading.Thread | None = None
        self.reached = {n: threading.Event() for n in range(length + 1)}
        self.items = self._generate()

    def _generate(self) -> Iterator[int]:
        try:
            for number in range(self.length):
                self.produced += 1
                self.reached[self.produced].set()
                yield number
            if self.error:
                raise self.error
        finally:
            self.closed_in = threading.current_thread()


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.mark.parametrize(("length", "depth"), [(0, 1), (1, 4), (50, 1), (50, 4)])
def test_items_keep_their_order(length: int, depth: int) -> None:
    source = Source(length)
    assert list(prefetch(source.items, depth)) == list(range(length))
    assert source.closed_in is not threading.current_thread()
    assert prefetch_threads() == []


def test_works_ahead_but_not_without_limit() -> None:
    source = Source(50)
    ahead = prefetch(source.items, depth=3)
    assert source.produced == 0
    assert next(ahead) == 0
    # One was taken, three wait in the queue, one in the hands of the thread.
    assert source.reached[5].wait(WAIT_S)
    assert not source.reached[6].wait(0.05)
    ahead.close()


def test_exception_comes_behind_the_items_before_it() -> None:
    source = Source(3, error=OSError("the disk is gone"))
    seen = []
    with pytest.raises(OSError, match="the disk is gone") as caught:
        for item in prefetch(source.items):
            seen.append(item)
    assert seen == [0, 1, 2]
    assert any(entry.name == "_generate" for entry in caught.traceback)
    assert prefetch_threads() == []


@pytest.mark.parametrize("depth", [1, 4])
def test_stopping_early_closes_the_source(depth: int) -> None:
    source = Source(1000)
    ahead = prefetch(source.items, depth)
    for item in ahead:
        if item == 10:
            break
    ahead.close()
    assert source.closed_in is not None
    assert source.produced <= 10 + depth + 4
    assert prefetch_threads() == []


def test_dropping_the_generator_closes_the_source() -> None:
    source = Source(1000)
    ahead = prefetch(source.items)
    assert next(ahead) == 0
    del ahead
    assert source.closed_in is not None
    assert source.produced < 1000


def test_plain_iterables_will_do_and_depth_is_checked() -> None:
    assert list(prefetch([3, 1, 2])) == [3, 1, 2]
    with pytest.raises(ValueError, match="at least 1"):
        prefetch([1], depth=0)
