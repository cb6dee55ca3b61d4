"""One HTTP connection: requests in, answers out, until either side has had enough.

What this is: HTTP/1.1 with keep-alive over the standard library's parser. What it is not: the listener (serve.py), or
the prediction (service.py).
"""

from __future__ import annotations

import select
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

from .metrics import TYPE
from .service import problem

IDLE = 75  # seconds that an unused connection is kept
JSON = "application/json"
_PROBED = ("/healthz", "/readyz", "/metrics")
_READ = ("/", "/openapi.json", *_PROBED)


class TooLarge(Exception):
    pass


class Connection(BaseHTTPRequestHandler):
    """Handles one connection in its own thread; `server` is serve.Server."""

    protocol_version = "HTTP/1.1"
    server_version = "nbcontainer"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece
    timeout = 60  # seconds in which a request must arrive once it has begun
    server: Any

    def handle(self) -> None:
        self.close_connection = False
        while not self.close_connection and self._more():
            self.handle_one_request()

    def _more(self) -> bool:
        """Wait for the next request; False when none will be answered."""
        began = time.monotonic()
        while True:
            if getattr(self.rfile, "peek", None) and self._buffered():
                return True
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            if readable:
                return True
            idle = time.monotonic() - began
            if idle > IDLE or (self.server.idle_must_go() and idle > 0.1):
                return False

    def _buffered(self) -> bool:
        self.connection.setblocking(False)
        try:
            return bool(self.rfile.peek(1))  # type: ignore[attr-defined]
        except (BlockingIOError, OSError):
            return False
        finally:
            self.connection.settimeout(self.timeout)

    # ------------------------------------------------------------ methods
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        service = self.server.service
        if path == "/healthz":
            self._answer(200, b'{"status":"ok"}')
        elif path == "/readyz":
            draining = self.server.draining
            self._answer(503 if draining else 200, b'{"status":"draining"}' if draining else b'{"status":"ready"}')
        elif path == "/metrics":
            self._answer(200, service.metrics.text().encode(), TYPE)
        elif path == "/openapi.json":
            self._answer(200, service.described())
        elif path == "/":
            named = ", ".join(service.signature.named)
            self._answer(200, f"POST /predict calls {service.name}({named})\n".encode(), "text/plain; charset=utf-8")
        else:
            self._refuse(path)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        try:
            body = self._body()
        except TooLarge:
            self.close_connection = True
            self._answer(413, problem(f"the body is larger than {self.server.largest} bytes"))
            return
        except (ValueError, OSError) as error:
            self.close_connection = True
            self._answer(400, problem(f"the body can't be read: {error}"))
            return
        if path != "/predict":
            self._refuse(path)
            return
        self._answer(*self.server.service.predict(body))

    def _other(self) -> None:
        self.close_connection = True  # its body is not read
        self._refuse(self.path.partition("?")[0])

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _other

    def handle_expect_100(self) -> bool:
        going_on = super().handle_expect_100()
        self.wfile.flush()  # the body comes only after this
        return going_on

    # ------------------------------------------------------------ parts
    def _refuse(self, path: str) -> None:
        allowed = "POST" if path == "/predict" else "GET, HEAD" if path in _READ else ""
        if allowed:
            self._answer(405, problem(f"{path} takes {allowed}"), allow=allowed)
        else:
            self._answer(404, problem(f"there is no {path}; POST /predict answers"))

    def _body(self) -> bytes:
        """The request's body. Raises TooLarge, ValueError."""
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return self._chunks()
        length = int(self.headers.get("Content-Length") or 0)
        if length < 0:
            raise ValueError("Content-Length is negative")
        if length > self.server.largest:
            raise TooLarge
        body = self.rfile.read(length)
        if len(body) < length:
            raise ValueError("it ended early")
        return body

    def _chunks(self) -> bytes:
        parts, total = [], 0
        while True:
            size = int(self.rfile.readline(1000).split(b";")[0], 16)
            total += size
            if total > self.server.largest:
                raise TooLarge
            parts.append(self.rfile.read(size))
            if not size:
                while self.rfile.readline(65536).strip():  # trailers
                    pass
                return b"".join(parts)
            self.rfile.readline(1000)

    def _answer(self, code: int, body: bytes, kind: str = JSON, allow: str = "") -> None:
        if self.server.draining:
            self.close_connection = True
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if allow:
            self.send_header("Allow", allow)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    # ------------------------------------------------------------ log
    def parse_request(self) -> bool:
        self._began = time.perf_counter()
        return super().parse_request()

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """One line for each answer; probes that find what they want are not told."""
        seconds = time.perf_counter() - getattr(self, "_began", time.perf_counter())
        path = getattr(self, "path", "?").partition("?")[0]
        known = path == "/predict" or path in _READ
        self.server.service.metrics.answered(path if known else "other", int(code), seconds)
        if path in _PROBED and int(code) in (200, 503):
            return
        shown = path.encode("ascii", "backslashreplace").decode()[:200]
        sys.stdout.write(f"{getattr(self, 'command', '-')} {shown} {int(code)} {seconds * 1000:.1f}ms\n")
        sys.stdout.flush()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Errors of the parser as JSON too."""
        self.close_connection = True
        self.request_version = self.protocol_version  # a line that wasn't understood is answered in full too
        self.command = getattr(self, "command", None) or "-"
        self._answer(int(code), problem(message or "bad request"))


def finish(connection: socket.socket) -> None:
    """Close so that the last answer arrives: what the other side still sends is read and dropped."""
    try:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.5)
        for _ in range(16):
            if not connection.recv(65536):
                break
    except OSError:
        pass
    connection.close()
