"""What `evaluate` and `bench` hand on: one record with the same five parts, as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files.atomic import atomic_path
from pipeline.results.schema import jsonable

if TYPE_CHECKING:
    from lifting.lifter import Lifter
    from lifting.prior.weights import Prior

__all__ = ["Report", "describe_lifting", "describe_method", "table_text", "versions", "write_report"]


@dataclass(frozen=True)
class Report:
    """A measurement.

    Attributes:
        protocol: what was measured, and how.
        metrics: the numbers that stand for all of it, by name; the unit is the end of the name.
        per_group: one record per row of the table.
        time: seconds, and what they were measured on.
        provenance: versions, weights and settings.
    """

    protocol: Mapping[str, Any]
    metrics: Mapping[str, Any]
    per_group: Sequence[Mapping[str, Any]]
    time: Mapping[str, Any]
    provenance: Mapping[str, Any]


def write_report(path: Path, report: Report) -> None:
    """Strict JSON; the file appears whole or not at all. Raises OutputError if it cannot be written there."""
    with atomic_path(path) as partial:
        text = json.dumps(jsonable(report), allow_nan=False, ensure_ascii=False, indent=1)
        partial.write_text(text + "\n", encoding="utf-8")


def describe_lifting(lifter: Lifter, prior: Prior) -> dict[str, Any]:
    """Versions, prior and every setting of lifting."""
    described = lifter.describe()
    return {
        "versions": versions("zedo-video", "numpy", "torch"),
        "prior": prior.describe(),
        "settings": described.pop("lifting"),
        **described,
    }


def describe_method(lifter: Lifter) -> dict[str, Any]:
    """How poses are found and one of several is chosen, for the protocol."""
    return {
        "preset": lifter.settings.preset,
        "steps": lifter.solver.steps,
        "templates": 1,
        "alternatives": lifter.solver.alternatives,
        "choice": "without ground truth: turned templates by their fit to the 2D, alternatives by the prior",
    }


def versions(*names: str) -> dict[str, str]:
    """Versions of the packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def table_text(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = (), left: int = 1
) -> str:
    """A table as text, as wide as it needs to be; the first ``left`` columns are left-aligned, the others right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number < left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(width=500, color_system=None, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().strip("\n").splitlines()]
    return "\n".join([*lines, *notes])
