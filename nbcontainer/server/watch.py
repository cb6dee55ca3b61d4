"""The runs of one target as they are now, in windows.

What this is: the thread that takes an orchestrator's changes in, the sorted runs, and answers to what a page asks of
them. What it is not: HTTP or JSON (runs.py), or who keeps it (watches.py).
In the flow: Orchestrator.watch_runs -> *watch* -> GET /runs.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timezone
from typing import Any

from nbcontainer.errors import NbcontainerError, TargetError, one_line
from nbcontainer.model import RunStatus, Target
from nbcontainer.orchestrators import Changes, Selector, orchestrator

AHEAD = 15.0  # seconds in which an action's result is shown though the watch has not seen it
_EPOCH = datetime.fromtimestamp(0, timezone.utc)


@dataclass(frozen=True)
class Filter:
    """Which runs; a field that isn't set matches all."""

    notebook: str = ""  # Identity.id
    kind: str = ""
    phase: str = ""
    q: str = ""


@dataclass(frozen=True)
class Window:
    runs: tuple[RunStatus, ...]
    total: int
    counts: dict[str, int]  # by phase, of all that match but for `phase`


@dataclass(frozen=True)
class _Row:
    status: RunStatus
    words: str  # what `q` is looked for in


@dataclass(frozen=True)
class _Ahead:
    """What an action has led to, before the watch has told it."""

    status: RunStatus
    stopped: bool
    until: float

    def over(self, now: RunStatus) -> bool:
        """Whether the watch's `now` shows it too, or ought to."""
        same = now.phase == "Stopped" if self.stopped else now.replicas.wanted == self.status.replicas.wanted
        return same or time.monotonic() > self.until


class Watch:
    """`answered` is set when there is a list, or a reason why there is none; `failure` is one that no retry mends."""

    def __init__(self, target: Target, stamp: Any, dirty: Callable[[], None], version: int = 0) -> None:
        self.topic = "runs/" + hashlib.sha256(repr(astuple(target)).encode()).hexdigest()[:16]
        self.target, self.stamp, self.version = target, stamp, version
        self.began = self.used = time.monotonic()
        self.trouble = ""
        self.synced = False
        self.answered = threading.Event()
        self.failure: NbcontainerError | None = None
        self._dirty = dirty
        self._rows: dict[str, _Row] = {}
        self._ahead: dict[str, _Ahead] = {}
        self._sorted: tuple[int, list[_Row]] = (-1, [])
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"runs of {target.name}")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()

    def state(self) -> dict[str, Any]:
        """As the page is told."""
        return {"version": self.version, "trouble": self.trouble, "synced": self.synced}

    # ---------------------------------------------------------------- taking in
    def _run(self) -> None:
        try:
            for changes in orchestrator(self.target).watch_runs(Selector(), self._stop):
                self._take(changes)
            return
        except NbcontainerError as error:
            self.failure = error
        except Exception as error:
            logging.getLogger("nbcontainer").exception("the watch of target %s", self.target.name)
            self.failure = TargetError(f"the watch of target '{self.target.name}' broke: {one_line(repr(error), 300)}")
        if not self._stop.is_set():
            self.trouble = self.failure.message
            self.answered.set()
            self._dirty()

    def _take(self, changes: Changes) -> None:
        with self._lock:
            for name, status in changes.runs.items():
                if status is None:
                    self._rows.pop(name, None)
                else:
                    words = f"{name}\n{status.reason}\n{status.notebook_path}".lower()
                    self._rows[name] = _Row(status, words)
            self.trouble = changes.trouble
            self.synced = self.synced or bool(changes.runs) or not changes.trouble
            self.version += 1
        self.answered.set()
        self._dirty()

    def touch(self) -> None:
        with self._lock:
            self.version += 1
        self._dirty()

    # ---------------------------------------------------------------- an action's result
    def ahead(self, status: RunStatus, stopped: bool = False) -> None:
        """Show what a scale or a stop led to until the watch tells the like; nothing of a run that the watch has not
        (any more)."""
        with self._lock:
            if status.name in self._rows:
                self._ahead[status.name] = _Ahead(status, stopped, time.monotonic() + AHEAD)
                self.version += 1
        self._dirty()

    def expire(self) -> None:
        """Forget results that the watch has seen, or ought to have."""
        with self._lock:
            over = [name for name, each in self._ahead.items()
                    if name not in self._rows or each.over(self._rows[name].status)]
            for name in over:
                del self._ahead[name]
                self.version += 1

    def _shown(self, row: _Row) -> _Row:
        each = self._ahead.get(row.status.name)
        if each is None or each.over(row.status):
            return row
        if each.stopped:
            return replace(row, status=each.status)
        wanted = replace(row.status.replicas, wanted=each.status.replicas.wanted)
        return replace(row, status=replace(row.status, replicas=wanted))

    # ---------------------------------------------------------------- asking
    def run(self, name: str) -> RunStatus | None:
        with self._lock:
            row = self._rows.get(name)
            return self._shown(row).status if row else None

    def window(self, which: Filter, offset: int, limit: int) -> Window:
        """Matching runs, newest first, from the one at `offset` on."""
        words = which.q.lower().split()
        found = [
            row.status for row in self._newest_first()
            if which.notebook in ("", row.status.notebook) and which.kind in ("", row.status.kind)
            and all(word in row.words for word in words)
        ]
        counts: Counter[str] = Counter(status.phase for status in found)
        if which.phase:
            found = [status for status in found if status.phase == which.phase]
        return Window(tuple(found[offset : offset + limit]), len(found), dict(counts))

    def _newest_first(self) -> list[_Row]:
        """All runs, sorted once per version."""
        with self._lock:
            version, rows = self._sorted
            if version != self.version:
                rows = [self._shown(row) for row in self._rows.values()] if self._ahead else list(self._rows.values())
                rows.sort(key=lambda row: (row.status.created or _EPOCH, row.status.name), reverse=True)
                self._sorted = (self.version, rows)
            return rows
