"""`serve`: load the callable, listen, answer, and leave without failing a request.

What this is: the server's life. The listener opens when the callable is loaded. After SIGTERM: /readyz says 503, what
comes in is still answered, then everything queued is accepted, the listener closes, and what is in flight ends.
What it is not: HTTP (connection.py) or the call (service.py).
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import threading
import time
from typing import Any

from . import failure, places
from .connection import Connection, finish
from .service import Service

QUIET = 0.5  # seconds without a new connection after which a draining listener closes
LINGER = 3.0  # seconds after which it closes in any case
IDLE = 5.0  # seconds in which an idle connection of a draining server may send one more request


def main() -> int:
    """Serve until SIGTERM; gives 0, or 1 when the callable can't be loaded or the port is taken."""
    failure.on_terminate(lambda: sys.exit(0))
    places.prepare(_settings())
    try:
        service = load()
        server = Server(service, listener())
    except Exception as error:
        failure.report(error, "loading the served function" if not isinstance(error, OSError) else "serving")
        return 1
    failure.on_terminate(server.drain)
    sys.stdout.write("nbcontainer: ready\n")
    sys.stdout.flush()
    try:
        server.run()
    except KeyboardInterrupt:
        return 130
    if server.unanswered:
        failure.last(f"{server.unanswered} connections were still open after {server.grace} s")
        sys.stdout.flush()
        os._exit(0)  # threads that still compute would hold the interpreter
    return 0


def _settings() -> Any:
    try:
        return places.settings()
    except OSError:
        return None


def load() -> Service:
    """The callable of the state layer."""
    from types import ModuleType

    sys.modules["__main__"] = ModuleType("__main__")
    try:
        with open(os.path.join(places.state(), "state.json"), encoding="utf-8") as file:
            described = json.load(file)
    except FileNotFoundError:
        raise LookupError("this image serves no function: it was built for training") from None
    import cloudpickle

    with open(os.path.join(places.state(), "state.pickle"), "rb") as file:
        call = cloudpickle.load(file)
    return Service(described["name"], call, number("NBCONTAINER_CONCURRENCY", 40))


def number(name: str, default: int) -> int:
    """A setting from the environment. Raises ValueError."""
    text = os.environ.get(name, "")
    if text and not text.isdigit():
        raise ValueError(f"{name}={text!r} is not a number")
    return int(text) if text else default


def listener() -> socket.socket:
    """The socket that accepts. Raises OSError."""
    port = number("NBCONTAINER_PORT", 8080)
    both = socket.has_dualstack_ipv6()
    made = socket.socket(socket.AF_INET6 if both else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if os.environ.get("NBCONTAINER_REUSEPORT") == "1":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if both:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind(("::" if both else "0.0.0.0", port))
    made.listen(1024)
    made.setblocking(False)
    return made


class Server:
    """Accepts connections, a thread each; `draining` is set by SIGTERM."""

    def __init__(self, service: Service, listening: socket.socket) -> None:
        self.service, self.listening = service, listening
        self.largest = number("NBCONTAINER_MAX_BODY", 100 * 2**20)
        self.grace = number("NBCONTAINER_DRAIN", 20)
        self.draining = False
        self._since = self._latest = 0.0
        self.unanswered = 0
        self._changed = threading.Condition()
        self._wake, self._waker = os.pipe()

    def drain(self) -> None:
        """Begin to end; safe in a signal handler."""
        if not self.draining:
            self._since = self._latest = time.monotonic()
            self.draining = True
            os.write(self._waker, b".")

    def idle_must_go(self) -> bool:
        return self.draining and time.monotonic() - self._since > min(IDLE, self.grace)

    def run(self) -> None:
        """Accept until drained, then wait for what is in flight, `grace` seconds at the most."""
        while not self._drained():
            waiting: list[Any] = [self.listening] if self.draining else [self.listening, self._wake]
            readable, _, _ = select.select(waiting, [], [], 0.05 if self.draining else None)
            if self.listening in readable:
                self._accept()
        self.listening.listen(0)  # from here on nothing more queues up behind what is accepted now
        self._accept()
        self.listening.close()
        with self._changed:
            left = max(self._since + self.grace - time.monotonic(), 0)
            self._changed.wait_for(lambda: not self.unanswered, left)

    def _drained(self) -> bool:
        now = time.monotonic()
        return self.draining and (now - self._latest > QUIET or now - self._since > min(LINGER, self.grace))

    def _accept(self) -> None:
        """Take everything that is queued."""
        while True:
            try:
                connection, address = self.listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # a connection that is gone already, or no descriptor free
                time.sleep(0.01)
                return
            self._latest = time.monotonic()
            with self._changed:
                self.unanswered += 1
            threading.Thread(target=self._handle, args=(connection, address), daemon=True).start()

    def _handle(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        try:
            connection.setblocking(True)
            Connection(connection, address, self)  # type: ignore[arg-type]
        except OSError:  # the other side went away
            pass
        finally:
            finish(connection)
            with self._changed:
                self.unanswered -= 1
                self._changed.notify_all()
