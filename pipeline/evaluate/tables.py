"""Figures side by side, with what makes them comparable or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.untrusted.texts import load_json
from pipeline.errors import InputError, as_input_error
from pipeline.evaluate.report import Report, table_text
from pipeline.protocol import differences

__all__ = ["Row", "dataset_table", "figure_table", "report_rows", "stored_rows"]

_MEASURES = {
    "mpjpe_mm": "MPJPE mm",
    "pa_mpjpe_mm": "PA-MPJPE mm",
    "n_mpjpe_mm": "N-MPJPE mm",
    "pck150_percent": "PCK 150 mm",
    "auc_percent": "AUC",
    "acceleration_error_mm": "accel. mm/frame²",
    "bone_spread_mm": "bones mm",
}

_WITH_INTERVAL = ("mpjpe_mm", "pa_mpjpe_mm")


@dataclass(frozen=True)
class Row:
    """Figures and how they came about.

    Attributes:
        label: whose they are.
        protocol: the fields of ``evaluation_protocol.COMPARED``.
        metrics: by name: a number, or a number with the bounds of its interval.
    """

    label: str
    protocol: Mapping[str, Any]
    metrics: Mapping[str, Any]


def report_rows(report: Report) -> list[Row]:
    """Our rows, and the published ones behind them."""
    rows = [
        Row("zedo-video", {**report.protocol, "choice": group["choice"]}, group["metrics"])
        for group in report.per_group
    ]
    for entry in report.protocol["published"]:
        figure = entry["figure"]
        metrics = {name: figure[name] for name in _MEASURES if name in figure}
        rows.append(Row(f"published: {figure['name']}", entry["protocol"], metrics))
    return rows


def stored_rows(path: Path) -> list[Row]:
    """Our rows of a report that was written as JSON, with its file name; published ones are left out.

    Raises:
        InputError: the file is no report of a data set.
    """
    with as_input_error():
        record = load_json(path)
    try:
        protocol = record["protocol"]
        rows = [
            Row(path.name, {**protocol, "choice": group["choice"]}, {n: group["metrics"][n] for n in group["metrics"]})
            for group in record["per_group"]
        ]
        if not rows or not isinstance(protocol["name"], str):
            raise ValueError("no figures")
        for name, value in ((name, value) for row in rows for name, value in row.metrics.items()):
            _number(value, interval=name in _WITH_INTERVAL)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no report of a data set; give what evaluate wrote with --json") from error
    return rows


def figure_table(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> str:
    """Rows under each other. The last column says in what a row's protocol is not known to be that of the first row.

    Raises:
        InputError: the rows are about different data sets, which no column could make comparable.
    """
    sets = {row.protocol["name"] for row in rows}
    if len(sets) > 1:
        raise InputError(f"figures of {' and '.join(sorted(sets))} do not belong into one table; compare one data set")
    measures = {name: title for name, title in _MEASURES.items() if any(name in row.metrics for row in rows)}
    unlike = differences([row.protocol for row in rows])
    cells = [
        [
            row.label,
            *(_word(row.protocol.get(field)) for field in ("preset", "hypotheses", "choice", "joints", "evidence_2d")),
            *(_number(row.metrics.get(name), interval=name in _WITH_INTERVAL) for name in measures),
            ", ".join(words) or ("" if index else "(compared with)"),
        ]
        for index, (row, words) in enumerate(zip(rows, unlike, strict=True))
    ]
    columns = ["", "preset", "S", "choice", "joints", "2D", *measures.values(), "other or unknown protocol"]
    return table_text(title, columns, cells, notes)


def dataset_table(report: Report) -> str:
    """The report for people: figures beside the published ones, and the groups where they make the headline."""
    protocol, machine = report.protocol, report.time
    error = protocol["evidence_error_px"]
    beside = "" if error is None else f", {error:.1f} px (median) beside the projected truth"
    notes = [
        f"{protocol['frames']} poses, every {protocol['stride']}. of {protocol['frames_in_file']}; {protocol['mean']}; "
        f"PA-MPJPE {'with' if protocol['mirroring'] else 'without'} mirroring",
        f"2D: {protocol['evidence_2d']}{beside}; K: {protocol['camera']}",
        f"preset {protocol['preset']}, {_word(protocol['steps'])} steps, weights {_word(protocol['weights'])}, prior "
        f"{_word(protocol.get('prior'))}{' with control branch' if protocol.get('control') else ''}; "
        "[95 % intervals over sequences]",
        f"{machine['seconds']:.0f} s on {machine['cpu']}, {machine['threads']} threads, load {machine['load_average']}",
    ]
    text = figure_table(f"{protocol['title']} ({protocol['name']})", report_rows(report), notes)
    if not protocol["group_wise"]:
        return text
    groups = report.per_group[0]["groups"]
    rows = [
        [name, f"{of['poses']:.0f}", f"{of['mpjpe_mm']:.1f}", f"{of['pa_mpjpe_mm']:.1f}"] for name, of in groups.items()
    ]
    title = f"By {protocol['group']}, {report.per_group[0]['name']}"
    return text + "\n\n" + table_text(title, [protocol["group"], "poses", "MPJPE mm", "PA-MPJPE mm"], rows)


def _word(value: Any) -> str:
    return "?" if value is None else str(value)


def _number(value: Any, *, interval: bool) -> str:
    bounds = value if isinstance(value, Mapping) else {"value": value}
    if bounds["value"] is None:
        return ""
    if not isinstance(value, Mapping):
        return f"{value:.1f}"
    return f"{value['value']:.1f}" + (f" [{value['low']:.1f}, {value['high']:.1f}]" if interval else "")
