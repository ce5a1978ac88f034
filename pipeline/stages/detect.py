"""The first stage of a run: people in every frame, stored chunk by chunk so that a killed run goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import BatchPoseDetector, PoseDetector
from detectors.people import Person2D
from pipeline.files.workspace import FramePeople, Workspace, pack_people, sound_people, unpack_people
from pipeline.media.decode import Frame, read_frames
from pipeline.media.prefetch import prefetch
from pipeline.progress import Advance

__all__ = ["CHUNK", "detect_people", "stored_people"]

_PEOPLE, _WARNINGS = "people", "warnings"
#: frames that are stored together; what a killed run loses at most
CHUNK = 64


def detect_people(
    source: Path,
    detector: PoseDetector,
    workspace: Workspace,
    *,
    start_s: float | None,
    end_s: float | None,
    on_progress: Advance,
    fps: float | None = None,
) -> list[str]:
    """Detect in all frames that the workspace does not hold yet.

    Memory does not depend on the length of the video: a chunk is written every ``CHUNK`` frames. What this stage
    would not have written is made anew.

    Returns:
        What the user should know about the input, for example that it is cut off.
    """
    _keep_sound(workspace, detector.layout)
    if workspace.is_complete(_PEOPLE):
        return [str(text) for arrays in workspace.chunks(_WARNINGS) for text in arrays["text"]]
    last: FramePeople | None = None
    for arrays in workspace.chunks(_PEOPLE):
        last = [last, *unpack_people(arrays)][-1]
    done = workspace.count(_PEOPLE) * CHUNK
    warnings: list[str] = []
    pending: list[FramePeople] = []
    begin_s = last.time_s if last else start_s
    frames = read_frames(source, start_s=begin_s, stop_s=end_s, on_warning=warnings.append, fps=fps)
    with closing(prefetch(frames)) as stream:
        new = (frame for frame in stream if last is None or frame.index > last.frame_index)
        for found in _detected(new, detector, last.people if last else ()):
            pending.append(found)
            done += 1
            on_progress(done)
            if len(pending) == CHUNK:
                workspace.append(_PEOPLE, workspace.count(_PEOPLE), pack_people(pending, detector.layout))
                pending = []
    if pending:
        workspace.append(_PEOPLE, workspace.count(_PEOPLE), pack_people(pending, detector.layout))
    workspace.discard(_WARNINGS)
    workspace.append(_WARNINGS, 0, {"text": np.array(warnings, dtype=np.str_)})
    workspace.complete(_PEOPLE)
    return warnings


def _keep_sound(workspace: Workspace, layout: str) -> None:
    """Have the workspace forget what this stage would not have written."""
    last: tuple[int, float] | None = None

    def sound(index: int, arrays: Mapping[str, NDArray[Any]]) -> bool:
        nonlocal last
        before, last = last, (int(arrays["frame_index"][-1]), float(arrays["time_s"][-1]))
        return sound_people(arrays, layout, before)

    workspace.keep_sound(_PEOPLE, sound)
    workspace.keep_sound(_WARNINGS, lambda _, arrays: [(a.dtype.kind, a.ndim) for a in arrays.values()] == [("U", 1)])
    # What is to be said of a film shows when all of it is decoded.
    if workspace.is_complete(_PEOPLE) and workspace.count(_WARNINGS) != 1:
        workspace.discard(_PEOPLE)


def _detected(frames: Iterable[Frame], detector: PoseDetector, people: tuple[Person2D, ...]) -> Iterator[FramePeople]:
    """The people of each frame, ``people`` being those before the first; several frames at once if that is faster.

    In frames that the decoder patched up nobody is looked for: what stands there may be of another time.
    """
    if isinstance(detector, BatchPoseDetector):
        # An iterator of its own, so that each batch goes on where the one before ended.
        rest = iter(frames)
        while batch := list(islice(rest, detector.batch_size)):
            whole = [frame.image for frame in batch if not frame.patched]
            found = iter(detector.detect_batch(whole) if whole else ())
            for frame in batch:
                yield FramePeople(frame.index, frame.time_s, () if frame.patched else tuple(next(found)))
        return
    for frame in frames:
        people = () if frame.patched else tuple(detector.detect(frame.image, people, frame.index))
        yield FramePeople(frame.index, frame.time_s, people)


def stored_people(workspace: Workspace) -> Iterator[FramePeople]:
    """Every frame that was looked at, in order, one chunk in memory at a time."""
    for arrays in workspace.chunks(_PEOPLE):
        yield from unpack_people(arrays)
