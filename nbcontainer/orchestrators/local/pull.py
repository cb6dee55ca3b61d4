"""A read-only registry on the loopback that serves one image for one pull.

What this is: the four answers that a pull asks for. What it is not: a registry to push to, or one that outlives `with`.
In the flow: BuiltImage -> *Pull* -> podman, which skips the layers that it has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from nbcontainer.image.layout import Fetch, opened
from nbcontainer.model import BuiltImage

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_BYTES = "application/octet-stream"


class Pull:
    """Serves `image` at `host` while it is entered; `report` is told the bytes that have left, `failure` what broke."""

    def __init__(self, image: BuiltImage, fetch: Fetch, report: Callable[[int], None]) -> None:
        self._image, self._fetch, self._report = image, fetch, report
        self._layers = {layer.digest: layer for layer in image.layers}
        self._lock = threading.Lock()
        self._sent = 0
        self.served: list[str] = []  # digests of the layers that were asked for
        self.failure: BaseException | None = None
        self._over = False

    def __enter__(self) -> Pull:
        pull = self

        class Handler(_Handler):
            of = pull

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="pull")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over = True  # a request that is being answered ends too
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        what = path.rpartition("/")[2]
        if path.rstrip("/") == "/v2":
            self._whole(request, b"{}", "application/json")
        elif "/manifests/" in path and what in (self._image.digest, self._image.digest[7:19]):
            self._whole(request, self._image.manifest, _MANIFEST)
        elif "/blobs/" in path and what == self._image.config_digest:
            self._whole(request, self._image.config, _BYTES)
        elif "/blobs/" in path and what in self._layers:
            self._layer(request, what)
        else:
            request.send_error(404)

    def _whole(self, request: BaseHTTPRequestHandler, data: bytes, kind: str) -> None:
        _head(request, len(data), kind, self._image.digest if kind == _MANIFEST else "")
        if request.command == "GET":
            request.wfile.write(data)
            self._count(len(data))

    def _layer(self, request: BaseHTTPRequestHandler, digest: str) -> None:
        layer = self._layers[digest]
        if request.command == "HEAD":
            return _head(request, layer.size, _BYTES)
        self.served.append(digest)
        try:
            source = opened(layer, self._fetch)
        except Exception as error:
            self.failure = error
            return request.send_error(500)
        with source:
            _head(request, layer.size, _BYTES)
            while chunk := self._read(source):
                request.wfile.write(chunk)
                self._count(len(chunk))

    def _read(self, source: Any) -> bytes:
        try:
            return bytes(source.read(1 << 18))
        except Exception as error:  # the connection ends short, so the pull fails
            self.failure = error
            raise ConnectionError from error

    def _count(self, size: int) -> None:
        with self._lock:
            self._sent += size
            try:
                self._report(self._sent)
            except BaseException as error:  # whoever watches wants it to end
                self.failure = error
        if self._over or self.failure is not None:
            raise ConnectionError("the pull was given up")


def _head(request: BaseHTTPRequestHandler, size: int, kind: str, digest: str = "") -> None:
    request.send_response(200)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(size))
    if digest:
        request.send_header("Docker-Content-Digest", digest)
    request.end_headers()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    of: Pull

    def do_GET(self) -> None:
        try:
            self.of.answer(self)
        except OSError:  # the engine has gone, or a layer broke off
            self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        pass
