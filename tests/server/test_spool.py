"""Logs in the server's files: windows, search, odd bytes, breaks, bounds, what is left. At the edge stands an
orchestrator whose lines the test chooses; real pods are in test_logs.py."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import pytest

from nbcontainer.errors import Forbidden, RunNotFound, TargetError
from nbcontainer.model import Log, PodStatus, RunStatus, Target
from nbcontainer.orchestrators import Changes, LogOptions, Selector
from nbcontainer.server import linefile, spools, watch, watches
from nbcontainer.server.bus import Bus
from nbcontainer.server.linefile import LineFile
from nbcontainer.server.refusals import NotHere
from nbcontainer.server.spool import Spool
from nbcontainer.server.spools import Spools
from nbcontainer.server.watches import Watches

RUN = RunStatus("r", "training", "here", "ns", "Running", pods=(PodStatus("a", "Running"),),
                created=datetime(2026, 1, 2, tzinfo=timezone.utc))
TARGET = Target("here", "kubernetes", kubeconfig="/nowhere")


def until(ask: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def stamped(number: int, text: str, pod: str = "a") -> Log:
    return Log(pod, text, f"2026-01-02T03:{number // 60 % 60:02d}:{number % 60:02d}.{number:09d}Z")


@dataclass
class Scripted:
    """An orchestrator at the edge: each logs() plays the next of `plays`, an exception in one is raised."""

    plays: list[list[Log | Exception]] = field(default_factory=list)
    asked: list[LogOptions] = field(default_factory=list)
    hold: bool = False
    run: RunStatus = RUN

    def logs(self, name: str, options: LogOptions) -> Iterator[Log]:
        self.asked.append(options)
        return self._play(self.plays.pop(0) if self.plays else [], options)

    def _play(self, lines: list[Log | Exception], options: LogOptions) -> Iterator[Log]:
        for each in lines:
            if isinstance(each, Exception):
                raise each
            yield each
        if self.hold:
            options.stop.wait(60)

    def status(self, name: str) -> RunStatus:
        if name != self.run.name:
            raise RunNotFound(f"no run '{name}'")
        return self.run

    def watch_runs(self, selector: Selector, stop: threading.Event) -> Iterator[Changes]:
        yield Changes({self.run.name: self.run})
        stop.wait(60)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LineFile]:
    found = LineFile(tmp_path / "log")
    yield found
    found.close()


def spool(edge: Scripted, folder: Path, **options: object) -> Spool:
    words = LogOptions(follow=True, **options)  # type: ignore[arg-type]
    return Spool("0" * 16, lambda: edge, "r", words, folder, lambda: None)  # type: ignore[arg-type,return-value]


def texts(file: LineFile, first: int = 0, count: int = 2000) -> list[str]:
    return [line["text"] for line in file.window(first, count)["lines"]]


# ---------------------------------------------------------------- the file
def test_windows_hold_what_was_printed_whatever_it_is(file: LineFile) -> None:
    odd = ["\x1b[31mred\x1b[0m", "a\rb\r", "nul\0nul", "", "<script>alert(1)</script>", "é✓𝄞", "bad \ufffd byte",
           "\x85\u2028x"]
    file.append([stamped(n, text) for n, text in enumerate(odd)])
    file.append([Log("b", "unstamped")])
    told = file.window(0, 100)
    assert [line["text"] for line in told["lines"]] == [*odd, "unstamped"]
    assert told["total"] == file.lines == 9
    assert told["lines"][2] == {"pod": "a", "time": "2026-01-02T03:00:02.000000002Z", "text": "nul\0nul", "length": 7}
    assert told["lines"][8] == {"pod": "b", "time": "", "text": "unstamped", "length": 9}
    assert texts(file, 7, 1) == [odd[7]]
    assert file.window(9, 10) == {"from": 9, "total": 9, "lines": []}
    assert b"".join(file.chunks()).decode() == "".join(f"{text}\n" for text in (*odd, "unstamped"))
    assert file.pods == ["a", "b"]


def test_a_very_long_line_is_cut_and_its_length_told(file: LineFile) -> None:
    file.append([stamped(0, "𝄞" * 2**20), stamped(1, "short")])
    long, short = file.window(0, 10)["lines"]
    assert long["length"] == 2**20
    assert long["text"] == "𝄞" * 16384
    assert short["text"] == "short"
    assert len(b"".join(file.chunks())) == 4 * 2**20 + 1 + 6


def test_a_window_of_long_lines_ends_early_but_never_stands_still(file: LineFile) -> None:
    file.append([stamped(n, "x" * 20_000) for n in range(600)])
    seen, at = 0, 0
    while at < 600:
        lines = file.window(at, 2000)["lines"]
        assert 0 < len(lines) <= linefile.WINDOW // 16384
        seen, at = seen + len(lines), at + len(lines)
    assert seen == 600


def test_search_minds_capitals_only_where_there_are_some(file: LineFile) -> None:
    lines = ["Error one", "error two", "ÄRGER", "ärger", "none", "two errors: error", "a.c", "abc"]
    file.append([stamped(n, text) for n, text in enumerate(lines)])

    def found(q: str, first: int = 0, limit: int = 100) -> list[int]:
        return list(file.search(q, first, limit)["lines"])

    assert found("error") == [0, 1, 5]
    assert found("Error") == [0]
    assert found("ärger") == [2, 3]
    assert found("Ärger") == []
    assert found("ÄRGER") == [2]
    assert found("a.c") == [6]
    assert found("one\nerror") == []
    assert found("error", 1) == [1, 5]
    assert file.search("error", 0, 2) == {"lines": [0, 1], "more": True, "next": 2}
    assert file.search("error", 2, 2) == {"lines": [5], "more": False, "next": 8}


def test_a_search_over_its_time_goes_on_where_it_stopped(file: LineFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linefile, "SEARCH", 0.0)
    monkeypatch.setattr(linefile, "CHUNK", 1000)
    file.append([stamped(n, f"line {n} {'x' * 90}") for n in range(100)])
    found, at, requests = [], 0, 0
    clock = iter(range(10**6))
    monkeypatch.setattr(linefile.time, "monotonic", lambda: next(clock) / 2)  # each look takes half a second
    monkeypatch.setattr(linefile, "SEARCH", 1.0)
    while True:
        told = file.search("9 x", at, 1000)
        found += told["lines"]
        requests += 1
        assert told["next"] > at
        at = told["next"]
        if not told["more"]:
            break
    assert found == list(range(9, 100, 10))
    assert requests > 5


def test_a_closed_file_is_gone_and_who_reads_may_finish(tmp_path: Path) -> None:
    file = LineFile(tmp_path / "log")
    file.append([stamped(n, "x" * 1000) for n in range(10_000)])
    chunks = file.chunks()
    size = len(next(chunks))
    file.close()
    assert list(tmp_path.iterdir()) == []
    assert size + sum(map(len, chunks)) == 10_000 * 1001
    with pytest.raises(NotHere):
        file.window(0, 1)
    with pytest.raises(NotHere):
        file.append([stamped(0, "late")])
    file.close()


# ---------------------------------------------------------------- the follow
def test_after_a_break_each_line_is_there_once(tmp_path: Path) -> None:
    """A new follow begins at the first line: what is there is known again, equal ones and stamps that step back too."""
    a = [stamped(n, "same") for n in range(50)]
    twice = [Log("a", "same", a[-1].time), Log("a", "same", a[-1].time)]
    back = Log("a", "stderr, stamped before", a[-1].time.replace("49.", "48.9").replace("000000049", "99999999"))
    b = [stamped(n, f"b {n}", "b") for n in range(20)]
    after = [stamped(n, "new") for n in range(60, 70)]
    edge = Scripted([[*a, twice[0], *b, TargetError("the cluster can't be reached")],
                     [TargetError("still not")],
                     [*b, *a, *twice, back, *after]])
    found = spool(edge, tmp_path)
    until(lambda: found.ended)
    lines = [(line["pod"], line["text"], line["time"]) for line in found.file.window(0, 2000)["lines"]]
    wanted = [*a, twice[0], *b, twice[1], back, *after]
    assert lines == [(log.pod, log.line, log.time) for log in wanted]
    assert len(edge.asked) == 3
    assert found.trouble == ""
    found.close()


def test_trouble_is_told_while_it_lasts(tmp_path: Path) -> None:
    states: list[tuple[str, int]] = []
    one, two = stamped(0, "one"), stamped(1, "two")
    edge = Scripted([[one, Forbidden("ada may not get pods/log")], [one, two]])
    found = spool(edge, tmp_path)

    def over() -> bool:
        found.flush()
        states.append((found.trouble, found.file.lines))
        return found.ended

    until(over)
    assert ("ada may not get pods/log", 1) in states
    assert states[-1] == ("", 2)
    found.close()


def test_a_run_that_goes_ends_its_log(tmp_path: Path) -> None:
    found = spool(Scripted([[stamped(0, "one"), TargetError("broken")], [RunNotFound("no run 'r'")]]), tmp_path)
    until(lambda: found.ended)
    assert (found.trouble, texts(found.file)) == ("", ["one"])
    found.close()
    never = spool(Scripted([[RunNotFound("no run 'r'", "there is none")]]), tmp_path)
    until(lambda: never.ended)
    assert never.trouble == "no run 'r' (there is none)"
    never.close()


@pytest.mark.parametrize(("limit", "most"), [("LINES", 1000), ("BYTES", 1000)])
def test_a_log_without_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int) -> None:
    monkeypatch.setattr(linefile, limit, most)
    found = spool(Scripted([[stamped(n, "x") for n in range(20_000)]]), tmp_path)
    until(lambda: found.ended)
    assert "larger than what is kept here" in found.trouble
    assert found.file.lines <= 5000
    assert limit == "BYTES" or found.file.lines == most
    assert found.state()["ended"] is True
    found.close()


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    found = spool(Scripted([[stamped(0, "one")]], hold=True), tmp_path)
    until(lambda: (found.flush(), found.file.lines)[1])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(linefile, "_write", full)
    found._pending.append(stamped(1, "two"))
    found.flush()
    assert found.ended
    assert "the disk is full" in found.trouble
    assert texts(found.file) == ["one"]
    found.close()


def test_a_million_lines_take_seconds_and_little_memory(tmp_path: Path) -> None:
    def resident() -> float:
        """MiB."""
        words = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
        return int(words.split()[1]) / 1024

    class Many(Scripted):
        def logs(self, name: str, options: LogOptions) -> Iterator[Log]:
            return (stamped(n, f"step {n} loss=0.{n % 1000:03d} and what else a line of a training says")
                    for n in range(1_000_000))

    before, began = resident(), time.monotonic()
    found = spool(Many(), tmp_path)
    until(lambda: found.ended, 120)
    seconds, grown = time.monotonic() - began, resident() - before
    began = time.monotonic()
    assert texts(found.file, 999_999, 10) == ["step 999999 loss=0.999 and what else a line of a training says"]
    window = time.monotonic() - began
    began = time.monotonic()
    told = found.file.search("LOSS=0.999", 0, 10_000)
    search = time.monotonic() - began
    assert told["lines"] == []
    assert found.file.search("loss=0.999", 0, 10_000)["lines"] == list(range(999, 1_000_000, 1000))
    print(f"{1e6 / seconds:,.0f} lines/s, {grown:.0f} MiB more, window {window * 1e3:.1f} ms, "
          f"search {search * 1e3:.0f} ms")
    assert found.file.lines == 1_000_000
    assert seconds < 60
    assert grown < 80
    assert window < 1
    found.close()


# ---------------------------------------------------------------- all of them
@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    found = Scripted()
    for module in (spools, watch, watches):
        monkeypatch.setattr(module, "orchestrator", lambda target: found)
    return found


@pytest.fixture
def logs(edge: Scripted, tmp_path: Path) -> Iterator[tuple[Spools, Bus]]:
    bus = Bus()
    watching = Watches(bus)
    found = Spools(bus, watching, tmp_path / "logs")
    yield found, bus
    found.close()
    watching.close()
    assert list((tmp_path / "logs").glob("*-*")) == []


def test_a_reload_gets_the_same_log_and_each_question_another(logs: tuple[Spools, Bus], edge: Scripted) -> None:
    edge.plays, edge.hold = [[stamped(n, f"line {n}") for n in range(10)]], True
    found, bus = logs
    first = found.open(TARGET, "r")
    assert found.open(TARGET, "r")["id"] == first["id"]
    assert len(edge.asked) == 1
    assert found.open(TARGET, "r", "a")["id"] != first["id"]
    with pytest.raises(RunNotFound, match="no pod 'b'"):
        found.open(TARGET, "r", "b")
    with pytest.raises(RunNotFound):
        found.open(TARGET, "other")
    until(lambda: (bus.get(first["topic"]) or (0, {}))[1].get("lines") == 10)
    previous = found.open(TARGET, "r", "", True)
    assert previous["previous"] is True
    assert (edge.asked[-1].previous, edge.asked[-1].follow) == (True, False)


def test_states_come_at_most_ten_times_a_second(logs: tuple[Spools, Bus], edge: Scripted) -> None:
    class Slow(Scripted):
        def logs(self, name: str, options: LogOptions) -> Iterator[Log]:
            for n in range(200):
                options.stop.wait(0.005)
                yield stamped(n, "x")

    slow = Slow()
    edge.logs = slow.logs  # type: ignore[method-assign]
    found, bus = logs
    told: list[float] = []
    bus.listen(lambda topic: told.append(time.monotonic()) if topic.startswith("log/") else None)
    began = time.monotonic()
    topic = found.open(TARGET, "r")["topic"]
    until(lambda: (bus.get(topic) or (0, {}))[1].get("ended"))
    assert 2 <= len(told) <= (time.monotonic() - began) * 10 + 3


def test_what_nobody_wants_is_ended_and_removed(logs: tuple[Spools, Bus], edge: Scripted, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "KEPT", 0.3)
    monkeypatch.setattr(spools, "TIDY", 0.1)
    monkeypatch.setattr("nbcontainer.server.pulse.IDLE", 0.1)
    edge.hold = True
    found, bus = logs
    wanted, left = found.open(TARGET, "r"), found.open(TARGET, "r", "a")
    bus.subscribed([wanted["topic"]])
    until(lambda: (bus.get(left["topic"]) or (0, 1))[1] is None)
    assert edge.asked[1].stop.is_set()
    assert not edge.asked[0].stop.is_set()
    with pytest.raises(NotHere):
        found.get(left["id"])
    assert sorted(path.name for path in (tmp_path / "logs").glob("*/*")) == sorted(
        ["lock", f"{wanted['id']}.index", f"{wanted['id']}.text"])
    bus.unsubscribed([wanted["topic"]])
    until(lambda: (bus.get(wanted["topic"]) or (0, 1))[1] is None)
    assert edge.asked[0].stop.is_set()


def test_the_files_of_a_server_that_was_killed_go_at_the_next_start(tmp_path: Path) -> None:
    root = tmp_path / "logs"
    lives = spools._Folder(root)
    killed = root / "1-2"
    killed.mkdir()
    (killed / "lock").touch()
    (killed / "x.text").write_text("left")
    next_one = spools._Folder(root)
    assert not killed.exists()
    assert lives.path.is_dir()
    assert lives.path.stat().st_mode & 0o777 == 0o700
    for each in (lives, next_one):
        each.remove()
    assert list(root.glob("*-*")) == []
