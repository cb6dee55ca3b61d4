"""What a cell shows while things happen: displays that are changed in place, and one watch per run.

What this is: the publishing side of the magics, without ipywidgets. What it is not: controls (widget.py).
In the flow: Events -> one text/HTML display by display_id. Threads never print: they only change displays, so that a
saved notebook, nbconvert or an editor without widgets holds the last state.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbcontainer import show
from nbcontainer.errors import one_line
from nbcontainer.model import Event, Finished, Log, Progress, RunStatus, StateChanged
from nbcontainer.run import Run

if TYPE_CHECKING:
    from nbcontainer.orchestrators import Orchestrator

Bundle = dict[str, Any]
_ATTACHED = {"text/plain": "\n  attached; interrupt to detach", "text/html": "<p>attached; interrupt to detach</p>"}


class Display:
    """One output of a cell, shown once and then replaced in place; safe to call from any thread."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self.shown = False
        self._last: Bundle | None = None
        self._lock = threading.Lock()

    def put(self, bundle: Bundle) -> None:
        from IPython.display import display

        with self._lock:
            if bundle == self._last:
                return
            display(bundle, raw=True, display_id=self.id, update=self.shown)  # type: ignore[no-untyped-call]
            self.shown, self._last = True, bundle


def run_bundle(status: RunStatus, *, with_pods: bool = True) -> Bundle:
    """Both forms; the HTML without its pods where controls show them."""
    return {"text/plain": show.run_text(status), "text/html": show.run_html(status, with_pods=with_pods)}


class Steps:
    """The emit of a build in a cell: which notebook it took, a live bar that gives way to notes."""

    def __init__(self) -> None:
        self.display = Display()
        self.took = ""
        self.made = ""  # the image, when the verb goes on with it
        self.notes: list[str] = []
        self._bar: Any = None
        self._began = time.monotonic()
        self._next = 0.3  # seconds: a build that is over by then shows no bar at all
        self._lock = threading.Lock()

    def show(self, event: Event) -> None:
        if isinstance(event, Progress):
            if event.stage == "note":
                self.notes.append(event.message)
            elif event.stage == "notebook" and not self.took:
                self.took = event.message
            elif event.stage == "image":
                self.made = event.message
            if event.stage != "note" and time.monotonic() - self._began >= self._next:
                self._step(event)

    def _step(self, event: Progress) -> None:
        with self._lock:
            self._next = time.monotonic() - self._began + 0.1
            if self._bar is None:
                from nbcontainer import widget

                self._bar = widget.progress() or False
            from nbcontainer.terminal import bar

            text = {"text/plain": bar(event)}
            if self._bar:
                self._bar.show(event)
                text = {**text, **self._bar.bundle} if not self.display.shown else {}
            if text:
                self.display.put(text)

    def end(self) -> None:
        """Replace the bar by what stays: the notebook that was taken, the image, and notes."""
        with self._lock:
            lines = [*filter(None, (self.took, self.made)), *(f"note: {note}" for note in self.notes)]
            if self.display.shown or lines:
                from html import escape

                html = "<br>".join(escape(line) for line in lines)
                self.display.put({"text/plain": "\n".join(lines), "text/html": f"<div>{html}</div>"})
            if self._bar:
                self._bar.close()


class Watch:
    """One watch of one run, shared by all its views."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.stop = threading.Event()
        self.listeners: list[Callable[[RunStatus], None]] = []
        self.lines: dict[str, str] = {}  # the newest line of each pod
        self._thread: threading.Thread | None = None
        self._tailing: threading.Thread | None = None

    def listen(self, listener: Callable[[RunStatus], None]) -> None:
        self.listeners.append(listener)
        listener(self.run.last)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, daemon=True, name=f"watch {self.run.name}")
            self._thread.start()

    def tail(self) -> dict[str, str]:
        """The newest line of each pod, kept up to date from now on: one log stream for all views."""
        if self._tailing is None or not self._tailing.is_alive():
            self._tailing = threading.Thread(target=self._tail, daemon=True, name=f"tail {self.run.name}")
            self._tailing.start()
        return self.lines

    def _tail(self) -> None:
        from nbcontainer.orchestrators import LogOptions

        try:
            for log in self.run._runner.logs(self.run.name, LogOptions(follow=True, tail=1, stop=self.stop)):
                self.lines[log.pod] = log.line[:200]
        except Exception:
            pass  # the watch says what is wrong with the run, and threads never print

    def _watch(self) -> None:
        try:
            for status in self.run.watch(self.stop):
                self._tell(status)
            if self.run.last.phase == "Stopped":
                self.listeners.clear()  # what is served under this name later is another cell's
        except Exception as error:  # a thread never prints
            self._tell_end(one_line(str(error)))

    def _tell(self, status: RunStatus) -> None:
        for listener in tuple(self.listeners):
            try:
                listener(status)
            except Exception:  # a view that can't be drawn any more must not end the watch of the others
                self.listeners.remove(listener)

    def _tell_end(self, reason: str) -> None:
        self._tell(replace(self.run.last, reason=f"not watched any more: {reason}"))


class Hub:
    """All watches of one kernel, by target and name."""

    def __init__(self) -> None:
        self._watches: dict[tuple[str, str, str], Watch] = {}

    def watch(self, run: Run) -> Watch:
        key = (run.last.target, run.last.namespace, run.name)
        found = self._watches.get(key)
        if found is None or found.stop.is_set():
            found = self._watches[key] = Watch(run)
        found.run.last = run.last
        return found

    def names(self) -> list[str]:
        """Names of the runs that this kernel has seen, newest first."""
        return [key[2] for key in reversed(self._watches)]

    def close(self) -> None:
        for watch in self._watches.values():
            watch.stop.set()


class LiveRun(Run):
    """A run as a cell shows it: text and HTML kept up to date, and controls where widgets are at hand."""

    def __init__(self, runner: Orchestrator, last: RunStatus, image: str, hub: Hub,
                 address: Callable[[RunStatus], str]) -> None:
        super().__init__(runner, last, image)
        self._hub = hub
        self._address = address  # what leads to it on this machine, which the target can't know
        self.display: Display | None = None  # one that shows this run already

    def _ipython_display_(self) -> None:
        text, self.display = self.display or Display(), None
        self.last = self._here(self.last)
        if self.last.ended:
            text.put(run_bundle(self.last))
            return
        from nbcontainer import widget

        watch = self._hub.watch(self)
        controls = widget.controls(self, watch.tail)
        text.put(run_bundle(self.last, with_pods=controls is None))
        place = Display()
        if controls:
            place.put({**controls.bundle, "text/plain": f"controls of {self.name}"})

        def changed(status: RunStatus) -> None:
            nonlocal controls
            self.last = status = self._here(status)
            text.put(run_bundle(status, with_pods=controls is None or status.ended))
            if controls:
                controls.show(status)
                if status.ended:
                    place.put({"text/plain": f"{self.name} has ended", "text/html": ""})
                    controls.close()
                    controls = None

        watch.listen(changed)

    def _here(self, status: RunStatus) -> RunStatus:
        return replace(status, local_url=self._address(status) or status.local_url)


class Follower:
    """The emit of a blocking follow or wait: the cell's own thread prints log lines, states change a display."""

    def __init__(self) -> None:
        self.display = Display()

    def show(self, event: Event) -> None:
        if isinstance(event, Log):
            print(event.line, flush=True)
        elif isinstance(event, StateChanged):
            self.display.put({key: f"{text}{_ATTACHED[key]}" for key, text in run_bundle(event.status).items()})
        elif isinstance(event, Finished):
            self.display.put(run_bundle(event.status))


class Lines:
    """Log lines as a result: text and escaped HTML."""

    def __init__(self, run: Run, lines: list[Log]) -> None:
        self.run, self.lines = run, lines

    def __repr__(self) -> str:
        several = len({log.pod for log in self.lines}) > 1
        shown = [f"[{log.pod}] {log.line}" if several else log.line for log in self.lines]
        return "\n".join(shown) or f"{self.run.name} has printed nothing yet"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"

    def __iter__(self) -> Any:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


class Text:
    """A text result with an HTML form, as %manifest and %runs give."""

    def __init__(self, text: str, html: str = "", value: Any = None) -> None:
        self.text, self.html, self.value = text, html, value

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from html import escape

        return self.html or f"<pre>{escape(self.text)}</pre>"

    def __str__(self) -> str:
        return self.text
