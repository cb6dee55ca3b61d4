"""A scripted API server on loopback: real HTTP, answers as told. For what a healthy cluster can't be made to do."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from nbcontainer.model import Target

Object = dict[str, Any]


class Exchange:
    """One request, and the ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self.method = handler.command
        parts = urlsplit(handler.path)
        self.path = parts.path
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.headers = handler.headers
        length = int(handler.headers.get("content-length") or 0)
        self.body = json.loads(handler.rfile.read(length)) if length else {}

    @property
    def watching(self) -> bool:
        return self.query.get("watch") == "1"

    def json(self, body: Object, code: int = 200, **headers: str) -> None:
        data = json.dumps(body).encode()
        self._handler.send_response(code)
        for key, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
            self._handler.send_header(key.replace("_", "-"), value)
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def refuse(self, code: int, reason: str, message: str = "", **headers: str) -> None:
        self.json({"kind": "Status", "code": code, "reason": reason, "message": message}, code, **headers)

    def start(self) -> None:
        self._handler.send_response(200)
        self._handler.send_header("transfer-encoding", "chunked")
        self._handler.end_headers()

    def send(self, data: bytes | Object) -> None:
        """One chunk of a streamed answer; an object becomes a line."""
        raw = data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n"
        self._handler.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
        self._handler.wfile.flush()

    def finish(self) -> None:
        self._handler.wfile.write(b"0\r\n\r\n")

    def drop(self) -> None:
        """Break the connection here."""
        self._handler.close_connection = True
        try:
            self._handler.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Wire:
    """The server; `target` leads to it, namespace "team". `answer` is called in a thread per connection."""

    def __init__(self, answer: Callable[[Exchange], None], folder: Path) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:  # either side has hung up, as many tests want it
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _answer(self) -> None:
                answer(Exchange(self))

            do_GET = do_POST = do_PATCH = do_DELETE = _answer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        config = folder / f"wire-{self._server.server_address[1]}.conf"
        config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "wire",
            "clusters": [{"name": "wire", "cluster": {"server": self.url}}],
            "users": [{"name": "ada", "user": {"token": "secret"}}],
            "contexts": [{"name": "wire", "context": {"cluster": "wire", "user": "ada", "namespace": "team"}}],
        }))
        self.target = Target(name="wire", orchestrator="kubernetes", kubeconfig=str(config))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def listed(version: str, *things: Object, more: str = "") -> Object:
    """A list as the API server answers it."""
    return {"kind": "List", "metadata": {"resourceVersion": version, **({"continue": more} if more else {})},
            "items": list(things)}
