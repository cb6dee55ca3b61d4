"""A held port of this machine: accepts on 127.0.0.1 and serves each connection in a thread of its own.

What this is: what every orchestrator's forward() shares. What it is not: the way on, which each orchestrator adds.
In the flow: Run.forward -> *Listener* -> an engine's port or a pod.
"""

from __future__ import annotations

import socket
import threading

from nbcontainer.errors import UsageError


class Listener:
    """`url` answers until close(). Subclasses serve one connection in _serve(); it is closed for them afterwards."""

    def __init__(self, port: int) -> None:
        self._closed = threading.Event()
        self._open: set[socket.socket] = set()
        try:
            self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        except OSError as error:
            raise UsageError(f"port {port} of this machine can't be used: {error.strerror or error}",
                             "choose another with --port, or none for any free one") from None
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True, name=f"forward {self.url}")
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end what is open."""
        self._closed.set()
        for each in (self._listener, *self._open):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._listener.close()
        self._thread.join(1)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                local, _ = self._listener.accept()
            except OSError:
                if self._closed.wait(0.05):
                    return
                continue
            self._open.add(local)
            threading.Thread(target=self._one, args=(local,), daemon=True, name="forwarded connection").start()

    def _one(self, local: socket.socket) -> None:
        try:
            with local:
                self._serve(local)
        except OSError:
            pass  # either side went away: so does the connection
        finally:
            self._open.discard(local)

    def _serve(self, local: socket.socket) -> None:
        """Serve one connection until it ends; OSError ends it too."""
