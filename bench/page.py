"""docs/benchmarks.md: what a run measured, on which machine, how, and what it doesn't tell.

What this is: pure text from a run's results. What it is not: measuring.
In the flow: the last step of run.py.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import rivals, wheels
from bench.measure import Numbers

if TYPE_CHECKING:
    from bench.run import Run

EDIT_KERNEL, EDIT_COMMAND, LOAD, HELP = 0.1, 0.3, 0.05, 0.2  # seconds
EDIT_BYTES = 200_000


@dataclass(frozen=True)
class Limit:
    """One promise, what was measured of it, and whether it holds."""

    text: str
    measured: str
    held: bool


def limits(run: Run) -> list[Limit]:
    """The promises of the project that this run can judge, by medians."""
    kernel, command = (next(each for each in run.results if each.name.startswith(start))
                       for start in ("%containerize", "nbcontainer"))
    found = []
    for result, most, where in ((kernel, EDIT_KERNEL, "in a kernel"), (command, EDIT_COMMAND, "as a program")):
        if not result.edit:
            found.append(Limit(f"edit to pushed {where}", result.failed, False))
            continue
        median = Numbers(tuple(result.edit)).median
        found.append(Limit(f"edit to pushed {where}: at most {ms(most)}", ms(median), median <= most))
        found.append(Limit(f"exactly one new layer {where}", shown(set(result.new)), set(result.new) == {1}))
        sent = max(each.bytes for each in result.wire)
        found.append(Limit(f"under {EDIT_BYTES // 1000} KB on the wire {where}", kb(sent), sent < EDIT_BYTES))
    for name, most, what in (("load", LOAD, "`%load_ext nbcontainer`"), ("help", HELP, "`nbcontainer --help`")):
        median = run.extra[name].median
        found.append(Limit(f"{what}: at most {ms(most)}", ms(median), median <= most))
    return found


def summary(run: Run) -> str:
    """The table of edits as plain text."""
    return table(*_edits(run))


def page(run: Run, seconds: float) -> str:
    ours = next((each for each in run.results if each.edit), None)
    ratio = f"`{ours.name}`" if ours else "nothing"
    parts = [
        "# Benchmarks\n\nMade by `make bench` (`bench/run.py`), which measures all tools side by side and writes this "
        f"page anew. {'A quick run. ' if run.quick else ''}{_conditions(run, seconds)}",
        "## What must hold\n", table(["promise", "measured (median)", ""],
                                     [[x.text, x.measured, "holds" if x.held else "**missed**"] for x in limits(run)]),
        "## One line edited, to pushed\n\nThe environment is built and pushed; one line of the notebook changes; "
        f"the time until the new image's tag is in the registry. × is the median beside that of {ratio}.\n",
        table(*_edits(run)),
        "## Nothing changed\n", table(*_same(run)),
        "## Nothing there, to pushed\n\nThe base is local to every tool and in the registry; nothing else is. Rivals "
        "install the wheels, as their Dockerfile says; nbcontainer takes what the kernel has installed, so it never "
        "installs. Installing into the kernel's environment is in nobody's time. nbcontainer and pip put compiled "
        "`.pyc` files into the image, uv doesn't. On the same base nbcontainer reads the base's layers once, to find "
        "its Python: they are in the bytes.\n", table(*_cold(run)),
        "## A new repository, in a registry that has the layers\n", table(*_mounted(run)),
        "## Start-up\n", table(*_small(run)), _not_run(run), _how(run), _limits_of_this(),
    ]
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


# ---------------------------------------------------------------- tables
Table = tuple[list[str], list[list[str]]]


def _edits(run: Run) -> Table:
    head = ["tool", "median", "×", "p95", "min", "n", "requests", "bytes", "new layers"]
    rows: list[list[str]] = []
    first = 0.0
    for each in (x for x in run.results if x.edit):
        found = Numbers(tuple(each.edit))
        first = first or found.median
        requests, sent = {wire.requests for wire in each.wire}, max(wire.bytes for wire in each.wire)
        rows.append([each.name, ms(found.median), f"{found.median / first:.1f}", ms(found.p95), ms(found.least),
                     str(len(each.edit)), shown(requests), kb(sent), shown(set(each.new))])
    return head, rows


def _same(run: Run) -> Table:
    rows = []
    for each in (x for x in run.results if x.same):
        found = Numbers(tuple(each.same))
        rows.append([each.name, ms(found.median), ms(found.p95), ms(found.least), str(each.same_requests)])
    return ["tool", "median", "p95", "min", "requests"], rows


def _cold(run: Run) -> Table:
    rows = []
    for each in (x for x in run.results if x.cold):
        times = ", ".join(f"{value:.1f}" for value in each.cold)
        rows.append([each.name, f"{Numbers(tuple(each.cold)).median:.1f} s", times, f"{each.cold_bytes / 1e6:.0f} MB",
                     f"{each.peak:.0f} MB"])
    return ["tool", "median", "each, s", "to and from the registry", "largest process"], rows


def _mounted(run: Run) -> Table:
    rows = []
    for each in (x for x in run.results if x.mounted):
        found = Numbers(tuple(each.mounted))
        rows.append([each.name, ms(found.median), ms(found.least), kb(each.mounted_bytes)])
    return ["tool", "median", "min", "bytes"], rows


def _small(run: Run) -> Table:
    names = {"load": "`%load_ext nbcontainer`, beyond IPython", "help": "`nbcontainer --help`, as a program"}
    return ["what", "median", "p95", "min"], [[names[key], ms(found.median), ms(found.p95), ms(found.least)]
                                              for key, found in run.extra.items()]


# ---------------------------------------------------------------- words
def _conditions(run: Run, seconds: float) -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int((re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()) or ["", "0"])[1])
    versions = dict.fromkeys(each.version for each in run.results if each.version)
    low, high = min(run.load), max(run.load)
    return (
        f"{datetime.date.today()}: {os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}), "
        f"{memory / 2**20:.0f} GiB of memory, Linux {platform.release()}, Python {platform.python_version()}; "
        f"{', '.join(versions)}. The load average was {low:.1f} to {high:.1f} during the run, which took "
        f"{seconds / 60:.1f} minutes."
        + (" **Other work disturbed it.**" if high > 1.5 * (os.cpu_count() or 1) else "")
    )


def _not_run(run: Run) -> str:
    failed = [f"- {each.name}: {each.failed}" for each in run.results if each.failed]
    failed += ["- BuildKit by itself (`buildctl`, zstd) and kaniko: in no package of Debian 12; not built here.",
               "- repo2docker: it needs a base image and packages from hosts that a machine without them can't reach."]
    return "## Not run\n\n" + "\n".join(failed)


def _how(run: Run) -> str:
    text = rivals.dockerfile("$REGISTRY/bench/base:1", run.stage.python, "uv", "http://127.0.0.1:$PORT/")
    pins = ", ".join(wheels.pins())
    return f"""## How

One registry (distribution) on loopback; its log counts requests and the bytes of bodies both ways. The base is this
machine's own Python, libraries and shell, packed once by nbcontainer and pushed: every tool stands on the same layers,
and on no public registry. All install the same wheels ({pins}), from one folder over HTTP on loopback. The same
notebook of 40 cells is edited for everyone, each edit a new text; after each the pushed image is checked to hold it.
Tools take turns in a new order every round, and the first round isn't counted. Daemons are up and caches filled;
docker's is a private dockerd, buildah and podman use storages of their own and `--isolation chroot`. `%containerize`
is timed inside a real Jupyter kernel, programs from start to end. Rivals get this Dockerfile (or pip for uv):

```dockerfile
{text.rstrip()}
```
"""


def _limits_of_this() -> str:
    return """## What this doesn't tell

- Registry, client and load share one machine: a real network adds its round trips (see the requests) and its bandwidth.
- The largest process is one process: for docker the daemon's own high-water mark, without what it starts.
- docker, buildah and podman are the versions of this machine's packages; newer ones may differ.
- Cold times are few: differences below a tenth mean nothing.
- How fast a cluster pulls and starts the images is not measured here.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def kb(count: int) -> str:
    return f"{count / 1000:.1f} KB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"


def shown(values: set[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
