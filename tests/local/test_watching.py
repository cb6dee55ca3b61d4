"""One watch of all runs on real engines, and the log of before a restart."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from nbcontainer.errors import RunNotFound
from nbcontainer.model import RunStatus, Target, silent
from nbcontainer.orchestrators import Changes, LogOptions, Selector
from nbcontainer.orchestrators.local import Local

from .conftest import Make
from .test_serving import ask, ready
from .test_training import end, lines, until


class Watch:
    """A watch_runs in a thread, and what it has told."""

    def __init__(self, local: Local, selector: Selector) -> None:
        self.runs: dict[str, RunStatus] = {}
        self.all: list[Changes] = []
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(local, selector), daemon=True)
        self._thread.start()

    def _run(self, local: Local, selector: Selector) -> None:
        for changes in local.watch_runs(selector, self.stop):
            for name, run in changes.runs.items():
                if run is None:
                    del self.runs[name]
                else:
                    self.runs[name] = run
            self.all.append(changes)

    def close(self) -> None:
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_runs_of_all_kinds_are_seen_by_one_watch(local: Local, make: Make) -> None:
    trained, served = make(script="line up; sleep 2"), replace(make("inference"), name="served")
    other = replace(trained, name="other", identity=replace(trained.identity, id="feedbeef"))
    watch = Watch(local, Selector(notebook=trained.identity.id))
    until(lambda: watch.all)
    assert watch.all == [Changes({}, "")]
    for each in (trained, served, other):
        local.submit(each, silent)
    until(lambda: watch.runs.get(trained.name) and watch.runs[trained.name].phase == "Succeeded", 40)
    until(lambda: watch.runs["served"].replicas.ready == 1, 40)
    local.scale("served", 2)
    until(lambda: watch.runs["served"].replicas.ready == 2, 40)
    local.stop("served")
    until(lambda: "served" not in watch.runs, 40)
    watch.close()
    assert set(watch.runs) == {trained.name}
    assert all(each.runs for each in watch.all[1:])
    assert "other" not in {name for each in watch.all for name in each.runs}


def test_an_engine_that_does_not_answer_is_trouble_until_it_does(engine: str, tmp_path: Path) -> None:
    socket = tmp_path / "engine.sock"
    local = Local(Target("local", "local", engine=f"unix://{socket}"))
    watch = Watch(local, Selector())
    until(lambda: watch.all)
    assert watch.all[0].runs == {}
    assert "does not answer" in watch.all[0].trouble
    socket.symlink_to(engine.removeprefix("unix://"))
    until(lambda: not watch.all[-1].trouble)
    assert len(watch.all) == 2
    watch.close()
    local.engine.api.close()


def test_what_a_container_printed_before_it_was_started_again(local: Local, make: Make) -> None:
    made = make("inference")
    local.submit(made, silent)
    now = ready(local, made.name, 1)
    with pytest.raises(RunNotFound, match=f"^{now.pods[0].name} has not been restarted: there is no previous log$"):
        local.logs(made.name, LogOptions(previous=True))
    ask(now.url)
    until(lambda: "GET /" in lines(local.logs(made.name, LogOptions())))
    before = list(local.logs(made.name, LogOptions()))
    os.kill(local.engine.api.inspect_container(now.pods[0].name)["State"]["Pid"], 9)
    until(lambda: local.status(made.name).pods[0].restarts == 1 and local.status(made.name).pods[0].ready, 40)
    assert list(local.logs(made.name, LogOptions(previous=True))) == before
    assert list(local.logs(made.name, LogOptions(previous=True, tail=1))) == before[-1:]
    whole = list(local.logs(made.name, LogOptions()))
    assert whole[: len(before)] == before
    assert "nbcontainer: ready" in [log.line for log in whole[len(before):]]


def test_a_training_run_has_no_previous_log(local: Local, make: Make) -> None:
    made = make(script="line hello")
    local.submit(made, silent)
    end(local, made.name)
    with pytest.raises(RunNotFound, match=f"^{made.name} has not been restarted"):
        local.logs(made.name, LogOptions(previous=True))
