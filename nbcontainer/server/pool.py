"""Threads for calls that block: a fixed number, in turn, and none that keeps the server from ending.

What this is: concurrent.futures' interface on daemon threads. What it is not: that module's executor, whose threads
the interpreter joins at its end, however long their calls take.
In the flow: beside it; handlers and tasks wait for what is done here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

_Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Pool:
    """At most `size` threads, started as they are needed; further calls wait in order."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._threads = 0
        self._closed = False

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Begin `call(*arguments)` when a thread is free. Raises RuntimeError once the pool is closed."""
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the pool '{self.name}' is closed")
            self._jobs.put((future, call, arguments))
            if self._idle:
                self._idle -= 1  # it is that thread's now
            elif self._threads < self.size:
                self._threads += 1
                threading.Thread(target=self._work, name=f"nbcontainer {self.name}", daemon=True).start()
        return future

    def close(self) -> None:
        """Begin nothing more; what waits is cancelled, what runs is left to itself."""
        with self._lock:
            self._closed = True
            threads = self._threads
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is not None:
                job[0].cancel()
        for _ in range(threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            future, call, arguments = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call(*arguments))
                except BaseException as error:  # its caller's, whatever it is
                    future.set_exception(error)
            del job, future, call, arguments  # a waiting thread holds nothing
            with self._lock:
                if self._jobs.empty():
                    self._idle += 1
