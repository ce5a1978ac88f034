"""The first stage of a run: people in every frame, stored chunk by chunk so that a killed run goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from assets.integrity import AssetError
from detectors.base import PoseDetector
from detectors.registry import create_detector
from pipeline.errors import InputError
from pipeline.prefetch import prefetch
from pipeline.progress import Advance
from pipeline.video import read_frames
from pipeline.workspace import FramePeople, Workspace, pack_people, unpack_people

__all__ = ["detect_people", "load_detector", "stored_people"]

_STAGE = "people"
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
    on_warning: Callable[[str], None],
) -> None:
    """Detect in all frames that the workspace does not hold yet.

    Memory does not depend on the length of the video: a chunk is written every 64 frames.
    """
    if workspace.is_complete(_STAGE):
        return
    previous: tuple[FramePeople, ...] = ()
    for arrays in workspace.chunks(_STAGE):
        previous = tuple(unpack_people(arrays))[-1:]
    done = workspace.count(_STAGE) * _CHUNK
    last_index = previous[0].frame_index if previous else -1
    people = previous[0].people if previous else ()
    pending: list[FramePeople] = []
    frames = read_frames(source, start_s=start_s, stop_s=end_s, on_warning=on_warning)
    with closing(prefetch(frames)) as stream:
        for frame in stream:
            if frame.index <= last_index:
                continue
            people = tuple(detector.detect(frame.image, people, frame.index))
            pending.append(FramePeople(frame.index, frame.time_s, people))
            done += 1
            on_progress(done)
            if len(pending) == _CHUNK:
                workspace.append(_STAGE, workspace.count(_STAGE), pack_people(pending, detector.layout))
                pending = []
    if pending:
        workspace.append(_STAGE, workspace.count(_STAGE), pack_people(pending, detector.layout))
    workspace.complete(_STAGE)


def stored_people(workspace: Workspace) -> Iterator[FramePeople]:
    """Every frame that was looked at, in order, one chunk in memory at a time."""
    for arrays in workspace.chunks(_STAGE):
        yield from unpack_people(arrays)
