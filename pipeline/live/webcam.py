"""``zedo-video webcam`` from its options to its exit code."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError, UserError
from pipeline.live.source import LiveSource, open_source
from pipeline.results.exporters import check_outputs
from pipeline.settings import RunSettings
from pipeline.stages.camera import choose_camera

if TYPE_CHECKING:
    from lifting.geometry.camera import Camera
    from lifting.live.lifter import LiveLifter
    from lifting.prior.weights import Prior
    from pipeline.live.session import Session

__all__ = ["Wanted", "run_webcam"]

_DONE, _FAILED = 0, 1


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line.

    Attributes:
        source, loop: see ``pipeline.live.source.open_source``.
        window: open one.
        port, host: serve the page there; a port of None is no page.
        records: outputs of a recording that begins at once.
        overwrite: replace files that exist.
        seconds: end after this time; None is never.
        mirrored: begin as in a mirror.
        max_people: look for so many.
    """

    source: str
    loop: bool
    window: bool
    port: int | None
    host: str
    records: tuple[Path, ...]
    overwrite: bool
    seconds: float | None
    mirrored: bool
    max_people: int


def run_webcam(wanted: Wanted, settings: RunSettings, say: Callable[[str], None], tell: Callable[[str], None]) -> int:
    """Show a live session until it ends, and return the exit code.

    Args:
        wanted: the options of the session.
        settings: camera, prior and height of the people.
        say: gets lines about the session.
        tell: gets what must be read: the address of the page.

    Raises:
        UserError: something that was given cannot be used, or the source failed; recordings are complete then.
    """
    from pipeline.live.feed import Feed
    from pipeline.live.server import PageServer
    from pipeline.live.session import Session, one_thread
    from pipeline.live.stats import Meter
    from pipeline.live.window import Window, has_screen
    from pipeline.load import load_live_detector, load_live_lifter

    if wanted.window and not has_screen():
        raise InputError("there is no screen here; add --serve for a browser page, or --headless to show nothing")
    check_outputs(wanted.records, Path(wanted.source), overwrite=wanted.overwrite)
    with ExitStack() as stack:
        stopped = stack.enter_context(_signals())
        source = open_source(wanted.source, loop=wanted.loop, fps=settings.fps)
        stack.callback(source.close)
        camera = choose_camera(settings, source.video)
        one_thread()
        lifter, prior = load_live_lifter(settings)
        detector = load_live_detector(wanted.max_people)
        record = _Recordings(wanted, source, camera, detector, lifter, prior)
        feed = Feed() if wanted.window or wanted.port is not None else None
        session = Session(
            source, detector, lifter, camera, Meter(), feed=feed, shown_elsewhere=wanted.window,
            new_recorder=record, recording=bool(wanted.records), mirrored=wanted.mirrored,
        )  # fmt: skip
        window = None
        try:
            if wanted.window and feed is not None:
                window = Window(feed, session.key)
                stack.callback(window.close)
            if wanted.port is not None and feed is not None:
                page = PageServer(wanted.host, wanted.port, feed, session.status, session.key)
                stack.callback(page.close)
                page.start()
                tell(f"open {page.url}")
            say(_greeting(source, camera, wanted))
            session.start()
            code = _wait(session, window, wanted.seconds, stopped)
        finally:
            session.close()
        for text in session.warnings:
            say(text)
        say(_summary(session))
    end = session.end
    if end is not None and end.error is not None:
        if session.written and isinstance(end.error, UserError):
            # Somebody whose camera fell down wants to know that the recording did not.
            raise type(end.error)(f"{end.error}; the recording is complete: {_names(session.written)}") from end.error
        raise end.error
    return code


def _wait(session: Session, window: Any, seconds: float | None, stopped: Callable[[], int | None]) -> int:
    """Until the session has an end; the exit code for it."""
    until = None if seconds is None else time.monotonic() + seconds
    while session.end is None:
        number = stopped()
        if number is not None:
            session.stop(f"stopped by {signal.Signals(number).name}")
            return 128 + number
        if until is not None and time.monotonic() >= until:
            session.stop("the time is over")
        if window is None:
            time.sleep(0.02)
            continue
        picture = window.step()
        if picture is not None:
            session.meter.display(picture.captured_s, picture.lift_s, picture.detect_s)
        if window.closed:
            session.stop("the window was closed")
    return _DONE if session.end.error is None else _FAILED


class _Recordings:
    """Begins recordings: the first under the names that were given, later ones under numbered or dated ones."""

    def __init__(
        self, wanted: Wanted, source: LiveSource, camera: Camera, detector: Any, lifter: LiveLifter, prior: Prior
    ) -> None:
        self._wanted, self._source, self._camera = wanted, source, camera
        self._detector, self._lifter, self._prior = detector, lifter, prior
        self._count = 0

    def __call__(self) -> Any:
        from pipeline.live.recorder import Recorder
        from pipeline.results.schema import build_metadata

        metadata = build_metadata(
            camera=self._camera, prior=self._prior.describe(), detector=self._detector.describe(), preset="live",
            seed=0, settings=self._lifter.describe(), video=self._source.video,
        )  # fmt: skip
        self._count += 1
        return Recorder(self._outputs(), self._camera, metadata)

    def _outputs(self) -> Sequence[Path]:
        records = self._wanted.records
        if self._count == 1 and records:
            return records
        if not records:
            return [_free(Path(time.strftime("webcam-%Y%m%d-%H%M%S.mp4")))]
        return [_free(path.with_stem(f"{path.stem}-{self._count}")) for path in records]


def _free(path: Path) -> Path:
    """The path, or with a number behind it if it exists."""
    tried, number = path, 1
    while tried.exists():
        number += 1
        tried = path.with_stem(f"{path.stem}-{number}")
    return tried


@contextmanager
def _signals() -> Iterator[Callable[[], int | None]]:
    """Ctrl-C and the like only leave a note while the block runs: the session ends as after q."""
    received: list[int] = []
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {}
    try:
        for name in names:
            number = getattr(signal, name)
            before[number] = signal.signal(number, lambda number, frame: received.append(number))
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _greeting(source: LiveSource, camera: Camera, wanted: Wanted) -> str:
    from pipeline.live.session import KEYS

    video = source.video
    keys = ", ".join(f"{key} {what}" for key, what in KEYS.items())
    ends = "Ctrl-C ends" if not wanted.window and wanted.port is None else f"keys: {keys}"
    return f"{source.name}, {video.width} x {video.height}, camera: {camera.source}; {ends}"


def _summary(session: Session) -> str:
    meter = session.meter
    latency = meter.reading().latency_ms
    last = "" if latency is None else f", latency {latency:.0f} ms at the end"
    files = f" -> {_names(session.written)}" if session.written else ""
    reason = session.end.reason if session.end is not None else "closed"
    dropped = max(0, meter.captured - meter.displayed)
    return f"{reason}: {meter.displayed} frames displayed, {dropped} of {meter.captured} dropped{last}{files}"


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))
