"""Runs on the container engine of this machine: whatever answers the Docker API.

What this is: the orchestrator `local`, one method per verb over the parts beside it. What it is not: a daemon; nothing
is remembered here: runs are found again by their containers' labels.
In the flow: Workload -> containers -> Run -> Events.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from nbcontainer.errors import RunNotFound, TargetError, Unsupported
from nbcontainer.model import BuiltImage, Emit, Log, RunStatus, Target, Workload
from nbcontainer.orchestrators import Changes, Forward, LogOptions, Selector
from nbcontainer.orchestrators.local import containers, forward, load, logs, owners, roll, status, submit
from nbcontainer.orchestrators.local.engine import Engine
from nbcontainer.orchestrators.local.view import Container, Reader, View

POLL = 0.5  # seconds between looks of a watch
STOP = 10  # seconds that stop() gives a container after SIGTERM


class Local:
    """The orchestrator of a target whose images go straight into an engine."""

    name = "local"
    needs: Literal["registry", "engine"] = "engine"

    def __init__(self, target: Target) -> None:
        self.target = target
        self.engine = Engine(target.engine)
        self._reader = Reader(self.engine, target.name)

    def render(self, workload: Workload) -> list[dict[str, Any]]:
        """The containers as the Docker API takes them: of a service the replica's, which is made `replicas` times."""
        if workload.kind == "training":
            return [containers.training(workload)]
        return [containers.replica(workload, "0")] * workload.replicas

    def check(self, workload: Workload) -> None:
        submit.check(self.engine, workload)
        owners.held(self._reader, workload)

    def load(self, image: BuiltImage, repository: str, emit: Emit) -> str:
        from nbcontainer.image.push import fetcher

        fetch = fetcher(ca=self.target.ca, plain_http=self.target.plain_http)
        return load.load(self.engine, image, repository, fetch, emit)

    def submit(self, workload: Workload, emit: Emit) -> RunStatus:
        """Start the container, or the service's replicas; earlier replicas leave when the new ones are ready."""
        submit.submit(self._reader, workload, emit)
        view = self._one(workload.name)
        if view.old:
            roll.settle(self._reader, workload.name)
        return self._status(view)

    # ---------------------------------------------------------------- reading
    def find(self, selector: Selector) -> list[RunStatus]:
        """Matching runs, newest first."""
        found = [self._status(each) for each in self._reader.views(selector)]
        return sorted(found, key=lambda run: (run.created.timestamp() if run.created else 0.0, run.name), reverse=True)

    def status(self, name: str) -> RunStatus:
        return self._status(self._one(name))

    def _one(self, name: str) -> View:
        found = self._reader.views(Selector(name=name))
        if not found:
            runs = [run.name for run in self.find(Selector())]
            known = ", ".join(runs[:8]) + (f" and {len(runs) - 8} more" if len(runs) > 8 else "")
            raise RunNotFound(f"no run '{name}' on target '{self.target.name}' ({self.engine.version})",
                              f"there are: {known}" if known else "there is none")
        return found[0]

    def _status(self, view: View) -> RunStatus:
        """The status; whoever looks first finishes what another process left undone."""
        if roll.unsettled(view):
            roll.settle(self._reader, view.name)
        return status.run_status(view, self._words)

    def _words(self, found: Container) -> list[str]:
        return logs.last_words(self.engine, found)

    # ---------------------------------------------------------------- watching
    def watch(self, name: str, stop: threading.Event) -> Iterator[RunStatus]:
        """The status now, then at every change, until a training run has ended, the run is gone or `stop` is set."""
        last = self.status(name)
        yield last
        while not (last.ended and (last.kind == "training" or last.phase == "Stopped")) and not stop.wait(POLL):
            try:
                views = self._reader.views(Selector(name=name))
                now = self._status(views[0]) if views else _gone(last)
            except TargetError:  # the engine restarts, or its socket was closed: it comes back, or `stop` is set
                continue
            if now != last:
                last = now
                yield last

    def watch_runs(self, selector: Selector, stop: threading.Event) -> Iterator[Changes]:
        """All matching runs now, then what changes, until `stop` is set; looks less often where looking takes long."""
        last: dict[str, RunStatus] = {}
        trouble, listed = "", False
        while not stop.is_set():
            began = time.monotonic()
            try:
                now, said = {run.name: run for run in self.find(selector)}, ""
            except TargetError as error:
                now, said = last, error.message
            took = time.monotonic() - began
            changed = {name: now.get(name) for name in {**last, **now} if now.get(name) != last.get(name)}
            if changed or said != trouble or not (listed or said):
                last, trouble, listed = now, said, listed or not said
                yield Changes(changed, trouble)
            stop.wait(max(POLL, 4 * took))

    def logs(self, name: str, options: LogOptions) -> Iterator[Log]:
        found = self._one(name)
        logs.check_pod(found, options, name)
        if options.previous:
            return logs.read_previous(self.engine, found, options)
        if not options.follow:
            return logs.read(self.engine, found, options)

        def look() -> View | None:
            return next(iter(self._reader.views(Selector(name=name))), None)

        return logs.Follower(self.engine, options).lines(look)

    # ---------------------------------------------------------------- changing
    def scale(self, name: str, replicas: int) -> RunStatus:
        view = self._one(name)
        if view.kind == "training":
            raise Unsupported(f"{name} is a training run: it can't be scaled")
        more = replicas - len(view.wanted)
        if more > 0:
            submit.add(self.engine, view, more)
        for each in _least_needed(view)[: max(-more, 0)]:
            roll.leave(self.engine, each)
        return self.status(name)

    def stop(self, name: str) -> RunStatus:
        """End the run's containers and remove them with their volumes."""
        view = self._one(name)
        before = status.run_status(view, self._words)
        roll.end(self.engine, [each for each in view.containers if each.role != "port"], grace=STOP)
        for late in self._reader.views(Selector(name=name)):  # a replica that an update made meanwhile, then the port
            for each in reversed(late.containers):
                submit.remove(self.engine, each.id)
        if before.kind == "training" and before.phase in ("Succeeded", "Failed"):
            return replace(before, pods=())
        return _gone(before)

    def forward(self, name: str, port: int = 0) -> Forward:
        view = self._one(name)
        if view.kind == "training":
            raise Unsupported(f"{name} is a training run and has no port")
        url = status.address(view)
        own = int(url.rpartition(":")[2] or 0)
        if not own:
            raise TargetError(f"{name} has lost its port", "serve again")
        return forward.Own(url) if port in (0, own) else forward.PortForward(port, own)


def _gone(last: RunStatus) -> RunStatus:
    return replace(last, phase="Stopped", reason="", pods=(), replicas=replace(last.replicas, ready=0, updated=0))


def _least_needed(view: View) -> list[Container]:
    """Replicas in the order in which a smaller number gives them up: not ready first, then the youngest."""
    age = {each.id: place for place, each in enumerate(view.wanted)}
    return sorted(view.wanted, key=lambda each: (each.ready, -age[each.id]))


__all__ = ["Local"]
