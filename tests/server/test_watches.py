"""One watch for all who look on: shared, kept while wanted, honest about trouble; windows of thousands of runs. At the
edge stands an orchestrator that counts; a real cluster is in test_runs.py."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from nbcontainer.errors import Forbidden, RunNotFound
from nbcontainer.model import Replicas, RunStatus, Target
from nbcontainer.orchestrators import Changes, Selector
from nbcontainer.server import forwards, watch, watches
from nbcontainer.server.bus import Bus
from nbcontainer.server.forwards import Forwards
from nbcontainer.server.watch import Filter, Watch
from nbcontainer.server.watches import Watches

TARGET = Target("here", "kubernetes", kubeconfig="/nowhere", namespace="ns")
BEGAN = datetime(2026, 1, 2, tzinfo=timezone.utc)


def run(number: int, **words: object) -> RunStatus:
    created = BEGAN + timedelta(seconds=number)
    base = RunStatus(f"run-{number:04d}", "training", "here", "ns", "Running", created=created)
    return replace(base, **words)  # type: ignore[arg-type]


def until(ask: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


class Port:
    def __init__(self, number: int) -> None:
        self.url, self.closed = f"http://127.0.0.1:{number}", False

    def close(self) -> None:
        self.closed = True


class Edge:
    """Every watch_runs() is counted and tells what the test puts into its queue."""

    def __init__(self) -> None:
        self.watches: list[queue.Queue[Changes | Exception]] = []
        self.stops: list[threading.Event] = []
        self.first: Changes | Exception = Changes()
        self.ports: list[Port] = []

    def watch_runs(self, selector: Selector, stop: threading.Event) -> Iterator[Changes]:
        told: queue.Queue[Changes | Exception] = queue.Queue()
        told.put(self.first)
        self.watches.append(told)
        self.stops.append(stop)
        while not stop.is_set():
            try:
                each = told.get(timeout=0.05)
            except queue.Empty:
                continue
            if isinstance(each, Exception):
                raise each
            yield each

    def status(self, name: str) -> RunStatus:
        raise RunNotFound(f"no run '{name}'")

    def forward(self, name: str) -> Port:
        self.ports.append(Port(9000 + len(self.ports)))
        return self.ports[-1]


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Edge:
    found = Edge()
    for module in (watch, watches, forwards):
        monkeypatch.setattr(module, "orchestrator", lambda target: found)
    return found


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def shared(bus: Bus, edge: Edge) -> Iterator[Watches]:
    found = Watches(bus)
    yield found
    found.close()
    until(lambda: not [each for each in threading.enumerate() if each.name == "runs of here"])


def state(bus: Bus, found: Watch) -> dict[str, object]:
    return dict((bus.get(found.topic) or (0, {}))[1] or {})


def test_two_viewers_share_one_watch(shared: Watches, edge: Edge) -> None:
    edge.first = Changes({"run-0001": run(1)})
    found: list[Watch] = []
    viewers = [threading.Thread(target=lambda: found.append(shared.of(replace(TARGET)))) for _ in range(8)]
    for each in viewers:
        each.start()
    for each in viewers:
        each.join(30)
    assert len(edge.watches) == 1
    assert len({id(each) for each in found}) == 1
    assert found[0].window(Filter(), 0, 10).total == 1
    assert shared.of(replace(TARGET, namespace="other")) is not found[0]
    assert len(edge.watches) == 2


def test_the_watch_goes_when_nobody_wants_it(shared: Watches, edge: Edge, bus: Bus,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "KEPT", 0.2)
    monkeypatch.setattr(watches, "TIDY", 0.05)
    monkeypatch.setattr("nbcontainer.server.pulse.IDLE", 0.1)
    first = shared.of(TARGET)
    bus.subscribed([first.topic])
    assert not edge.stops[0].wait(1)
    bus.unsubscribed([first.topic])
    until(edge.stops[0].is_set)
    until(lambda: (bus.get(first.topic) or (0, 1))[1] is None)
    assert shared.of(TARGET) is not first
    assert len(edge.watches) == 2


def test_changes_are_told_five_times_a_second_at_most(shared: Watches, edge: Edge, bus: Bus) -> None:
    found = shared.of(TARGET)
    told: list[float] = []
    bus.listen(lambda topic: told.append(time.monotonic()))
    began = time.monotonic()
    for number in range(100):
        edge.watches[0].put(Changes({"run-0001": run(1, reason=str(number))}))
        time.sleep(0.01)
    until(lambda: (one := found.run("run-0001")) and one.reason == "99")
    until(lambda: state(bus, found)["version"] == found.version)
    assert len(told) <= (time.monotonic() - began) * 5 + 2


def test_trouble_is_told_and_the_runs_stay(shared: Watches, edge: Edge, bus: Bus) -> None:
    edge.first = Changes({}, "the cluster can't be reached")
    found = shared.of(TARGET)
    until(lambda: state(bus, found) == {"version": 1, "trouble": "the cluster can't be reached", "synced": False})
    edge.watches[0].put(Changes({"run-0001": run(1)}))
    until(lambda: state(bus, found) == {"version": 2, "trouble": "", "synced": True})
    edge.watches[0].put(Changes({}, "gone again"))
    until(lambda: state(bus, found) == {"version": 3, "trouble": "gone again", "synced": True})
    assert found.window(Filter(), 0, 10).total == 1


def test_a_refused_list_is_the_requests_error_and_the_next_request_tries_again(shared: Watches, edge: Edge) -> None:
    edge.first = Forbidden("ada may not list jobs")
    for _ in range(2):
        with pytest.raises(Forbidden):
            shared.of(TARGET)
    assert len(edge.watches) == 2
    edge.first = Changes({"run-0001": run(1)})
    assert shared.of(TARGET).window(Filter(), 0, 1).total == 1
    assert len(edge.watches) == 3


def test_a_refused_watch_that_a_page_wants_is_tried_again(shared: Watches, edge: Edge, bus: Bus,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "AGAIN", 0.0)
    monkeypatch.setattr(Watches.keep, "__defaults__", (0.0,))
    monkeypatch.setattr("nbcontainer.server.pulse.IDLE", 0.1)
    found = shared.of(TARGET)
    bus.subscribed([found.topic])
    edge.first = Changes({"run-0002": run(2)})
    edge.watches[0].put(Forbidden("the token has expired"))
    until(lambda: shared.of(TARGET).run("run-0002"))
    until(lambda: state(bus, found)["trouble"] == "")


def test_another_kubeconfig_is_taken_at_once(shared: Watches, edge: Edge, tmp_path: Path) -> None:
    file = tmp_path / "config"
    target = replace(TARGET, kubeconfig=str(file))
    old = shared.of(target)
    assert shared.of(target) is old
    file.write_text("a cluster")
    new = shared.of(target)
    assert new is not old
    assert edge.stops[0].is_set()
    assert new.topic == old.topic
    assert new.version > old.version


@pytest.mark.parametrize("phase", ["Running", "Failed"])
def test_a_scaled_service_does_not_flicker_back(shared: Watches, edge: Edge, phase: str) -> None:
    before = run(1, kind="inference", replicas=Replicas(1, 1, 1), phase=phase)
    edge.first = Changes({"run-0001": before})
    found = shared.of(TARGET)

    def wanted() -> int:
        return found.window(Filter(), 0, 1).runs[0].replicas.wanted

    assert wanted() == 1
    shared.ahead(TARGET, replace(before, replicas=Replicas(3, 1, 1)))
    assert wanted() == 3
    edge.watches[0].put(Changes({"run-0001": replace(before, reason="an older change")}))
    until(lambda: found.window(Filter(), 0, 1).runs[0].reason == "an older change")
    assert wanted() == 3
    edge.watches[0].put(Changes({"run-0001": replace(before, replicas=Replicas(3, 2, 3))}))
    until(lambda: found.window(Filter(), 0, 1).runs[0].replicas.ready == 2)
    until(lambda: not found._ahead)
    edge.watches[0].put(Changes({"run-0001": replace(before, replicas=Replicas(1, 1, 1))}))  # somebody else
    until(lambda: wanted() == 1)


def test_a_stopped_run_is_stopped_at_once_and_leaves_no_ghost(shared: Watches, edge: Edge,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    edge.first = Changes({"run-0001": run(1), "run-0002": run(2)})
    found = shared.of(TARGET)
    shared.ahead(TARGET, run(1, phase="Stopped"), stopped=True)
    edge.watches[0].put(Changes({"run-0001": run(1, reason="an older change")}))
    until(lambda: found.version >= 3)
    assert found.run("run-0001") == run(1, phase="Stopped")
    edge.watches[0].put(Changes({"run-0001": None}))
    until(lambda: found.run("run-0001") is None)
    shared.ahead(TARGET, run(1, phase="Stopped"), stopped=True)
    assert [each.name for each in found.window(Filter(), 0, 10).runs] == ["run-0002"]
    monkeypatch.setattr(watch, "AHEAD", 0.0)
    shared.ahead(TARGET, run(2, phase="Stopped"), stopped=True)  # the watch never sees it
    until(lambda: [each.phase for each in found.window(Filter(), 0, 10).runs] == ["Running"])


def test_windows_filters_and_counts(shared: Watches, edge: Edge) -> None:
    runs = [
        run(1, phase="Failed", reason="out of memory", notebook="aaaa", notebook_path="work/Digits.ipynb"),
        run(2, kind="inference", notebook="aaaa", notebook_path="work/Digits.ipynb"),
        run(3, notebook="bbbb", notebook_path="work/Other.ipynb"),
        run(4, phase="Pending", reason="no node has 64 GiB of MEMORY"),
    ]
    edge.first = Changes({each.name: each for each in runs})
    found = shared.of(TARGET)

    def names(offset: int = 0, limit: int = 100, **words: str) -> list[int]:
        return [int(each.name[-4:]) for each in found.window(Filter(**words), offset, limit).runs]

    assert names() == [4, 3, 2, 1]
    assert names(1, 2) == [3, 2]
    assert names(4) == []
    assert names(notebook="aaaa") == [2, 1]
    assert names(kind="inference") == [2]
    assert names(phase="Failed") == [1]
    assert names(q="memory") == [4, 1]
    assert names(q="DIGITS run-0002") == [2]
    assert names(q="memory digits") == [1]
    told = found.window(Filter(phase="Failed", notebook="aaaa"), 0, 100)
    assert (told.total, told.counts) == (1, {"Running": 1, "Failed": 1})
    assert found.window(Filter(), 0, 0).total == 4


def test_a_window_of_thousands_takes_milliseconds(shared: Watches, edge: Edge) -> None:
    edge.first = Changes({each.name: each for each in (run(n, reason=f"reason {n}") for n in range(2000))})
    found = shared.of(TARGET)

    def best(ask: Callable[[], object]) -> float:
        times = []
        for _ in range(10):
            began = time.perf_counter()
            ask()
            times.append(time.perf_counter() - began)
        return min(times) * 1e3

    def changed() -> None:
        found.touch()
        found.window(Filter(), 0, 100)

    first, all_of_them, some = best(changed), best(lambda: found.window(Filter(), 0, 100)), best(
        lambda: found.window(Filter(q="reason 19"), 100, 100))
    print(f"2,000 runs: after a change {first:.1f} ms, again {all_of_them:.1f} ms, with words {some:.1f} ms")
    assert max(first, all_of_them, some) < 50


def test_a_port_is_held_once_and_goes_with_its_run(shared: Watches, edge: Edge,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwards, "TIDY", 0.05)
    monkeypatch.setattr("nbcontainer.server.pulse.IDLE", 0.1)
    edge.first = Changes({"run-0001": run(1, kind="inference")})
    found = shared.of(TARGET)
    held = Forwards(shared)
    urls: list[str] = []
    pages = [threading.Thread(target=lambda: urls.append(held.hold(TARGET, "run-0001"))) for _ in range(5)]
    for each in pages:
        each.start()
    for each in pages:
        each.join(30)
    assert urls == ["http://127.0.0.1:9000"] * 5
    before = found.version
    held.release(TARGET, "run-0001")
    assert edge.ports[0].closed
    assert found.version > before
    assert held.url(TARGET, "run-0001") == ""
    held.hold(TARGET, "run-0001")
    edge.watches[0].put(Changes({}, "unreachable"))
    until(lambda: found.trouble)
    assert not edge.ports[1].closed
    edge.watches[0].put(Changes({"run-0001": None}))
    until(lambda: edge.ports[1].closed)
    held.hold(TARGET, "run-0001")
    held.close()
    assert edge.ports[2].closed


def test_a_port_that_nobody_uses_is_let_go(shared: Watches, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwards, "TIDY", 0.05)
    monkeypatch.setattr(forwards, "KEPT", 0.3)
    monkeypatch.setattr("nbcontainer.server.pulse.IDLE", 0.1)
    edge.first = Changes({"run-0001": run(1, kind="inference")})
    shared.of(TARGET)
    held = Forwards(shared)
    held.hold(TARGET, "run-0001")
    until(lambda: edge.ports[0].closed)
    held.close()
