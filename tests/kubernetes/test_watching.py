"""Watches against a scripted API server: how much is judged again, and what trouble looks like."""

from __future__ import annotations

import copy
import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from nbcontainer.errors import Forbidden, TargetError
from nbcontainer.model import RunStatus
from nbcontainer.orchestrators import Changes, Selector
from nbcontainer.orchestrators.kubernetes import Kubernetes, status, watching

from . import samples as s
from .conftest import Serve
from .wire import Exchange, Object, Wire, listed

MANY = 200


def owner(number: int, kind: str = "training", **more: Any) -> Object:
    return named(s.job(**more) if kind == "training" else s.deployment(**more), f"run-{number}", f"uid-{number}")


def pod(number: int, state: Object | None = None) -> Object:
    found = named(s.pod(state), f"run-{number}-x", f"pod-{number}", f"run-{number}")
    found["metadata"]["ownerReferences"] = [{"kind": "Job", "uid": f"uid-{number}"}]
    return found


def named(thing: Object, name: str, uid: str, run: str = "") -> Object:
    thing["metadata"].update(name=name, uid=uid)
    thing["metadata"]["labels"]["nbcontainer.io/run"] = run or name
    return thing


class Cluster:
    """Objects by resource; tell() changes them and sends the change to who watches."""

    def __init__(self, **things: list[Object]) -> None:
        self.things: dict[str, dict[str, Object]] = {
            kind: {each["metadata"]["uid"]: each for each in things.get(kind, ())}
            for kind in ("jobs", "deployments", "pods", "events")
        }
        self.version = 100
        self.refusal: tuple[int, str, str] | None = None  # for every request
        self.expired = False  # of watches that begin
        self.lists: list[str] = []
        self.patches: list[Object] = []
        self.date = ""
        self._history: list[tuple[int, str, Object]] = []
        self._watches: list[tuple[str, queue.SimpleQueue[Any]]] = []
        self._lock = threading.Lock()

    def tell(self, kind: str, thing: Object, how: str = "MODIFIED") -> None:
        with self._lock:
            self.version += 1
            thing = copy.deepcopy(thing)
            thing["metadata"]["resourceVersion"] = str(self.version)
            if how == "DELETED":
                del self.things[kind][thing["metadata"]["uid"]]
            else:
                self.things[kind][thing["metadata"]["uid"]] = thing
            event = {"type": how, "object": thing}
            self._history.append((self.version, kind, event))
            for each, line in self._watches:
                if each == kind:
                    line.put(event)

    def end_watches(self, *last: Object) -> None:
        with self._lock:
            for _, line in self._watches:
                for each in (*last, None):
                    line.put(each)
            self._watches.clear()

    def __call__(self, x: Exchange) -> None:
        kind = x.path.rsplit("/", 1)[1]
        date = {"date": self.date} if self.date else {}
        if self.refusal:
            x.refuse(*self.refusal, **date)
        elif x.method == "PATCH":
            self.patches.append(x.body)
            x.json({}, **date)
        elif not x.watching:
            with self._lock:
                self.lists.append(kind)
                found = listed(str(self.version), *copy.deepcopy(list(self.things[kind].values())))
            x.json(found, **date)
        elif self.expired:
            x.refuse(410, "Expired", **date)
        else:
            self._watch(x, kind)

    def _watch(self, x: Exchange, kind: str) -> None:
        line: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            for version, each, event in self._history:
                if each == kind and version > int(x.query["resourceVersion"]):
                    line.put(event)
            self._watches.append((kind, line))
        x.start()
        while (sent := line.get()) is not None:
            x.send(sent)
        x.finish()


class Watch:
    """A watch_runs in a thread; counts what is judged."""

    def __init__(self, runner: Kubernetes, monkeypatch: pytest.MonkeyPatch, selector: Selector | None = None) -> None:
        self.judged: list[str] = []
        run_status = status.run_status

        def judge(found: Any) -> RunStatus:
            self.judged.append(found.owner["metadata"]["name"])
            return run_status(found)

        monkeypatch.setattr(status, "run_status", judge)
        self.runs: dict[str, RunStatus] = {}
        self.all: list[Changes] = []
        self.error: Exception | None = None
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(runner, selector or Selector()), daemon=True)
        self._thread.start()

    def _run(self, runner: Kubernetes, selector: Selector) -> None:
        try:
            for changes in runner.watch_runs(selector, self.stop):
                for name, run in changes.runs.items():
                    if run is None:
                        del self.runs[name]
                    else:
                        self.runs[name] = run
                self.all.append(changes)
        except TargetError as error:
            self.error = error

    @property
    def trouble(self) -> str:
        return self.all[-1].trouble if self.all else ""

    def until(self, ask: Callable[[], object], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not ask():
            assert time.monotonic() < end, f"it did not happen: {self.trouble}, {self.error}"
            time.sleep(0.01)

    def close(self) -> None:
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


Begin = Callable[..., Watch]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    watches: list[Watch] = []

    def start(wire: Wire, selector: Selector | None = None) -> Watch:
        watches.append(Watch(Kubernetes(wire.target), monkeypatch, selector))
        return watches[-1]

    yield start
    for each in watches:
        each.close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = Cluster(jobs=[owner(n, spec={"suspend": True}) for n in range(MANY)])
    yield found
    found.end_watches()


def test_a_change_of_one_pod_is_a_look_at_one_run(serve: Serve, begin: Begin, cluster: Cluster) -> None:
    watch = begin(serve(cluster))
    watch.until(lambda: len(watch.runs) == MANY)
    assert len(watch.all) == 1
    assert len(watch.judged) == MANY
    cluster.tell("pods", pod(7), "ADDED")
    watch.until(lambda: watch.runs["run-7"].pods)
    cluster.tell("pods", pod(7, s.running()))
    watch.until(lambda: watch.runs["run-7"].phase == "Running")
    cluster.tell("events", s.event(pod(7), "Unhealthy", "no"), "ADDED")
    watch.until(lambda: watch.judged[MANY:].count("run-7") == 3)
    cluster.tell("events", s.event({"metadata": {"uid": "somebody else's"}}, "Failed", "no"), "ADDED")
    cluster.tell("jobs", owner(8, spec={"suspend": False}))
    watch.until(lambda: not watch.runs["run-8"].reason.startswith("suspended"))
    assert watch.judged[MANY:] == ["run-7"] * 3 + ["run-8"]
    assert [set(each.runs) for each in watch.all[1:]] == [{"run-7"}, {"run-7"}, {"run-8"}]


def test_what_comes_goes_and_comes_again_under_its_name(serve: Serve, begin: Begin, cluster: Cluster) -> None:
    cluster.things["jobs"].clear()
    watch = begin(serve(cluster))
    watch.until(lambda: watch.all)
    assert watch.all == [Changes({}, "")]
    service = owner(1, "inference", wanted=3)
    cluster.tell("deployments", service, "ADDED")
    watch.until(lambda: "run-1" in watch.runs)
    cluster.tell("deployments", service, "DELETED")
    watch.until(lambda: not watch.runs)
    assert watch.all[-1].runs == {"run-1": None}
    cluster.tell("deployments", service, "ADDED")
    watch.until(lambda: watch.runs)
    again = named(owner(1, "inference", wanted=5), "run-1", "another uid")
    cluster.tell("deployments", again, "ADDED")
    cluster.tell("deployments", service, "DELETED")
    watch.until(lambda: watch.runs["run-1"].replicas.wanted == 5)
    assert all(run for each in watch.all[3:] for run in each.runs.values())


def test_trouble_and_recovery(serve: Serve, begin: Begin, cluster: Cluster) -> None:
    cluster.refusal = (503, "ServiceUnavailable", "starting")
    watch = begin(serve(cluster))
    watch.until(lambda: watch.trouble)
    assert watch.all == [Changes({}, "the cluster refuses: starting")]
    cluster.refusal = None
    watch.until(lambda: len(watch.runs) == MANY and not watch.trouble)
    cluster.refusal = (403, "Forbidden", "")  # what a server that starts up may say
    cluster.end_watches()
    watch.until(lambda: "this account may not get" in watch.trouble)
    judged = len(watch.judged)
    cluster.refusal = None
    cluster.tell("jobs", owner(3, suspend=False))
    watch.until(lambda: not watch.trouble and len(watch.judged) > judged)
    assert set(watch.judged[judged:]) == {"run-3"}
    assert len(watch.runs) == MANY
    assert "\n" not in "".join(each.trouble for each in watch.all)


def test_an_expired_watch_is_no_trouble_and_judges_nothing_anew(serve: Serve, begin: Begin, cluster: Cluster) -> None:
    watch = begin(serve(cluster))
    watch.until(lambda: len(watch.runs) == MANY)
    first = len(cluster.lists)
    cluster.expired = True
    cluster.end_watches({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})
    watch.until(lambda: len(cluster.lists) > first + 3)
    cluster.expired = False
    cluster.tell("jobs", owner(5), "DELETED")
    watch.until(lambda: len(watch.runs) == MANY - 1)
    assert len(watch.judged) == MANY
    assert [each.trouble for each in watch.all] == ["", ""]
    assert watch.all[-1].runs == {"run-5": None}


@pytest.mark.parametrize(("refusal", "kind", "words"), [
    ((403, "Forbidden", 'User "eve" cannot list resource "jobs" in API group'), Forbidden, "eve may not list jobs"),
    ((401, "Unauthorized", ""), TargetError, "does not accept the credentials"),
])
def test_who_is_refused_at_first_is_told(
    serve: Serve, begin: Begin, cluster: Cluster, refusal: tuple[int, str, str], kind: type[Exception], words: str
) -> None:
    cluster.refusal = refusal
    watch = begin(serve(cluster), Selector(kind="training", notebook="0123abcd"))
    watch.until(lambda: watch.error)
    assert isinstance(watch.error, kind)
    assert words in str(watch.error)
    assert not watch.all


def test_a_page_instead_of_an_answer_is_trouble(serve: Serve, begin: Begin, cluster: Cluster) -> None:
    proxy = threading.Event()

    def answer(x: Exchange) -> None:
        if proxy.is_set():
            cluster(x)
        else:
            x.start()
            x.send(b"<html>please log in</html>")
            x.finish()

    watch = begin(serve(answer))
    watch.until(lambda: "answer can't be read" in watch.trouble)
    proxy.set()
    watch.until(lambda: len(watch.runs) == MANY and not watch.trouble)


def test_a_start_timeout_that_passes_is_told_and_ends_the_run(
    serve: Serve, begin: Begin, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "TICK", 0.3)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    cluster.date = format_datetime(now, usegmt=True)
    late = owner(MANY, annotations={"nbcontainer.io/start-timeout": "3"})
    late["metadata"]["creationTimestamp"] = late["status"]["startTime"] = now.isoformat()
    cluster.things["jobs"][f"uid-{MANY}"] = late
    watch = begin(serve(cluster))
    watch.until(lambda: len(watch.runs) == MANY + 1)
    assert watch.runs[f"run-{MANY}"].phase == "Pending"
    watch.until(lambda: watch.runs[f"run-{MANY}"].phase == "Failed")
    assert watch.runs[f"run-{MANY}"].reason.startswith("could not start within 3 s")
    time.sleep(1.0)  # more ticks, which must not look at it again
    assert watch.judged[MANY + 1:] == [f"run-{MANY}"]
    assert [each["spec"] for each in cluster.patches] == [{"activeDeadlineSeconds": 1}]
