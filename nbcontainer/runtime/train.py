"""`train`: the notebook's script from its first cell to its last.

What this is: the order of the steps: working folder, `__main__`, parameters, cells, exit code. What it is not: each of
them. In the flow: the pod's log and exit code are what a Run reports.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from . import cells, failure, parameters, places, shown

_first_main: ModuleType | None = None  # the entrypoint's module: its names must live while it runs


def main() -> int:
    """Run the script; gives 0, or 1 for an exception. SystemExit is the script's own and comes through."""
    try:
        values = parameters.given()
    except ValueError as error:
        failure.last(str(error))
        return 2
    found = places.settings()
    places.prepare(found)
    runner = runner_of(found)
    failure.on_terminate(lambda: _terminated(runner))
    if os.environ.get("NBCONTAINER_KEEP_OUTPUTS"):
        from . import outputs

        return outputs.main(found, values)
    return run(runner, parameters.source(values) if values else "")


def runner_of(found: dict) -> cells.Runner:  # type: ignore[type-arg]
    """A runner for the notebook that `found` describes, in a fresh `__main__`."""
    global _first_main
    _first_main = sys.modules["__main__"]
    path = places.script(found)
    sys.argv[:] = [path]
    return cells.Runner(path, places.table(found), cells.main_module(path))


def run(runner: cells.Runner, injected: str = "") -> int:
    """Run the cells and report what they raise."""
    text = "\n".join(runner.lines)
    needs_ipython = any(cell["ipython"] for cell in runner.cells) or "get_ipython" in text
    try:
        shown.install(runner.module, needs_ipython)
        runner.run(injected)
    except SystemExit:
        raise
    except BaseException as error:
        failure.report(error, failure.position(runner.cells, runner.cell), runner.path, runner.cells)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _terminated(runner: cells.Runner) -> None:
    failure.last(f"{failure.position(runner.cells, runner.cell)}: stopped by SIGTERM")
    raise SystemExit(failure.TERMINATED)
