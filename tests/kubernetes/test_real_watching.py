"""One watch of all runs of a real cluster, as the account that has the documented Role only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nbcontainer.errors import Forbidden, RunNotFound, TargetError
from nbcontainer.model import Resources, RunStatus
from nbcontainer.orchestrators import LogOptions, Selector
from nbcontainer.orchestrators.kubernetes import Kubernetes
from tests.conftest import Cluster

from .real import Line, Runs, until

SMALL = Resources(cpu="20m", memory="32Mi")


class Watch:
    """A watch_runs in a thread: the runs as told so far, each run's phases, and each trouble."""

    def __init__(self, runner: Kubernetes, selector: Selector) -> None:
        self.runs: dict[str, RunStatus] = {}
        self.phases: dict[str, list[str]] = {}
        self.troubles: list[str] = []
        self.error: TargetError | None = None
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(runner, selector), daemon=True)
        self._thread.start()

    def _run(self, runner: Kubernetes, selector: Selector) -> None:
        try:
            for changes in runner.watch_runs(selector, self.stop):
                self.troubles.append(changes.trouble)
                for name, run in changes.runs.items():
                    self.phases.setdefault(name, []).append(run.phase if run else "gone")
                    if run is None:
                        del self.runs[name]
                    else:
                        self.runs[name] = run
        except TargetError as error:
            self.error = error

    def close(self) -> None:
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def line(cluster: Cluster, tmp_path: Path) -> Iterator[Line]:
    found = Line(cluster, tmp_path)
    yield found
    found.close()


def test_a_training_run_and_a_service_seen_by_one_watch(restricted: Runs) -> None:
    watch = Watch(restricted.runner, Selector(notebook=restricted.notebook))
    until(lambda: watch.troubles)
    assert (watch.runs, watch.error) == ({}, None)
    trained = restricted.train("line hello; sleep 2; exit 0")
    served = restricted.serve(resources=SMALL)
    until(lambda: trained in watch.runs and watch.runs[trained].phase == "Succeeded", 60)
    until(lambda: watch.runs[served].replicas.ready == 1, 60)
    restricted.runner.scale(served, 2)
    until(lambda: watch.runs[served].replicas.ready == 2 == len(watch.runs[served].pods), 60)
    assert watch.runs[trained] == restricted.runner.status(trained)
    assert watch.runs[served] == restricted.runner.status(served)
    restricted.runner.stop(served)
    until(lambda: served not in watch.runs, 60)
    watch.close()
    assert watch.error is None
    assert list(dict.fromkeys(watch.phases[trained])) == ["Pending", "Running", "Succeeded"]
    assert list(dict.fromkeys(watch.phases[served])) == ["Pending", "Running", "Stopped", "gone"]
    assert set(watch.troubles) == {""}


def test_a_line_that_is_down_is_told_and_what_happened_meanwhile_too(runs: Runs, line: Line) -> None:
    line.down()
    over = Kubernetes(replace(runs.runner.target, kubeconfig=str(line.kubeconfig)))
    watch = Watch(over, Selector(notebook=runs.notebook))
    until(lambda: watch.troubles)
    assert "can't be reached" in watch.troubles[0]
    name = runs.train("sleep 3; exit 0")
    line.up()
    until(lambda: name in watch.runs and not watch.troubles[-1])
    line.down()
    until(lambda: watch.troubles[-1])
    runs.end(name)
    line.up()
    until(lambda: not watch.troubles[-1] and watch.runs[name].phase == "Succeeded")
    watch.close()


def test_a_namespace_of_others_is_refused_at_once(runs: Runs) -> None:
    watch = Watch(Kubernetes(replace(runs.runner.target, namespace="kube-system")), Selector())
    until(lambda: watch.error)
    assert isinstance(watch.error, Forbidden)
    assert not watch.troubles


def test_a_run_that_can_not_start_is_told_and_ended(runs: Runs) -> None:
    watch = Watch(runs.runner, Selector(notebook=runs.notebook))
    lacking = f"{runs.image.split('@')[0]}@sha256:{'0' * 64}"
    name = runs.train("exit 0", image=lacking, start_timeout=4)
    until(lambda: name in watch.runs and watch.runs[name].phase == "Failed", 60)
    until(lambda: not watch.runs[name].pods, 60)  # its end was written into the cluster
    assert watch.runs[name].reason.startswith("could not start within 4 s: image ")
    watch.close()


def test_the_log_before_a_restart(runs: Runs) -> None:
    name = runs.serve(env={"CRASH": "3", "SCRIPT": "line up; sleep 4; line KeyError: 'model'"}, resources=SMALL)

    def again() -> bool:
        pods = runs.runner.status(name).pods
        return bool(pods) and pods[0].restarts == 1 and pods[0].phase == "Running"

    until(again, 60)
    logs = list(runs.runner.logs(name, LogOptions(previous=True)))
    assert [log.line for log in logs] == ["up", "KeyError: 'model'"]
    assert [log.line for log in runs.runner.logs(name, LogOptions(previous=True, tail=1))] == ["KeyError: 'model'"]
    until(lambda: [log.line for log in runs.runner.logs(name, LogOptions())] == ["up", "KeyError: 'model'", "up"])
    trained = runs.train("line hello; exit 0")
    pod = runs.end(trained).pods[0].name
    with pytest.raises(RunNotFound, match=f"^{pod} has not been restarted: there is no previous log$"):
        runs.runner.logs(trained, LogOptions(previous=True))
