"""The part of docs/benchmarks.md about the panel.

What this is: pure text from what panel.py found, and its place in the page. What it is not: measuring.
In the flow: the last step of panel.py; run.py joins it to its own page.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from statistics import median

from bench.found import Busy, Found
from bench.page import Limit, ms, table

HEAD = "## The panel in JupyterLab"
NEXT = "## Not run"  # the part of the page before which this one stands
HEAP, PAINT, SCRIPTS = 150.0, 0.3, 400_000  # MB, seconds, bytes


def limits(found: Found) -> list[Limit]:
    """The aims of the project that this run can judge."""
    heap = max(found.heap.values())
    paint = median(first_paint(found))
    return [
        Limit(f"heap of the page: at most {HEAP:.0f} MB", f"{heap:.0f} MB", heap <= HEAP),
        Limit(f"first paint after Lab is ready: at most {ms(PAINT)}", ms(paint), paint <= PAINT),
        Limit(f"JavaScript: at most {SCRIPTS // 1000} KB", kb(found.raw), found.raw <= SCRIPTS),
    ]


def first_paint(found: Found) -> list[float]:
    """Seconds from Lab's layout being there to the panel's first paint, 0 where that was there before."""
    return [max(0.0, each["panel"] - each["restored"]) for each in found.there]


def section(found: Found) -> str:
    size = found.size
    parts = [
        f"{HEAD}\n\n{_words(found)}\n",
        table(["aim", "measured", ""],
              [[x.text, x.measured, "met" if x.held else "**missed**"] for x in limits(found)]),
        f"Loads of Lab, {len(found.there)} each way in turns, medians (and the slowest):\n", table(*_loads(found)),
        "Frames, of 60 a second at the most:\n", table(*_frames(found)),
        f"{size.runs:,} runs, {size.changed} of which change at once, and a log of {size.lines:,} lines:\n",
        table(["what", "measured"], [*_runs(found), *_log(found)]),
        f"Heap after a collection, and processor time while nothing happens for {size.idle:g} s (100% is one core):\n",
        table(*_rest(found)), _how(found),
    ]
    return "\n".join(parts)


def joined(page: str, part: str) -> str:
    """The page with this part in it, in the place of an older one."""
    before, found, rest = page.partition(f"{HEAD}\n")
    if found:
        _, mark, after = rest.partition("\n## ")
        rest = f"{mark.lstrip()}{after}"
    else:
        before, mark, after = page.partition(NEXT)
        rest = mark + after
    return f"{before.rstrip()}\n\n{part.rstrip()}\n\n{rest}".rstrip() + "\n"


# ---------------------------------------------------------------- tables
Table = tuple[list[str], list[list[str]]]


def _loads(found: Found) -> Table:
    def row(name: str, loads: Sequence[dict[str, float]], seconds: Callable[[dict[str, float]], float]) -> list[str]:
        values = [seconds(each) for each in loads]
        return [name, ms(median(values)), ms(max(values))]

    def after(name: str) -> Callable[[dict[str, float]], float]:
        return lambda load: max(0.0, load[name] - load["restored"])

    return ["what", "median", "slowest"], [
        row("Lab ready without the extension", found.absent, lambda load: load["restored"]),
        row("Lab ready with the panel open", found.there, lambda load: load["restored"]),
        row("the panel's first paint, after that", found.there, after("panel")),
        row("its first runs, after that", found.there, after("rows")),
    ]


def _frames(found: Found) -> Table:
    rows = [[name, f"{each.rate:.0f}", ms(each.longest)] for name, each in found.frames.items()]
    return ["while", "frames a second", "longest frame"], rows


def _runs(found: Found) -> list[list[str]]:
    changes = found.changes
    rows = [["runs: last key in the filter to the filtered rows, median", ms(median(found.filter))]]
    if changes:
        rows += [
            [f"runs: {found.size.changed} changes made in", ms(changes.made)],
            ["runs: from the first change until the page shows all", ms(changes.shown)],
            ["runs: messages to the page, and lists that it fetched, meanwhile",
             f"{changes.messages} and {changes.fetches} ({changes.messages / changes.shown:.0f} and "
             f"{changes.fetches / changes.shown:.0f} a second)"],
            ["runs: processors meanwhile, page and server", shares(changes.during)],
        ]
    return rows


def _log(found: Found) -> list[list[str]]:
    log = found.log
    return [] if log is None else [
        ["log: printed by the pod in", f"{log.printed:.1f} s"],
        ["log: all lines in the tab after the last was printed", f"{log.late:.1f} s"],
        ["log: key Home to the first line", ms(log.start)],
        ["log: key End to the last line", ms(log.end)],
        ["log: Enter in the search to a line near the end", ms(log.search)],
        ["server's memory: before, with the runs, with the log",
         ", ".join(f"{found.memory[name]:.0f} MB" for name in ("closed", "runs", "log"))],
    ]


def _rest(found: Found) -> Table:
    names = {
        "without": "Lab without the extension", "closed": "the panel closed", "runs": "the panel open on the runs",
        "runs scrolled": "the runs scrolled through and filtered", "log scrolled": "the log scrolled through",
        "log wrapped": "the log scrolled through, wrapped",
    }
    rows = []
    for name, words in names.items():
        busy = found.busy.get(name)
        rows.append([words, f"{found.heap[name]:.0f} MB", *(shares(busy).split(", ") if busy else ("", ""))])
    return ["state", "heap", "browser", "server"], rows


# ---------------------------------------------------------------- words
def _words(found: Found) -> str:
    load = f"{min(found.load):.1f} to {max(found.load):.1f}"
    busy = max(found.load) > 1.5 * (os.cpu_count() or 1)
    return (
        f"By `bench/panel.py`{', a quick run' if found.size.quick else ''}, in {found.seconds / 60:.1f} minutes, on "
        f"the machine named above with a load average of {load}, cluster and browser included."
        + (" **Other work disturbed it.**" if busy else "")
        + f" The panel has {kb(found.raw)} of JavaScript, {kb(found.packed)} compressed."
    )


def _how(found: Found) -> str:
    return f"""Server, Chromium (headless, drawing by the processor), a one-node Kubernetes and its load share this
machine. The runs are real Jobs as nbcontainer submits them, suspended; they change by what a client writes into one
that can't start. The log is one pod's, followed from its first line on: the cluster's kubelet rotates logs at 1 MiB and
gives a reader only the newest file, so the pod prints {found.size.lines:,} lines with pauses, and all have to arrive.
The wheel is turned by the browser's own input, and the bar drawn from the top to the bottom, {found.size.scroll:g} s
each. Lab is ready when its layout is restored; a paint is the end of the first frame that shows it."""


def kb(count: int) -> str:
    return f"{count / 1000:.0f} KB"


def shares(busy: Busy) -> str:
    return f"{busy.page:.1%}, {busy.server:.1%}"
