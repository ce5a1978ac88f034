"""The first stage of a run: people in every frame and the background behind them.

Stored chunk by chunk, so that a killed run goes on where it was. With the first frame of another shot the search begins
anew, as in the first frame of a video: whoever stood here before the cut says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.background.follow import BackgroundFollower, FrameBackground
from detectors.background.points import BackgroundPoints
from detectors.base import BatchPoseDetector, PoseDetector
from detectors.keypoint_files.read import FileDetector
from detectors.people import Person2D
from pipeline.files.background import pack_background, sound_background, unpack_background
from pipeline.files.workspace import FramePeople, Workspace, pack_people, sound_people, unpack_people
from pipeline.media.decode import Frame, read_frames
from pipeline.media.prefetch import prefetch
from pipeline.progress import Advance

__all__ = ["CHUNK", "detect_people", "stored_background", "stored_people"]

_PEOPLE, _BACKGROUND, _WARNINGS = "people", "background", "warnings"
#: frames that are stored together; what a killed run loses at most
CHUNK = 64
_NOTHING = FrameBackground(np.zeros(0, np.int64), np.zeros((0, 2), np.float32))


def detect_people(
    source: Path,
    detector: PoseDetector,
    workspace: Workspace,
    *,
    start_s: float | None,
    end_s: float | None,
    on_progress: Advance,
    fps: float | None = None,
    background: bool = False,
) -> list[str]:
    """Detect in all frames that the workspace does not hold yet.

    Memory does not depend on the length of the video: a chunk is written every ``CHUNK`` frames. What this stage
    would not have written is made anew.

    Args:
        source: the video.
        detector: finds people.
        workspace: where chunks are stored.
        start_s, end_s: the part that is looked at; None is from the beginning, to the end.
        on_progress: told how many frames are done.
        fps: of films without times.
        background: follow points of the background, too, which is what shows cuts; the same in all runs of a workspace.

    Returns:
        What the user should know about the input, for example that it is cut off.
    """
    _keep_sound(workspace, detector.layout, background=background)
    if workspace.is_complete(_PEOPLE):
        return [str(text) for arrays in workspace.chunks(_WARNINGS) for text in arrays["text"]]
    last: FramePeople | None = None
    follower = _Follower(workspace) if background else None
    for arrays in workspace.chunks(_PEOPLE):
        last = [last, *unpack_people(arrays)][-1]
        if follower is not None:
            follower.pass_over(arrays)
    done = workspace.count(_PEOPLE) * CHUNK
    warnings: list[str] = []
    people: list[FramePeople] = []
    behind: list[FrameBackground] = []

    def store() -> None:
        arrays = pack_people(people, detector.layout)
        if follower is not None:
            arrays |= pack_background(behind)
        workspace.append(_PEOPLE, workspace.count(_PEOPLE), arrays)
        if follower is not None:
            follower.store(people[-1].frame_index)
        people.clear()
        behind.clear()

    begin_s = last.time_s if last else start_s
    frames = read_frames(source, start_s=begin_s, stop_s=end_s, on_warning=warnings.append, fps=fps)
    with closing(prefetch(frames)) as stream:
        known: Iterator[Frame] = stream
        if follower is not None and last is not None and follower.needs_picture:
            known = _first_to(follower, stream, last.frame_index)
        new = (frame for frame in known if last is None or frame.index > last.frame_index)
        for found, seen in _detected(new, detector, last.people if last else (), follower):
            people.append(found)
            behind.append(seen)
            done += 1
            on_progress(done)
            if len(people) == CHUNK:
                store()
    if people:
        store()
    workspace.discard(_WARNINGS)
    workspace.append(_WARNINGS, 0, {"text": np.array(warnings, dtype=np.str_)})
    workspace.complete(_PEOPLE)
    return warnings


def _keep_sound(workspace: Workspace, layout: str, *, background: bool) -> None:
    """Have the workspace forget what this stage would not have written."""
    last: tuple[int, float] | None = None

    def sound(index: int, arrays: Mapping[str, NDArray[Any]]) -> bool:
        nonlocal last
        before, last = last, (int(arrays["frame_index"][-1]), float(arrays["time_s"][-1]))
        behind = {name: array for name, array in arrays.items() if background and name.startswith("background_")}
        people = {name: array for name, array in arrays.items() if name not in behind}
        return sound_people(people, layout, before) and (
            not background or sound_background(behind, len(people["time_s"]))
        )

    def goes_on(index: int, arrays: Mapping[str, NDArray[Any]]) -> bool:
        BackgroundFollower(arrays)
        return index == 0 and arrays["frame_index"].shape == ()

    workspace.keep_sound(_PEOPLE, sound)
    workspace.keep_sound(_BACKGROUND, goes_on)
    texts = {"text": ("U", 1)}
    workspace.keep_sound(
        _WARNINGS, lambda _, arrays: {name: (a.dtype.kind, a.ndim) for name, a in arrays.items()} == texts
    )
    # What is to be said of a film shows when all of it is decoded.
    if workspace.is_complete(_PEOPLE) and workspace.count(_WARNINGS) != 1:
        workspace.discard(_PEOPLE)


class _Follower:
    """The background follower of a run that may go on where a killed one was.

    Its state is stored beside the chunks, the newest only. Where that was lost, it takes over from what is known of the
    last frame.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._follower = BackgroundFollower()
        self._state: Mapping[str, NDArray[Any]] | None = next(workspace.chunks(_BACKGROUND), None)
        self._before: Mapping[str, NDArray[Any]] = {}
        self._last: FrameBackground | None = None
        self._next = 0
        #: index of the frame with which the shot begins
        self.shot = 0
        self.needs_picture = False

    def pass_over(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """A stored chunk; the last of them says where to go on."""
        start, ids = arrays["background_start"], arrays["background_id"]
        rows = slice(int(start[-2]), int(start[-1]))
        self._last = FrameBackground(ids[rows], arrays["background_px"][rows])
        self._next = max(self._next, int(ids.max(initial=-1)) + 1)
        self.shot = max(self.shot, int(arrays["frame_index"][arrays["background_broken"]].max(initial=0)))
        self.needs_picture = self._state is None or int(self._state["frame_index"]) != int(arrays["frame_index"][-1])
        if self._state is not None and not self.needs_picture:
            self._follower = BackgroundFollower(self._state)

    def begin(self, frame: Frame) -> None:
        """Take over in the last frame that is stored."""
        if self._last is not None:
            self._follower = BackgroundFollower()
            self._follower.begin(frame.image, self._last.point_id, self._last.xy_px, self._next)

    def follow(self, frame: Frame, people: Sequence[Person2D]) -> FrameBackground:
        if frame.patched:
            return _NOTHING
        self._before = self._follower.state()
        seen = self._follower.follow(frame.image, people, frame.time_s)
        if seen.broken:
            self.shot = frame.index
        return seen

    def again(self, frame: Frame, people: Sequence[Person2D]) -> FrameBackground:
        """The frame with which the shot begins once more, since other people are in it."""
        self._follower = BackgroundFollower(self._before)
        return replace(self._follower.follow(frame.image, people, frame.time_s), broken=True)

    def store(self, frame_index: int) -> None:
        self._workspace.discard(_BACKGROUND)
        self._workspace.append(_BACKGROUND, 0, self._follower.state() | {"frame_index": np.array(frame_index)})


def _first_to(follower: _Follower, frames: Iterable[Frame], index: int) -> Iterator[Frame]:
    """The frames, of which the one with that index goes to the follower, too."""
    for frame in frames:
        if frame.index == index:
            follower.begin(frame)
        yield frame


def _detected(
    frames: Iterable[Frame], detector: PoseDetector, people: tuple[Person2D, ...], follower: _Follower | None
) -> Iterator[tuple[FramePeople, FrameBackground]]:
    """Who and what is in each frame, ``people`` being those before the first; several frames at once if that is faster.

    In frames that the decoder patched up nobody is looked for: what stands there may be of another time.
    """
    if isinstance(detector, BatchPoseDetector):
        # An iterator of its own, so that each batch goes on where the one before ended.
        rest = iter(frames)
        while batch := list(islice(rest, detector.batch_size)):
            whole = [frame.image for frame in batch if not frame.patched]
            found = iter(detector.detect_batch(whole) if whole else ())
            for frame in batch:
                people = () if frame.patched else tuple(next(found))
                behind = _NOTHING if follower is None else follower.follow(frame, people)
                yield FramePeople(frame.index, frame.time_s, people), behind
        return
    for frame in frames:
        # Of a file each frame has its people, whatever was before it.
        begun = 0 if follower is None or isinstance(detector, FileDetector) else follower.shot
        people = () if frame.patched else tuple(detector.detect(frame.image, people, frame.index - begun))
        behind = _NOTHING if follower is None else follower.follow(frame, people)
        if follower is not None and behind.broken and not isinstance(detector, FileDetector):
            # The crops of those before the cut may have found somebody, and the wrong way.
            people = tuple(detector.detect(frame.image, (), 0))
            behind = follower.again(frame, people)
        yield FramePeople(frame.index, frame.time_s, people), behind


def stored_people(workspace: Workspace) -> Iterator[FramePeople]:
    """Every frame that was looked at, in order, one chunk in memory at a time."""
    for arrays in workspace.chunks(_PEOPLE):
        yield from unpack_people(arrays)


def stored_background(workspace: Workspace) -> BackgroundPoints:
    """The background of every frame; raises UntrustedFileError if it was not followed."""
    return unpack_background(workspace.chunks(_PEOPLE))
