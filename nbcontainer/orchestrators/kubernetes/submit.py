"""Creating, updating and removing a run's objects, each step safe to repeat, nothing left half done.

What this is: the order of the changes, and whose a name is. What it is not: what the objects hold (manifests.py).
In the flow: manifests -> Run.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nbcontainer.errors import NameTaken, TargetError
from nbcontainer.model import Workload
from nbcontainer.orchestrators import marks
from nbcontainer.orchestrators.kubernetes import errors, manifests, view
from nbcontainer.orchestrators.kubernetes.client import Client

Object = dict[str, Any]

_KINDS = {"Job": "jobs", "Deployment": "deployments", "Service": "services"}


def submit(client: Client, workload: Workload) -> Object:
    """Create or update; gives the Job or Deployment. Raises NameTaken before anything is changed."""
    there = held(client, workload)
    objects = manifests.render(workload, client.namespace)
    if workload.kind == "training":
        return _create(client, objects[0], workload)
    made: list[Object] = []
    try:
        for each in objects:
            kind = _KINDS[each["kind"]]
            made.append(client.apply(kind, _for_apply(client, each, there.get(kind))))
    except BaseException:  # an interrupt too
        _undo(client, objects, there)
        raise
    return made[-1]


def held(client: Client, workload: Workload) -> dict[str, Object]:
    """What has the name now, by resource; all of it may be updated by this workload.

    Raises NameTaken when some of it is another notebook's, another kind's or not ours.
    """
    kinds = ["jobs", "deployments"] if workload.kind == "training" else ["jobs", "deployments", "services"]
    with ThreadPoolExecutor(len(kinds)) as pool:
        found = dict(zip(kinds, pool.map(lambda kind: client.get(kind, workload.name), kinds), strict=True))
    there = {kind: thing for kind, thing in found.items() if thing is not None}
    for kind, thing in there.items():
        if kind == "jobs" or workload.kind == "training" or not _same(thing, workload):
            raise taken(thing, kind, workload)
        if view.leaving(thing):
            raise taken(thing, kind, workload)
    return there


def _same(thing: Object, workload: Workload) -> bool:
    return view.label(thing, marks.MANAGED) == marks.MANAGER and (
        view.label(thing, marks.NOTEBOOK) == workload.identity.id
    )


def taken(thing: Object, kind: str, workload: Workload) -> NameTaken:
    """Whose the name is, in one line."""
    what = f"the name '{workload.name}'"
    if view.label(thing, marks.MANAGED) != marks.MANAGER:
        return NameTaken(f"{what} belongs to a {kind[:-1]} that nbcontainer did not make", "choose another with --name")
    if view.leaving(thing):
        return NameTaken(f"{what} belongs to a run that is still being removed", "try again in a few seconds")
    path, owner = view.annotation(thing, marks.PATH), view.annotation(thing, marks.OWNER)
    if _same(thing, workload):
        return NameTaken(
            f"{what} belongs to {'a training run' if kind == 'jobs' else 'a service'} of this notebook",
            f"stop it with: nbcontainer stop {workload.name}, or choose another with --name",
        )
    return NameTaken(f"{what} belongs to {path} of {owner}", "choose another with --name")


def _create(client: Client, job: Object, workload: Workload) -> Object:
    """Create the Job once, however often the request has to be sent."""
    ticket = secrets.token_hex(8)
    job["metadata"]["annotations"][manifests.SUBMISSION] = ticket
    try:
        return client.create("jobs", job)
    except errors.Refused as error:
        if error.code != 409:
            raise
        there = client.get("jobs", workload.name)
        if there is None:
            raise
        if view.annotation(there, manifests.SUBMISSION) == ticket:
            return there  # the first try came through, its answer didn't
        raise taken(there, "jobs", workload) from None
    except BaseException:
        _remove_ours(client, workload.name, ticket)
        raise


def _remove_ours(client: Client, name: str, ticket: str) -> None:
    """After an interrupt or a lost answer nobody knows whether the Job was made."""
    try:
        there = client.get("jobs", name)
        if there is not None and view.annotation(there, manifests.SUBMISSION) == ticket:
            client.delete("jobs", name, there["metadata"]["uid"])
    except TargetError:
        pass  # the first error is what counts


def _for_apply(client: Client, thing: Object, there: Object | None) -> Object:
    """`thing` as it is applied: bound to the object that was seen, and with what an earlier end left taken back."""
    meta = dict(thing["metadata"])
    if there is not None:
        meta["uid"] = there["metadata"]["uid"]
    if thing["kind"] == "Deployment":
        since = client.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        meta["annotations"] = {**meta["annotations"], manifests.ENDED: "", manifests.SUBMITTED: since}
    return {**thing, "metadata": meta}


def _undo(client: Client, objects: list[Object], held: dict[str, Object]) -> None:
    """Remove what a failed submit has created. What was there before is as before: the Service never differs, and the
    Deployment comes last."""
    for each in reversed(objects):
        kind, name = _KINDS[each["kind"]], each["metadata"]["name"]
        if kind in held:
            continue
        try:
            there = client.get(kind, name)
            if there is not None and view.label(there, marks.NOTEBOOK) == each["metadata"]["labels"][marks.NOTEBOOK]:
                client.delete(kind, name, there["metadata"]["uid"])
        except TargetError:
            pass


def remove(client: Client, owner: Object) -> None:
    """Delete a run; its pods go with it. The Service goes first: a stop that broke off can be repeated."""
    name = owner["metadata"]["name"]
    if view.label(owner, marks.KIND) == "inference":
        service = client.get("services", name)
        if service is not None and view.label(service, marks.RUN) == name:
            client.delete("services", name, service["metadata"]["uid"])
        client.delete("deployments", name, owner["metadata"]["uid"], "Foreground")
    else:
        client.delete("jobs", name, owner["metadata"]["uid"], "Foreground")


def end(client: Client, owner: Object, reason: str) -> None:
    """End a run that couldn't start, so that it stays visible as failed, with its reason, and holds nothing.

    A Job gets a deadline that has passed (the cluster then fails it and removes its pods), a Deployment no replicas.
    The resource version makes sure that it has not started meanwhile; who may not, or comes late, leaves it.
    """
    training = view.label(owner, marks.KIND) == "training"
    spec = {"activeDeadlineSeconds": 1} if training else {"replicas": 0}
    meta = {"annotations": {manifests.ENDED: reason}, "resourceVersion": owner["metadata"]["resourceVersion"]}
    try:
        client.merge("jobs" if training else "deployments", owner["metadata"]["name"], {"metadata": meta, "spec": spec})
    except TargetError:
        pass


def scale(client: Client, owner: Object, replicas: int) -> None:
    """Set the number of replicas; a service that was ended because it couldn't start gets another chance."""
    name = owner["metadata"]["name"]
    if view.annotation(owner, manifests.ENDED):
        since = client.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        client.merge("deployments", name, {"metadata": {"annotations": {
            manifests.ENDED: None, manifests.SUBMITTED: since}}})
    client.merge("deployments", name, {"spec": {"replicas": replicas}}, "scale")
