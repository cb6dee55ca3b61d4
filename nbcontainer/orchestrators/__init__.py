"""Where workloads run: one protocol, one folder each, found by name.

What this is: the seam between the api and a place to run. What it is not: a place for orchestrator code.
In the flow: Workload -> manifests -> Run -> Events. Blocking calls; threads belong to the callers.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from nbcontainer.errors import ConfigError, RunNotFound, UsageError
from nbcontainer.model import BuiltImage, Emit, Log, RunStatus, Target, Workload

BUILT_IN = {
    "local": "nbcontainer.orchestrators.local:Local",
    "kubernetes": "nbcontainer.orchestrators.kubernetes:Kubernetes",
}


@dataclass(frozen=True)
class Selector:
    """Which runs: every set field must match. An empty selector matches all runs that are nbcontainer's."""

    name: str = ""
    kind: str = ""  # "training" | "inference"
    notebook: str = ""  # Identity.id


@dataclass(frozen=True)
class LogOptions:
    follow: bool = False  # until the container's terminated state; inference: until `stop` is set
    pod: str = ""  # one pod, "" = all
    tail: int = -1  # newest lines of each pod first, -1 = all
    stop: threading.Event = field(default_factory=threading.Event)
    previous: bool = False  # what each pod's container printed before its last restart

    def __post_init__(self) -> None:
        if self.previous and self.follow:
            raise UsageError("a previous log has ended: it can't be followed", "leave out --follow or --previous")


@dataclass(frozen=True)
class Changes:
    """What a watch of many runs tells: only what changed since it last told something."""

    runs: Mapping[str, RunStatus | None] = field(default_factory=dict)  # by name, None = gone
    trouble: str = ""  # one line while the target can't be reached


def not_restarted(pods: list[str], run: str) -> RunNotFound:
    """The error of a previous log that can't be: these are the pods that were asked for."""
    who = pods[0] if len(pods) == 1 else f"no pod of {run}"
    return RunNotFound(f"{who} has {'not ' if len(pods) == 1 else ''}been restarted: there is no previous log")


class Forward(Protocol):
    """A held port: `url` answers on this machine until close()."""

    url: str

    def close(self) -> None: ...


class Orchestrator(Protocol):
    """One target's orchestrator. Constructed as Class(target); construction does no I/O and imports no SDK.

    `needs` says how an image reaches the pods: "registry": the api pushes and Workload.image is the pull reference;
    "engine": the api calls load().
    """

    name: str
    needs: Literal["registry", "engine"]

    def render(self, workload: Workload) -> list[dict[str, Any]]:
        """The exact objects, pure: no I/O, nothing secret in them."""

    def check(self, workload: Workload) -> None:
        """Raise before any work what submit() would raise at once: nobody answers, may not, NameTaken, Unsupported."""

    def load(self, image: BuiltImage, repository: str, emit: Emit) -> str:
        """Bring `image` into the engine as `repository`; gives the reference that workloads name."""

    def submit(self, workload: Workload, emit: Emit) -> RunStatus:
        """Create the run, or update the inference run of the same name and notebook.

        Raises NameTaken when the name belongs to another notebook or to something that isn't nbcontainer's, and
        leaves nothing behind on any error.
        """

    def find(self, selector: Selector) -> list[RunStatus]:
        """Matching runs, newest first."""

    def status(self, name: str) -> RunStatus:
        """One run now. Raises RunNotFound, saying which runs there are."""

    def watch(self, name: str, stop: threading.Event) -> Iterator[RunStatus]:
        """The status now, then at every change; ends after a training run's end, when the run is gone (phase
        Stopped, last), or when `stop` is set. Survives disconnections. Raises RunNotFound at once."""

    def watch_runs(self, selector: Selector, stop: threading.Event) -> Iterator[Changes]:
        """All matching runs now, then what changes, until `stop` is set: one watch for however many look on.

        Survives disconnections, and says `trouble` meanwhile; runs stay as they were last seen. Before the first list
        there may be trouble without runs. Raises Forbidden or TargetError only where that list is refused for good.
        """

    def logs(self, name: str, options: LogOptions) -> Iterator[Log]:
        """Lines in the order they were written, per pod; each line once."""

    def scale(self, name: str, replicas: int) -> RunStatus: ...

    def stop(self, name: str) -> RunStatus:
        """Remove the run and everything that belongs to it; gives its last status with phase Stopped (or, of a
        training run that had ended, the phase it ended with)."""

    def forward(self, name: str, port: int = 0) -> Forward:
        """Hold a port on 127.0.0.1 (0 = any free one) that leads to a ready replica, reconnecting as pods change."""


def orchestrator(target: Target) -> Orchestrator:
    """The orchestrator of `target`. Raises ConfigError for a name nobody registered."""
    place = BUILT_IN.get(target.orchestrator)
    if place is None:
        known = ", ".join(sorted(BUILT_IN))
        raise ConfigError(f"target '{target.name}': unknown orchestrator '{target.orchestrator}'", f"one of: {known}")
    module, _, name = place.partition(":")
    found: Orchestrator = getattr(importlib.import_module(module), name)(target)
    return found
