"""A port of this machine that leads to a service that already has one.

What this is: the service's own address, or, where another port is asked for, a listener that copies. What it is not: a
choice among replicas: they share the service's port.
In the flow: Run.forward.
"""

from __future__ import annotations

import selectors
import socket
import threading

from nbcontainer.errors import UsageError

CHUNK = 1 << 16


class Own:
    """The service's own port: nothing to hold."""

    def __init__(self, url: str) -> None:
        self.url = url

    def close(self) -> None:
        pass


class PortForward:
    """Copies from 127.0.0.1:`port` to 127.0.0.1:`target` until close(). Raises UsageError for a port that is taken."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._closed = threading.Event()
        self._open: set[socket.socket] = set()
        try:
            self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        except OSError as error:
            raise UsageError(f"port {port} of this machine can't be used: {error.strerror or error}",
                             "choose another with --port, or none for the service's own") from None
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
            threading.Thread(target=self._serve, args=(local,), daemon=True, name="forwarded connection").start()

    def _serve(self, local: socket.socket) -> None:
        try:
            with local, socket.create_connection(("127.0.0.1", self._target), 10) as remote:
                remote.settimeout(None)
                copy(local, remote)
        except OSError:
            pass  # either side went away: so does the connection
        finally:
            self._open.discard(local)


def copy(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways until both sides have ended."""
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while ready.get_map():
            for key, _ in ready.select():
                source, to = key.fileobj, key.data
                assert isinstance(source, socket.socket)
                data = source.recv(CHUNK)
                if data:
                    to.sendall(data)
                else:
                    ready.unregister(source)
                    to.shutdown(socket.SHUT_WR)
