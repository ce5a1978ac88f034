"""The browser page of a live session, by the standard library alone."""

from __future__ import annotations

import ipaddress
import json
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from pipeline.errors import InputError
from pipeline.live.feed import Feed
from pipeline.live.page import PAGE

__all__ = ["PageServer", "is_loopback"]

_WAIT_S = 2.0
#: Whoever has not finished a request, and taken the answer, after so many seconds is dropped.
_READER_S = 15.0
#: Connections at once: browsers open up to six for a page.
_MOST_READERS = 32
#: If there are as many, a new one takes the place of one that has been at a request for longer than a picture takes.
_PATIENCE_S = 2 * _WAIT_S
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"


class PageServer:
    """Serves the page, the newest picture, and takes keys.

    On a loopback address everybody on this machine may look; pages of other origins are refused. On any other address
    the token has to be part of every address. Connections are limited in number and time, so that a flood of them costs
    neither the session nor a page that looks already.

    Args:
        host: address to listen on.
        port: 0 takes any that is free.
        feed: pictures.
        status: what the page shows beside them.
        key: called for each key.

    Attributes:
        url: where the page is, with the token if it needs one.

    Raises:
        InputError: the address cannot be used.
    """

    def __init__(
        self, host: str, port: int, feed: Feed, status: Callable[[], dict[str, Any]], key: Callable[[str], None]
    ) -> None:
        self.token = "" if is_loopback(host) else secrets.token_urlsafe(18)
        handler = type("Handler", (_Handler,), {"feed": feed, "status": staticmethod(status), "key": staticmethod(key),
                                                "token": self.token})  # fmt: skip
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            server = type("Server", (_Server,), {"address_family": family})
            self._server: _Server = server((host, port), handler)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"the page cannot be served on {host} port {port} ({reason}); give another port with --serve, 0 is any"
            ) from error
        self.port = int(self._server.server_address[1])
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}/" + (f"?token={self.token}" if self.token else "")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="page", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(2.0)
        self._server.server_close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(address: str) -> SplitResult:
    """The parts of an address; one that makes no sense has none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Threads of readers that hang must not hold up the end.
    block_on_close = False
    allow_reuse_address = True
    # The kernel holds those that come at once.
    request_queue_size = 64

    def __init__(self, *given: Any) -> None:
        self._lock = threading.Lock()
        # When the last request was answered, or the connection was made.
        self._since: dict[socket.socket, float] = {}
        super().__init__(*given)

    def answered(self, connection: socket.socket) -> None:
        """A request has its answer: the time of the next one begins."""
        with self._lock:
            if connection in self._since:
                self._since[connection] = time.monotonic()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread of its own for a connection, if there is room."""
        if self._room():
            with self._lock:
                self._since[request] = time.monotonic()
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.setblocking(False)
            request.send(_FULL)
        self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Ten times a second: cut off who takes too long."""
        now = time.monotonic()
        with self._lock:
            for connection in [connection for connection, since in self._since.items() if now - since > _READER_S]:
                self._cut(connection)

    def _room(self) -> bool:
        with self._lock:
            if len(self._since) < _MOST_READERS:
                return True
            slowest, since = min(self._since.items(), key=lambda item: item[1])
            if time.monotonic() - since < _PATIENCE_S:
                return False
            self._cut(slowest)
            return True

    def _cut(self, connection: socket.socket) -> None:
        """End a connection under the lock, before which nobody closes it; its thread sees that and ends, too."""
        del self._since[connection]
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that closes a connection in the middle of a request is no error; what else happens is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _READER_S
    # A picture is one write: waiting for more to send with it would cost 40 ms.
    disable_nagle_algorithm = True
    server: _Server
    feed: Feed
    status: Callable[[], dict[str, Any]]
    key: Callable[[str], None]
    token: str

    def do_GET(self) -> None:
        address, query = self._address()
        if not self._allowed(query):
            return
        if address.path == "/":
            self._answer(200, PAGE.encode(), "text/html; charset=utf-8")
        elif address.path == "/frame":
            self._frame(query)
        elif address.path == "/status":
            self._answer(200, json.dumps(self._status()).encode(), "application/json")
        else:
            self._answer(404, b"there is nothing here\n", "text/plain")

    def do_POST(self) -> None:
        address, query = self._address()
        # A browser sends this header to other origins only after asking, and is not answered.
        if not self._allowed(query, "X-Zedo"):
            return
        if address.path != "/key":
            self._answer(404, b"there is nothing here\n", "text/plain")
            return
        self.key(query.get("k", [""])[0])
        self._answer(204)

    def _frame(self, query: dict[str, list[str]]) -> None:
        try:
            after = int(query.get("after", ["-1"])[0])
        except ValueError:
            self._answer(400, b"after is the number of a picture\n", "text/plain")
            return
        self.feed.drawn(after)
        picture = self.feed.newer(after, _WAIT_S)
        if picture is None:
            self._answer(503 if self.feed.closed else 204)
            return
        further = {"X-Frame": str(picture.number), "X-Status": json.dumps(self._status())}
        self._answer(200, picture.encoded(), "image/jpeg", further)

    def _address(self) -> tuple[SplitResult, dict[str, list[str]]]:
        address = _split(self.path)
        return address, parse_qs(address.query)

    def _status(self) -> dict[str, Any]:
        return {**self.status(), "page_ms": self.feed.page_latency_ms()}

    def _allowed(self, query: dict[str, list[str]], header: str | None = None) -> bool:
        if self.token:
            given = query.get("token", [""])[0]
            allowed = secrets.compare_digest(given.encode(), self.token.encode())
        else:
            # Names that others let point here (DNS rebinding) and pages of other origins may not look.
            hosts = self.headers.get_all("Host", [])
            allowed = len(hosts) == 1 and is_loopback(_split(f"//{hosts[0]}").hostname or "")
        allowed &= self.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
        allowed &= header is None or header in self.headers
        if not allowed:
            self._answer(403, b"not allowed: open the address that the program has printed\n", "text/plain")
        return allowed

    def _answer(
        self, code: int, body: bytes = b"", kind: str | None = None, further: dict[str, str] | None = None
    ) -> None:
        # Bodies are never read. On a connection that stays, one would be taken for the next request, and a page of
        # another origin chooses the bodies of its requests freely: it could press keys.
        has_body = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        self.close_connection |= code >= 400 or self.command != "GET" or has_body or bool(self.headers.defects)
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
        if self.close_connection:
            headers["Connection"] = "close"
        if kind is not None:
            headers["Content-Type"] = kind
        if code != 204:
            headers["Content-Length"] = str(len(body))
        try:
            self.send_response(code)
            for name, value in {**headers, **(further or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # The reader has gone.
            self.close_connection = True
        self.server.answered(self.connection)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: addresses hold tokens, and pictures come thirty times a second."""
