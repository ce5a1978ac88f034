"""A report as one page: angles with their standard deviations, heights and path of one person, and the verdict."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lifting.kinematics.angles import ANGLES
from pipeline.report.numbers import Report
from pipeline.results.kinematics import PersonMotion
from visualize.palette import SIDE_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_page"]

_SHOWN = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion", "shoulder_elevation", "elbow_flexion")
_WIDTH = 118
_NAMES = [angle.name for angle in ANGLES]


def draw_page(path: Path, title: str, report: Report, motions: list[PersonMotion]) -> None:
    """Write a PNG of 1240 x 1754 pixels to exactly this path: the person seen in most frames; all in the head.

    Args:
        path: the picture.
        title: first line.
        report: of everybody.
        motions: of the same people.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.27, 11.7), dpi=150, layout="constrained")
    grid = figure.add_gridspec(5, 2, height_ratios=[1.5, 1, 1, 1, 1])
    shown = max(range(len(motions)), key=lambda number: int(motions[number].track.seen.sum()), default=None)
    head = figure.add_subplot(grid[0, :])
    head.axis("off")
    head.text(0, 1, title, fontsize=13, weight="bold", va="top", transform=head.transAxes, parse_math=False)
    words = "\n".join(_words(report, shown))
    head.text(0, 0.88, words, fontsize=7, va="top", transform=head.transAxes, parse_math=False)
    if shown is not None:
        motion = motions[shown]
        places = [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0)]
        for name, (row, column) in zip(_SHOWN, places, strict=True):
            _angle(figure.add_subplot(grid[row, column]), motion, name)
        _speed(figure.add_subplot(grid[3, 1]), motion)
        _heights(figure.add_subplot(grid[4, 0]), motion)
        _way(figure.add_subplot(grid[4, 1]), motion)
    # Without the version of matplotlib the same report is the same file.
    figure.savefig(path, format="png", metadata={"Software": None})


def _words(report: Report, shown: int | None) -> list[str]:
    lines = textwrap.wrap(f"{report.axes}. Camera: {report.camera}.", _WIDTH)
    if shown is None:
        return [*lines, "nobody was found"]
    for person in report.people[:8]:
        lines.append(
            f"person {person.id}: {person.first_s:.1f} to {person.last_s:.1f} s, seen {person.seen:.0%}, confidence "
            f"{person.confidence:.2f}, height {person.stature_m:.2f} m, path {person.path_m:.1f} m, "
            f"{len(person.jumps)} jumps"
        )
    if len(report.people) > 8:
        lines.append(f"and {len(report.people) - 8} more")
    one = report.people[shown]
    lines.append(f"below: person {one.id}; what to trust:")
    for remark in one.remarks[:6]:
        lines += textwrap.wrap(f"{remark.level}: {remark.text}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
    return lines


def _colour(side: str) -> tuple[float, ...]:
    return tuple(0.85 * part / 255 for part in SIDE_COLOURS[side])


def _angle(axes: Axes, motion: PersonMotion, name: str) -> None:
    for side in ("right", "left"):
        number = _NAMES.index(f"{side}_{name}")
        degrees, sigma = motion.angles.degrees[:, number], motion.angles.sigma[:, number]
        axes.plot(motion.track.time_s, degrees, color=_colour(side), linewidth=1, label=side)
        axes.fill_between(
            motion.track.time_s, degrees - sigma, degrees + sigma, color=_colour(side), alpha=0.2, linewidth=0
        )
    _finish(axes, name.replace("_", " "), "degrees")


def _speed(axes: Axes, motion: PersonMotion) -> None:
    axes.plot(motion.track.time_s, motion.path.speed_m_s, color="0.2", linewidth=1, label="pelvis")
    axes.set_ylim(bottom=0)
    _finish(axes, "speed over the floor", "m/s")


def _heights(axes: Axes, motion: PersonMotion) -> None:
    lines: dict[str, tuple[Any, Any]] = {
        "pelvis": (motion.path.pelvis_m, "0.2"),
        "right ankle": (motion.path.ankles_m[:, 0], _colour("right")),
        "left ankle": (motion.path.ankles_m[:, 1], _colour("left")),
    }
    for name, (heights, colour) in lines.items():
        axes.plot(motion.track.time_s, heights, color=colour, linewidth=1, label=name)
    for jump in motion.jumps:
        axes.axvspan(motion.track.time_s[jump.first], motion.track.time_s[jump.last], color="0.85")
    _finish(axes, "heights", "m")


def _way(axes: Axes, motion: PersonMotion) -> None:
    root = motion.path.root_m
    axes.plot(root[:, 0], root[:, 2], color="0.2", linewidth=1)
    first = root[np.isfinite(root).all(axis=1)][:1]
    axes.plot(first[:, 0], first[:, 2], "o", color="0.2", markersize=4)
    axes.set_aspect("equal", adjustable="datalim")
    axes.invert_yaxis()
    axes.set_title("path from above, the camera is below", fontsize=8)
    axes.set_xlabel("m", fontsize=7)
    axes.tick_params(labelsize=6)
    axes.grid(alpha=0.3)


def _finish(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, fontsize=8)
    axes.set_ylabel(unit, fontsize=7)
    axes.set_xlabel("s", fontsize=7)
    axes.tick_params(labelsize=6)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6, loc="upper right")
