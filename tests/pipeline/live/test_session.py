"""Live sessions from the source to the exit code, and the server of the page."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.people import Person2D
from lifting.geometry.camera import Camera
from pipeline.errors import InputError, OutputError
from pipeline.live.feed import Feed, Picture
from pipeline.live.recorder import Recorder
from pipeline.live.server import PageServer
from pipeline.live.session import Session
from pipeline.live.source import SourceLost
from pipeline.live.stats import Meter
from pipeline.media.decode import VideoInfo, read_frames
from pipeline.results.result import load_result
from tests.pipeline.command_line import command, zedo
from tests.pipeline.live.test_parts import Camera10, pose, somebody


def started(*arguments: object) -> subprocess.Popen[str]:
    """The program in a process of its own."""
    return subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


class Steady(Camera10):
    """A camera of 100 frames a second, without end."""

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        number = 0
        while not self.closed.wait(0.01):
            yield np.full((48, 64, 3), number % 256, np.uint8)
            number += 1


class SlowDetector:
    name, layout, chosen = "slow", "coco17", ""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def detect(self, image_rgb: Any, previous: Sequence[Person2D] = (), frame_index: int = 0) -> list[Person2D]:
        time.sleep(self.seconds)
        return [somebody(20, 20), somebody(400, 20)]

    def describe(self) -> dict[str, Any]:
        return {}


class PretendLifter:
    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.resets = 0
        self.lifted: list[list[int]] = []

    def lift(self, people: Sequence[Person2D], time_s: float, camera: Camera) -> Any:
        time.sleep(self.seconds)
        self.lifted.append([person.track_id or 0 for person in people])
        return [pose(person.track_id or 0) for person in people]

    def reset(self) -> None:
        self.resets += 1


class TestSession:
    camera = Camera.from_fov(55, (64, 48), "test")

    def session(self, source: Camera10, **more: Any) -> Session:
        detector = SlowDetector(more.pop("seconds", 0.01))
        lifter: Any = more.pop("lifter", PretendLifter())
        return Session(source, detector, lifter, self.camera, Meter(keep_all=True), feed=Feed(), **more)

    @pytest.mark.slow
    def test_who_is_slow_misses_frames_but_shows_no_old_ones(self) -> None:
        session = self.session(Steady(), lifter=PretendLifter(0.1))
        session.start()
        until(lambda: session.meter.displayed >= 15)
        session.close()
        ages = [latency for _, latency, _, _ in session.meter.all]
        # Frames come every 10 ms and are lifted for 100: a queue would be seconds long by now.
        assert np.median(ages) < 0.3
        assert np.median(ages[-5:]) < np.median(ages[:5]) + 0.15
        assert session.meter.reading().dropped > 50

    @pytest.mark.slow
    def test_a_slow_detector_delays_no_picture(self) -> None:
        lifter = PretendLifter()
        session = self.session(Steady(), seconds=0.5, lifter=lifter)
        session.start()
        until(lambda: [1, 2] in lifter.lifted)
        seen = len(lifter.lifted)
        until(lambda: len(lifter.lifted) > seen + 20)
        session.close()
        # Two sights of half a second until they are believed, and they are in every picture from then on.
        assert set(map(tuple, lifter.lifted)) == {(), (1, 2)}
        assert lifter.lifted[-1] == [1, 2]
        assert np.median([latency for _, latency, _, _ in session.meter.all]) < 0.25

    @pytest.mark.slow
    def test_people_are_where_they_are_in_the_frame_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = Comparing()
        monkeypatch.setattr("pipeline.live.session.LiveComposer", lambda *given: shown)
        session = Session(Passing(), SlowReader(), shown, self.camera, Meter(), feed=Feed())  # type: ignore[arg-type]
        session.start()
        until(lambda: len(shown.errors_px) > 25)
        session.close()
        # The detector sees every ninth frame, and tells when it has moved by 18 px.
        assert np.median(shown.errors_px) < 1

    def test_keys(self) -> None:
        lifter = PretendLifter()
        session = self.session(Steady(), lifter=lifter)
        session.start()
        until(lambda: [1, 2] in lifter.lifted)
        session.key("p")
        until(lambda: lifter.lifted[-1] == [1])
        session.key("p")
        until(lambda: lifter.lifted[-1] == [2])
        assert session.status()["person"] == 2
        session.key("p")
        until(lambda: lifter.lifted[-1] == [1, 2])
        session.key("m")
        assert session.status()["mirrored"]
        session.key("space")
        until(lambda: lifter.resets == 1)
        session.key("q")
        assert session.end is not None and session.end.reason == "quit"
        session.close()

    @pytest.mark.slow
    def test_recording_by_key_and_at_the_end(self, tmp_path: Path) -> None:
        names = iter("ab")
        session = self.session(
            Steady(), new_recorder=lambda: Recorder([tmp_path / f"{next(names)}.mp4"], self.camera, {})
        )
        session.start()
        for _ in range(2):
            session.key("r")
            assert session.status()["recording"]
            first = session.meter.displayed
            until(lambda first=first: session.meter.displayed > first + 5)
            if not session.written:
                session.key("r")
        session.close()
        assert [path.name for path in session.written] == ["a.mp4", "b.mp4"]
        assert all(len(list(read_frames(path))) > 3 for path in session.written)

    def test_a_camera_that_is_unplugged_leaves_a_complete_recording(self, tmp_path: Path) -> None:
        file = tmp_path / "a.mp4"
        session = self.session(
            SlowlyUnplugged(), new_recorder=lambda: Recorder([file], self.camera, {}), recording=True
        )
        session.start()
        until(lambda: session.end)
        session.close()
        assert session.end is not None and isinstance(session.end.error, SourceLost)
        assert session.written == [file] and len(list(read_frames(file))) >= 3

    def test_an_error_in_a_stage_ends_it(self) -> None:
        session = self.session(Steady(), lifter=Broken())
        session.start()
        until(lambda: session.end)
        session.close()
        assert session.end is not None and str(session.end.error) == "a defect"


class Passing(Camera10):
    """A textured picture that moves by 2 px a frame to the right, 30 frames a second; its corner tells the number."""

    video = VideoInfo(Path("test"), 640, 240, 30.0, None, None, 0, False, "", None, 1.0, False, False)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        small = np.random.default_rng(0).integers(0, 255, (30, 144, 3)).astype(np.uint8)
        wide = np.asarray(cv2.resize(small, (1152, 240)), np.uint8)
        for number in range(256):
            if self.closed.wait(1 / 30):
                return
            image = np.ascontiguousarray(wide[:, 512 - 2 * number : 1152 - 2 * number])
            image[0, 0] = number
            yield image


def passing(image: NDArray[np.uint8]) -> Person2D:
    """Somebody who goes with the picture of ``Passing``."""
    return somebody(60.0 + 2 * int(image[0, 0, 0]), 120.0)


class SlowReader(SlowDetector):
    """Tells late who is in the picture."""

    def __init__(self) -> None:
        super().__init__(0.3)

    def detect(self, image_rgb: Any, previous: Sequence[Person2D] = (), frame_index: int = 0) -> list[Person2D]:
        time.sleep(self.seconds)
        return [passing(image_rgb)]


class Comparing(PretendLifter):
    """Compares where people are shown with where they are."""

    def __init__(self) -> None:
        super().__init__()
        self.errors_px: list[float] = []

    def lift(self, people: Sequence[Person2D], time_s: float, camera: Camera) -> Any:
        return [replace(pose(person.track_id or 0), keypoints_px=person.keypoints_px) for person in people]

    def compose(self, image: Any, poses: Sequence[Any], time_s: float, notes: Any, *, mirrored: bool) -> Any:
        self.errors_px += [float(np.abs(p.keypoints_px - passing(image).keypoints_px).max()) for p in poses]
        return image


class SlowlyUnplugged(Camera10):
    def frames(self) -> Iterator[NDArray[np.uint8]]:
        for number in range(20):
            time.sleep(0.02)
            yield np.full((48, 64, 3), number, np.uint8)
        raise SourceLost("unplugged")


class Broken(PretendLifter):
    def lift(self, people: Sequence[Person2D], time_s: float, camera: Camera) -> Any:
        raise RuntimeError("a defect")


class TestServer:
    @pytest.fixture
    def feed(self) -> Feed:
        feed = Feed()
        feed.put(Picture(0, np.zeros((8, 8, 3), np.uint8), time.perf_counter(), 0.0, 0.0))
        return feed

    def serve(self, feed: Feed, host: str = "127.0.0.1") -> tuple[PageServer, list[str]]:
        keys: list[str] = []
        server = PageServer(host, 0, feed, lambda: {"fps": 1.0}, keys.append)
        server.start()
        return server, keys

    def ask(
        self, server: PageServer, path: str, method: str = "GET", **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        found = answer.status, answer.read(), answer.headers
        connection.close()
        return found

    def test_page_pictures_and_keys(self, feed: Feed) -> None:
        server, keys = self.serve(feed)
        assert server.url == f"http://127.0.0.1:{server.port}/"
        assert b"<canvas" in self.ask(server, "/")[1]
        code, body, headers = self.ask(server, "/frame?after=-1")
        assert code == 200 and body[:2] == b"\xff\xd8" and headers["X-Frame"] == "0"
        assert json.loads(headers["X-Status"]) == {"fps": 1.0, "page_ms": None}
        assert self.ask(server, "/key?k=m", "POST", X_Zedo="1")[0] == 204
        assert keys == ["m"]
        assert self.ask(server, "/other")[0] == 404
        server.close()

    def test_a_slow_reader_gets_the_newest(self, feed: Feed) -> None:
        server, _ = self.serve(feed)
        self.ask(server, "/frame?after=-1")
        for number in range(1, 40):
            feed.put(Picture(number, np.zeros((8, 8, 3), np.uint8), time.perf_counter() - 0.5, 0.0, 0.0))
        assert self.ask(server, "/frame?after=0")[2]["X-Frame"] == "39"
        # asking for the next one says that this one was drawn
        threading.Timer(0.1, feed.put, [Picture(40, np.zeros((8, 8, 3), np.uint8), 0.0, 0.0, 0.0)]).start()
        status = json.loads(self.ask(server, "/frame?after=39")[2]["X-Status"])
        # the median of picture 0, drawn at once, and of picture 39, half a second old
        assert 240 < status["page_ms"] < 1000
        server.close()

    def test_the_end_is_told(self, feed: Feed) -> None:
        server, _ = self.serve(feed)
        threading.Timer(0.1, feed.close).start()
        assert self.ask(server, "/frame?after=0")[0] == 503
        server.close()
        with pytest.raises(OSError):
            self.ask(server, "/")

    def test_others_may_not_look(self, feed: Feed) -> None:
        server, keys = self.serve(feed)
        assert self.ask(server, "/frame", Host="evil.example")[0] == 403
        assert self.ask(server, "/frame", Sec_Fetch_Site="cross-site")[0] == 403
        assert self.ask(server, "/key?k=q", "POST")[0] == 403
        assert keys == []
        server.close()

    def test_other_machines_need_the_token(self, feed: Feed) -> None:
        server, keys = self.serve(feed, "0.0.0.0")
        token = server.url.partition("?token=")[2]
        assert len(token) > 20
        for path in ("/", "/frame?after=-1", "/frame?after=-1&token=wrong", "/status"):
            assert self.ask(server, path)[0] == 403
        assert self.ask(server, "/key?k=q", "POST", X_Zedo="1")[0] == 403 and keys == []
        assert self.ask(server, f"/frame?after=-1&token={token}", Host="my-laptop:80")[0] == 200
        server.close()

    def test_a_browser_that_hangs_up_is_no_error(self, feed: Feed, capsys: pytest.CaptureFixture[str]) -> None:
        server, _ = self.serve(feed)
        for sent in (b"", b"GET / HT"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall(sent)
                # closing with data on its way, or at once, resets the connection
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert self.ask(server, "/")[0] == 200
        time.sleep(0.3)
        server.close()
        assert "Traceback" not in capsys.readouterr().err

    def exchange(self, server: PageServer, sent: bytes) -> bytes:
        """Everything that comes back for the bytes until the server closes; fails if it keeps the connection."""
        answer = b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(1 << 16):
                    answer += part
            except TimeoutError:
                pytest.fail("the connection was kept")
            except OSError:
                # closed with bytes unread at its end, which resets it
                pass
        return answer

    def open_after(self, server: PageServer, sent: bytes) -> bool:
        """Whether the connection stays for another request."""
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(sent)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            answer.read()
            try:
                connection.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return connection.recv(1) != b""
            except ConnectionError:
                return False

    PRESS = b"POST /key?k=q HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Zedo: 1\r\n\r\n"

    @pytest.mark.parametrize(
        "head",
        [
            "POST /key?k=m HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n{length}",
            "POST /other HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Zedo: 1\r\n{length}",
            "POST /key?k=m HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Zedo: 1\r\n{length}",
            "POST /key?k=m HTTP/1.1\r\nHost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n",
            "GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}",
            "GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n",
            "GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding : chunked\r\n",
            "GET /other HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}",
            "GET / HTTP/1.1\r\nHost: evil.example\r\n{length}",
            "PUT /key?k=m HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}",
            "GET /frame?after=x HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}",
        ],
    )
    def test_the_body_of_a_request_is_not_a_request(self, feed: Feed, head: str) -> None:
        server, keys = self.serve(feed)
        request = head.format(length=f"Content-Length: {len(self.PRESS)}\r\n").encode() + b"\r\n"
        self.exchange(server, request + self.PRESS)
        assert not self.open_after(server, request)
        server.close()
        assert "q" not in keys

    def test_looking_keeps_the_connection(self, feed: Feed) -> None:
        server, _ = self.serve(feed)
        assert self.open_after(server, b"GET /frame?after=-1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.close()

    def test_pipelined_requests_are_answered_in_turn_up_to_a_refusal(self, feed: Feed) -> None:
        server, keys = self.serve(feed)
        look = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
        refused = b"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n"
        answer = self.exchange(server, 2 * look + refused + look + self.PRESS)
        codes = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
        assert codes in ([b"200", b"200", b"403"], []) and keys == []
        server.close()

    @pytest.mark.parametrize("host", ["[", "[::1", "]", "", "localhost:x", "local\x00host", "\xff", "a" * 60000])
    def test_a_host_that_makes_no_sense_is_refused(
        self, feed: Feed, host: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server, _ = self.serve(feed)
        answer = self.exchange(server, b"GET /status HTTP/1.1\r\nHost: " + host.encode("latin-1") + b"\r\n\r\n")
        assert answer.split()[1] == (b"200" if host == "localhost:x" else b"403")
        assert self.exchange(server, b"GET /status HTTP/1.1\r\n\r\n").split()[1] == b"403"
        twice = b"GET /status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
        assert self.exchange(server, twice).split()[1] == b"403"
        server.close()
        assert "Traceback" not in capsys.readouterr().err

    def test_fuzz(self, feed: Feed, capsys: pytest.CaptureFixture[str]) -> None:
        """Nothing but a request of our own page presses a key, and nothing stops the server or makes it complain."""
        random = Random(0)
        server, keys = self.serve(feed)
        pieces = [
            [b"GET", b"POST", b"HEAD", b"OPTIONS", b"\x16\x03\x01", b"get", b"", b"X" * 70000],
            [b"/", b"/status", b"/frame?after=-1", b"/frame?after=" + b"9" * 5000, b"http://[", b"//[", b"/key?k=q",
             b"*", b"/status?" + b"&" * 5000, b"/%", b"/\xff%00"],
            [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9.9", b"HTTP/1." + b"1" * 5000, b"HTTP/1.\xb2", b"", b"ICY"],
            [b"Host: 127.0.0.1", b"Host: [", b"Host: localhost", b"host:", b"Host: evil.example",
             b"A: " + b"b" * 70000],
            [b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: " + b"9" * 400,
             b"Expect: 100-continue", b"Connection: keep-alive", b"Sec-Fetch-Site: cross-site", b": x", b"\x00\xff",
             b"Transfer-Encoding: chunked", b"X: y\r\n" * 200],
            [b"", b"abcde", self.PRESS.replace(b"X-Zedo", b"X-Other"), b"5\r\nabcde\r\n0\r\n\r\n", b"\r\n" * 100],
        ]  # fmt: skip
        for _ in range(300):
            method, path, version, host, further, body = (random.choice(some) for some in pieces)
            sent = bytearray(b"%b %b %b\r\n%b\r\n%b\r\n\r\n%b" % (method, path, version, host, further, body))
            for _ in range(random.choice((0, 0, 1, 5))):
                sent[random.randrange(len(sent))] = random.randrange(256)
            self.exchange(server, bytes(sent[: random.choice((len(sent), random.randrange(1, len(sent) + 1)))]))
        assert keys == []
        assert self.ask(server, "/status")[0] == 200
        server.close()
        assert "Traceback" not in capsys.readouterr().err

    def test_a_flood_of_connections_stops_nobody(
        self, feed: Feed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("pipeline.live.server._PATIENCE_S", 60)
        server, keys = self.serve(feed)
        before = threading.active_count()
        page = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

        def look(after: int) -> int:
            page.request("GET", f"/frame?after={after}")
            answer = page.getresponse()
            answer.read()
            return answer.status

        assert look(-1) == 200
        kept_by_page, flood = page.sock, []
        for number in range(300):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            with suppress(OSError):
                connection.sendall([b"", b"GET / HT", self.PRESS[:-2]][number % 3])
            flood.append(connection)
            if number % 30 == 0:
                feed.put(Picture(number + 1, np.zeros((8, 8, 3), np.uint8), time.perf_counter(), 0.0, 0.0))
                assert look(number) == 200
        # The page has its connection still, late ones were refused, and threads are limited.
        assert page.sock is kept_by_page and flood[297].recv(99).startswith(b"HTTP/1.1 503 ")
        assert threading.active_count() - before <= 32 and keys == []
        # Who has asked nothing for a while gives way to whoever comes.
        monkeypatch.setattr("pipeline.live.server._PATIENCE_S", 0.2)
        time.sleep(0.25)
        assert look(-1) == 200
        for _ in range(40):
            assert self.ask(server, "/status")[0] == 200
        assert look(-1) == 200 and page.sock is kept_by_page
        page.close()
        for connection in flood:
            connection.close()
        until(lambda: threading.active_count() <= before)
        server.close()
        assert "Traceback" not in capsys.readouterr().err

    @pytest.mark.parametrize(
        "sent", [b"", b"GET /status HTTP/1.1\r\nHost: ", b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    )
    def test_who_sends_too_slowly_is_dropped(self, feed: Feed, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pipeline.live.server._READER_S", 0.5)
        server, _ = self.serve(feed)
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow:
            slow.sendall(sent)
            # Each byte comes soon after the one before, the end of the request never.
            with pytest.raises(ConnectionError):
                while time.monotonic() < began + 5:
                    slow.sendall(b"x")
                    time.sleep(0.05)
        assert time.monotonic() - began < 3
        assert self.ask(server, "/status")[0] == 200
        server.close()

    def test_who_takes_nothing_is_dropped(self, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8)
        feed.put(Picture(1, noise, time.perf_counter(), 0.0, 0.0))
        server, _ = self.serve(feed)
        readers = server._server._since
        self.ask(server, "/frame?after=-1")
        until(lambda: not readers)
        monkeypatch.setattr("pipeline.live.server._READER_S", 0.5)
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", server.port))
            slow.sendall(b"GET /frame?after=-1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
            until(lambda: readers)
            until(lambda: not readers, seconds=5)
        server.close()

    def test_a_port_in_use(self, feed: Feed) -> None:
        server, _ = self.serve(feed)
        with pytest.raises(InputError, match="another port"):
            PageServer("127.0.0.1", server.port, feed, dict, print)
        server.close()


class TestCommand:
    @pytest.mark.slow
    def test_a_file_to_its_end(self, tmp_path: Path, sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
        film, data = tmp_path / "live.mp4", tmp_path / "live.npz"
        assert zedo("webcam", "--source", sample, "--headless", "--record", film, "--record", data) == 0
        said = capsys.readouterr().out
        assert "the source has ended" in said and str(film) in said
        (track,) = load_result(data).tracks
        assert len(track) >= 3 and np.isfinite(track.joints_m[track.seen]).all()
        assert load_result(data).metadata["settings"]["lifting"]["causal"]
        frames = list(read_frames(film))
        assert frames[0].image.shape == (480, 1120, 3) and frames[-1].time_s > 1.5

    @pytest.mark.slow
    def test_seconds(self, sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert zedo("webcam", "--source", sample, "--loop", "--headless", "--seconds", 1) == 0
        assert "the time is over" in capsys.readouterr().out

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_signals_leave_a_complete_recording(
        self, tmp_path: Path, sample: Path, number: signal.Signals, code: int
    ) -> None:
        film, data = tmp_path / "live.mp4", tmp_path / "live.npz"
        process = started(
            "webcam", "--source", sample, "--loop", "--serve", 0, "--record", film, "--record", data
        )  # fmt: skip
        assert process.stdout is not None
        port = int(re.findall(r":(\d+)/", process.stdout.readline())[0])
        seen, together = -1, 0

        def some_frames() -> bool:
            nonlocal seen, together
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", f"/frame?after={seen}")
            answer = connection.getresponse()
            answer.read()
            seen = int(answer.headers.get("X-Frame", seen))
            together += bool(json.loads(answer.headers.get("X-Status", "{}")).get("people"))
            return together > 8

        until(some_frames, 60)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert process.returncode == code, err
        assert f"stopped by {number.name}" in out and err == ""
        assert len(list(read_frames(film))) >= 5
        assert len(load_result(data).tracks) == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["live.mp4", "live.npz"]

    def test_no_screen(self, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        with pytest.raises(InputError, match="--serve"):
            zedo("webcam", "--source", sample)

    def test_what_cannot_be_done_is_said_first(self, tmp_path: Path, sample: Path) -> None:
        with pytest.raises(InputError, match="does not exist"):
            zedo("webcam", "--source", tmp_path / "none.mp4", "--headless")
        with pytest.raises(OutputError, match="extension"):
            zedo("webcam", "--source", sample, "--headless", "--record", tmp_path / "a.xyz")
        (tmp_path / "a.mp4").write_bytes(b"precious")
        with pytest.raises(OutputError, match="exists already"):
            zedo("webcam", "--source", sample, "--headless", "--record", tmp_path / "a.mp4")
        assert (tmp_path / "a.mp4").read_bytes() == b"precious"


@pytest.mark.slow
def test_bench_live(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    zedo("bench", "--live", "--live-seconds", 2, "--json", file, "--quiet")
    found = json.loads(file.read_text("utf-8"))["metrics"]
    assert found["fps"] > 1 and 0 < found["latency_median_ms"] <= found["latency_p95_ms"]
    assert 0 < found["lift_median_ms"] < found["latency_median_ms"]
    assert 0 <= found["dropped"] <= found["captured"]


@pytest.mark.slow
def test_evaluate_live(tmp_path: Path) -> None:
    """Known answers: live is compared with the same sequences as tracks."""
    from tests.pipeline.evaluate.test_mocap_and_multiview import mocap_arrays

    data, file = tmp_path / "test.npz", tmp_path / "mocap.json"
    np.savez(data, allow_pickle=False, **mocap_arrays())
    zedo(
        "evaluate", "mocap", "--data", data, "--count", 4, "--sequences", 1, "--steps", 4, "--live", "--json", file,
        "--quiet",
    )  # fmt: skip
    found = json.loads(file.read_text("utf-8"))
    rows = {(row["name"], row["noise_px"]): row["metrics"] for row in found["per_group"]}
    metrics = found["metrics"]
    live, track = rows["sequences, live", 5.0], rows["sequences", 5.0]
    assert metrics["pa_mpjpe_mm"] == track["pa_mpjpe_mm"]["value"]
    assert metrics["live_noisy_pa_mpjpe_mm"] == live["pa_mpjpe_mm"]["value"]
    difference = live["pa_mpjpe_mm"]["value"] - track["pa_mpjpe_mm"]["value"]
    assert metrics["live_noisy_more_pa_mpjpe_mm"] == pytest.approx(difference)
    ratio = live["acceleration_error_mm"]["value"] / track["acceleration_error_mm"]["value"]
    assert metrics["live_noisy_acceleration_ratio"] == pytest.approx(ratio)
    assert found["protocol"]["live"]["lifting"]["causal"]
