"""Submitting against a scripted API server: whose a name is, lost answers, and nothing left half done."""

from __future__ import annotations

import copy
import time
from datetime import datetime, timezone
from typing import Any

import pytest

from nbcontainer.errors import NameTaken, TargetError
from nbcontainer.model import silent
from nbcontainer.orchestrators.kubernetes import Kubernetes, manifests

from . import samples as s
from .conftest import Serve
from .wire import Exchange, listed

Object = dict[str, Any]


class Store:
    """Just enough of an API server: get, list, create, apply, delete by uid. `fail` breaks chosen requests."""

    def __init__(self, *things: Object) -> None:
        self.things = {(each["kind"].lower() + "s", each["metadata"]["name"]): each for each in things}
        self.fail: dict[tuple[str, str], str] = {}  # (method, resource) -> "refuse" | "lose"
        self.calls: list[tuple[str, str]] = []

    def __call__(self, x: Exchange) -> None:
        resource, _, name = x.path.split("/namespaces/team/")[1].partition("/")
        name = name or x.body.get("metadata", {}).get("name", "")
        self.calls.append((x.method, resource))
        broken = self.fail.get((x.method, resource))
        if broken == "refuse":
            x.refuse(422, "Invalid", f"{resource} is invalid")
            return
        there = self.things.get((resource, name))
        if x.method == "GET":
            found = [t for (r, _), t in self.things.items() if r == resource]
            if not name:
                x.json(listed("1", *found))
            else:
                x.json(there) if there else x.refuse(404, "NotFound")
        elif x.method == "POST" and there:
            x.refuse(409, "AlreadyExists")
        elif x.method in ("POST", "PATCH"):
            made = copy.deepcopy(x.body)
            now = datetime.now(timezone.utc).isoformat()
            made["metadata"].update(uid=f"uid-{resource}", creationTimestamp=now, namespace="team")
            self.things[resource, name] = made
            if broken == "lose":
                self.fail.clear()
                x.drop()
            else:
                x.json(made)
        elif x.method == "DELETE" and there and there["metadata"]["uid"] == x.body["preconditions"]["uid"]:
            del self.things[resource, name]
            x.json({})
        else:
            x.refuse(404, "NotFound")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def existing(kind: str, workload: Any = None, **labels: str) -> Object:
    made = manifests.render(workload or s.workload("inference" if kind != "Job" else "training"))
    found = next(copy.deepcopy(each) for each in made if each["kind"] == kind)
    found["metadata"].update(uid="old", creationTimestamp=s.at(0))
    found["metadata"]["labels"].update(labels)
    return found


def test_a_job_is_made_once_though_its_answer_is_lost(serve: Serve) -> None:
    store = Store()
    store.fail["POST", "jobs"] = "lose"
    run = Kubernetes(serve(store).target).submit(s.workload(), silent)
    assert (run.name, run.phase) == ("digits-0123abcd-bcdfg", "Pending")
    assert store.calls.count(("POST", "jobs")) == 2
    assert len(store.things) == 1


def test_a_refused_job_leaves_nothing(serve: Serve) -> None:
    store = Store()
    store.fail["POST", "jobs"] = "refuse"
    with pytest.raises(TargetError, match="jobs is invalid"):
        Kubernetes(serve(store).target).submit(s.workload(), silent)
    assert store.things == {}


def test_a_refused_deployment_takes_its_service_with_it(serve: Serve) -> None:
    store = Store()
    store.fail["PATCH", "deployments"] = "refuse"
    with pytest.raises(TargetError, match="deployments is invalid"):
        Kubernetes(serve(store).target).submit(s.workload("inference"), silent)
    assert ("PATCH", "services") in store.calls
    assert store.things == {}


def test_a_refused_update_leaves_what_was_there(serve: Serve) -> None:
    store = Store(existing("Deployment"), existing("Service"))
    store.fail["PATCH", "deployments"] = "refuse"
    with pytest.raises(TargetError, match="deployments is invalid"):
        Kubernetes(serve(store).target).submit(s.workload("inference", image="new"), silent)
    assert set(store.things) == {("deployments", "digits-0123abcd"), ("services", "digits-0123abcd")}
    assert store.things["deployments", "digits-0123abcd"]["metadata"]["uid"] == "old"


def test_serving_again_from_the_same_notebook_is_an_update(serve: Serve) -> None:
    store = Store(existing("Deployment"), existing("Service"))
    Kubernetes(serve(store).target).submit(s.workload("inference", replicas=4), silent)
    there = store.things["deployments", "digits-0123abcd"]
    assert there["spec"]["replicas"] == 4
    assert there["metadata"]["annotations"]["nbcontainer.io/ended"] == ""


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (existing("Deployment", **{"nbcontainer.io/notebook": "other"}), "belongs to notebooks/Digits.ipynb of ada"),
        (existing("Service", **{"app.kubernetes.io/managed-by": "Helm"}), "a service that nbcontainer did not make"),
        (existing("Deployment", **{"app.kubernetes.io/managed-by": "Helm"}), "a deployment that nbcontainer did not"),
        (existing("Job", s.workload(name="digits-0123abcd")), "belongs to a training run of this notebook"),
    ],
)
def test_a_name_that_is_taken(serve: Serve, thing: Object, message: str) -> None:
    store = Store(thing)
    with pytest.raises(NameTaken, match=message) as told:
        Kubernetes(serve(store).target).submit(s.workload("inference"), silent)
    assert told.value.hint
    assert {method for method, _ in store.calls} == {"GET"}


def test_a_training_name_that_is_taken(serve: Serve) -> None:
    strange = existing("Job", s.workload(identity=s.identity("a 'b'\n.ipynb", "eve", "9999")))
    store = Store(strange)
    with pytest.raises(NameTaken, match=r"belongs to a 'b' \.ipynb of eve"):
        Kubernetes(serve(store).target).submit(s.workload(), silent)
    service = Store(existing("Deployment", s.workload("inference", name="digits-0123abcd-bcdfg")))
    with pytest.raises(NameTaken, match="belongs to a service of this notebook"):
        Kubernetes(serve(service).target).submit(s.workload(), silent)


def test_a_run_that_is_still_being_removed(serve: Serve) -> None:
    leaving = existing("Deployment")
    leaving["metadata"]["deletionTimestamp"] = s.at(1)
    with pytest.raises(NameTaken, match="still being removed"):
        Kubernetes(serve(Store(leaving)).target).submit(s.workload("inference"), silent)


def test_an_interrupt_in_the_middle_leaves_nothing(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    runner = Kubernetes(serve(store).target)
    real = runner.client.apply

    def interrupted(resource: str, body: Object) -> Object:
        done = real(resource, body)
        if resource == "deployments":
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(runner.client, "apply", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.submit(s.workload("inference"), silent)
    assert store.things == {}
