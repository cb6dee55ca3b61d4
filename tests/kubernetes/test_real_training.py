"""Training runs on a real cluster, as the account that has the documented Role only."""

from __future__ import annotations

import threading

import pytest

from nbcontainer.errors import Forbidden, NameTaken, RunNotFound
from nbcontainer.model import Identity, Resources, silent
from nbcontainer.orchestrators import LogOptions, Selector
from nbcontainer.orchestrators.kubernetes import Kubernetes
from tests.conftest import Cluster

from .real import Runs, until

SMALL = Resources(cpu="50m", memory="64Mi")


def test_a_job_runs_to_its_end_where_restricted_is_enforced(restricted: Runs) -> None:
    name = restricted.train("line hello; sleep 1; lines 3 0 4; exit 0")
    seen = list(restricted.runner.watch(name, threading.Event()))
    end = seen[-1]
    assert (end.phase, end.exit_code, end.reason, end.kind) == ("Succeeded", 0, "", "training")
    assert seen[0].phase == "Pending"
    assert "Running" in [each.phase for each in seen]
    assert end.pods[0].image_id == restricted.image.split("@")[1]
    assert end.created
    assert end.started
    assert end.finished
    assert end.created <= end.started < end.finished
    lines = [log.line for log in restricted.runner.logs(name, LogOptions())]
    assert lines == ["hello", "line 1 xxxx", "line 2 xxxx", "line 3 xxxx"]


FAILURES = [  # (script, exit code, reason)
    ('message {"cell": 3, "error": "ValueError: no digits"}; exit 1', 1, "cell 3: ValueError: no digits"),
    ("line first; line KeyError: 'x'; exit 7", 7, "KeyError: 'x' (exit code 7)"),
    ("exit 3", 3, "exit code 3"),
    ("eat 200", 137, "out of memory: killed at its limit of 64Mi"),
]


def test_a_failed_job_says_why_in_one_line(runs: Runs) -> None:
    names = [runs.train(script, resources=SMALL) for script, _, _ in FAILURES]
    ends = [runs.end(name) for name in names]
    assert [(end.phase, end.exit_code, end.reason) for end in ends] == [("Failed", *told) for _, *told in FAILURES]


def test_a_pod_that_is_killed(runs: Runs) -> None:
    name = runs.train("line up; sleep 60")
    until(lambda: runs.runner.status(name).phase == "Running")
    pod = runs.runner.status(name).pods[0].name
    runs.kubectl("delete", "pod", pod, "--wait=false")
    end = runs.end(name)
    assert (end.phase, end.reason) == ("Failed", "its pod was deleted")


def test_an_image_that_the_registry_lacks_until_the_start_timeout(runs: Runs) -> None:
    repository = runs.image.split("@")[0]
    name = runs.train("exit 0", image=f"{repository}@sha256:{'0' * 64}", start_timeout=4)
    waiting = runs.reason(name, "can't be pulled: the registry has no such image")
    assert waiting.phase == "Pending"
    end = runs.end(name)
    assert end.phase == "Failed"
    assert end.reason.startswith("could not start within 4 s: image ")
    assert end.reason.endswith("can't be pulled: the registry has no such image")
    until(lambda: not runs.kubectl("get", "pods", "-l", f"nbcontainer.io/run={name}", "-o", "name"))
    later = runs.runner.status(name)
    assert (later.phase, later.reason) == ("Failed", end.reason)


def test_a_gpu_that_no_node_has(runs: Runs) -> None:
    name = runs.train("exit 0", resources=Resources(gpu=1))
    told = runs.reason(name, "gpu")
    assert told.phase == "Pending"
    assert told.reason.startswith("no node has 1 free nvidia.com/gpu: 0/")
    assert runs.runner.stop(name).phase == "Stopped"


def test_a_secret_that_is_not_there(runs: Runs) -> None:
    name = runs.train("exit 0", secrets=("api-key",))
    assert runs.reason(name, "secret").reason == "there is no secret 'api-key' in the namespace"


def test_a_quota_that_is_exceeded(private: Runs) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"},
             "spec": {"hard": {"limits.memory": "128Mi"}}}
    private.kubectl("apply", "-f", "-", feed=quota)
    until(lambda: "limits.memory" in private.kubectl("get", "quota", "small", "-o", "jsonpath={.status.used}"))
    trained = private.train("exit 0", resources=Resources(memory="1Gi"))
    told = private.reason(trained, "quota")
    assert told.reason == "exceeded quota small: requested: limits.memory=1Gi, used: limits.memory=0, " \
        "limited: limits.memory=128Mi"
    served = private.serve(resources=Resources(memory="1Gi"))
    assert private.reason(served, "quota").reason.startswith("exceeded quota small: requested: limits.memory=1Gi")


def test_a_namespace_where_the_account_may_nothing(cluster: Cluster, runs: Runs) -> None:
    elsewhere = Kubernetes(cluster.target("default"))
    with pytest.raises(Forbidden) as told:
        elsewhere.submit(runs.workload("training", "exit 0"), silent)
    assert "system:serviceaccount:nbcontainer-test:nbcontainer may not " in told.value.message
    assert told.value.message.endswith("in namespace default")
    assert "docs/kubernetes-role.yaml" in told.value.hint
    with pytest.raises(Forbidden):
        elsewhere.find(Selector())


def test_runs_are_found_by_their_labels_and_gone_when_stopped(runs: Runs) -> None:
    first, second = runs.train("exit 0"), runs.train("sleep 60")
    found = runs.runner.find(Selector(notebook=runs.notebook))
    assert {run.name for run in found} == {first, second}
    assert {run.notebook_path for run in found} == {"notebooks/Stub.ipynb"}
    assert runs.runner.find(Selector(notebook=runs.notebook, kind="inference")) == []
    until(lambda: runs.runner.status(second).phase == "Running")
    seen: list[str] = []
    watcher = threading.Thread(
        target=lambda: seen.extend(each.phase for each in runs.runner.watch(second, threading.Event()))
    )
    watcher.start()
    until(lambda: seen)
    assert runs.runner.stop(second).phase == "Stopped"
    watcher.join(20)
    assert seen[-1] == "Stopped"
    assert not runs.kubectl("get", "pods", "-l", f"nbcontainer.io/run={second}", "-o", "name")
    with pytest.raises(RunNotFound, match="no run") as told:
        runs.runner.status(second)
    assert first in told.value.hint


def test_a_name_that_is_taken(runs: Runs) -> None:
    name = runs.train("sleep 60")
    other = Identity("feedbeef", "other", "notebooks/Other.ipynb", "eve")
    with pytest.raises(NameTaken, match=r"belongs to notebooks/Stub\.ipynb of ada"):
        runs.runner.submit(runs.workload("inference", name=name, identity=other), silent)
    assert runs.kubectl("get", "services", "-l", f"nbcontainer.io/run={name}", "-o", "name") == ""
