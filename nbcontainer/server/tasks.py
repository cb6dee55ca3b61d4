"""The tasks of this server and what earlier ones left: begin, cancel, retry, forget.

What this is: the list, its threads and its topic on the bus. What it is not: a task's facts (task.py), its work
(work.py).
In the flow: requests -> *tasks* -> work; changes -> bus, journal.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from nbcontainer import names
from nbcontainer.errors import Interrupted, NbcontainerError
from nbcontainer.model import RunStatus, Target
from nbcontainer.server import task as tasks
from nbcontainer.server.bus import Bus
from nbcontainer.server.journal import MOST, Journal
from nbcontainer.server.places import Places
from nbcontainer.server.pool import Pool
from nbcontainer.server.pulse import Pulse
from nbcontainer.server.refusals import Conflict, NotHere
from nbcontainer.server.remembered import Remembered
from nbcontainer.server.requests import Request, read
from nbcontainer.server.task import Task
from nbcontainer.server.work import RunJson, work

TOPIC = "tasks"
_AT_ONCE = 2
_WAITING = 50  # more than these are refused
_SHOWN = 50
_EACH = 0.1  # seconds between two states on the bus
_CANCEL = 5.0  # seconds that a cancel waits for the task's end
_LAST = 1.5  # seconds that the server's end waits for all


class Tasks:
    def __init__(
        self, bus: Bus, places: Places, root: Path, run_json: Callable[[Target, RunStatus], dict[str, Any]],
        log: logging.Logger,
    ) -> None:
        """`root`: the folder of state. `run_json`: a run as the contract has it."""
        self._bus, self._places, self._run_json, self._log = bus, places, run_json, log
        self.remembered = Remembered(root, log)
        self._journal = Journal(root, bus.boot, log)
        self._pool = Pool("tasks", _AT_ONCE)
        self._lock = threading.Lock()
        self._tasks = {each.id: each for each in self._journal.recovered()}  # the oldest first
        self._futures: dict[str, Future[Any]] = {}
        self._end_as = "cancelled"
        self._pulse = Pulse("tasks", self._publish, _EACH)
        self._publish()

    # ------------------------------------------------------------ requests
    def listed(self) -> list[dict[str, Any]]:
        """All, the newest first."""
        return [each.as_json(whole=False) for each in reversed(self._all())]

    def get(self, id: str) -> Task:
        found = self._tasks.get(id)
        if found is None:
            raise NotHere(f"no task {id} on this server", "it may have been forgotten")
        return found

    def start(self, request: Request) -> Task:
        """Begin what is asked, as soon as a thread is free. Raises ConfigError for a target that can't be."""
        target = self._places.target(request.notebook, request.options.target, request.options.namespace)
        new = tasks.of_request(request, target.name)
        with self._lock:
            if len(self._futures) >= _WAITING + _AT_ONCE:
                raise Conflict(f"{_WAITING} tasks wait already", "cancel some, or try again when they are done")
            self._tasks[new.id] = new
            self._journal.write(new)
            self._futures[new.id] = self._pool.submit(self._work, new, partial(self._run_json, target))
        self.remembered.remember(names.identity(request.path).id, request)
        self._pulse.ring()
        return new

    def retry(self, id: str) -> Request:
        """What the task `id` asked for, to be begun again."""
        old = self.get(id)
        if not old.over:
            raise Conflict("it is still at work", "cancel it first")
        if old.request is None and old.env_names:
            raise Conflict(f"no disk keeps the values of {', '.join(old.env_names)}, and the server was restarted",
                           "give them again")
        said = {**old.options, **({"env": dict(old.request.options.env)} if old.request and old.env_names else {})}
        return read({"verb": old.verb, "notebook": old.notebook, "options": said}, self._places)

    def end(self, id: str) -> Task:
        """Cancel it, and wait for its end, though not long; if it has ended, forget it."""
        found = self.get(id)
        if found.over:
            with self._lock:
                self._tasks.pop(id, None)
            self._journal.forget(found)
            self._pulse.ring()
            return found
        self._call_off(found)
        until = time.monotonic() + _CANCEL
        while not found.over and time.monotonic() < until:
            time.sleep(0.02)
        return found

    def close(self) -> None:
        """Call all off; what was at work is interrupted. Waits a moment for it to clear up."""
        self._end_as = "interrupted"
        running = [each for each in self._all() if not each.over]
        for each in running:
            self._call_off(each, patience=0.2)
        self._pool.close()
        until = time.monotonic() + _LAST
        while any(not each.over for each in running) and time.monotonic() < until:
            time.sleep(0.02)
        for each in running:
            if not each.over:
                self._ended(each, "interrupted")
        self._journal.close()
        self._pulse.close()

    # ------------------------------------------------------------ work
    def _call_off(self, each: Task, patience: float = 1.0) -> None:
        future = self._futures.get(each.id)
        if future and future.cancel():  # it had not begun
            self._ended(each, self._end_as)
        else:
            each.reins.pull(patience)

    def _work(self, each: Task, run_json: RunJson) -> None:
        each.begin()
        self._pulse.ring()
        try:
            work(each, self._pulse.ring, run_json)
        except Interrupted:
            self._ended(each, self._end_as)
        except NbcontainerError as error:
            self._ended(each, "failed", error)
        except BaseException as error:  # a thread has nobody else to tell
            self._log.exception("nbcontainer: a task failed")
            said = f"{type(error).__name__}: {error}"
            self._ended(each, "failed", NbcontainerError(said, "this is a bug: the server's log shows where"))
        else:
            self._ended(each, "done")

    def _ended(self, each: Task, state: str, error: NbcontainerError | None = None) -> None:
        with self._lock:
            if each.over:
                return
            each.end(state, error)
            self._futures.pop(each.id, None)
            self._journal.write(each)
            for old in [each for each in self._tasks.values() if each.over][:-MOST]:
                del self._tasks[old.id]
                self._journal.forget(old)
        self._pulse.ring()

    def _all(self) -> list[Task]:
        with self._lock:
            return list(self._tasks.values())

    def _publish(self) -> None:
        newest = self._all()[-_SHOWN:]
        self._bus.set(TOPIC, [each.as_json(whole=False) for each in reversed(newest)])

