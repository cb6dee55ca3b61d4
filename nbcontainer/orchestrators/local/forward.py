"""A port of this machine that leads to a service that already has one.

What this is: the service's own address, or, where another port is asked for, a listener that copies. What it is not: a
choice among replicas: they share the service's port.
In the flow: Run.forward.
"""

from __future__ import annotations

import selectors
import socket

from nbcontainer.orchestrators.listener import Listener

CHUNK = 1 << 16


class Own:
    """The service's own port: nothing to hold."""

    def __init__(self, url: str) -> None:
        self.url = url

    def close(self) -> None:
        pass


class PortForward(Listener):
    """Copies from 127.0.0.1:`port` to 127.0.0.1:`target` until close(). Raises UsageError for a port that is taken."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        super().__init__(port)

    def _serve(self, local: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target), 10) as remote:
            remote.settimeout(None)
            copy(local, remote)


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
