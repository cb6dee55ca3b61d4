"""Services on a real cluster: updates without a failed request, scaling, forwarding, other processes' view of them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

import pytest
import requests

from nbcontainer.errors import NameTaken
from nbcontainer.model import Identity, Resources, silent
from nbcontainer.orchestrators import LogOptions

from . import samples
from .real import Runs, until

SMALL = Resources(cpu="20m", memory="32Mi")


class Load:
    """Asks `url` from `threads` threads without a pause, a new connection each time, until stop()."""

    def __init__(self, url: str, threads: int = 3) -> None:
        self.answers: Counter[str] = Counter()
        self._url, self._stop = url, threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]
        for each in self._threads:
            each.start()

    def _ask(self) -> None:
        while not self._stop.wait(0.005):
            try:
                answer = requests.get(self._url, timeout=5)
                self.answers[answer.text.split()[-1] if answer.ok else str(answer.status_code)] += 1
            except requests.RequestException as error:
                self.answers[type(error).__name__] += 1

    def stop(self) -> Counter[str]:
        self._stop.set()
        for each in self._threads:
            each.join()
        return self.answers


def address(runs: Runs, name: str) -> str:
    """The service's own address: this machine routes it to the node, as a pod would."""
    return "http://" + runs.kubectl("get", "service", name, "-o", "jsonpath={.spec.clusterIP}")


def test_serving_again_is_an_update_in_which_no_request_fails(runs: Runs) -> None:
    name = runs.serve(replicas=2, env={"VERSION": "v1"}, resources=SMALL)
    first = runs.ready(name, 2)
    assert (first.phase, first.reason, first.url) == ("Running", "", f"http://{name}.{runs.namespace}.svc")
    load = Load(address(runs, name))
    until(lambda: load.answers["v1"] > 50)
    assert runs.serve(replicas=2, env={"VERSION": "v2"}, resources=SMALL) == name
    second = runs.ready(name, 2)
    asked = load.answers["v2"]
    until(lambda: load.answers["v2"] > asked + 50)
    answers = load.stop()
    assert set(answers) == {"v1", "v2"}
    assert not {pod.name for pod in first.pods} & {pod.name for pod in second.pods}
    assert {pod.image_id for pod in second.pods} == {runs.image.split("@")[1]}


def test_scale_up_to_five_and_down_to_none(restricted: Runs) -> None:
    name = restricted.serve(resources=SMALL)
    assert restricted.runner.scale(name, 5).replicas.wanted == 5
    five = restricted.ready(name, 5)
    assert len(five.pods) == 5
    told = _by_another_process(restricted, name)
    assert told["replicas"] == {"wanted": 5, "ready": 5, "updated": 5}
    assert {pod["name"] for pod in told["pods"]} == {pod.name for pod in five.pods}
    assert {log.line for log in restricted.runner.logs(name, LogOptions())} >= {"serving"}
    assert {log.pod for log in restricted.runner.logs(name, LogOptions(tail=1))} == {pod.name for pod in five.pods}
    none = restricted.runner.scale(name, 0)
    assert (none.replicas.wanted, none.phase, none.reason) == (0, "Running", "scaled to zero")
    stopped = restricted.runner.stop(name)
    assert stopped.phase == "Stopped"
    kinds = "deployments,services,pods"
    left = restricted.kubectl("get", kinds, "-l", f"nbcontainer.io/run={name}", "-o", "name")
    assert bool(left) == bool(stopped.reason)  # slow pods are said


def _by_another_process(runs: Runs, name: str) -> Any:
    """The status as a process that knows the target only sees it."""
    target = runs.runner.target
    code = (
        "import json, sys; from nbcontainer.model import Target; "
        "from nbcontainer.orchestrators import orchestrator; "
        "t, name = json.loads(sys.argv[1]), sys.argv[2]; "
        "print(json.dumps(orchestrator(Target(**t)).status(name).as_json()))"
    )
    words = {"name": "other", "orchestrator": "kubernetes", "kubeconfig": target.kubeconfig,
             "namespace": target.namespace}
    done = subprocess.run([sys.executable, "-c", code, json.dumps(words), name], capture_output=True, text=True,
                          check=True)
    return json.loads(done.stdout)


def test_a_deleted_pod_is_replaced_and_a_watch_sees_it(runs: Runs) -> None:
    name = runs.serve(resources=SMALL)
    before = runs.ready(name, 1).pods[0].name
    stop, seen = threading.Event(), []

    def watch() -> None:
        for status in runs.runner.watch(name, stop):
            seen.append({pod.name: pod.phase for pod in status.pods})

    watcher = threading.Thread(target=watch)
    watcher.start()
    until(lambda: seen)
    runs.kubectl("delete", "pod", before, "--wait=false")
    until(lambda: any(pods.get(before) == "Terminating" for pods in seen))
    until(lambda: before not in seen[-1] and "Running" in seen[-1].values())
    stop.set()
    watcher.join(5)
    assert not watcher.is_alive()


def test_a_forwarded_port_follows_the_pods(runs: Runs) -> None:
    name = runs.serve(resources=SMALL)
    pod = runs.ready(name, 1).pods[0].name
    forward = runs.runner.forward(name)
    try:
        assert forward.url.startswith("http://127.0.0.1:")
        assert requests.get(forward.url, timeout=10).text.split()[0] == pod
        assert requests.post(forward.url, data=b"x" * 300_000, timeout=10).content == b"x" * 300_000
        assert len(requests.get(f"{forward.url}/big?n=5000000", timeout=20).content) == 5_000_000
        runs.kubectl("delete", "pod", pod, "--wait=false", "--grace-period=0", "--force")
        until(lambda: pod not in [each.name for each in runs.runner.status(name).pods])
        assert requests.get(forward.url, timeout=20).text.split()[0] != pod
    finally:
        forward.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(forward.url, timeout=5)
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith("forward")], 10)


def test_a_service_that_keeps_crashing_and_one_that_is_not_ready(runs: Runs) -> None:
    name = runs.serve(env={"CRASH": "3", "SCRIPT": "line KeyError: 'model'"}, resources=SMALL)
    told = runs.reason(name, "keeps ending at once")
    assert told.reason.endswith("KeyError: 'model' (exit code 3)")
    runs.serve(env={"UNREADY": "503"}, resources=SMALL)
    assert runs.reason(name, "not ready: its readiness probe is answered with 503").phase == "Pending"


def test_a_service_that_can_not_start_is_ended_and_scale_gives_it_another_chance(runs: Runs) -> None:
    lacking = f"{runs.image.split('@')[0]}@sha256:{'0' * 64}"
    name = runs.serve(image=lacking, start_timeout=4, resources=SMALL)
    ended = runs.reason(name, "could not start within 4 s")
    assert ended.phase == "Failed"
    assert "can't be pulled: the registry has no such image" in ended.reason
    until(lambda: runs.runner.status(name).replicas.wanted == 0)
    assert runs.runner.scale(name, 1).phase == "Pending"


def test_names_of_others_are_left_alone(runs: Runs) -> None:
    name = runs.serve(resources=SMALL)
    other = Identity("feedbeef", "other", "notebooks/Other.ipynb", "eve")
    with pytest.raises(NameTaken, match=r"belongs to notebooks/Stub\.ipynb of ada"):
        runs.runner.submit(runs.workload("inference", identity=other), silent)
    strange = f"strange-{runs.notebook}"
    spec = {"selector": {"app": "x"}, "ports": [{"port": 80}]}
    label = {"nbcontainer.io/notebook": runs.notebook}  # for the tests' own cleaning
    runs.kubectl("apply", "-f", "-", feed={"apiVersion": "v1", "kind": "Service", "spec": spec,
                                           "metadata": {"name": strange, "labels": label}})
    with pytest.raises(NameTaken, match="a service that nbcontainer did not make"):
        runs.runner.submit(runs.workload("inference", name=strange), silent)
    assert runs.runner.status(name).owner == "ada"


@pytest.mark.parametrize("kind", ["training", "inference"])
def test_the_manifest_is_taken_where_restricted_is_enforced(restricted: Runs, kind: Any) -> None:
    workload = samples.hostile(kind)
    objects = restricted.runner.render(workload)
    whole = {"apiVersion": "v1", "kind": "List", "items": objects}
    said = restricted.kubectl("apply", "--dry-run=server", "-f", "-", feed=whole, admin=False)
    assert said.count("created (server dry run)") == len(objects)


def test_a_slow_answer_survives_the_update(runs: Runs) -> None:
    name = runs.serve(resources=SMALL)
    runs.ready(name, 1)
    url = address(runs, name)
    began, slow = time.monotonic(), []
    thread = threading.Thread(target=lambda: slow.append(requests.get(f"{url}/slow", timeout=30).status_code))
    thread.start()
    runs.kubectl("delete", "pod", runs.runner.status(name).pods[0].name, "--wait=false")
    thread.join()
    assert slow == [200]
    assert time.monotonic() - began < 10
