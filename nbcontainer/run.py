"""A submitted run's handle: what every door gives a person to hold.

What this is: a name on a target with the verbs that a run has, and the threads that follow one. What it is not: state:
the orchestrator is asked each time, so that another process' handle says the same.
In the flow: Workload -> manifests -> *Run* -> Events.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nbcontainer import show
from nbcontainer.errors import Interrupted, NbcontainerError, RunFailed
from nbcontainer.model import Emit, Event, Finished, Log, RunStatus, StateChanged, silent
from nbcontainer.orchestrators import LogOptions, Orchestrator

if TYPE_CHECKING:
    from nbcontainer.orchestrators import Forward


class Run:
    """A run on its target. `last` is the newest status that this handle has seen."""

    def __init__(self, runner: Orchestrator, last: RunStatus, image: str = "") -> None:
        self._runner = runner
        self.last = last
        self.image = image or last.image

    @property
    def name(self) -> str:
        return self.last.name

    @property
    def kind(self) -> str:
        return self.last.kind

    @property
    def url(self) -> str:
        return self.last.local_url or self.last.url

    def status(self) -> RunStatus:
        """Ask the target now."""
        self.last = self._runner.status(self.name)
        return self.last

    def watch(self, stop: threading.Event | None = None) -> Iterator[RunStatus]:
        """The status now, then at every change, to the run's end or until `stop` is set."""
        for status in self._runner.watch(self.name, stop or threading.Event()):
            self.last = status
            yield status

    def logs(self, *, follow: bool = False, tail: int = -1, pod: str = "", previous: bool = False) -> Iterator[Log]:
        """What its pods printed; with `follow` to the end, with `previous` before they were restarted last."""
        return self._runner.logs(self.name, LogOptions(follow=follow, tail=tail, pod=pod, previous=previous))

    def scale(self, replicas: int) -> Run:
        self.last = self._runner.scale(self.name, replicas)
        return self

    def stop(self) -> RunStatus:
        self.last = self._runner.stop(self.name)
        return self.last

    def forward(self, port: int = 0) -> Forward:
        """Hold a port of this machine that leads to the service, until close()."""
        return self._runner.forward(self.name, port)

    def follow(self, emit: Emit = silent) -> RunStatus:
        """Stay attached: log lines and changes of state to `emit`, to the end; interrupt to detach.

        Raises RunFailed when the run ends in failure and Interrupted on Ctrl-C; the run itself goes on then.
        """
        stop = threading.Event()
        events: queue.Queue[Event | NbcontainerError | None] = queue.Queue()
        for pump in (self._pump_states, self._pump_logs):
            threading.Thread(target=pump, args=(events, stop), daemon=True, name=f"follow {self.name}").start()
        open_pumps = 2
        try:
            while open_pumps:
                event = events.get()
                if event is None:
                    open_pumps -= 1
                elif isinstance(event, NbcontainerError):
                    raise event
                else:
                    emit(event)
        except KeyboardInterrupt:
            raise self._detached("logs", " -f") from None
        finally:
            stop.set()
        return self._finish(emit)

    def wait(self, emit: Emit = silent, *, timeout: float | None = None) -> RunStatus:
        """Wait until a training run has ended or all replicas of a service are ready.

        Raises RunFailed on failure or after `timeout` seconds, Interrupted on Ctrl-C.
        """
        stop = threading.Event()
        timer = threading.Timer(timeout, stop.set) if timeout else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            for status in self.watch(stop):
                emit(StateChanged(status))
                if status.ended or (status.kind == "inference" and ready(status)):
                    return self._finish(emit)
        except KeyboardInterrupt:
            raise self._detached("status") from None
        finally:
            if timer:
                timer.cancel()
        if stop.is_set() and timeout:
            raise RunFailed(f"{self.name} was not ready within {timeout:g} s: {self.last.reason or self.last.phase}")
        return self._finish(emit)

    def _finish(self, emit: Emit) -> RunStatus:
        emit(Finished(self.last))
        if self.last.phase == "Failed":
            more, verb = ("see its log", "logs") if self.last.started else ("remove it", "stop")
            hint = f"{more} with: {show.reattach(self.last, f'nbcontainer {verb}')}"
            raise RunFailed(f"{self.name} failed: {self.last.reason or 'no reason given'}", hint)
        if self.kind == "training" and self.last.phase == "Stopped":
            raise RunFailed(f"{self.name} was stopped before its end", "nbcontainer runs lists what there is")
        return self.last

    def _detached(self, verb: str, more: str = "") -> Interrupted:
        again = show.reattach(self.last, f"nbcontainer {verb}")
        return Interrupted(f"detached from {self.name}, which goes on", again and again + more)

    def _pump_states(self, events: queue.Queue[Any], stop: threading.Event) -> None:
        try:
            for status in self.watch(stop):
                events.put(StateChanged(status))
        except NbcontainerError as error:
            events.put(error)
        events.put(None)

    def _pump_logs(self, events: queue.Queue[Any], stop: threading.Event) -> None:
        try:
            for log in self._runner.logs(self.name, LogOptions(follow=True, stop=stop)):
                events.put(log)
        except NbcontainerError as error:
            events.put(error)
        events.put(None)

    def __repr__(self) -> str:
        return show.run_text(self.last)

    def _repr_html_(self) -> str:
        return show.run_html(self.last)


def ready(status: RunStatus) -> bool:
    """Whether as many replicas as are wanted are ready and up to date."""
    wanted = status.replicas
    return wanted.ready >= wanted.wanted and wanted.updated >= wanted.wanted
