"""What every orchestrator writes on what it makes: labels by which runs are found again, and the containers' variables.

What this is: the names, and pure functions of a Workload. What it is not: the objects of one orchestrator.
In the flow: Workload -> manifests or containers -> Run.
"""

from __future__ import annotations

import json
import re
import signal

from nbcontainer.model import Workload

MANAGER = "nbcontainer"
MANAGED = "app.kubernetes.io/managed-by"
NAME = "app.kubernetes.io/name"
RUN = "nbcontainer.io/run"
KIND = "nbcontainer.io/kind"
NOTEBOOK = "nbcontainer.io/notebook"
PATH = "nbcontainer.io/path"
OWNER = "nbcontainer.io/owner"
IMAGE = "nbcontainer.io/image"
FRAMEWORK = "nbcontainer.io/framework"
PARAMETERS = "nbcontainer.io/parameters"
START_TIMEOUT = "nbcontainer.io/start-timeout"  # seconds

KEEP_FINISHED = 7 * 24 * 3600  # seconds that an ended training run is kept
DRAIN = 30  # seconds that a server has after SIGTERM


def labels(workload: Workload) -> dict[str, str]:
    """By these a run is found; each value is one that the Kubernetes API takes as a label."""
    return {
        NAME: label(workload.identity.slug),
        MANAGED: MANAGER,
        RUN: workload.name,
        KIND: workload.kind,
        NOTEBOOK: label(workload.identity.id),
    }


def label(text: str) -> str:
    """A value that the API server takes as a label."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63].strip("-_.")


def details(workload: Workload) -> dict[str, str]:
    """What people and other processes read about a run; any text."""
    found = {
        PATH: workload.identity.path,
        OWNER: workload.identity.owner,
        IMAGE: workload.image,
        FRAMEWORK: workload.framework,
        PARAMETERS: json.dumps(dict(workload.parameters), sort_keys=True) if workload.parameters else "",
        START_TIMEOUT: f"{workload.start_timeout:g}",
    }
    return {**workload.annotations, **{key: value for key, value in found.items() if value}}


def environment(workload: Workload) -> dict[str, str]:
    """The container's variables: the person's, and those that the runtime reads."""
    ours = {"NBCONTAINER_RUN": workload.name, "PYTHONUNBUFFERED": "1"}
    if workload.parameters:
        ours["NBCONTAINER_PARAMETERS"] = json.dumps(dict(workload.parameters))
    if workload.keep_outputs:
        ours["NBCONTAINER_KEEP_OUTPUTS"] = "1"
    return {**workload.env, **ours}


# ---------------------------------------------------------------- words
def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


def duration(seconds: float) -> str:
    """600 -> '10 min', 90 -> '90 s'."""
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds >= 120 and seconds % 60 == 0 else f"{seconds:g} s"
