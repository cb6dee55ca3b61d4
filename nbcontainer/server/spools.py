"""The logs that this server follows: which there are, who still wants them, where their files lie.

What this is: spools by id, their states on the bus, a folder that goes with the server. What it is not: the follow
itself (spool.py).
In the flow: POST /logs -> *spools* -> spool -> bus.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcontainer.errors import RunNotFound
from nbcontainer.image.store import Store
from nbcontainer.model import Target
from nbcontainer.orchestrators import LogOptions, orchestrator
from nbcontainer.server.pulse import Pulse
from nbcontainer.server.refusals import NotHere
from nbcontainer.server.spool import Spool
from nbcontainer.server.watches import Watches

try:
    import fcntl
except ImportError:  # then what a killed server leaves stays
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from nbcontainer.server.bus import Bus

EACH = 0.1  # seconds between two states of a log
KEPT = 60.0  # seconds after the last use
TIDY = 5.0  # seconds between looks for what nobody wants


class Spools:
    def __init__(self, bus: Bus, watches: Watches, folder: Path | None = None) -> None:
        self._bus, self._watches, self._root = bus, watches, folder
        self._folder: _Folder | None = None
        self._spools: dict[str, Spool] = {}
        self._targets: dict[str, Target] = {}
        self._lock = threading.Lock()
        self._tidied = 0.0
        self._pulse = Pulse("logs", self._tick, EACH)
        self._deaf = bus.listen(lambda topic: self._pulse.ring() if topic.startswith("runs/") else None)

    def open(self, target: Target, name: str, pod: str = "", previous: bool = False) -> dict[str, Any]:
        """The state of the spool of that log, which is followed from now on. Raises RunNotFound."""
        run = self._watches.status(target, name)
        instance = sum(each.restarts for each in run.pods) if previous else 0
        parts = (*astuple(target), run.namespace, name, run.created, pod, previous, instance)
        id = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]
        self._forget_failed(id)
        known = [each.name for each in run.pods]
        with self._lock:
            spool = self._spools.get(id)
            if spool is None:
                if pod and pod not in known:
                    raise RunNotFound(f"{name} has no pod '{pod}'", f"it has: {', '.join(sorted(known)) or 'none now'}")
                self._folder = self._folder or _Folder(self._root or Store().cache_dir("logs"))
                options = LogOptions(follow=not previous, pod=pod, previous=previous)
                spool = Spool(id, lambda: orchestrator(target), name, options, self._folder.path, self._pulse.ring)
                self._spools[id], self._targets[id] = spool, target
        spool.used = time.monotonic()
        return self._publish(spool)

    def get(self, id: str) -> Spool:
        with self._lock:
            spool = self._spools.get(id)
        if spool is None:
            raise NotHere("this server does not follow that log (any more)", "open it again")
        spool.used = time.monotonic()
        return spool

    def close(self) -> None:
        self._deaf()
        self._pulse.close()
        for spool in self._all():
            self._end(spool)
        if self._folder:
            self._folder.remove()

    def _all(self) -> list[Spool]:
        with self._lock:
            return list(self._spools.values())

    def _forget_failed(self, id: str) -> None:
        """One that an error ended before its first line is begun anew."""
        spool = self._spools.get(id)
        if spool and spool.ended and spool.trouble and not spool.file.lines:
            self._end(spool)

    def _end(self, spool: Spool) -> None:
        with self._lock:
            self._spools.pop(spool.id, None)
            self._targets.pop(spool.id, None)
        spool.close()
        self._bus.drop(spool.topic)

    # ---------------------------------------------------------------- the pulse
    def _tick(self) -> None:
        for spool in self._all():
            spool.flush()
            self._publish(spool)
        if time.monotonic() - self._tidied > TIDY:
            self._tidied = time.monotonic()
            self._tidy()

    def _publish(self, spool: Spool) -> dict[str, Any]:
        """Tell its state; while it is followed, what is wrong with the target is its trouble too."""
        state = spool.state()
        target = self._targets.get(spool.id)
        if target and not spool.ended and not spool.trouble:
            state = {**state, "trouble": self._watches.trouble(target)}
        if spool.id in self._spools:
            self._bus.set(spool.topic, state)
        return state

    def _tidy(self) -> None:
        """End what nobody wants; whatever is followed needs its target's watch, which knows when that is away."""
        for spool in self._all():
            if self._bus.wanted(spool.topic):
                spool.used = time.monotonic()
            target = self._targets.get(spool.id)
            if time.monotonic() - spool.used > KEPT:
                self._end(spool)
            elif target and not spool.ended:
                self._watches.keep(target)


class _Folder:
    """A folder of this process below `root`; those of processes that are no more are removed."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (root / ".one").open("wb") as one:
            if fcntl:
                fcntl.flock(one, fcntl.LOCK_EX)  # one at a time: a folder whose lock is free is nobody's
                for other in root.glob("*-*"):
                    _remove_if_left(other)
            self.path = root / f"{os.getpid()}-{time.time_ns():x}"
            self.path.mkdir(mode=0o700)
            self._lock = (self.path / "lock").open("wb")
            if fcntl:
                fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    """Whose lock can be had has no owner."""
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        pass  # it lives
