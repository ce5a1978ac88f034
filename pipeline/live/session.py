"""A live session: capture, detect, and lift and display at the same time, each on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from detectors.base import PoseDetector
from detectors.people import Person2D
from detectors.tracking.identity import Identities
from lifting.geometry.camera import Camera
from lifting.live.lifter import LiveLifter, LivePose
from pipeline.live.feed import Feed, Picture
from pipeline.live.follow import Followed, Follower
from pipeline.live.recorder import Moment, Recorder
from pipeline.live.slot import Closed, Slot
from pipeline.live.source import Capture, Captured, LiveSource
from pipeline.live.stats import Meter
from visualize.live import LiveComposer, Note

__all__ = ["KEYS", "End", "Session", "one_thread"]

#: What the keys do, for the help of window and page.
KEYS = {"q": "quit", "m": "mirror", "r": "record", "space": "reset", "p": "switch person"}

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def one_thread() -> None:
    """One frame is too little work for two threads of PyTorch: they would wait for each other and for the detector."""
    import torch

    torch.set_num_threads(1)


@dataclass(frozen=True)
class End:
    """Why a session ended: in words, with an error if it failed."""

    reason: str
    error: BaseException | None = None


@dataclass(frozen=True)
class _Lifted:
    frame: Captured
    poses: list[LivePose]
    present: tuple[int, ...]
    detect_s: float
    lift_s: float


class Session:
    """Runs until somebody or something ends it.

    Between the stages there is room for the newest item only: who is behind misses frames, and latency cannot build up.
    The detector, the slowest of them, stands beside the others: if it takes too long, what it saw is carried along to
    newer frames (``pipeline.live.follow``), so that it delays no picture.

    Args:
        source: where frames come from.
        detector: finds people in them.
        lifter: lifts them.
        camera: of the frames.
        meter: counts and times.
        feed: gets every picture; None if nobody looks at pictures.
        shown_elsewhere: a window shows the pictures of the feed and tells the meter when.
        encode: make every picture a JPEG before it counts as displayed, as a page that looks on would.
        new_recorder: begins a recording when ``r`` is pressed; None is no recording.
        recording: begin with one.
        mirrored: begin mirrored.
    """

    def __init__(
        self,
        source: LiveSource,
        detector: PoseDetector,
        lifter: LiveLifter,
        camera: Camera,
        meter: Meter,
        *,
        feed: Feed | None,
        shown_elsewhere: bool = False,
        encode: bool = False,
        new_recorder: Callable[[], Recorder] | None = None,
        recording: bool = False,
        mirrored: bool = False,
    ) -> None:
        self.meter, self.feed = meter, feed
        self.written: list[Path] = []
        self.warnings: list[str] = []
        self.end: End | None = None
        self._source, self._detector, self._lifter, self._camera = source, detector, lifter, camera
        self._shown_elsewhere, self._encode, self._new_recorder = shown_elsewhere, encode, new_recorder
        self._mirrored = mirrored
        self._person: int | None = None
        self._present: tuple[int, ...] = ()
        self._recorder: Recorder | None = new_recorder() if recording and new_recorder is not None else None
        self._problem = ""
        self._lost: Exception | None = None
        self._recording_lock = threading.Lock()
        self._identities = Identities()
        self._detect_s = 0.0
        self._composer = LiveComposer((source.video.width, source.video.height), camera)
        captured: Slot[Captured] = Slot()
        unseen: Slot[Captured] = Slot()
        self._follower = Follower()
        self._capture = Capture(source, captured, meter.capture, self._source_ended)
        self._stages: list[_Stage[Any]] = [
            _Stage("follow", captured, self._following(unseen), self._failed),
            _Stage("detect", unseen, self._detecting(), self._failed),
            _Stage("show", self._follower, self._showing(), self._failed),
        ]

    def start(self) -> None:
        """Begin."""
        for stage in self._stages:
            stage.start()
        self._capture.start()

    def stop(self, reason: str, error: BaseException | None = None) -> None:
        """End the session for this reason; the first one counts. Only asks: ``close`` does it."""
        if self.end is None:
            self.end = End(reason, error)

    def close(self) -> None:
        """End all threads and complete the recording.

        Raises whatever kept the recording from being written.
        """
        self.stop("closed")
        self._capture.stop()
        for stage in self._stages:
            stage.stop()
        if self.feed is not None:
            self.feed.close()
        self._finish_recording()
        if self._lost is not None:
            raise self._lost

    def key(self, name: str) -> None:
        """Do what a key asks for (``KEYS``); others do nothing. May be called by any thread."""
        if name == "q":
            self.stop("quit")
        elif name == "m":
            self._mirrored = not self._mirrored
        elif name == "r":
            self._toggle_recording()
        elif name == "space":
            self._person = None
            self._follower.reset()
        elif name == "p":
            self._switch_person()

    def status(self) -> dict[str, Any]:
        """What the page shows beside the picture, as JSON values."""
        reading = self.meter.reading()
        return {
            "fps": round(reading.fps, 1),
            "latency_ms": _rounded(reading.latency_ms),
            "lift_ms": _rounded(reading.lift_ms),
            "detect_ms": _rounded(reading.detect_ms),
            "dropped": reading.dropped,
            "people": list(self._present),
            "person": self._person,
            "mirrored": self._mirrored,
            "recording": self._recorder is not None,
            "problem": self._problem,
        }

    def _source_ended(self, error: BaseException | None) -> None:
        self.stop("the source has ended", error)

    def _failed(self, error: BaseException) -> None:
        self.stop("failed", error)

    def _switch_person(self) -> None:
        """Everybody, then one after the other, then everybody again."""
        present = sorted(self._present)
        later = [i for i in present if self._person is None or i > self._person]
        self._person = later[0] if later and len(present) > 1 else None

    def _following(self, unseen: Slot[Captured]) -> Callable[[Captured], None]:
        def follow(frame: Captured) -> None:
            self._follower.put(frame)
            unseen.put(frame)

        return follow

    def _detecting(self) -> Callable[[Captured], None]:
        previous: list[Person2D] = []
        count = seen = resets = 0

        def detect(frame: Captured) -> None:
            nonlocal previous, count, seen, resets
            began = time.perf_counter()
            expected, now = self._follower.begun(frame, previous, seen)
            if now != resets:
                resets, expected = now, []
                self._identities.reset()
            previous = self._detector.detect(frame.image, expected, count)
            seen, count = frame.index, count + 1
            people = self._identities.update(previous, frame.time_s, expected)
            self._detect_s = time.perf_counter() - began
            self._follower.found(people, resets)

        return detect

    def _showing(self) -> Callable[[Followed], None]:
        """Lift and display, one after the other: both are many small steps in Python, of which one runs at a time."""
        display = self._displaying()
        resets = 0

        def show(followed: Followed) -> None:
            nonlocal resets
            frame, people = followed.frame, followed.people
            if followed.resets != resets:
                resets = followed.resets
                self._lifter.reset()
                self._composer.reset()
            present = tuple(person.track_id for person in people if person.track_id is not None)
            self._present = present
            chosen = [person for person in people if self._person in (None, person.track_id)]
            if not chosen and present:
                # The one who was chosen has gone.
                self._person, chosen = None, people
            began = time.perf_counter()
            poses = self._lifter.lift(chosen, frame.time_s, self._camera)
            display(_Lifted(frame, poses, present, self._detect_s, time.perf_counter() - began))

        return show

    def _displaying(self) -> Callable[[_Lifted], None]:
        number = 0

        def display(lifted: _Lifted) -> None:
            nonlocal number
            frame = lifted.frame
            with self._recording_lock:
                recorder = self._recorder
            picture = None
            if self.feed is not None or (recorder is not None and recorder.wants_pictures):
                picture = self._composer.compose(
                    frame.image, lifted.poses, frame.time_s, self._notes(lifted), mirrored=self._mirrored
                )
            self._record(Moment(picture, tuple(lifted.poses), frame.time_s))
            if picture is not None and self.feed is not None:
                shown = Picture(number, picture, frame.captured_s, lifted.lift_s, lifted.detect_s)
                self.feed.put(shown)
                number += 1
                if self._encode:
                    shown.encoded()
            if not self._shown_elsewhere:
                self.meter.display(frame.captured_s, lifted.lift_s, lifted.detect_s)

        return display

    def _notes(self, lifted: _Lifted) -> Sequence[Note]:
        reading = self.meter.reading()
        latency = "-" if reading.latency_ms is None else f"{reading.latency_ms:.0f}"
        notes = [Note(f"{reading.fps:.0f} fps   {latency} ms   {reading.dropped} dropped")]
        if self._person is not None:
            notes.append(Note(f"person {self._person} of {', '.join(map(str, lifted.present))}"))
        if self._recorder is not None:
            notes.append(Note("recording", alert=True))
        if self._problem:
            notes.append(Note(self._problem, alert=True))
        return notes

    def _record(self, moment: Moment) -> None:
        with self._recording_lock:
            recorder = self._recorder
            if recorder is None:
                return
            recorder.add(moment)
            if recorder.error is not None:
                # A full disk ends the recording, not the picture.
                self._problem = "the recording failed"
                self._recorder = None
                try:
                    recorder.finish()
                except Exception as error:
                    self._lost = error

    def _toggle_recording(self) -> None:
        if self._recorder is not None:
            try:
                self._finish_recording()
            except Exception as error:
                self._problem = f"the recording failed: {error}"
            return
        if self._new_recorder is None:
            return
        try:
            recorder = self._new_recorder()
        except Exception as error:
            self._problem = f"no recording: {error}"
            return
        self._problem = ""
        with self._recording_lock:
            self._recorder = recorder

    def _finish_recording(self) -> None:
        with self._recording_lock:
            recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self.written += recorder.finish()
            self.warnings += recorder.warnings


class _Items(Protocol[T_co]):
    """Where a stage takes its items from: a ``Slot``, or what behaves like one."""

    def take(self) -> T_co | None: ...

    def close(self) -> None: ...


class _Stage(Generic[T]):
    """A thread that does one thing with the newest item, again and again."""

    def __init__(
        self, name: str, items: _Items[T], work: Callable[[T], None], on_error: Callable[[BaseException], None]
    ) -> None:
        self._items, self._work, self._on_error = items, work, on_error
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the item in hand."""
        self._items.close()
        if self._thread.ident is not None:
            self._thread.join(10.0)

    def _run(self) -> None:
        try:
            while True:
                item = self._items.take()
                if item is not None:
                    self._work(item)
        except Closed:
            pass
        except BaseException as error:
            self._on_error(error)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
