"""The first stage of a run: people in every frame, stored chunk by chunk so that a killed run goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from assets.integrity import AssetError
from detectors.base import PoseDetector
from detectors.registry import create_detector
from pipeline.errors import InputError
from pipeline.prefetch import prefetch
from pipeline.progress import Advance
from pipeline.video import read_frames
from pipeline.workspace import FramePeople, Workspace, pack_people, unpack_people

__all__ = ["detect_people", "load_detector", "stored_people"]

_PEOPLE, _WARNINGS = "people", "warnings"
_CHUNK = 64  # frames; what a killed run loses at most


def load_detector(name: str) -> PoseDetector:
    """The detector of that name. Raises InputError if there is none or its weights are missing or damaged."""
    try:
        return create_detector(name)
    except (ValueError, AssetError) as error:
        raise InputError(str(error)) from error


def detect_people(
    source: Path,
    detector: PoseDetector,
    workspace: Workspace,
    *,
    start_s: float | None,
    end_s: float | None,
    on_progress: Advance,
) -> list[str]:
    """Detect in all frames that the workspace does not hold yet.

    Memory does not depend on the length of the video: a chunk is written every 64 frames.

    Returns:
        What the user should know about the input, for example that it is cut off.
    """
    if workspace.is_complete(_PEOPLE):
        return [str(text) for arrays in workspace.chunks(_WARNINGS) for text in arrays["text"]]
    last: FramePeople | None = None
    for arrays in workspace.chunks(_PEOPLE):
        last = unpack_people(arrays)[-1]
    people = last.people if last else ()
    done = workspace.count(_PEOPLE) * _CHUNK
    warnings: list[str] = []
    pending: list[FramePeople] = []
    frames = read_frames(source, start_s=last.time_s if last else start_s, stop_s=end_s, on_warning=warnings.append)
    with closing(prefetch(frames)) as stream:
        for frame in stream:
            if last is not None and frame.index <= last.frame_index:
                continue
            people = tuple(detector.detect(frame.image, people, frame.index))
            pending.append(FramePeople(frame.index, frame.time_s, people))
            done += 1
            on_progress(done)
            if len(pending) == _CHUNK:
                workspace.append(_PEOPLE, workspace.count(_PEOPLE), pack_people(pending, detector.layout))
                pending = []
    if pending:
        workspace.append(_PEOPLE, workspace.count(_PEOPLE), pack_people(pending, detector.layout))
    workspace.discard(_WARNINGS)
    workspace.append(_WARNINGS, 0, {"text": np.array(warnings, dtype=np.str_)})
    workspace.complete(_PEOPLE)
    return warnings


def stored_people(workspace: Workspace) -> Iterator[FramePeople]:
    """Every frame that was looked at, in order, one chunk in memory at a time."""
    for arrays in workspace.chunks(_PEOPLE):
        yield from unpack_people(arrays)
