"""BVH: a skeleton and its angles as text, for Blender, MotionBuilder, Unreal and retargeters to robots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton.euler import angles
from lifting.skeleton.resample import even
from lifting.skeleton.rig import Rig
from lifting.skeleton.solve import Motion
from pipeline.errors import OutputError
from pipeline.formats.animation.skeletons import Mover, in_axes, movers, offsets_in_axes
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result

__all__ = ["BvhExporter"]

#: BVH has no unit; centimetres are what its readers expect.
_UNITS = 100.0


class BvhExporter(Exporter):
    """Centimetres, y up, even frame times from the first frame of the video on; one order of rotations in all joints.

    The root has three position channels, all joints three of rotation. BVH has no place for remarks: axes that are not
    the world's, and gaps, are notes.
    """

    one_person = True

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        people, sentence, in_world = movers(result, self.options.skeleton)
        if not people:
            raise OutputError(f"person {result.tracks[0].track_id} was never seen well enough for a skeleton")
        (person,) = people
        if not in_world:
            self.notes.append(sentence)
        if words := person.gap_words():
            self.notes.append(words)
        try:
            motion, step = even(person.motion, person.lead)
        except ValueError as error:
            raise OutputError(f"a BVH file of person {person.track_id} {error}; choose a part of the video") from error
        with path.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(_lines(person, motion, step))


def _lines(person: Mover, motion: Motion, step: float) -> Iterator[str]:
    """The file, of a motion in even steps of ``step`` seconds."""
    axes = person.axes()
    yield "HIERARCHY\n"
    yield from _hierarchy(person, motion.rig, axes)
    turns = angles(in_axes(motion, axes), person.profile.order)
    table = np.concatenate([_UNITS * motion.root_m, turns.reshape(len(turns), -1)], axis=1)
    yield f"MOTION\nFrames: {len(table)}\nFrame Time: {_frame_time(step, len(table))}\n"
    row = " ".join(["%.4f"] * table.shape[1]) + "\n"
    for values in table.tolist():
        yield row % tuple(values)


def _hierarchy(person: Mover, rig: Rig, axes: NDArray[np.float64]) -> Iterator[str]:
    """The tree, depth first, which is the order of the joints."""
    rotations = " ".join(f"{axis}rotation" for axis in person.profile.order)
    offsets = offsets_in_axes(rig, axes)
    depth = 0
    for joint, (name, parent) in enumerate(zip(rig.joints, rig.parents, strict=True)):
        while depth > _depth(rig, joint):
            depth -= 1
            yield "\t" * depth + "}\n"
        kind, positions, count = ("JOINT", "", 3) if parent >= 0 else ("ROOT", "Xposition Yposition Zposition ", 6)
        tabs = "\t" * depth
        yield f"{tabs}{kind} {person.profile.name(name)}\n{tabs}{{\n"
        yield f"{tabs}\tOFFSET {_numbers(offsets[joint])}\n{tabs}\tCHANNELS {count} {positions}{rotations}\n"
        depth += 1
        if name in rig.ends:
            end = _numbers(rig.ends[name] @ axes[joint])
            yield f"{tabs}\tEnd Site\n{tabs}\t{{\n{tabs}\t\tOFFSET {end}\n{tabs}\t}}\n"
    for level in range(depth - 1, -1, -1):
        yield "\t" * level + "}\n"


def _depth(rig: Rig, joint: int) -> int:
    depth = 0
    while (joint := rig.parents[joint]) >= 0:
        depth += 1
    return depth


def _numbers(offset: NDArray[np.float64]) -> str:
    # No negative zeros.
    return " ".join(f"{value:.6f}" for value in np.round(_UNITS * offset, 6) + 0.0)


def _frame_time(step: float, frames: int) -> str:
    """Six digits; more where the last frame would come a millisecond off."""
    short = f"{step:.6f}"
    return short if abs(float(short) - step) * frames < 1e-3 else f"{step:.10f}"
