"""What a run's containers print, from the first line to the container's end, each line once.

What this is: one thread per container that reads and reconnects, merged. What it is not: a view of states; a stream
that closes is no end, only the container's own is.
In the flow: Run -> Events.
"""

from __future__ import annotations

import heapq
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from nbcontainer.errors import NbcontainerError, RunNotFound, TargetError
from nbcontainer.model import Log
from nbcontainer.orchestrators import LogOptions, not_restarted
from nbcontainer.orchestrators.local.engine import Engine, Refused
from nbcontainer.orchestrators.local.stream import Stream
from nbcontainer.orchestrators.local.view import Container, View, container
from nbcontainer.orchestrators.stamps import Stamps

LOOK = 0.5  # seconds between looks for new containers and at `stop`
PENDING = 10_000  # lines held for a slow reader

Look = Callable[[], "View | None"]


def last_words(engine: Engine, found: Container, count: int = 8) -> list[str]:
    """The newest lines of a container; none when they can't be had."""
    try:
        return [log.line for log in _once(engine, found, count)]
    except TargetError:
        return []


def read(engine: Engine, view: View, options: LogOptions) -> Iterator[Log]:
    """What the containers have printed so far, merged by time."""
    streams = [_once(engine, each, options.tail) for each in _chosen(view, options)]
    return heapq.merge(*streams, key=lambda log: log.time)


def read_previous(engine: Engine, view: View, options: LogOptions) -> Iterator[Log]:
    """What the containers printed before they were started last: an engine keeps one log for all starts of one.

    Of a container that waits to be started again that is all. Raises RunNotFound when none was restarted.
    """
    chosen = _chosen(view, options)
    restarted = [each for each in chosen if each.restarts]
    if not restarted:
        raise not_restarted([each.pod for each in chosen], view.name)
    return heapq.merge(*(_before(engine, each, options.tail) for each in restarted), key=lambda log: log.time)


def _before(engine: Engine, found: Container, tail: int) -> Iterator[Log]:
    logs = _once(engine, found, -1, until=found.began if found.state == "running" else None)
    yield from deque(logs, maxlen=tail) if tail >= 0 else logs  # an engine's own `tail` counts what `until` leaves out


def _chosen(view: View, options: LogOptions) -> list[Container]:
    found = [each for each in view.containers if each.role in ("run", "replica")]
    return [each for each in found if options.pod in ("", each.pod)]


def check_pod(view: View, options: LogOptions, name: str) -> None:
    """Raise RunNotFound when the run has no container `options.pod`."""
    if options.pod and not _chosen(view, options):
        names = sorted(each.pod for each in view.containers if each.role in ("run", "replica"))
        raise RunNotFound(f"{name} has no pod '{options.pod}'", f"it has: {', '.join(names) or 'none now'}")


def _once(engine: Engine, found: Container, tail: int, until: datetime | None = None) -> Iterator[Log]:
    stamps = Stamps()
    for line in _lines(engine, found, follow=False, tail=tail, until=until, opened=lambda stream: None):
        yield from stamps.take(found.pod, line)


def _lines(
    engine: Engine, found: Container, *, follow: bool, tail: int = -1, since: str = "",
    until: datetime | None = None, opened: Callable[[Stream], None],
) -> Iterator[bytes]:
    """Whole lines with their stamps, without newlines. Nothing for a container that has gone or never started."""
    if not found.started:
        return
    more = {"since": datetime.fromisoformat(since.replace("Z", "+00:00")).timestamp()} if since else {}
    if until is not None:
        more["until"] = until.timestamp()
    try:
        with engine.asking(f"log of {found.pod}") as api:
            stream = Stream(api, found.id, stdout=1, stderr=1, timestamps=1, follow=int(follow),
                            tail=tail if tail >= 0 else "all", **more)
            opened(stream)
            try:
                yield from stream
            finally:
                stream.close()
    except Refused as error:
        if not error.gone:
            raise


class Follower:
    """Follows all containers of a run until it is over and every line is out, or `stop` is set."""

    def __init__(self, engine: Engine, options: LogOptions) -> None:
        self._engine, self._options = engine, options
        self._queue: queue.Queue[Log | NbcontainerError] = queue.Queue(PENDING)
        self._threads: dict[str, _Reading] = {}

    def lines(self, look: Look) -> Iterator[Log]:
        """`look` gives the run now, None when it is gone."""
        over = False
        try:
            while not self._options.stop.is_set():
                over = over or self._look(look)
                yield from self._pending(0.05 if over else LOOK)
                if over and self._queue.empty() and not any(each.is_alive() for each in self._threads.values()):
                    return
        finally:
            for each in self._threads.values():
                each.close()

    def _pending(self, patience: float) -> Iterator[Log]:
        """What is in the queue, and what comes within `patience` seconds of the line before."""
        while not self._options.stop.is_set():
            try:
                found = self._queue.get(timeout=patience)
            except queue.Empty:
                return
            if isinstance(found, NbcontainerError):
                raise found
            yield found

    def _look(self, look: Look) -> bool:
        """Start reading new containers; True when no more will come."""
        try:
            view = look()
        except TargetError:  # the engine is restarting
            return False
        if view is None:
            return True
        for each in _chosen(view, self._options):
            if each.id not in self._threads and each.started:
                self._threads[each.id] = _Reading(self._engine, each, self._options.tail, self._queue)
                self._threads[each.id].start()
        return view.kind == "training" and view.first.state == "exited"


class _Reading(threading.Thread):
    """One container's lines into a queue, until it has ended."""

    def __init__(self, engine: Engine, found: Container, tail: int, out: queue.Queue[Any]) -> None:
        super().__init__(daemon=True, name=f"log of {found.name}")
        self._engine, self._found, self._tail, self._out = engine, found, tail, out
        self._stamps, self._closed = Stamps(), threading.Event()
        self._stream: Stream | None = None

    def run(self) -> None:
        while not self._closed.is_set():
            try:
                ended = self._ended()
                self._read()
                if ended:  # all that it wrote was there to be read
                    return
            except NbcontainerError as error:
                if isinstance(error, Refused):
                    return self._put(error)
                self._closed.wait(LOOK)
            except Exception:  # a stream that broke off, in whatever way its library says so
                self._closed.wait(LOOK)

    def _read(self) -> None:
        self._stamps.reconnect()
        since = self._stamps.since
        tail = -1 if since else self._tail
        for line in _lines(self._engine, self._found, follow=True, tail=tail, since=since, opened=self._opened):
            for log in self._stamps.take(self._found.pod, line):
                self._put(log)
            if self._closed.is_set():
                return

    def _opened(self, stream: Stream) -> None:
        self._stream = stream

    def _ended(self) -> bool:
        try:
            with self._engine.asking(f"container {self._found.pod}") as api:
                return container(api.inspect_container(self._found.id)).state in ("exited", "removing")
        except Refused as error:
            return error.code == 404

    def _put(self, what: Log | NbcontainerError) -> None:
        while not self._closed.is_set():
            try:
                return self._out.put(what, timeout=LOOK)
            except queue.Full:
                continue

    def close(self) -> None:
        self._closed.set()
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                stream.close()
        except Exception:  # it may be closing by itself at this moment
            pass
