"""Runs on Kubernetes: plain Jobs, Deployments and Services in one namespace.

What this is: the orchestrator `kubernetes`, one method per verb over the parts beside it. What it is not: an operator;
nothing of ours runs in the cluster and nothing is remembered here: runs are found again by their labels.
In the flow: Workload -> manifests -> Run -> Events.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Literal

from nbcontainer.errors import RunNotFound, Unsupported
from nbcontainer.model import BuiltImage, Emit, Log, RunStatus, Target, Workload
from nbcontainer.orchestrators import Changes, Forward, LogOptions, Selector, marks
from nbcontainer.orchestrators.kubernetes import doctor, logs, manifests, status, submit, view, watching
from nbcontainer.orchestrators.kubernetes.client import Client
from nbcontainer.orchestrators.kubernetes.reflector import Reflector
from nbcontainer.orchestrators.kubernetes.view import Object, View

GONE = 12.0  # seconds that stop() waits for the pods to end


class Kubernetes:
    """The orchestrator of a target whose pods pull from a registry."""

    name = "kubernetes"
    needs: Literal["registry", "engine"] = "registry"

    def __init__(self, target: Target) -> None:
        self.target = target
        self.client = Client(target)

    def render(self, workload: Workload) -> list[Object]:
        """The objects; with a namespace only where the target names one."""
        return manifests.render(workload, self.target.namespace)

    def check(self, workload: Workload) -> None:
        submit.held(self.client, workload)

    def load(self, image: BuiltImage, repository: str, emit: Emit) -> str:
        raise Unsupported("a cluster's pods pull from a registry", "push the image, then name it with --image")

    def submit(self, workload: Workload, emit: Emit) -> RunStatus:
        """Create the Job, or create or update the Deployment and its Service."""
        owner = submit.submit(self.client, workload)
        pods = self._list("pods", manifests.selector(workload.name)) if workload.kind == "inference" else []
        return self._status(self._view(owner, pods, []))

    # ---------------------------------------------------------------- reading
    def find(self, selector: Selector) -> list[RunStatus]:
        """Matching runs, newest first."""
        found = [self._status(each) for each in self._views(selector)]
        return sorted(found, key=lambda run: (run.created or view.EPOCH, run.name), reverse=True)

    def status(self, name: str) -> RunStatus:
        return self._status(self._one(name))

    def _one(self, name: str) -> View:
        found = self._views(Selector(name=name))
        if not found:
            raise self._missing(name)
        return found[0]

    def _missing(self, name: str) -> RunNotFound:
        runs = [run.name for run in self.find(Selector())]
        known = ", ".join(runs[:8]) + (f" and {len(runs) - 8} more" if len(runs) > 8 else "")
        return RunNotFound(
            f"no run '{name}' in namespace {self.client.namespace}", f"there are: {known}" if known else "there is none"
        )

    def _views(self, selector: Selector) -> list[View]:
        """One list per resource, at the same time: a round trip is what a far cluster costs."""
        labels = manifests.selector(selector.name, selector.kind, selector.notebook)
        wanted = [(kind, {"labelSelector": labels}) for kind in (*watching.OWNERS[selector.kind], "pods")]
        wanted.append(("events", {"fieldSelector": watching.EVENTS}))
        self.client.connection  # noqa: B018  (connect once, here, not in four threads)
        with ThreadPoolExecutor(len(wanted)) as pool:
            *lists, pods, events = pool.map(lambda each: self.client.items(each[0], **each[1]), wanted)
        return [self._view(owner, pods, events) for found in lists for owner in found]

    def _list(self, kind: str, labels: str) -> list[Object]:
        return self.client.items(kind, labelSelector=labels)

    def _view(self, owner: Object, pods: list[Object], events: list[Object]) -> View:
        return view.view(owner, pods, events, self.client.now(), self.target.name)

    def _status(self, found: View) -> RunStatus:
        """The status; a run that is over its start timeout is ended by whoever sees that first."""
        told = status.run_status(found)
        if view.overdue(found) and not view.annotation(found.owner, manifests.ENDED) and told.phase == "Failed":
            submit.end(self.client, found.owner, doctor.reason(found))
        return told

    # ---------------------------------------------------------------- watching
    def watch(self, name: str, stop: threading.Event) -> Iterator[RunStatus]:
        """The status now, then at every change, until a training run has ended, the run is gone or `stop` is set."""
        yield from watching.one(self.client, self._one(name), self._status, stop)

    def watch_runs(self, selector: Selector, stop: threading.Event) -> Iterator[Changes]:
        """All matching runs now, then what changes, until `stop` is set."""
        return watching.every(self.client, selector, self._status, stop)

    def logs(self, name: str, options: LogOptions) -> Iterator[Log]:
        found = self._one(name)
        selector = manifests.selector(name, "training" if found.training else "inference")
        logs.check_pod(list(found.pods), options.pod, name)
        if not options.follow:
            pods = [pod for pod in reversed(found.pods) if options.pod in ("", pod["metadata"]["name"])]
            if options.previous:
                return logs.read_previous(self.client, pods, options, name)
            return logs.read(self.client, pods, options)
        return self._follow(found, selector, options)

    def _follow(self, found: View, selector: str, options: LogOptions) -> Iterator[Log]:
        follower = logs.Follower(self.client, options)
        kind = "jobs" if found.training else "deployments"
        with (
            Reflector(self.client, "pods", follower.changed, labelSelector=selector) as pods,
            Reflector(self.client, kind, follower.changed, labelSelector=selector) as owners,
        ):
            def ended() -> bool:
                if not (pods.synced.is_set() and owners.synced.is_set()):
                    return False
                mine = [each for each in owners.objects() if each["metadata"]["uid"] == found.owner["metadata"]["uid"]]
                if not mine:
                    return True
                over = status.phase(self._view(mine[0], pods.objects(), []))
                return over in ("Succeeded", "Failed", "Stopped") if found.training else over == "Stopped"

            yield from follower.lines(pods, ended)

    # ---------------------------------------------------------------- changing
    def scale(self, name: str, replicas: int) -> RunStatus:
        found = self._one(name)
        if found.training:
            raise Unsupported(f"{name} is a training run: it can't be scaled")
        submit.scale(self.client, found.owner, replicas)
        return self.status(name)

    def stop(self, name: str) -> RunStatus:
        """Remove the run; waits some seconds for its pods to end."""
        found = self._one(name)
        before = self._status(found)
        submit.remove(self.client, found.owner)
        until = time.monotonic() + GONE
        left = found.pods
        while time.monotonic() < until:
            left = tuple(p for p in self._list("pods", manifests.selector(name)) if view.view(found.owner, [p], [],
                         found.now).pods)
            if not left:
                break
            time.sleep(0.2)
        reason = f"{marks.plural(len(left), 'pod')} still ending" if left else ""
        if before.kind == "training" and before.phase in ("Succeeded", "Failed"):
            return replace(before, pods=())
        return replace(before, phase="Stopped", reason=reason, pods=(), replicas=replace(before.replicas, ready=0))

    def forward(self, name: str, port: int = 0) -> Forward:
        from nbcontainer.orchestrators.kubernetes.forward import PortForward

        found = self._one(name)
        if found.training:
            raise Unsupported(f"{name} is a training run and has no port")
        labels = manifests.selector(name, "inference")

        def ready() -> list[str]:
            return sorted(pod["metadata"]["name"] for pod in self._list("pods", labels) if view.ready(pod))

        return PortForward(self.client, port, ready)
