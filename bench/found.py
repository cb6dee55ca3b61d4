"""What the panel's benchmark finds: plain values, in seconds, MB and shares of one processor.

What this is: the names of the measures, and their two sizes. What it is not: measuring (panel.py, lab.py) or the text
(panel_page.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Size:
    """How much of everything; `idle` and `scroll` are seconds."""

    runs: int
    lines: int
    loads: int
    idle: float
    scroll: float
    changed: int
    quick: bool = False


FULL, QUICK = Size(2000, 1_000_000, 7, 20, 5, 100), Size(300, 100_000, 2, 5, 2, 50, True)


@dataclass
class Frames:
    """`rate` per second; `longest` in seconds."""

    rate: float = 0.0
    longest: float = 0.0


@dataclass
class Busy:
    """Of all of the browser's processes together, and of the server."""

    page: float = 0.0
    server: float = 0.0


@dataclass(frozen=True)
class Changes:
    """Many runs change at once: until all were made, until the page showed them all, what it was told meanwhile."""

    made: float
    shown: float
    messages: int
    fetches: int
    during: Busy


@dataclass(frozen=True)
class LogTimes:
    printed: float  # from the first printed line to the last
    late: float  # from the last printed line until the tab has all
    start: float  # from the key Home to the first line
    end: float  # from the key End to the last line
    search: float  # from Enter to a line near the end


@dataclass
class Found:
    size: Size
    seconds: float = 0.0
    load: list[float] = field(default_factory=list)  # of the machine
    raw: int = 0  # bytes of JavaScript
    packed: int = 0
    there: list[dict[str, float]] = field(default_factory=list)  # marks of each load with the panel open
    absent: list[dict[str, float]] = field(default_factory=list)  # and without the extension
    frames: dict[str, Frames] = field(default_factory=dict)
    heap: dict[str, float] = field(default_factory=dict)
    busy: dict[str, Busy] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)  # the server's
    filter: list[float] = field(default_factory=list)
    changes: Changes | None = None
    log: LogTimes | None = None
