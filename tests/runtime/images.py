"""An image's files laid out below a folder, and the runtime started there in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbcontainer import bundle, notebook, script
from nbcontainer.model import Entry, Notebook, Script, State

Cells = Sequence["str | tuple[str, list[str]]"]


def write_notebook(path: Path, cells: Cells) -> Path:
    """A notebook file of code cells; a cell is its source, or (source, tags)."""
    made: list[dict[str, Any]] = []
    for number, cell in enumerate(cells):
        source, tags = cell if isinstance(cell, tuple) else (cell, [])
        made.append({
            "cell_type": "code", "id": f"c{number}", "metadata": {"tags": tags} if tags else {}, "source": source,
            "outputs": [], "execution_count": None,
        })
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def read(path: Path) -> tuple[Notebook, Script]:
    found = notebook.read(path)
    return found, script.convert(found)


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """The process, gone and its pipes closed in the end."""
    with process:
        try:
            yield process
        finally:
            process.kill()


class Image:
    """A folder that stands for an image's root."""

    def __init__(self, folder: Path, cells: Cells, state: State | None = None, **files: str) -> None:
        self.root = folder / "root"
        self.app, self.work, self.outputs = (self.root / name for name in ("app", "work", "outputs"))
        source = write_notebook(folder / "source" / "my notebook.ipynb", cells)
        entries = [*bundle.notebook_entries(*read(source)), *bundle.runtime_entries()]
        entries += bundle.state_entries(state) if state else []
        entries += [Entry(f"app/{name}", source=text.encode()) for name, text in files.items()]
        for entry in entries:
            place = self.root / entry.path
            place.parent.mkdir(parents=True, exist_ok=True)
            assert isinstance(entry.source, bytes)
            place.write_bytes(entry.source)
        for name in ("work", "outputs", "dev"):
            (self.root / name).mkdir()
        self.reason.write_text("")

    @property
    def reason(self) -> Path:
        """What Kubernetes would read as the termination message."""
        return self.root / "dev" / "termination-log"

    def start(self, verb: str = "train", python: str = sys.executable, **variables: str) -> subprocess.Popen[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("NBCONTAINER_")}
        environment |= {"NBCONTAINER_ROOT": str(self.root), "PYTHONDONTWRITEBYTECODE": "1", **variables}
        environment["IPYTHONDIR"] = str(self.root / "ipython")
        command = [python, "-u", str(self.root / "opt/nbcontainer/runtime/run.py"), verb]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def train(
        self, parameters: Mapping[str, Any] | None = None, *, seconds: float = 60, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the notebook to its end."""
        if parameters:
            variables["NBCONTAINER_PARAMETERS"] = json.dumps(parameters)
        with ended(self.start("train", **variables)) as process:
            out, errors = process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)
