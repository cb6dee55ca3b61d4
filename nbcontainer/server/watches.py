"""One watch per target, shared by every page that looks on.

What this is: watches by target, started by the first who asks, ended when nobody wants them; their states on the bus.
What it is not: one watch's runs (watch.py), or a poll: the orchestrator tells what changes.
In the flow: Orchestrator.watch_runs -> watch -> *watches* -> bus and GET /runs.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from nbcontainer.model import RunStatus, Target
from nbcontainer.orchestrators import orchestrator
from nbcontainer.server.pulse import Pulse
from nbcontainer.server.watch import Watch

if TYPE_CHECKING:
    from nbcontainer.server.bus import Bus

EACH = 0.2  # seconds between two states of a watch
KEPT = 60.0  # seconds after the last use
FIRST = 3.0  # seconds that a request waits for the first list
AGAIN = 30.0  # seconds after which a refused watch that pages still want is tried again
TIDY = 1.0  # seconds between looks for what nobody wants


class Watches:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._watches: dict[Target, Watch] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._tidied = 0.0
        self._pulse = Pulse("watches", self._tick, EACH)

    def of(self, target: Target) -> Watch:
        """The target's watch; waits for its first list, but not long. Raises what refuses it."""
        watch = self.keep(target, 0.0)
        watch.answered.wait(FIRST)
        if watch.failure:
            raise watch.failure
        return watch

    def keep(self, target: Target, again: float = AGAIN) -> Watch:
        """The target's watch, used now; a refused one is begun anew when that was `again` seconds ago, and each one
        when the kubeconfig is another."""
        stamp = configured(target)
        with self._lock:
            watch = self._watches.get(target)
            if watch is None or watch.stamp != stamp or (watch.failure and time.monotonic() - watch.began >= again):
                version = watch.version + 1 if watch else 0
                if watch:
                    watch.close()
                watch = Watch(target, stamp, self._pulse.ring, version)
                if not self._closed:
                    self._watches[target] = watch
                    watch.start()
            watch.used = time.monotonic()
        return watch

    def status(self, target: Target, name: str) -> RunStatus:
        """One run now: from the watch where it is up to date, else asked. Raises RunNotFound."""
        watch = self._watches.get(target)
        if watch and watch.synced and not watch.trouble and not watch.failure:
            found = watch.run(name)
            if found:
                return found
        return orchestrator(target).status(name)

    def ahead(self, target: Target, status: RunStatus, stopped: bool = False) -> None:
        """Show what a scale or a stop has just led to until the watch has seen it too."""
        watch = self._watches.get(target)
        if watch:
            watch.ahead(status, stopped)

    def touch(self, target: Target) -> None:
        """Something beside the runs' own state has changed: pages are to ask again."""
        watch = self._watches.get(target)
        if watch:
            watch.touch()

    def trouble(self, target: Target) -> str:
        watch = self._watches.get(target)
        return watch.trouble if watch else ""

    def gone(self, target: Target, name: str) -> bool:
        """Whether the target is known to have no run of that name (any more)."""
        watch = self._watches.get(target)
        return bool(watch and watch.synced and not watch.trouble and not watch.failure and watch.run(name) is None)

    def close(self) -> None:
        self._pulse.close()
        with self._lock:
            self._closed = True
            watches, self._watches = list(self._watches.values()), {}
        for watch in watches:
            watch.close()

    # ---------------------------------------------------------------- the pulse
    def _tick(self) -> None:
        for target, watch in self._all():
            watch.expire()
            self._bus.set(watch.topic, watch.state())
            if watch.failure and self._bus.wanted(watch.topic):
                self.keep(target)
        if time.monotonic() - self._tidied > TIDY:
            self._tidied = time.monotonic()
            self._tidy()

    def _tidy(self) -> None:
        for target, watch in self._all():
            if self._bus.wanted(watch.topic):
                if watch.stamp != configured(target):
                    self.keep(target)
                watch.used = time.monotonic()
            elif time.monotonic() - watch.used > KEPT:
                with self._lock:
                    if self._watches.get(target) is watch:
                        del self._watches[target]
                watch.close()
                self._bus.drop(watch.topic)

    def _all(self) -> list[tuple[Target, Watch]]:
        with self._lock:
            return list(self._watches.items())


def configured(target: Target) -> tuple[tuple[str, int, int], ...]:
    """What tells that the files which say how to reach the target have changed."""
    if target.orchestrator != "kubernetes":
        return ()
    named = target.kubeconfig or os.environ.get("KUBECONFIG", "")
    paths = [Path(each).expanduser() for each in named.split(os.pathsep) if each] or [Path.home() / ".kube" / "config"]
    found = []
    for path in paths:
        try:
            stat = path.stat()
            found.append((str(path), stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append((str(path), 0, 0))
    return tuple(found)
