"""Creating and updating a run's containers, nothing left half done.

What this is: the order of the changes, each undone when a later one fails. What it is not: what the containers are
(containers.py), whose a name is (owners.py), or what happens to earlier replicas (roll.py).
In the flow: containers -> Run.
"""

from __future__ import annotations

import random
import re
import socket
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from nbcontainer.errors import NameTaken, TargetError, Unsupported
from nbcontainer.model import Emit, Progress, Workload
from nbcontainer.orchestrators import Selector, marks
from nbcontainer.orchestrators.local import containers, owners, podman
from nbcontainer.orchestrators.local.engine import Engine, Refused
from nbcontainer.orchestrators.local.view import Reader, View

Object = dict[str, Any]

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_PORT_TAKEN = re.compile(r"port is already allocated|address already in use|rootlessport", re.IGNORECASE)
_NO_GPU = re.compile(r"gpu|nvidia|device driver", re.IGNORECASE)
_TRIES = 4  # ports that are tried


def submit(reader: Reader, workload: Workload, emit: Emit) -> None:
    """Create the run, or a new revision of the service beside the old one. Raises NameTaken before any change."""
    engine = reader.engine
    check(engine, workload)
    held = owners.held(reader, workload)
    workload = _possible(engine, workload, emit)
    made: list[str] = []
    try:
        if workload.kind == "training":
            start(engine, create(engine, containers.training(workload), made), workload)
        else:
            _serve(engine, workload, held, made)
    except BaseException:  # an interrupt too
        for each in reversed(made):
            remove(engine, each)
        raise
    if workload.kind == "training":
        forget_old(reader)


def check(engine: Engine, workload: Workload) -> None:
    """What this engine can't do, told before anything is made."""
    if workload.secrets:
        raise Unsupported(
            f"secret '{workload.secrets[0]}': a container engine keeps no secrets that become environment variables",
            "give the values with --env NAME=VALUE",
        )
    if workload.resources.gpu and engine.podman:  # it passes over the request without a word
        raise Unsupported(f"{engine.version} gives no GPU through the Docker API", "run on dockerd, or leave --gpu out")


def _possible(engine: Engine, workload: Workload, emit: Emit) -> Workload:
    """`workload` without limits that this engine can't hold (rootless on cgroup v1), which is said."""
    asked = workload.resources
    if not (asked.cpu or asked.memory):
        return workload
    memory, cpu = engine.limits()
    for name, value, possible in (("memory", asked.memory, memory), ("cpu", asked.cpu, cpu)):
        if value and not possible:
            emit(Progress("note", f"{engine.version} can't limit {name} here: --{name} {value} is left out"))
            asked = replace(asked, memory="") if name == "memory" else replace(asked, cpu="")
    return replace(workload, resources=asked)


# ---------------------------------------------------------------- services
def _serve(engine: Engine, workload: Workload, held: View | None, made: list[str]) -> None:
    holding = held.holder if held is not None else None
    if holding is None or holding.state != "running":
        _clear(engine, held)
        held = None
        holder = _hold(engine, workload, int(holding.labels[containers.PORT]) if holding else 0, made)
    else:
        holder = holding.id
    revision = f"{time.time_ns() // 10**6:011x}"
    if held is not None and revision <= held.newest:  # a clock that went back
        revision = f"{int(held.newest, 16) + 1:011x}"
    spec = containers.replica(workload, revision)
    begun = [_replica(engine, spec, holder, made) for _ in range(workload.replicas)]
    for each in begun:
        start(engine, each, workload)
    create(engine, containers.template(spec), made)
    for old in held.containers if held is not None else ():
        if old.role == "template":
            remove(engine, old.id)


def _clear(engine: Engine, held: View | None) -> None:
    """Remove what is left of a service whose port is lost: nothing of it can serve."""
    for each in reversed(held.containers if held is not None else ()):
        remove(engine, each.id)


def _hold(engine: Engine, workload: Workload, port: int, made: list[str]) -> str:
    """Start the container that publishes a port of this machine: `port`, else a free one."""
    python = _interpreter(engine, workload.image)
    for attempt in range(_TRIES):
        spec = containers.holder(workload, python, port if port and not attempt else free_port())
        try:
            return _started(engine, spec, workload, made)
        except Refused as error:
            if "sysctl" in error.message or "tcp_migrate_req" in error.message:  # an older kernel: without it, then
                del spec["config"]["HostConfig"]["Sysctls"]
                return _started(engine, spec, workload, made)
            if attempt == _TRIES - 1 or not _PORT_TAKEN.search(error.message):
                raise
    raise TargetError("no free port was found")


def _started(engine: Engine, spec: Object, workload: Workload, made: list[str]) -> str:
    """Create and start; what doesn't start is removed."""
    identity = create(engine, spec, made)
    try:
        start(engine, identity, workload)
    except Refused:
        remove(engine, made.pop())
        raise
    return identity


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _interpreter(engine: Engine, image: str) -> str:
    """The first word of the image's entrypoint, which is its Python."""
    try:
        with engine.asking(f"image {image}") as api:
            found = (api.inspect_image(image).get("Config") or {}).get("Entrypoint") or []
    except Refused as error:
        raise _no_image(engine, image) if error.code == 404 else error from None
    if not found:
        raise Unsupported(f"{image} has no entrypoint: nbcontainer did not build it")
    return str(found[0])


def add(engine: Engine, view: View, count: int) -> None:
    """`count` more replicas of the newest revision; none when one can't be made."""
    made: list[str] = []
    if view.holder is None or view.holder.state != "running":
        raise TargetError(f"{view.name}: the container that holds its port has ended", "serve again")
    try:
        for _ in range(count):
            start(engine, _replica(engine, view.spec(), view.holder.id, made))
    except BaseException:
        for each in made:
            remove(engine, each)
        raise


def _replica(engine: Engine, spec: Object, holder: str, made: list[str]) -> str:
    name = spec["name"] + "-" + "".join(random.choices(_LETTERS, k=4))
    return create(engine, containers.joined(spec, name, holder), made)


# ---------------------------------------------------------------- containers
def create(engine: Engine, spec: Object, made: list[str]) -> str:
    """Create a container, note its id in `made`, and give it."""
    if engine.podman:
        spec = containers.limited(spec, podman.ulimits(engine.url))
    try:
        with engine.asking(f"container {spec['name']}") as api:
            answer = api.create_container_from_config(spec["config"], spec["name"])
    except Refused as error:
        if error.code == 404:
            raise _no_image(engine, spec["config"]["Image"]) from None
        if error.code == 409 or "already in use" in error.message:
            raise NameTaken(f"the name '{spec['name']}' was taken at this very moment",
                            "try again, or choose another with --name") from None
        raise
    made.append(answer["Id"])
    return str(answer["Id"])


def _no_image(engine: Engine, image: str) -> TargetError:
    return TargetError(f"{engine.version} has no image {image}", "train and serve build it and load it again")


def start(engine: Engine, identity: str, workload: Workload | None = None) -> None:
    try:
        with engine.asking("the container can't start") as api:
            api.start(identity)
    except Refused as error:
        gpu = workload.resources.gpu if workload else 0
        if gpu and _NO_GPU.search(error.message):
            raise TargetError(f"{engine.version} has no GPU to give, {gpu} asked for",
                              "leave --gpu out, or install the NVIDIA Container Toolkit") from None
        raise


def remove(engine: Engine, identity: str) -> None:
    """Remove a container with its volumes; one that is gone is fine."""
    try:
        with engine.asking(f"removing {identity[:12]}") as api:
            api.remove_container(identity, v=True, force=True)
    except Refused as error:
        if not error.gone:
            raise


def forget_old(reader: Reader) -> None:
    """Remove training runs that ended long ago."""
    before = datetime.now(timezone.utc) - timedelta(seconds=marks.KEEP_FINISHED)
    try:
        for view in reader.views(Selector(kind="training")):
            run = view.first
            if run.state == "exited" and run.finished and run.finished < before:
                remove(reader.engine, run.id)
    except TargetError:
        pass  # the next submit tries again
