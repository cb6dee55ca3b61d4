"""Logs against a scripted API server: restarts, refusals and ends that a healthy cluster seldom shows."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from nbcontainer.errors import RunNotFound, UsageError
from nbcontainer.orchestrators import LogOptions
from nbcontainer.orchestrators.kubernetes import Kubernetes

from . import samples as s
from .conftest import Serve
from .wire import Exchange, Object, listed


class Run:
    """One run: its owner and pods as they are now, and what each request for a log is answered."""

    def __init__(self, owner: Object, *pods: Object) -> None:
        self.owner, self.pods = owner, list(pods)
        self.logs: list[Any] = []  # a list of lines, or a refusal's code; the last again and again
        self.asked: list[dict[str, str]] = []
        self.changed = threading.Event()

    def now(self, owner: Object, *pods: Object) -> None:
        self.owner, self.pods = owner, list(pods)
        self.changed.set()

    def __call__(self, x: Exchange) -> None:
        if x.path.endswith("/log"):
            self.asked.append(x.query)
            self._log(x, self.logs.pop(0) if len(self.logs) > 1 else self.logs[0])
            return
        kind = x.path.rsplit("/", 1)[1]
        mine = {"pods": self.pods, "jobs": [self.owner], "deployments": [self.owner]}.get(kind, [])
        things = [t for t in mine if t.get("kind", "Pod").lower() + "s" == kind or kind == "pods"]
        if not x.watching:
            x.json(listed("1", *things))
            return
        x.start()
        if self.changed.wait(10):
            fresh = self.pods if kind == "pods" else [self.owner] if things else []
            for each in fresh:
                x.send({"type": "MODIFIED", "object": each})
        x.finish()

    def _log(self, x: Exchange, answer: Any) -> None:
        if isinstance(answer, int):
            x.refuse(answer, "No")
            return
        x.start()
        for each in answer:
            if callable(each):
                each()
            else:
                x.send(each.encode() + b"\n")
        x.finish()


def at(second: int, text: str) -> str:
    return f"{s.at(second)[:-1]}.000000001Z {text}"


def follow(serve: Serve, run: Run, **options: Any) -> list[str]:
    stop = threading.Event()
    timer = threading.Timer(20, stop.set)
    timer.start()
    runner = Kubernetes(serve(run).target)
    found = [log.line for log in runner.logs("run", LogOptions(follow=True, stop=stop, **options))]
    timer.cancel()
    assert not stop.is_set(), f"it did not end by itself: {found}"
    return found


RUNNING, DONE = s.pod(s.running(), phase="Running"), s.pod(s.ended(0), phase="Succeeded")
COMPLETE = s.job(s.condition("Complete"))


def test_an_end_of_the_stream_is_no_end_of_the_run(serve: Serve) -> None:
    run = Run(s.job(), RUNNING)
    run.logs = [[at(5, "a")], [at(5, "a"), at(6, "b"), lambda: run.now(COMPLETE, DONE)], [at(5, "a"), at(6, "b"),
                                                                                       at(7, "c")]]
    assert follow(serve, run) == ["a", "b", "c"]
    assert "sinceTime" not in run.asked[0]
    assert all(each["sinceTime"] for each in run.asked[1:])


def test_a_container_that_is_being_made_is_waited_for(serve: Serve) -> None:
    run = Run(s.job(), RUNNING)
    run.logs = [400, 500, [at(5, "a"), lambda: run.now(COMPLETE, DONE)], [at(5, "a")]]
    assert follow(serve, run) == ["a"]


def test_a_log_that_went_with_its_pod_ends_the_follow(serve: Serve) -> None:
    run = Run(COMPLETE, DONE)
    run.logs = [404]
    assert follow(serve, run) == []


def test_the_lines_before_a_restart_come_too(serve: Serve) -> None:
    pod = s.pod(s.running(), kind="inference", last=s.ended(1), restarts=1)
    run = Run(s.deployment(), pod)

    def answer(x: Exchange) -> None:
        if x.path.endswith("/log"):
            x.start()
            x.send((at(5, "old") if "previous" in x.query else at(9, "new")).encode() + b"\n")
            x.finish()
        else:
            run(x)

    runner = Kubernetes(serve(answer).target)
    assert [log.line for log in runner.logs("run", LogOptions())] == ["old", "new"]
    assert [log.line for log in runner.logs("run", LogOptions(tail=1))] == ["new"]


def test_the_log_before_a_restart_alone(serve: Serve) -> None:
    restarted = s.pod(s.running(), kind="inference", last=s.ended(1), restarts=1)
    run = Run(s.deployment(wanted=2), restarted, s.pod(s.running(), kind="inference", name="run-x2"))
    run.logs = [[at(5, "old")]]
    runner = Kubernetes(serve(run).target)
    assert [log.line for log in runner.logs("run", LogOptions(previous=True, tail=4))] == ["old"]
    assert [(each["previous"], each["tailLines"]) for each in run.asked] == [("true", "4")]
    with pytest.raises(RunNotFound, match=r"^run-x2 has not been restarted: there is no previous log$"):
        runner.logs("run", LogOptions(previous=True, pod="run-x2"))
    run.logs = [400]
    with pytest.raises(RunNotFound, match="the previous log of run-x1 is gone"):
        list(runner.logs("run", LogOptions(previous=True)))
    run.pods = [s.pod(s.running(), kind="inference", name=name) for name in ("run-x2", "run-x3")]
    with pytest.raises(RunNotFound, match=r"^no pod of run has been restarted: there is no previous log$"):
        runner.logs("run", LogOptions(previous=True))
    with pytest.raises(UsageError, match="can't be followed"):
        LogOptions(previous=True, follow=True)


def test_pods_are_merged_by_time(serve: Serve) -> None:
    pods = [s.pod(s.running(), kind="inference", name=name) for name in ("run-x1", "run-x2")]
    run = Run(s.deployment(wanted=2), *pods)

    def answer(x: Exchange) -> None:
        if x.path.endswith("/log"):
            odd = "run-x1" in x.path
            x.start()
            for n in (1, 3) if odd else (2, 4):
                x.send(at(n, str(n)).encode() + b"\n")
            x.finish()
        else:
            run(x)

    runner = Kubernetes(serve(answer).target)
    assert [log.line for log in runner.logs("run", LogOptions())] == ["1", "2", "3", "4"]
    assert [log.line for log in runner.logs("run", LogOptions(pod="run-x2"))] == ["2", "4"]


def test_a_pod_or_a_run_that_is_not_there(serve: Serve) -> None:
    run = Run(s.job(), RUNNING)
    runner = Kubernetes(serve(run).target)
    with pytest.raises(RunNotFound, match="run has no pod 'other'") as told:
        runner.logs("run", LogOptions(pod="other"))
    assert told.value.hint == "it has: run-x1"
    nothing = Kubernetes(serve(lambda x: x.json(listed("1"))).target)
    with pytest.raises(RunNotFound, match="no run 'gone' in namespace team"):
        nothing.logs("gone", LogOptions())
