"""One run's log, followed into a file of this server for all pages that show it.

What this is: the thread that takes lines in, goes on by itself after a break, and says what is wrong. What it is not:
the file (linefile.py), or who keeps it (spools.py).
In the flow: Run's log -> *spool* -> file -> windows of lines for the page.
"""

from __future__ import annotations

import errno
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nbcontainer.errors import ConfigError, NbcontainerError, RunNotFound, Unsupported, UsageError, one_line
from nbcontainer.model import Log
from nbcontainer.orchestrators import LogOptions, Orchestrator
from nbcontainer.server import linefile
from nbcontainer.server.linefile import LineFile, Tail
from nbcontainer.server.refusals import NotHere

BATCH = 4000  # lines
HEAVY = 1 << 20  # characters
SLOWEST = 15.0  # seconds between tries at the most
FINAL = (RunNotFound, Unsupported, UsageError, ConfigError)  # trying again would say the same


class Spool:
    """`dirty` is called, from the spool's thread, when there is something new to tell; flush() writes it down."""

    def __init__(self, id: str, runner: Callable[[], Orchestrator], name: str, options: LogOptions, folder: Path,
                 dirty: Callable[[], None]) -> None:
        self.id, self.name, self.pod, self.previous = id, name, options.pod, options.previous
        self.topic = f"log/{id}"
        self.used = time.monotonic()
        self.ended = False
        self.trouble = ""
        self.file = LineFile(folder / id)
        self._runner, self._options, self._dirty = runner, options, dirty
        self._pending: deque[Log] = deque()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"log of {name}")
        self._thread.start()

    def state(self) -> dict[str, Any]:
        """As the page is told."""
        return {
            "id": self.id, "topic": self.topic, "name": self.name, "pod": self.pod, "previous": self.previous,
            "lines": self.file.lines, "bytes": self.file.size, "ended": self.ended, "trouble": self.trouble,
            "pods": self.file.pods,
        }

    def flush(self) -> None:
        """Write down what has come; any thread may call it."""
        with self._writing:
            batch = [self._pending.popleft() for _ in range(len(self._pending))]
            try:
                self.file.append(batch)
            except OSError as error:
                full = "" if error.errno != errno.ENOSPC else " (the disk is full)"
                self._give_up(f"the log can't be kept any further: {error.strerror}{full}")
            except NotHere:
                pass  # closed meanwhile
        if self.file.full:
            self._give_up(f"the log is larger than what is kept here: {linefile.LINES:,} lines or "
                          f"{linefile.BYTES / 2**30:g} GiB; `nbcontainer logs {self.name}` prints all of it")

    def close(self) -> None:
        """End the follow and remove the file."""
        self._options.stop.set()
        self.file.close()

    def _give_up(self, why: str) -> None:
        self.trouble, self.ended = why, True
        self._options.stop.set()

    # ---------------------------------------------------------------- the thread
    def _run(self) -> None:
        tries, before = 0, 0
        while not self._options.stop.is_set():
            try:
                self._follow()
                self.flush()
                break
            except Exception as error:
                self._say(error)
            self.flush()
            if self.ended:
                break
            tries = tries + 1 if self.file.lines == before else 1
            before = self.file.lines
            self._options.stop.wait(min(SLOWEST, 0.25 * 2 ** min(tries, 8)) * random.uniform(0.7, 1.0))
        self.ended = True
        self._dirty()

    def _say(self, error: Exception) -> None:
        """Tell what broke the follow; with some errors it is over."""
        gone = isinstance(error, RunNotFound) and self.file.lines > 0
        if not isinstance(error, NbcontainerError):
            logging.getLogger("nbcontainer").error("log of %s", self.name, exc_info=error)
        self.trouble = "" if gone else one_line(str(error) or type(error).__name__, 500)
        self.ended = isinstance(error, FINAL)
        self._dirty()

    def _follow(self) -> None:
        """Take lines in until the log's end."""
        heavy = 0
        for log in self._new_lines():
            self._pending.append(log)
            heavy += len(log.line)
            if len(self._pending) >= BATCH or heavy > HEAVY:
                self.flush()
                heavy = 0
            self._dirty()
            if self._options.stop.is_set():
                return

    def _new_lines(self) -> Iterator[Log]:
        """The log, without what is there from before a break."""
        self.flush()
        tails: dict[str, Tail] = self.file.tails() if self.file.lines else {}
        lines = self._runner().logs(self.name, self._options)
        if self.trouble:
            self.trouble = ""
            self._dirty()
        for log in lines:
            tail = tails.get(log.pod)
            if tail is None or not tail.again(log):
                yield log
