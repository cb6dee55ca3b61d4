"""Runs on Kubernetes: plain Jobs, Deployments and Services in one namespace.

What this is: the orchestrator `kubernetes`, one method per verb over the parts beside it. What it is not: an operator;
nothing of ours runs in the cluster and nothing is remembered here: runs are found again by their labels.
In the flow: Workload -> manifests -> Run -> Events.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Literal

from nbcontainer.errors import RunNotFound, Unsupported
from nbcontainer.model import BuiltImage, Emit, Log, RunStatus, Target, Workload
from nbcontainer.orchestrators import Forward, LogOptions, Selector, marks
from nbcontainer.orchestrators.kubernetes import doctor, logs, manifests, status, submit, view
from nbcontainer.orchestrators.kubernetes.client import Client
from nbcontainer.orchestrators.kubernetes.reflector import Reflector
from nbcontainer.orchestrators.kubernetes.view import Object, View

# Everything but the noise of a pod that is well: a namespace's events are many.
EVENTS = ",".join(
    f"reason!={word}"
    for word in ("Scheduled", "Created", "Started", "Killing", "SuccessfulCreate", "SuccessfulDelete", "Completed",
                 "ScalingReplicaSet", "LeaderElection")
)
SETTLE = 0.05  # seconds in which changes are taken together
TICK = 5.0  # seconds between looks at the clock: a start timeout passes without any change
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
        owners = {"": ["jobs", "deployments"], "training": ["jobs"], "inference": ["deployments"]}[selector.kind]
        wanted = [(kind, {"labelSelector": labels}) for kind in (*owners, "pods")]
        wanted.append(("events", {"fieldSelector": EVENTS}))
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
        first = self._one(name)
        kind = "jobs" if first.training else "deployments"
        labels = {"labelSelector": manifests.selector(name, "training" if first.training else "inference")}
        changes: queue.SimpleQueue[None] = queue.SimpleQueue()

        def changed() -> None:
            changes.put(None)

        last = self._status(first)
        yield last
        with (
            Reflector(self.client, kind, changed, **labels) as owners,
            Reflector(self.client, "pods", changed, **labels) as pods,
            Reflector(self.client, "events", changed, fieldSelector=EVENTS) as events,
        ):
            mirrors = (owners, pods, events)
            while not stop.is_set() and not _over(last):
                _wait(changes, stop)
                failure = next((each.failure for each in mirrors if each.failure), None)
                if failure:
                    raise failure
                if not all(each.synced.is_set() for each in mirrors):
                    continue
                now = self._seen(first, owners.objects(), pods.objects(), events.objects(), last)
                if now != last:
                    last = now
                    yield last

    def _seen(self, first: View, owners: list[Object], pods: list[Object], events: list[Object],
              last: RunStatus) -> RunStatus:
        uid = first.owner["metadata"]["uid"]
        mine = next((each for each in owners if each["metadata"]["uid"] == uid), None)
        if mine is None:
            return replace(last, phase="Stopped", reason="", pods=(), replicas=replace(last.replicas, ready=0))
        return self._status(self._view(mine, pods, events))

    def logs(self, name: str, options: LogOptions) -> Iterator[Log]:
        found = self._one(name)
        selector = manifests.selector(name, "training" if found.training else "inference")
        logs.check_pod(list(found.pods), options.pod, name)
        if not options.follow:
            pods = [pod for pod in reversed(found.pods) if options.pod in ("", pod["metadata"]["name"])]
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


def _over(last: RunStatus) -> bool:
    """Whether nothing will change any more: a training run has ended, or the last pod of a stopped run is gone."""
    return not last.pods if last.phase == "Stopped" else last.ended and last.kind == "training"


def _wait(changes: queue.SimpleQueue[None], stop: threading.Event) -> None:
    """Until something changed, TICK has passed or `stop` is set; changes at the same moment count as one."""
    until = time.monotonic() + TICK
    while not stop.is_set() and time.monotonic() < until:
        try:
            changes.get(timeout=0.25)
        except queue.Empty:
            continue
        time.sleep(SETTLE)
        while not changes.empty():
            changes.get()
        return
