"""Whose a run's name is.

What this is: the question that is asked before anything is made. What it is not: the making (submit.py).
In the flow: Workload -> *owners* -> submit.
"""

from __future__ import annotations

from nbcontainer.errors import NameTaken
from nbcontainer.model import Workload
from nbcontainer.orchestrators import Selector, marks
from nbcontainer.orchestrators.local.engine import Engine, Refused
from nbcontainer.orchestrators.local.view import Container, Reader, View, container


def held(reader: Reader, workload: Workload) -> View | None:
    """The service that this workload updates, None when the name is free. Raises NameTaken."""
    found = reader.views(Selector(name=workload.name))
    if not found:
        other = _by_name(reader.engine, workload.name)
        if other is not None:
            raise _taken(other, workload)
        return None
    view = found[0]
    if not (view.kind == workload.kind == "inference" and _same(view.first, workload)):
        raise _taken(view.first, workload)
    return view


def _by_name(engine: Engine, name: str) -> Container | None:
    try:
        with engine.asking(f"container {name}") as api:
            return container(api.inspect_container(name))
    except Refused as error:
        if error.code == 404:
            return None
        raise


def _same(thing: Container, workload: Workload) -> bool:
    return thing.labels.get(marks.NOTEBOOK) == marks.label(workload.identity.id)


def _taken(thing: Container, workload: Workload) -> NameTaken:
    """Whose the name is, in one line."""
    what = f"the name '{workload.name}'"
    if thing.labels.get(marks.MANAGED) != marks.MANAGER:
        return NameTaken(f"{what} belongs to a container that nbcontainer did not make", "choose another with --name")
    if _same(thing, workload):
        kind = "a training run" if thing.labels.get(marks.KIND) == "training" else "a service"
        return NameTaken(f"{what} belongs to {kind} of this notebook",
                         f"stop it with: nbcontainer stop {workload.name}, or choose another with --name")
    path, owner = thing.labels.get(marks.PATH, ""), thing.labels.get(marks.OWNER, "")
    return NameTaken(f"{what} belongs to {path} of {owner}", "choose another with --name")
