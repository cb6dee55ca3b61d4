"""Services on real engines: one port for all replicas, no failed request in an update, any number of replicas."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from nbcontainer.errors import NameTaken, TargetError, Unsupported, UsageError
from nbcontainer.model import Identity, RunStatus, Target, Workload, silent
from nbcontainer.orchestrators import LogOptions
from nbcontainer.orchestrators.local import Local, roll

from .conftest import Make
from .test_training import until


def ask(url: str, path: str = "/") -> str:
    with urllib.request.urlopen(url + path, timeout=20) as answer:
        return str(answer.read().decode().strip())


def ready(local: Local, name: str, wanted: int) -> RunStatus:
    until(lambda: (now := local.status(name).replicas) and now.ready == now.updated == now.wanted == wanted)
    return local.status(name)


def settled(local: Local, name: str) -> RunStatus:
    """The run when earlier replicas have gone."""
    until(lambda: len(local.status(name).pods) == local.status(name).replicas.wanted, 50)
    return local.status(name)


@contextmanager
def asked(url: str) -> Iterator[list[str]]:
    """Requests all the time, a connection each; an error among the answers is a failed request."""
    over, answers = threading.Event(), list[str]()

    def run() -> None:
        while not over.is_set():
            try:
                answers.append(ask(url))
            except OSError as error:
                answers.append(f"failed: {error}")

    threads = [threading.Thread(target=run) for _ in range(3)]
    for each in threads:
        each.start()
    try:
        yield answers
    finally:
        over.set()
        for each in threads:
            each.join()


def test_a_service_is_served_scaled_and_stopped(local: Local, make: Make, engine: str) -> None:
    made = make("inference", replicas=2)
    first = local.submit(made, silent)
    assert first.phase in ("Pending", "Running")
    now = ready(local, made.name, 2)
    assert (now.phase, now.reason, now.kind, now.url) == ("Running", "", "inference", now.local_url)
    assert now.url.startswith("http://127.0.0.1:")
    assert {ask(now.url).split()[0] for _ in range(60)} == {pod.name for pod in now.pods}
    assert local.scale(made.name, 5).replicas.wanted == 5
    five = ready(local, made.name, 5)
    assert five.url == now.url
    other = Local(Target("again", "local", engine=engine))
    assert other.scale(made.name, 1).replicas.wanted == 1
    assert settled(local, made.name).replicas.ready == 1
    assert ask(now.url)
    none = other.scale(made.name, 0)
    assert (none.phase, none.replicas.wanted, none.reason) == ("Running", 0, "scaled to zero")
    settled(local, made.name)
    assert local.scale(made.name, 1).url == now.url
    ready(local, made.name, 1)
    assert ask(now.url)
    stopped = local.stop(made.name)
    assert (stopped.phase, stopped.pods) == ("Stopped", ())
    with pytest.raises(OSError, match=r".*"):
        ask(now.url)
    other.engine.api.close()


def test_no_request_fails_in_an_update(local: Local, make: Make) -> None:
    made = make("inference", replicas=2, env={"VERSION": "one"})
    local.submit(made, silent)
    before = ready(local, made.name, 2)
    with asked(before.url) as answers:
        for version in ("two", "three"):
            local.submit(replace(made, env={"VERSION": version, "DELAY": "0.5"}), silent)
            settled(local, made.name)
            time.sleep(0.3)
    after = local.status(made.name)
    assert after.url == before.url
    assert [each for each in answers if "failed" in each] == []
    assert {each.split()[-1] for each in answers} == {"one", "two", "three"}
    assert len(answers) > 100
    assert {ask(after.url).split()[-1] for _ in range(20)} == {"three"}


def test_no_request_fails_while_it_is_scaled_down(local: Local, make: Make) -> None:
    made = make("inference", replicas=4)
    local.submit(made, silent)
    url = ready(local, made.name, 4).url
    with asked(url) as answers:
        time.sleep(0.3)
        local.scale(made.name, 1)
        settled(local, made.name)
    assert [each for each in answers if "failed" in each] == []
    assert len(answers) > 50


def test_a_request_in_flight_is_answered(local: Local, make: Make) -> None:
    made = make("inference", replicas=1, env={"VERSION": "one"})
    local.submit(made, silent)
    url = ready(local, made.name, 1).url
    answers: list[str] = []
    slow = threading.Thread(target=lambda: answers.append(ask(url, "/slow")))
    slow.start()
    time.sleep(0.2)
    local.submit(replace(made, env={"VERSION": "two"}), silent)
    slow.join()
    settled(local, made.name)
    assert answers[0].endswith(" one")


def test_a_bad_update_leaves_the_old_one_serving(local: Local, make: Make) -> None:
    made = make("inference", replicas=1, env={"VERSION": "one"})
    local.submit(made, silent)
    url = ready(local, made.name, 1).url
    local.submit(replace(made, env={"FAIL": "nbcontainer: loading the served function: KeyError: 'x'"}), silent)
    until(lambda: "keeps ending" in local.status(made.name).reason)
    now = local.status(made.name)
    assert now.phase == "Running"
    assert now.reason.startswith("the update is not through: keeps ending at once (")
    assert now.reason.endswith("loading the served function: KeyError: 'x'")
    assert (now.replicas.wanted, now.replicas.ready, now.replicas.updated) == (1, 1, 0)
    assert ask(url).endswith("one")
    local.submit(replace(made, env={"VERSION": "three"}), silent)
    settled(local, made.name)
    assert ask(url).endswith("three")


def test_a_service_that_never_gets_ready(local: Local, make: Make) -> None:
    broken = make("inference", env={"FAIL": "nbcontainer: loading the served function: boom"})
    local.submit(broken, silent)
    *_, last = iter_until_ended(local, broken.name)
    assert last.phase == "Failed"
    assert "loading the served function: boom" in last.reason
    slow = replace(broken, name="slow", env={"DELAY": "60"}, start_timeout=1.0)
    local.submit(slow, silent)
    assert local.status("slow").phase == "Pending"
    *_, late = iter_until_ended(local, "slow")
    assert late.phase == "Failed"
    assert late.reason.startswith("could not start within 1 s")
    until(lambda: local.status("slow").pods[0].exit_code is not None)


def iter_until_ended(local: Local, name: str) -> Iterator[RunStatus]:
    for status in local.watch(name, threading.Event()):
        yield status
        if status.ended:
            return


def test_an_update_that_its_process_left_undone_is_finished_by_whoever_looks(
    local: Local, make: Make, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make("inference", replicas=1, env={"VERSION": "one"})
    local.submit(made, silent)
    url = ready(local, made.name, 1).url
    with monkeypatch.context() as killed:
        killed.setattr(roll, "settle", lambda *_: None)
        local.submit(replace(made, env={"VERSION": "two"}), silent)
        until(lambda: local.status(made.name).replicas.updated == 1)
        assert len(local.status(made.name).pods) == 2
    other = Local(Target("again", "local", engine=engine))
    settled(other, made.name)
    assert ask(url).endswith("two")
    other.engine.api.close()


def test_logs_of_all_replicas(local: Local, make: Make) -> None:
    made = make("inference", replicas=2)
    local.submit(made, silent)
    now = ready(local, made.name, 2)
    for _ in range(20):
        ask(now.url)
    until(lambda: sum(log.line == "GET /" for log in local.logs(made.name, LogOptions())) == 20)  # written a bit later
    found = list(local.logs(made.name, LogOptions()))
    assert {log.pod for log in found} == {pod.name for pod in now.pods}
    assert [log.time for log in found] == sorted(log.time for log in found)
    one = now.pods[0].name
    assert {log.pod for log in local.logs(made.name, LogOptions(pod=one))} == {one}


def test_a_forwarded_port(local: Local, make: Make) -> None:
    made = make("inference")
    local.submit(made, silent)
    url = ready(local, made.name, 1).url
    own = local.forward(made.name)
    assert own.url == url
    own.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} of this machine can't be used"):
            local.forward(made.name, port)
    held = local.forward(made.name, port)
    assert held.url == f"http://127.0.0.1:{port}"
    assert ask(held.url).startswith(made.name)
    held.close()
    with pytest.raises(OSError, match=r".*"):
        ask(held.url)


def test_names_and_kinds(local: Local, make: Make) -> None:
    made = make("inference")
    local.submit(made, silent)
    other = replace(made, identity=Identity("ffff0000", "other", "other.ipynb", "bob"))
    with pytest.raises(NameTaken, match=r"belongs to nb/digits.ipynb of ann"):
        local.submit(other, silent)
    as_training: Workload = replace(made, kind="training", args=("train",))
    with pytest.raises(NameTaken, match="belongs to a service of this notebook"):
        local.submit(as_training, silent)
    training = replace(as_training, name="other", env={"SCRIPT": "sleep 60"})
    local.submit(training, silent)
    with pytest.raises(Unsupported, match="can't be scaled"):
        local.scale("other", 2)
    with pytest.raises(Unsupported, match="has no port"):
        local.forward("other")


def test_a_failed_update_leaves_no_container(local: Local, make: Make) -> None:
    made = make("inference")
    local.submit(made, silent)
    ready(local, made.name, 1)
    before = {each["Id"] for each in local.engine.api.containers(all=True)}
    with pytest.raises(TargetError, match="has no image"):
        local.submit(replace(made, image="nothing/there:1"), silent)
    assert {each["Id"] for each in local.engine.api.containers(all=True)} == before


def test_a_lost_port_is_said_and_serving_again_brings_it_back(local: Local, make: Make) -> None:
    made = make("inference")
    local.submit(made, silent)
    url = ready(local, made.name, 1).url
    local.engine.api.kill(made.name)
    until(lambda: local.status(made.name).phase == "Failed")
    assert local.status(made.name).reason == "the container that holds its port has ended: serve again"
    local.submit(made, silent)
    assert ready(local, made.name, 1).url == url
    assert ask(url)
