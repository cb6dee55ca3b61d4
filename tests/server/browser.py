"""A browser's requests: with the login cookie and its XSRF token, with the token, with neither; from here or elsewhere.

What this is: raw HTTP and websockets to a real server. What it is not: a test, or the panel (panel.py).
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from tests.doors.jupyter_server import TOKEN, Server


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Browser:
    """`cookies` are what the server has set; a fresh one is logged in nowhere."""

    server: Server
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return str(self.server.info["base_url"]).rstrip("/")

    @property
    def port(self) -> int:
        return int(self.server.info["port"])

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request below the base URL; `headers` with '_' for '-'. `body`: bytes as they are, else JSON."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, self.base + path, data, sent)
            found = connection.getresponse()
            for line in found.headers.get_all("Set-Cookie") or []:
                self.cookies.update({name: morsel.coded_value for name, morsel in SimpleCookie(line).items()})
            return Answer(found.status, dict(found.headers.items()), found.read())
        finally:
            connection.close()

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self.ask(method, f"/nbcontainer/api{path}", body, **headers)

    def with_token(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self.api(method, path, body, Authorization=f"token {TOKEN}", **headers)

    def log_in(self) -> Browser:
        """By the login form, as a person does."""
        self.ask("GET", "/login")
        form = urlencode({"password": TOKEN, "_xsrf": self.cookies["_xsrf"]}).encode()
        found = self.ask("POST", "/login", form, Content_Type="application/x-www-form-urlencoded")
        assert found.status == 302, found
        assert any(name.startswith("username-") for name in self.cookies), self.cookies
        return self

    def socket(self, **headers: str) -> tuple[int, Any]:
        """(status, an open websocket or None) of the events' address; `Origin` is sent only when given."""
        import websocket

        named = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if name != "Origin"]
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        origin = {"origin": headers["Origin"]} if "Origin" in headers else {"suppress_origin": True}
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        try:
            opened = websocket.create_connection(
                f"ws://127.0.0.1:{self.port}{self.base}/nbcontainer/api/events", socket=raw, header=named,
                cookie=cookie or None, **origin)
        except websocket.WebSocketBadStatusException as refused:
            raw.close()
            return int(refused.status_code), None
        return 101, opened

    def as_written(self, target: str, method: str = "GET") -> Answer:
        """A request whose target goes out byte for byte, with the token."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as raw:
            raw.sendall(f"{method} {self.base}{target} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n"
                        f"Authorization: token {TOKEN}\r\nContent-Length: 0\r\n\r\n".encode("utf-8", "surrogateescape"))
            data = b""
            while part := raw.recv(1 << 16):
                data += part
        head, _, body = data.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1.1 (\d+)", head)
        assert status, head
        return Answer(int(status[1]), {}, body)


