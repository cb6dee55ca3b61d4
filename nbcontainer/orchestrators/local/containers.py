"""A workload as containers: plain dicts in the words of the Docker API, exactly what is created.

What this is: pure functions. What it is not: anything that talks to an engine. The containers are as confined as the
pods: a user without rights, a read-only root, no capabilities, no new privileges.
In the flow: Workload -> containers -> Run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nbcontainer.model import SERVE_PORT, USER, Workload
from nbcontainer.orchestrators import marks
from nbcontainer.orchestrators.local.quantity import number

Object = dict[str, Any]

ROLE = "nbcontainer.io/role"  # "run" (training), "port", "template" or "replica" (inference)
REVISION = "nbcontainer.io/revision"  # one value per submit of a service: sorts by time
PORT = "nbcontainer.io/port"  # on this machine
SPEC = "nbcontainer.io/replica"  # of a template: what a replica is, as JSON
LEAVING = "-leaving"  # ends the name of a replica that is being stopped: names can change, labels can't
READY = "nbcontainer: ready"  # the runtime's line
GRACE = marks.DRAIN + 5  # seconds between SIGTERM and SIGKILL
SHARED_MEMORY = 1 << 30  # bytes of /dev/shm: data loaders with worker processes need more than the usual 64 MB

# The port's container waits and holds the network namespace that the replicas join.
_HOLD = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); signal.pause()"


def training(workload: Workload) -> Object:
    """The one container of a training run."""
    made = _container(workload, "run")
    return {"name": workload.name, "config": {**made["config"], "Hostname": workload.name[:63]}}


def replica(workload: Workload, revision: str) -> Object:
    """A replica of a service; its name and its network are given when it is created (joined)."""
    made = _container(workload, "replica", {REVISION: revision})
    made["config"]["Env"].append("NBCONTAINER_REUSEPORT=1")  # all replicas listen on one port
    made["config"]["HostConfig"]["RestartPolicy"] = {"Name": "on-failure", "MaximumRetryCount": 0}
    return {**made, "name": f"{workload.name}-{revision}"}


def template(made: Object) -> Object:
    """A container that is never started: it keeps what a replica is, for whoever scales later, from 0 too."""
    config = made["config"]
    labels = {**config["Labels"], ROLE: "template", SPEC: json.dumps(made)}
    host = {key: value for key, value in config["HostConfig"].items() if key != "RestartPolicy"}
    return {"name": f"{made['name']}-template", "config": {**config, "Labels": labels, "HostConfig": host}}


def joined(made: Object, name: str, holder: str) -> Object:
    """`made` under `name` in the network namespace of the container `holder`."""
    host = {**made["config"]["HostConfig"], "NetworkMode": f"container:{holder}"}
    variables = [*made["config"]["Env"], f"HOSTNAME={name}"]  # the namespace's own name is the holder's
    return {"name": name, "config": {**made["config"], "Env": variables, "HostConfig": host}}


def holder(workload: Workload, python: str, port: int) -> Object:
    """The container that publishes `port`; `python` is an interpreter of the image."""
    made = _container(workload, "port", {PORT: str(port)})
    key = f"{SERVE_PORT}/tcp"
    config = {
        **made["config"],
        "Entrypoint": [python, "-S", "-c", _HOLD],
        "Cmd": [],
        "Env": [],
        "ExposedPorts": {key: {}},
        "StopTimeout": 2,
    }
    host = _confined()
    host["PortBindings"] = {key: [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    # A connection that waits at a replica which closes goes on to another, instead of being reset.
    host["Sysctls"] = {"net.ipv4.tcp_migrate_req": "1"}
    return {"name": workload.name, "config": {**config, "HostConfig": host}}


def _container(workload: Workload, role: str, more: Mapping[str, str] | None = None) -> Object:
    labels = {**marks.details(workload), **marks.labels(workload), ROLE: role, **(more or {})}
    host = _confined()
    host["Mounts"] = [{"Type": "volume", "Target": place} for place in ("/work", "/outputs")]
    host["ShmSize"] = SHARED_MEMORY
    _limit(host, workload)
    return {
        "config": {
            "Image": workload.image,
            "Cmd": list(workload.args),
            "Env": [f"{name}={value}" for name, value in marks.environment(workload).items()],
            "User": f"{USER}:{USER}",
            "Labels": labels,
            "StopSignal": "SIGTERM",
            "StopTimeout": GRACE,
            "HostConfig": host,
        }
    }


def _confined() -> Object:
    return {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Tmpfs": {"/tmp": "rw,exec,nosuid,nodev,mode=1777"},
        "LogConfig": {"Type": "json-file", "Config": {}},
        "Init": False,
    }


def _limit(host: Object, workload: Workload) -> None:
    """Only what was asked for: a notebook that had the whole machine has it here too."""
    asked = workload.resources
    if asked.memory:
        host["Memory"] = host["MemorySwap"] = int(number(asked.memory))
    if asked.cpu:
        host["NanoCpus"] = int(number(asked.cpu) * 10**9)
    if asked.gpu:
        host["DeviceRequests"] = [{"Driver": "", "Count": asked.gpu, "Capabilities": [["gpu"]]}]


def limited(made: Object, ulimits: list[Object]) -> Object:
    """`made` with `ulimits`, where the engine's own can't be set."""
    if not ulimits:
        return made
    host = {**made["config"]["HostConfig"], "Ulimits": ulimits}
    return {**made, "config": {**made["config"], "HostConfig": host}}
