"""Runs as they change: of a target's mirrors only what has changed is judged again.

What this is: the mirrors of a watch, a table of the runs that they hold, and the two watches over it: of one run and of
all. What it is not: list and watch (reflector.py), or what a status says (status.py).
In the flow: Reflector -> *Table* -> RunStatus.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

from nbcontainer.errors import TargetError
from nbcontainer.model import RunStatus
from nbcontainer.orchestrators import Changes, Selector, marks
from nbcontainer.orchestrators.kubernetes import manifests, view
from nbcontainer.orchestrators.kubernetes.client import Client
from nbcontainer.orchestrators.kubernetes.reflector import Reflector
from nbcontainer.orchestrators.kubernetes.view import Object, View

# Everything but the noise of a pod that is well: a namespace's events are many.
EVENTS = ",".join(
    f"reason!={word}"
    for word in ("Scheduled", "Created", "Started", "Killing", "SuccessfulCreate", "SuccessfulDelete", "Completed",
                 "ScalingReplicaSet", "LeaderElection")
)
OWNERS = {"": ("jobs", "deployments"), "training": ("jobs",), "inference": ("deployments",)}  # by Selector.kind
SETTLE = 0.05  # seconds in which changes are taken together
TICK = 5.0  # seconds between looks at the clock: a start timeout passes without any change
AGAIN = timedelta(seconds=60)  # between tries to end a run that is over its start timeout

Judge = Callable[[View], RunStatus]
Things = dict[str, Object]  # by uid
Told = dict[str, "RunStatus | None"]  # by the uid of the run's Job or Deployment, None = gone


def one(client: Client, first: View, judge: Judge, stop: threading.Event) -> Iterator[RunStatus]:
    """The run of `first` now, then at every change, until it has ended, is gone or `stop` is set."""
    meta = first.owner["metadata"]
    last = judge(first)
    yield last
    kind = "training" if first.training else "inference"
    listed = False
    with Mirrors(client, Selector(name=meta["name"], kind=kind)) as mirrors:
        table = Table(client, judge)
        while not stop.is_set() and not _over(last):
            if not mirrors.wait(stop):
                continue
            told = table.update(mirrors)
            now = told.get(meta["uid"], last if listed else None) or _gone(last)
            listed = True
            if now != last:
                last = now
                yield last


def every(client: Client, selector: Selector, judge: Judge, stop: threading.Event) -> Iterator[Changes]:
    """See Orchestrator.watch_runs."""
    trouble, listed = "", False
    names: dict[str, str] = {}  # the uid that has a name now: a service that was stopped may be served again
    with Mirrors(client, selector) as mirrors:
        table = Table(client, judge)
        while not stop.is_set():
            synced = mirrors.wait(stop)
            runs = _by_name(table.update(mirrors), names) if synced else {}
            before, trouble = trouble, mirrors.trouble
            if runs or trouble != before or (synced and not listed):
                listed = listed or synced
                yield Changes(runs, trouble)


def _by_name(told: Told, names: dict[str, str]) -> dict[str, RunStatus | None]:
    """What a table told, by the runs' names; `names` is kept up to date."""
    taken = {uid: name for name, uid in names.items()} if None in told.values() else {}
    gone = [taken[uid] for uid, run in told.items() if run is None and uid in taken]
    runs: dict[str, RunStatus | None] = dict.fromkeys(gone)
    for name in gone:
        del names[name]
    for uid, run in told.items():
        if run is not None:
            runs[run.name], names[run.name] = run, uid
    return runs


def _over(last: RunStatus) -> bool:
    """Whether nothing will change any more: a training run has ended, or the last pod of a stopped run is gone."""
    return not last.pods if last.phase == "Stopped" else last.ended and last.kind == "training"


def _gone(last: RunStatus) -> RunStatus:
    return replace(last, phase="Stopped", reason="", pods=(), replicas=replace(last.replicas, ready=0))


class Mirrors:
    """The Jobs and Deployments that `selector` matches, their pods, and the namespace's events."""

    def __init__(self, client: Client, selector: Selector) -> None:
        labels = {"labelSelector": manifests.selector(selector.name, selector.kind, selector.notebook)}
        self._changes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._owners = [Reflector(client, kind, self._changed, **labels) for kind in OWNERS[selector.kind]]
        self._pods = Reflector(client, "pods", self._changed, **labels)
        self._events = Reflector(client, "events", self._changed, fieldSelector=EVENTS)
        self._all = (*self._owners, self._pods, self._events)
        self._troubled: set[Reflector] = set()
        self._open = ExitStack()

    def __enter__(self) -> Mirrors:
        for each in self._all:
            self._open.enter_context(each)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _changed(self) -> None:
        self._changes.put(None)

    @property
    def trouble(self) -> str:
        return next((each.trouble for each in self._all if each.trouble), "")

    def owners(self) -> Things:
        return {uid: thing for each in self._owners for uid, thing in each.snapshot().items()}

    def pods(self) -> Things:
        return self._pods.snapshot()

    def events(self) -> Things:
        return self._events.snapshot()

    def wait(self, stop: threading.Event) -> bool:
        """Until something changed, TICK has passed or `stop` is set; changes at the same moment count as one.

        True when every mirror has been filled. Raises what ended a mirror.
        """
        self._sleep(stop)
        failure: TargetError | None = next((each.failure for each in self._all if each.failure), None)
        if failure:
            raise failure
        before, self._troubled = self._troubled, {each for each in self._all if each.trouble}
        if before - self._troubled:  # the server is back
            for each in self._troubled:
                each.retry()
        return all(each.synced.is_set() for each in self._all)

    def _sleep(self, stop: threading.Event) -> None:
        until = time.monotonic() + TICK
        while not stop.is_set() and time.monotonic() < until:
            try:
                self._changes.get(timeout=0.25)
            except queue.Empty:
                continue
            time.sleep(SETTLE)
            while not self._changes.empty():
                self._changes.get()
            return


class Table:
    """The runs that mirrors hold. One run is judged again when an object of it, or an event about one, has changed, and
    when its start timeout passes."""

    def __init__(self, client: Client, judge: Judge) -> None:
        self._client, self._judge = client, judge
        self._owners, self._pods, self._events = _Groups(_run), _Groups(_run), _Groups(_about)
        self._told: dict[str, dict[str, RunStatus]] = {}  # by run label, by uid
        self._due: dict[str, datetime] = {}  # runs that are looked at again then, if nothing changes before

    def update(self, mirrors: Mirrors) -> Told:
        """What differs from the last time."""
        now = self._client.now()
        touched = self._owners.take(mirrors.owners()) | self._pods.take(mirrors.pods())
        touched |= {self._home(uid) for uid in self._events.take(mirrors.events())}
        touched |= {run for run, when in self._due.items() if when <= now}
        told: Told = {}
        for run in touched:
            told.update(self._look(run, now))
        return told

    def _home(self, uid: str) -> str:
        """The run of the object that an event is about, "" when it is none of ours."""
        thing = self._owners.things.get(uid) or self._pods.things.get(uid)
        return _run(thing) if thing else ""

    def _look(self, run: str, now: datetime) -> Told:
        before, after = self._told.pop(run, {}), dict[str, RunStatus]()
        self._due.pop(run, None)
        for uid, owner in self._owners.group(run).items():
            after[uid] = self._status(run, owner, now)
        if after:
            self._told[run] = after
        return {uid: after.get(uid) for uid in {**before, **after} if before.get(uid) != after.get(uid)}

    def _status(self, run: str, owner: Object, now: datetime) -> RunStatus:
        pods = self._pods.group(run)
        events = [event for uid in (owner["metadata"]["uid"], *pods) for event in self._events.group(uid).values()]
        found = view.view(owner, pods.values(), events, now, self._client.target.name)
        told = self._judge(found)
        due = _due(found, told)
        if due:
            self._due[run] = min(due, self._due.get(run, due))
        return told


def _due(found: View, told: RunStatus) -> datetime | None:
    """When the run is to be looked at even if nothing changes; None for all that run, have ended or are suspended."""
    until = view.deadline(found.owner)
    if until is None or view.annotation(found.owner, manifests.ENDED):
        return None
    if found.now < until:
        return until if told.phase == "Pending" else None
    return found.now + AGAIN if view.overdue(found) else None


class _Groups:
    """Objects by uid and by a key of each, brought up to date by what differs."""

    def __init__(self, key: Callable[[Object], str]) -> None:
        self._key = key
        self._groups: dict[str, Things] = {}
        self.things: Things = {}

    def group(self, key: str) -> Things:
        return self._groups.get(key, {})

    def take(self, now: Things) -> set[str]:
        """Hold `now`; gives the keys of what has come, gone or is another object than before."""
        before, self.things = self.things, now
        touched = set()
        for uid in before.keys() - now.keys():
            touched.add(self._drop(uid, before[uid]))
        for uid, thing in now.items():
            old = before.get(uid)
            if old is thing:
                continue
            if old is not None:
                touched.add(self._drop(uid, old))
            self._groups.setdefault(self._key(thing), {})[uid] = thing
            touched.add(self._key(thing))
        return touched

    def _drop(self, uid: str, thing: Object) -> str:
        key = self._key(thing)
        group = self._groups[key]
        del group[uid]
        if not group:
            del self._groups[key]
        return key


def _run(thing: Object) -> str:
    return view.label(thing, marks.RUN)


def _about(event: Object) -> str:
    return str((event.get("involvedObject") or {}).get("uid", ""))
