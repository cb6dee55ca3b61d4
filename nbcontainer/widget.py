"""Controls in a cell: a build's bar, and per run its pods, a Stop button and a spinner for replicas.

What this is: ipywidgets, when they are installed. What it is not: needed (live.py shows text and HTML without), or a
source of truth: it shows what the watch tells and asks the cluster.
In the flow: a view of Events; its buttons call the run's handle in a thread of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from nbcontainer import show
from nbcontainer.errors import one_line
from nbcontainer.model import PodStatus, Progress, RunStatus

if TYPE_CHECKING:
    from nbcontainer.run import Run

_MIME = "application/vnd.jupyter.widget-view+json"
_HEADS = ("pod", "phase", "ready", "restarts", "age", "last line")


def _bundle(box: Any) -> dict[str, Any]:
    return {_MIME: {"version_major": 2, "version_minor": 0, "model_id": box.model_id}}


def _ipywidgets() -> Any:
    """The module, None where it isn't installed or no kernel is there to talk through."""
    try:
        import ipywidgets
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    return ipywidgets if hasattr(shell, "kernel") else None


class Bar:
    """A bar with bytes and layers."""

    def __init__(self, widgets: Any) -> None:
        self._bar = widgets.FloatProgress(min=0.0, max=1.0, description="build")
        self._label = widgets.Label()
        self.box = widgets.HBox([self._bar, self._label])
        self.bundle = _bundle(self.box)

    def show(self, event: Progress) -> None:
        self._bar.description = event.stage
        if event.total:
            self._bar.value = min(1.0, event.done / event.total)
        amount = ""
        if event.total and event.unit == "B":
            amount = f"{show.size(event.done)} of {show.size(event.total)}  "
        elif event.total:
            amount = f"{event.done} of {event.total} {event.unit}  "
        self._label.value = amount + event.message

    def close(self) -> None:
        for each in (self._bar, self._label, self.box):
            each.close()


class Controls:
    """The live table of a run's pods with its buttons."""

    def __init__(self, widgets: Any, run: Run, lines: Mapping[str, str]) -> None:
        self._run = run
        self._lines = lines  # the newest of each pod; drawn by the ticker, so that a fast log can't flood the channel
        self._status = run.last
        self._closed = threading.Event()
        self._busy = False  # a person's change is under way
        self._table = widgets.HTML()
        self._table.add_class("jp-RenderedHTMLCommon")  # as tables of other outputs look
        self._said = widgets.Label()
        self._stop = widgets.Button(description="Stop", icon="stop", tooltip=f"End {run.name} and remove it")
        self._stop.on_click(self._stop_clicked)
        buttons = [self._stop]
        self._spinner: Any = None
        if run.kind == "inference":
            self._spinner = widgets.BoundedIntText(
                value=run.last.replicas.wanted, min=0, max=1000, description="replicas", continuous_update=False
            )
            self._spinner.observe(self._spun, names="value")
            buttons.insert(0, self._spinner)
        self.box = widgets.VBox([widgets.HBox([*buttons, self._said]), self._table])
        self.bundle = _bundle(self.box)
        self.show(run.last)
        threading.Thread(target=self._tick, daemon=True, name=f"age {run.name}").start()

    def show(self, status: RunStatus) -> None:
        """Draw `status`; the spinner follows the cluster unless a person's own change is under way."""
        self._status = status
        if self._spinner is not None and not self._busy:
            self._spinner.unobserve(self._spun, names="value")
            self._spinner.value = status.replicas.wanted
            self._spinner.observe(self._spun, names="value")
        self._draw()

    def _draw(self) -> None:
        rows = "".join(self._row(pod) for pod in self._status.pods)
        heads = "".join(f"<th>{head}</th>" for head in _HEADS)
        self._table.value = f'<table style="margin: 0"><tr>{heads}</tr>{rows}</table>' if rows else ""

    def _row(self, pod: PodStatus) -> str:
        cells = [*show.pod_row(pod, self._status)[:5], pod.reason or self._lines.get(pod.name, pod.last_log)]
        return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"

    def _tick(self) -> None:
        while not self._closed.wait(1.0):
            self._draw()

    def _spun(self, change: Any) -> None:
        wanted = int(change["new"])
        self._do(f"scaling to {wanted} …", lambda: self._run.scale(wanted))

    def _stop_clicked(self, button: Any) -> None:
        self._stop.disabled = True
        self._do("stopping …", self._run.stop)

    def _do(self, saying: str, work: Any) -> None:
        def do() -> None:
            said = ""
            try:
                work()
            except Exception as error:  # a thread never prints
                said, self._stop.disabled = one_line(str(error)), False
            self._said.value, self._busy = said, False
            self.show(self._status)

        self._said.value, self._busy = saying, True
        threading.Thread(target=do, daemon=True, name=f"change {self._run.name}").start()

    def close(self) -> None:
        self._closed.set()
        for each in (self._stop, self._spinner, self._said, self._table, *self.box.children, self.box):
            if each is not None:
                each.close()


def progress() -> Bar | None:
    widgets = _ipywidgets()
    return Bar(widgets) if widgets else None


def controls(run: Run, lines: Callable[[], Mapping[str, str]]) -> Controls | None:
    """None without widgets; `lines` gives the newest line of each pod."""
    widgets = _ipywidgets()
    return Controls(widgets, run, lines()) if widgets else None
