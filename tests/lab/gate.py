"""A way to a registry that a test can hold, so that a push is in the middle for as long as the test likes.

What this is: a plain TCP relay on loopback. What it is not: a registry; the requests are the real one's to answer.
"""

from __future__ import annotations

import contextlib
import socket
import threading


class Gate:
    """`host` is what to name instead of the registry. Held, it lets the pusher ask and passes on nothing to keep."""

    def __init__(self, registry: str) -> None:
        name, _, port = registry.rpartition(":")
        self._far = (name, int(port))
        self._open = threading.Event()
        self._open.set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def close(self) -> None:
        self.release()
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                near, _ = self._door.accept()
                threading.Thread(target=self._pass, args=(near,), daemon=True).start()

    def _pass(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._far) as far:
            back = threading.Thread(target=self._relay, args=(far, near, False), daemon=True)
            back.start()
            self._relay(near, far, True)
            back.join()

    def _relay(self, source: socket.socket, sink: socket.socket, gated: bool) -> None:
        with contextlib.suppress(OSError):  # either end went
            while data := source.recv(65536):
                if gated and data.startswith((b"PATCH ", b"PUT ")):
                    self._open.wait()
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
