"""Calling off work that runs in a thread, as Ctrl-C does in a terminal.

What this is: a flag that the work's emit looks at, and for work that tells nothing for a while a KeyboardInterrupt in
its thread. What it is not: the clearing up: that is the work's own, which leaves nothing half done.
In the flow: a cancelled task, a server that ends -> *Interrupted* -> the api's own ends.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

from nbcontainer.errors import Interrupted

T = TypeVar("T")
_PATIENCE = 1.0  # seconds in which most work has looked at the flag


class Reins:
    """One piece of work's; `run` it once."""

    def __init__(self) -> None:
        self._pulled = threading.Event()
        self._lock = threading.Lock()
        self._thread = 0

    def pull(self, patience: float = _PATIENCE) -> None:
        """Call it off; after `patience` seconds by an interrupt, if it hasn't noticed."""
        if self._pulled.is_set():
            return
        self._pulled.set()
        timer = threading.Timer(patience, self._interrupt)
        timer.daemon = True
        timer.start()

    def check(self) -> None:
        """Raise Interrupted if it was called off. From any thread of the work."""
        if self._pulled.is_set():
            raise Interrupted("cancelled")

    def run(self, work: Callable[[], T]) -> T:
        """What `work` gives, in this thread. Raises Interrupted if it was called off before its end."""
        done: list[T] = []
        try:
            try:
                with self._lock:
                    self._thread = threading.get_ident()
                self.check()
                done.append(work())
            finally:
                with self._lock:
                    self._thread = 0
        except KeyboardInterrupt:  # which may come when the work is just done
            if not done:
                raise Interrupted("cancelled") from None
        return done[0]

    def _interrupt(self) -> None:
        with self._lock:
            if self._thread:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread), ctypes.py_object(KeyboardInterrupt)
                )
