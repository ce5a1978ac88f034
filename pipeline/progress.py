"""What a run tells while it works. Stages report through ``Reporter``; only the command line shows anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from pipeline.errors import printable

__all__ = ["Advance", "ConsoleReporter", "QuietReporter", "Reporter"]

#: Called with the number of frames done since the stage began.
Advance = Callable[[int], None]


class Reporter(Protocol):
    """Listens to a run."""

    def stage(self, name: str, total: int | None, unit: str = "frames") -> AbstractContextManager[Advance]:
        """A stage begins; the value of the block is called with the number of steps done. ``total`` may be unknown."""
        ...

    def warn(self, text: str) -> None:
        """Something the user should know, one sentence."""
        ...

    def say(self, text: str) -> None:
        """A line about the result."""
        ...


class QuietReporter:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str = "frames") -> Iterator[Advance]:
        """See ``Reporter``."""
        yield lambda done: None

    def warn(self, text: str) -> None:
        """See ``Reporter``."""

    def say(self, text: str) -> None:
        """See ``Reporter``."""


class ConsoleReporter:
    """One bar per stage on standard error, with speed and time left; results on standard output."""

    def __init__(self) -> None:
        from rich.console import Console

        self._errors = Console(stderr=True, highlight=False)
        self._results = Console(highlight=False, soft_wrap=True)

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str = "frames") -> Iterator[Advance]:
        """See ``Reporter``."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            Task,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        class Speed(ProgressColumn):
            def render(self, task: Task) -> Text:
                # Over the whole stage: rich's own speed needs several updates, and short stages make one.
                elapsed = task.finished_time if task.finished else task.elapsed
                return Text(f"{task.completed / elapsed:5.1f} {unit}/s" if elapsed else "", style="cyan")

        columns = (
            TextColumn("{task.description:<8}"), BarColumn(bar_width=30), MofNCompleteColumn(), Speed(),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=self._errors) as progress:
            task = progress.add_task(name, total=total)
            done = 0

            def advance(count: int) -> None:
                nonlocal done
                done = count
                # Containers often promise a few frames more or less than they hold.
                progress.update(task, completed=count, total=max(total, count) if total else None)

            yield advance
            progress.update(task, completed=done, total=done)

    def warn(self, text: str) -> None:
        """See ``Reporter``."""
        self._errors.print(f"[yellow]warning:[/yellow] {_escaped(printable(text))}", soft_wrap=True)

    def say(self, text: str) -> None:
        """See ``Reporter``."""
        self._results.print(_escaped(printable(text, lines=True)))


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
