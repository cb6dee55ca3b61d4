"""nbcontainer by two of its doors: `%containerize` in a running Jupyter kernel, and the command line.

What this is: the tools that the rivals stand beside. What it is not: timing (run.py). The kernel is a real one: it is
spoken to as a notebook would, the notebook's first cell has run in it, and the magic's own time is what counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbcontainer
from bench import measure
from bench.measure import Ran
from bench.stage import FIRST, NOTEBOOK, Stage

COMMAND = Path(sys.executable).with_name("nbcontainer")
_TIMED = """
import time
def timed(line):
    began = time.perf_counter()
    get_ipython().run_line_magic("containerize", line)
    return time.perf_counter() - began
"""


def standing(base: str) -> str:
    return "the machine as base" if base == "host" else "same base"


class Command:
    """`nbcontainer build --push` as a program."""

    version = f"nbcontainer {nbcontainer.__version__}"

    def __init__(self, stage: Stage, base: str) -> None:
        self.base, self.folder = base, Path(tempfile.mkdtemp(dir=stage.folder))
        self.name = f"nbcontainer build --push, {standing(base)}"
        stage.edit(self.folder)

    def _run(self, place: str, base: str, cache: str, how: Callable[..., Ran] = measure.run) -> Ran:
        command = [str(COMMAND), "build", NOTEBOOK, "--push", "--image", place, "--base", base, "--quiet"]
        return how(command, cwd=self.folder, env={"NBCONTAINER_CACHE": cache})

    def cold(self, stage: Stage) -> tuple[Ran, measure.Wire]:
        """An empty cache, and a registry that holds the base alone (this build's layers are the same every time)."""
        registry, base = stage.fresh()
        try:
            counter = measure.Counter(registry)
            counter.start()
            with tempfile.TemporaryDirectory(dir=stage.folder) as cache:
                base = "host" if self.base == "host" else base
                ran = self._run(f"{registry.host}/bench/cold:latest", base, cache, measure.weighed)
            return ran, counter.stop()
        finally:
            registry.close()

    def publish(self, place: str) -> float:
        return self._run(place, self.base, os.environ["NBCONTAINER_CACHE"]).seconds

    def close(self) -> None:
        pass


class Kernel:
    """`%containerize --push` in a kernel."""

    version = Command.version

    def __init__(self, stage: Stage, base: str) -> None:
        from jupyter_client.manager import start_new_kernel

        self.base, self.folder = base, Path(tempfile.mkdtemp(dir=stage.folder))
        self.name = f"%containerize --push in a kernel, {standing(base)}"
        stage.edit(self.folder)
        around = {**os.environ, "NBCONTAINER_NOTEBOOK": str(self.folder / NOTEBOOK), "MPLBACKEND": "agg"}
        self._manager, self._client = start_new_kernel(kernel_name="python3", env=around, cwd=str(self.folder),
                                                       stderr=subprocess.DEVNULL)
        self._say(FIRST, kept=True)
        self._say("%load_ext nbcontainer", kept=True)
        self._say(_TIMED)

    def publish(self, place: str) -> float:
        line = f"--push --image {place} --base {self.base}"
        return float(self._say(f"print(timed({line!r}))").splitlines()[-1])

    def _say(self, code: str, *, kept: bool = False) -> str:
        """Run a cell; gives what it printed. Raises Failed with its error."""
        printed: list[str] = []

        def output(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = self._client.execute_interactive(
            code, store_history=kept, output_hook=output, timeout=measure.PATIENCE, allow_stdin=False
        )
        content = reply["content"]
        if content["status"] != "ok":
            raise measure.Failed(f"{self.name}: {content.get('ename')}: {content.get('evalue')}")
        return "".join(printed).strip()

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


_LOAD = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
began = time.perf_counter()
shell.run_line_magic("load_ext", "nbcontainer")
print(time.perf_counter() - began)
"""


def load_seconds() -> float:
    """What `%load_ext nbcontainer` adds to an IPython that is there, in a new process."""
    return float(measure.run([sys.executable, "-c", _LOAD]).output.splitlines()[-1])


def help_seconds() -> float:
    """`nbcontainer --help` as a program."""
    return measure.run([str(COMMAND), "--help"]).seconds
