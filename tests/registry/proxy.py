"""A loopback proxy before a real registry that does to chosen requests what networks and proxies do.

What this is: cut connections, slow answers, refusals, missing features; everything else passes to the registry. What it
is not: a fake registry, it holds nothing.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 16


@dataclass
class Fault:
    """What happens to the next `times` requests of `method` whose path and query match the expression `path`."""

    method: str
    path: str
    times: int = 1
    larger: int = -1  # only to bodies of more bytes
    wait: float = 0.0  # seconds before it goes on
    status: int = 0  # answered so, and the registry sees nothing of it
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int = -1  # bytes of the request's body that get through before both connections break
    cut_answer: int = -1  # bytes of the answer's body that get through before the connection breaks

    def takes(self, method: str, path: str, length: int) -> bool:
        return bool(self.times and method == self.method and length > self.larger and re.search(self.path, path))


class Proxy:
    """`host` is what the client is told. `mounts`: False hides them; `single`: one POST may bring a whole blob."""

    def __init__(self, registry: str, *faults: Fault, mounts: bool = True, single: bool = False) -> None:
        self.registry, self.faults, self.mounts, self.single = registry, list(faults), mounts, single
        self.seen: list[tuple[str, str, int]] = []  # method, path and query, bytes of the body
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.host = f"127.0.0.1:{self._http.server_address[1]}"
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def fault(self, method: str, path: str, length: int) -> Fault | None:
        with self._lock:
            self.seen.append((method, path, length))
            found = next((each for each in self.faults if each.takes(method, path, length)), None)
            if found:
                found.times -= 1
            return found

    def count(self, method: str, path: str) -> int:
        return sum(1 for each in list(self.seen) if each[0] == method and re.search(path, each[1]))


class _Cut(Exception):
    """The connection was broken on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Proxy

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._left = int(self.headers.get("content-length") or 0)
        fault = self.owner.fault(self.command, self.path, self._left) or Fault("", "")
        try:
            time.sleep(fault.wait)
            if fault.status:
                self._drain()
                self._answer(fault.status, dict(fault.headers), fault.body)
            elif self.owner.single and self.command == "POST" and "?digest=" in self.path:
                self._single(fault)
            else:
                self._pass(self.path, self.command, fault)
        except (_Cut, OSError, http.client.HTTPException):
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _pass(self, path: str, method: str, fault: Fault) -> None:
        if not self.owner.mounts and "mount=" in path:
            path = path.partition("?")[0]
        upstream, response = self._exchange(path, method, fault)
        try:
            body = response.read()
            self._answer(response.status, dict(response.getheaders()), body, fault.cut_answer)
        finally:
            upstream.close()

    def _single(self, fault: Fault) -> None:
        """POST and PUT to the registry for one POST of the client."""
        path, _, query = self.path.partition("?")
        upstream = http.client.HTTPConnection(self.owner.registry)
        try:
            upstream.request("POST", path, headers={"Host": self.headers["host"], "Content-Length": "0"})
            opened = upstream.getresponse()
            opened.read()
            location = opened.headers["location"].partition(self.headers["host"])[2]
        finally:
            upstream.close()
        self._pass(f"{location}&{query}", "PUT", fault)

    def _exchange(
        self, path: str, method: str, fault: Fault
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        upstream = http.client.HTTPConnection(self.owner.registry)
        try:
            upstream.putrequest(method, path, True, True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders()
            passed = 0
            while self._left:
                most = min(PIECE, self._left, fault.cut - passed if fault.cut >= 0 else PIECE)
                if not most:
                    self._break()
                part = self.rfile.read(most)
                if not part:
                    raise _Cut
                self._left -= len(part)
                passed += len(part)
                upstream.send(part)
            if fault.cut >= 0:
                self._break()
            return upstream, upstream.getresponse()
        except BaseException:
            upstream.close()
            raise

    def _answer(self, status: int, headers: dict[str, str], body: bytes, cut: int = -1) -> None:
        lines = {name.lower(): value for name, value in headers.items()}
        if self.command != "HEAD":
            lines["content-length"] = str(len(body))
        self.send_response_only(status)
        for name, value in lines.items():
            if name not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body if cut < 0 else body[:cut])
        if cut >= 0:
            self.wfile.flush()
            time.sleep(0.05)
            self._break()

    def _drain(self) -> None:
        while self._left:
            part = self.rfile.read(min(PIECE, self._left))
            if not part:
                raise _Cut
            self._left -= len(part)

    def _break(self) -> None:
        """Reset: what a vanished peer or an impatient proxy does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Cut
