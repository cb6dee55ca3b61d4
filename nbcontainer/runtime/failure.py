"""How a run ends badly: a traceback that names cells, one last line, and SIGTERM.

What this is: what a person reads in the log, and Kubernetes in the termination message. What it is not: the exit codes
of a script that ends itself: SystemExit passes through untouched.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from . import cells, places

_OURS = os.path.dirname(os.path.abspath(__file__))
_LONGEST = 4096  # bytes that Kubernetes takes
TERMINATED = 128 + signal.SIGTERM


def report(error: BaseException, where: str, path: str = "", table: Any = ()) -> None:
    """Write the traceback and the last line; `path` is the script and `table` its cells."""
    error.__traceback__ = _own(error.__traceback__, path)
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    sys.stdout.flush()
    sys.stderr.write(_named(lines, path, table))
    last(f"{where}: {summary(error)}")


def summary(error: BaseException) -> str:
    """'ValueError: boom', on one line."""
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def last(line: str) -> None:
    """One line on stderr, and where Kubernetes looks for the reason."""
    text = f"nbcontainer: {line}"
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
    try:
        with open(places.place("/dev/termination-log"), "r+b", buffering=0) as file:  # only one that is there
            file.write(line.encode("utf-8", "backslashreplace")[:_LONGEST])
    except OSError:
        pass


def _own(found: TracebackType | None, path: str) -> TracebackType | None:
    """The traceback from the script's first frame on; without one, from the first frame that isn't ours."""
    at, outside = found, None
    while at is not None:
        name = at.tb_frame.f_code.co_filename
        if name in (path, cells.INJECTED):
            return at
        if outside is None and not name.startswith((_OURS, os.path.dirname(asyncio.__file__))):
            outside = at
        at = at.tb_next
    return outside


def _named(text: str, path: str, table: Any) -> str:
    """A traceback's lines of the script as cell and line."""

    def name(found: Any) -> str:
        line = int(found[2])
        for cell in table:
            if cell["first"] <= line <= cell["last"]:
                return f"{found[1]}Cell {cell['number']}, line {line - cell['first'] + 1}"
        return str(found[0])

    return re.sub(rf'^(.*?)File "{re.escape(path)}", line (\d+)', name, text, flags=re.MULTILINE) if path else text


def on_terminate(act: Callable[[], None]) -> None:
    """Call `act` in the main thread at SIGTERM, also as process 1; forked children die of it at once, as usual."""

    def handler(number: int, frame: FrameType | None) -> None:
        act()

    def forked() -> None:
        # A handler in Python runs late: a worker that is about to wait for a lock would never hear of the signal.
        if signal.getsignal(signal.SIGTERM) is handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, handler)
    os.register_at_fork(after_in_child=forked)


def position(table: list[dict[str, Any]], number: int) -> str:
    """'cell 3', or what stands for it before the first and after the last."""
    return f"cell {number}" if number else ("after the last cell" if table else "the notebook")
