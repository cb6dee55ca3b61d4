"""A thread that does one piece of work when rung, not more often than it may.

What this is: many small changes as few pushes, and a look at the clock while nothing happens. What it is not: a queue;
what is to be done the work finds out itself.
In the flow: a reader's or watcher's thread rings; the work publishes to the bus and ends what nobody wants.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

IDLE = 5.0  # seconds after which the work is done without a ring


class Pulse:
    def __init__(self, name: str, work: Callable[[], None], least: float) -> None:
        """`least`: seconds between one piece of work and the next."""
        self._work, self._least = work, least
        self._rung = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)
        self._thread.start()

    def ring(self) -> None:
        if not self._rung.is_set():
            self._rung.set()

    def close(self) -> None:
        self._closed.set()
        self._rung.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(1)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._rung.wait(IDLE)
            self._rung.clear()
            if self._closed.is_set():
                return
            try:
                self._work()
            except Exception:  # one bad round must not end all that follow
                logging.getLogger("nbcontainer").exception("%s", self._thread.name)
            self._closed.wait(self._least)
