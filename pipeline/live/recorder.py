"""What a live session leaves behind: the picture as a film, the people as a result file."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.geometry.camera import Camera
from lifting.live.lifter import LivePose
from lifting.live.tracks import live_track
from pipeline.files.atomic import atomic_path, claimed
from pipeline.live.slot import Closed, Slot
from pipeline.results.exporters import cut_gaps, open_writer, takes_pictures, write_files
from pipeline.results.result import Result

__all__ = ["Moment", "Recorder"]


@dataclass(frozen=True)
class Moment:
    """One frame to record: the composed picture (None if nobody draws one), the people, and when it was taken."""

    picture: NDArray[np.uint8] | None
    poses: tuple[LivePose, ...]
    time_s: float


class Recorder:
    """Writes one recording on a thread of its own; a slow disk loses pictures, not time.

    The files appear under their names, whole, when ``finish`` is called: whatever ended the session.

    Args:
        outputs: paths; the extension decides, as for a run.
        camera: of the frames.
        metadata: how the poses were made.

    Raises:
        OutputError: a file cannot be written there.

    Attributes:
        error: what went wrong, or None.
        warnings: after ``finish``, what the user should know of the files, one sentence each.
    """

    def __init__(self, outputs: Sequence[Path], camera: Camera, metadata: Mapping[str, Any]) -> None:
        self.outputs = tuple(outputs)
        self.error: BaseException | None = None
        self.warnings: list[str] = []
        self._camera, self._metadata = camera, metadata
        self._films = [path for path in outputs if takes_pictures(path)]
        self._data = [path for path in outputs if not takes_pictures(path)]
        self._rows: dict[int, list[tuple[int, float, LivePose]]] = {}
        self._count, self._first_s, self._pictures = 0, 0.0, 0
        self._pictures_in: Slot[Moment] = Slot()
        self._files = ExitStack()
        try:
            self._files.enter_context(claimed(self.outputs))
            self._parts = {path: self._files.enter_context(atomic_path(path)) for path in self._films}
        except BaseException:
            self._files.close()
            raise
        self._thread = threading.Thread(target=self._write, name="record", daemon=True)
        self._thread.start()

    @property
    def wants_pictures(self) -> bool:
        """Whether a film is among the outputs."""
        return bool(self._films)

    def add(self, moment: Moment) -> None:
        """Record a frame; never waits."""
        if not self._count:
            self._first_s = moment.time_s
        for pose in moment.poses if self._data else ():
            self._rows.setdefault(pose.track_id, []).append((self._count, moment.time_s - self._first_s, pose))
        self._count += 1
        if moment.picture is not None:
            self._pictures_in.put(moment)

    def finish(self) -> tuple[Path, ...]:
        """Complete the files and give them their names.

        Returns:
            What was written: nothing if there was no frame.

        Raises:
            OutputError, OSError, ValueError: the disk did not take it; nothing is left then.
        """
        self._pictures_in.close()
        self._thread.join()
        try:
            with self._files:
                if self.error is not None:
                    raise self.error
                if not self._count or (self.wants_pictures and not self._pictures):
                    raise _NothingRecorded
                rows = (zip(*self._rows[identity], strict=True) for identity in sorted(self._rows))
                tracks = tuple(live_track(np.array(frames), np.array(times), poses) for frames, times, poses in rows)
                result = Result(tracks, self._camera, dict(self._metadata))
                data, warnings = write_files(self._files, self._data, result)
                self.warnings += warnings
        except _NothingRecorded:
            return ()
        return (*self._films, *data)

    def _write(self) -> None:
        try:
            with ExitStack() as stack:
                writers = [stack.enter_context(open_writer(self._parts[path])) for path in self._films]
                try:
                    while True:
                        moment = self._pictures_in.take()
                        if moment is not None and moment.picture is not None:
                            for writer in writers:
                                writer.write(moment.picture, moment.time_s)
                            self._pictures += 1
                except Closed:
                    pass
                if not self._pictures:
                    # A writer without a frame has no file to finish.
                    for writer in writers:
                        writer.abort()
            for path, writer in zip(self._films, writers, strict=True):
                self.warnings += cut_gaps(path, writer)
        except BaseException as error:
            self.error = error
            self._pictures_in.close()


class _NothingRecorded(Exception):
    """There was no frame: the temporary files go."""
