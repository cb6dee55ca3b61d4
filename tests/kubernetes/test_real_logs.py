"""Logs of a real cluster: each line once, from the first to the container's end, over lines that break."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nbcontainer.model import Log
from nbcontainer.orchestrators import LogOptions
from nbcontainer.orchestrators.kubernetes import Kubernetes
from tests.conftest import Cluster

from .real import Line, Runs, until


@pytest.fixture
def line(cluster: Cluster, tmp_path: Path) -> Iterator[Line]:
    found = Line(cluster, tmp_path)
    yield found
    found.close()


def over(line: Line, runs: Runs) -> Kubernetes:
    return Kubernetes(replace(runs.runner.target, kubeconfig=str(line.kubeconfig)))


class Follow(threading.Thread):
    """Follows a run's log to its end."""

    def __init__(self, runner: Kubernetes, name: str) -> None:
        super().__init__(daemon=True)
        self._runner, self._run_name = runner, name
        self.logs: list[Log] = []
        self.start()

    def run(self) -> None:
        for log in self._runner.logs(self._run_name, LogOptions(follow=True)):
            self.logs.append(log)

    def all(self, seconds: float = 60.0) -> list[str]:
        self.join(seconds)
        assert not self.is_alive(), f"still following after {len(self.logs)} lines"
        return [log.line for log in self.logs]


def test_follow_gives_every_line_once_until_the_container_ends(runs: Runs) -> None:
    name = runs.train("sleep 0.5; line first; lines 3000 0 60; sleep 1; line last; exit 0")
    follow = Follow(runs.runner, name)
    lines = follow.all()
    assert lines == ["first", *(f"line {n} {'x' * 60}" for n in range(1, 3001)), "last"]
    assert runs.end(name).phase == "Succeeded"
    assert all(log.time for log in follow.logs)
    assert [log.line for log in runs.runner.logs(name, LogOptions(tail=2))] == lines[-2:]


def test_a_silent_run_and_one_that_never_started_end_a_follow(runs: Runs) -> None:
    assert Follow(runs.runner, runs.train("sleep 0.5; exit 0")).all(30) == []
    lacking = f"{runs.image.split('@')[0]}@sha256:{'0' * 64}"
    name = runs.train("exit 0", image=lacking, start_timeout=3)
    follow = Follow(runs.runner, name)
    assert runs.end(name).phase == "Failed"
    assert follow.all(30) == []


def test_lines_that_break_cost_and_double_nothing(runs: Runs, line: Line) -> None:
    name = runs.train("lines 600 8 20; exit 0")
    follow = Follow(over(line, runs), name)
    until(lambda: follow.logs)
    for _ in range(6):
        time.sleep(0.7)
        line.cut()
    assert follow.all() == [f"line {n} {'x' * 20}" for n in range(1, 601)]


def test_lines_that_the_node_rotated_away_meanwhile_are_said(runs: Runs, line: Line) -> None:
    script = ["line first", *(["lines 400 0 4000", "sleep 3.5"] * 3), "line last", "sleep 1", "exit 0"]
    name = runs.train(";".join(script))
    follow = Follow(over(line, runs), name)
    until(lambda: follow.logs)
    line.down()
    runs.end(name)
    line.up()
    lines = follow.all()
    assert lines[0] == "first"
    assert lines[-1] == "last"
    said = [each for each in lines if each.startswith("[nbcontainer: the log was rotated;")]
    assert len(said) == 1
    assert len(lines) < 1203  # the note is right: lines are missing
