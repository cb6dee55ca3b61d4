"""Progress on a terminal: one line that is redrawn, or plain lines where nobody watches.

What this is: the CLI's emit. What it is not: used in notebooks (widget.py) or for results (stdout).
In the flow: Events -> stderr.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from typing import Any, TextIO

from nbcontainer import show
from nbcontainer.model import Event, Log, Progress, StateChanged


class Terminal:
    """Shows Progress as a bar on a terminal; elsewhere one line a step. Safe to call from several threads."""

    def __init__(self, stream: TextIO, *, quiet: bool = False, as_json: bool = False) -> None:
        self.stream, self.quiet, self.as_json = stream, quiet, as_json
        self.live = stream.isatty() and not as_json
        self._lock = threading.Lock()
        self._drawn = 0
        self._last: Any = None
        self._said = ""  # the newest state
        self._next = 0.0

    def show(self, event: Event) -> None:
        if self.quiet:
            return
        with self._lock:
            if isinstance(event, Progress):
                self._progress(event)
            elif isinstance(event, StateChanged):
                self._state(show.headline(event.status) + (f"  {event.status.reason}" if event.status.reason else ""))
            elif isinstance(event, Log):
                self._line(event.line)

    def _state(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._line(text)

    def clear(self) -> None:
        """Remove the redrawn line, before something else is printed."""
        if self._drawn:
            self.stream.write("\r" + " " * self._drawn + "\r")
            self.stream.flush()
            self._drawn = 0

    def _progress(self, event: Progress) -> None:
        if event.stage in ("note", "image"):
            self._line(f"{event.stage}: {event.message}")
        elif self.live:
            ended = event.total and event.done >= event.total
            if time.monotonic() < self._next and not ended and self._last == event.stage:
                return
            self._next, self._last = time.monotonic() + 0.05, event.stage
            self._draw(bar(event))
        elif self._last != (event.stage, event.message):
            self._last = (event.stage, event.message)
            if self.as_json:
                self._line(json.dumps({"event": "Progress", "stage": event.stage, "message": event.message}))
            else:
                self._line(f"{event.stage}: {event.message}")

    def _draw(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        self.stream.write("\r" + text.ljust(self._drawn))
        self.stream.flush()
        self._drawn = len(text)

    def _line(self, text: str) -> None:
        self.clear()
        self.stream.write(text + "\n")
        self.stream.flush()


def bar(event: Progress, width: int = 16) -> str:
    """'packing  [#####-----------]  12.3 MB of 36.9 MB  4 of 17 layers, scipy 1.17.1': one line of 80 columns."""
    if not event.total:
        return f"{event.stage}: {event.message}"
    full = min(width, width * event.done // event.total)
    if event.unit == "B":
        amount = f"{show.size(event.done)} of {show.size(event.total)}"
    else:
        amount = f"{event.done} of {event.total} {event.unit}".rstrip()
    return f"{event.stage}  [{'#' * full}{'-' * (width - full)}]  {amount}  {event.message}"
