"""What a run's pods print, from the first line to the container's end, each line once.

What this is: one thread per pod that reads, reconnects and says gaps, merged. What it is not: a view of the pods'
state, which comes from a reflector: a closed stream is no end, only the container's terminated state is.
In the flow: Run -> Events.
"""

from __future__ import annotations

import heapq
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from nbcontainer.errors import NbcontainerError, RunNotFound
from nbcontainer.model import Log
from nbcontainer.orchestrators import LogOptions, not_restarted
from nbcontainer.orchestrators.kubernetes import errors, manifests, view
from nbcontainer.orchestrators.kubernetes.client import Client
from nbcontainer.orchestrators.kubernetes.reflector import Reflector, close, hang_up, lines
from nbcontainer.orchestrators.stamps import Stamps, split

Object = dict[str, Any]

SILENCE = 300.0  # seconds without a line after which a follow is opened again
LONGEST = 1 << 20  # bytes of a line that come as one Log
WAKE = 1.0  # seconds between looks at `stop`
PENDING = 10_000  # lines held for a slow reader


def read(client: Client, pods: list[Object], options: LogOptions) -> Iterator[Log]:
    """What the pods have printed so far, merged by time."""
    streams = [_past(client, pod, options.tail) for pod in pods if view.started(pod)]
    return heapq.merge(*streams, key=lambda log: log.time)


def read_previous(client: Client, pods: list[Object], options: LogOptions, run: str) -> Iterator[Log]:
    """What the containers printed before they were started last, merged by time. Raises RunNotFound when none was
    restarted, as far as its node remembers."""
    restarted = [pod for pod in pods if view.state(pod, "terminated", "lastState")]
    if not restarted:
        raise not_restarted([pod["metadata"]["name"] for pod in pods], run)
    return _merged_previous(client, restarted, options.tail, run)


def _merged_previous(client: Client, pods: list[Object], tail: int, run: str) -> Iterator[Log]:
    query = {"previous": "true", **({"tailLines": tail} if tail >= 0 else {})}
    streams = []
    for pod in pods:
        name = pod["metadata"]["name"]
        try:
            streams.append(_read(client, name, _open(client, name, query)))
        except errors.Refused as error:
            if error.code not in (400, 404):  # the node has removed it
                raise
    if not streams:
        raise RunNotFound(f"the previous log of {', '.join(pod['metadata']['name'] for pod in pods)} is gone: "
                          "its node no longer has it")
    yield from heapq.merge(*streams, key=lambda log: log.time)


def _past(client: Client, pod: Object, tail: int) -> Iterator[Log]:
    """One pod's lines; of a container that was restarted the last instance's too."""
    restarted = view.container(pod).get("restartCount", 0) and view.state(pod, "running")
    before = list(_once(client, pod, tail, previous=True)) if restarted else []
    if not before:
        yield from _once(client, pod, tail)
        return
    found = [*before, *_once(client, pod, tail)]
    yield from found[-tail:] if tail > 0 else found if tail else []


def _once(client: Client, pod: Object, tail: int, **more: Any) -> Iterator[Log]:
    name = pod["metadata"]["name"]
    try:
        response = _open(client, name, {**({"tailLines": tail} if tail >= 0 else {}), **more})
        yield from _read(client, name, response)
    except errors.Refused as error:
        if error.code not in (400, 404):  # nothing was printed yet, or the pod has gone meanwhile
            raise


def _read(client: Client, pod: str, response: Any) -> Iterator[Log]:
    for line in lines(response, client.connection.host, LONGEST):
        stamp, text = split(line)
        yield Log(pod, text, stamp)
    response.release_conn()


def _open(client: Client, pod: str, query: Object, silence: float = 30.0) -> Any:
    path = client.path("pods", pod, "log")
    return client.open("GET", path, {"container": manifests.CONTAINER, "timestamps": "true", **query}, read=silence)


class Follower:
    """Follows all pods of a run until `ended()` says that the run is over and every pod's lines are out."""

    def __init__(self, client: Client, options: LogOptions) -> None:
        self._client, self._options = client, options
        self._queue: queue.Queue[Log | NbcontainerError | None] = queue.Queue(PENDING)
        self._threads: dict[str, _PodLog] = {}
        self._look = True

    def changed(self) -> None:
        """Called when the pods have changed: wakes the reader, who looks for new ones."""
        self._look = True
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            pass

    def lines(self, pods: Reflector, ended: Callable[[], bool]) -> Iterator[Log]:
        try:
            while not self._options.stop.is_set():
                self._start_new(pods)
                try:
                    found = self._queue.get(timeout=WAKE)
                except queue.Empty:
                    found = None
                if isinstance(found, NbcontainerError):
                    raise found
                if found is not None:
                    yield found
                elif not self._busy() and ended():
                    return
        finally:
            for each in self._threads.values():
                each.close()

    def _busy(self) -> bool:
        return self._look or not self._queue.empty() or any(each.is_alive() for each in self._threads.values())

    def _start_new(self, pods: Reflector) -> None:
        if not self._look:
            return
        self._look = False
        if pods.failure:
            raise pods.failure
        for pod in pods.objects():
            uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
            if uid not in self._threads and self._options.pod in ("", name):
                self._threads[uid] = _PodLog(self._client, pods, uid, name, self._options.tail, self._queue)
                self._threads[uid].start()


class _PodLog(threading.Thread):
    """One pod's lines into a queue; a None follows when it ends, so that a waiting reader looks again."""

    def __init__(
        self, client: Client, pods: Reflector, uid: str, name: str, tail: int, to: queue.Queue[Any]
    ) -> None:
        super().__init__(daemon=True, name=f"log of {name}")
        self._client, self._pods, self._uid, self._pod, self._tail, self._to = client, pods, uid, name, tail, to
        self._stamps = Stamps()
        self._closed = threading.Event()
        self._response: Any = None
        self._instance = ""  # the container's id whose log was read last
        self._flushed = ""  # the instance after whose start the last one's rest was read
        self._tries = 0

    def close(self) -> None:
        self._closed.set()
        if self._response is not None:
            hang_up(self._response)

    def run(self) -> None:
        try:
            self._follow()
        except NbcontainerError as error:
            self._put(error)
        self._put(None)

    def _put(self, thing: Any) -> None:
        while not self._closed.is_set():
            try:
                self._to.put(thing, timeout=WAKE)
                return
            except queue.Full:
                continue

    def _now(self) -> Object | None:
        """The pod as it is now, None when it has gone."""
        return next((pod for pod in self._pods.objects() if pod["metadata"]["uid"] == self._uid), None)

    def _follow(self) -> None:
        while not self._closed.is_set():
            pod = self._now()
            if pod is None:
                return
            if not view.started(pod):
                if pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
                    return  # it ended without ever running
                self._closed.wait(0.1)
                continue
            final = bool(view.state(pod, "terminated")) and not self._may_restart(pod)
            complete = self._stream(pod, follow=not final)
            if final and complete:
                return
            self._after(pod, complete)

    def _after(self, pod: Object, complete: bool) -> None:
        """A stream has ended and the container hadn't, as far as we knew: look again, slower each time."""
        fresh = self._now()
        instance = view.container(fresh).get("containerID", "") if fresh is not None else self._instance
        if self._instance and instance not in (self._instance, self._flushed):
            self._flushed, self._tries = instance, 0
            self._stream(pod, previous=True)  # what the last instance printed after we lost it
            return
        self._tries = 0 if complete and self._stamps.progressed() else self._tries + 1
        self._closed.wait(min(0.1 * 2 ** min(self._tries, 7), 10.0))

    @staticmethod
    def _may_restart(pod: Object) -> bool:
        return pod.get("spec", {}).get("restartPolicy") != "Never" and not view.leaving(pod)

    def _stream(self, pod: Object, **how: bool) -> bool:
        """Read one response; False when it broke off or was refused for now."""
        instance = view.container(pod).get("containerID", "")
        same = "previous" in how or instance == self._instance
        query: Object = {key: "true" for key, value in how.items() if value}
        if self._stamps.since:
            query["sinceTime"] = self._stamps.since
        elif self._tail >= 0:
            query["tailLines"] = self._tail
        try:
            response = _open(self._client, self._pod, query, SILENCE)
        except errors.Refused as error:
            return error.code == 404  # 400: the container is being made; 5xx: the node is out of reach
        except errors.Unreachable:
            return False
        self._response = response
        self._stamps.reconnect(same)
        self._instance = self._instance if "previous" in how else instance
        try:
            for line in lines(response, self._client.connection.host, LONGEST):
                for log in self._stamps.take(self._pod, line):
                    self._put(log)
        except errors.Unreachable:
            return False
        finally:
            self._response = None
            close(response)
        return True


def check_pod(pods: list[Object], wanted: str, run: str) -> None:
    """Raise RunNotFound when the run has no pod `wanted`."""
    names = [pod["metadata"]["name"] for pod in pods]
    if wanted and wanted not in names:
        raise RunNotFound(f"{run} has no pod '{wanted}'", f"it has: {', '.join(sorted(names)) or 'none now'}")

