"""What all tools share: a registry on loopback, a base image in it, a notebook and its one-line edit.

What this is: the part of the run that is the same for everyone. What it is not: a tool.
In the flow: run.py sets it up first. The base is this machine's own Python, libraries and shell, packed once by
nbcontainer: no public registry is needed, every tool stands on the same layers, and the wheels fit its Python.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import dockerd
from nbcontainer.builders import native
from nbcontainer.environment import host, interpreter
from nbcontainer.image import push as pushes
from nbcontainer.image import reference as references
from nbcontainer.image.store import Store
from nbcontainer.model import Base, Entry, Environment, ImagePlan, LayerPlan, Notebook, silent
from tests.registry_server import Registry, start_registry

NOTEBOOK = "notebook.ipynb"


class Stage:
    """A scratch folder with a registry that holds the base."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nbbench-"))
        os.environ["NBCONTAINER_CACHE"] = str(self.folder / "cache")
        self.python = ""  # of the base, as a path in it
        self.edits = 100_000  # all edits are as long as each other
        self.registry = start_registry(self.folder / "registry")
        self.base = self._push_base(self.registry)

    def _push_base(self, registry: Registry) -> str:
        store = Store()
        python = interpreter.choose(Notebook(self.folder / NOTEBOOK, ()), python=sys.executable)
        found = host.host_base(
            Environment(python, ()), cache_dir=store.cache_dir("host"), ca_bundle="", emit=silent
        )
        self.python = found.python
        built = native.build(_plan(found, python.platform), store, silent)
        to = references.parse(f"{registry.host}/bench/base:1")
        pushes.push(built, to, tags=[to.tag], plain_http=True)
        return f"{to.place}:{to.tag}"

    def fresh(self) -> tuple[Registry, str]:
        """A second registry that holds nothing but the base, and the base's name there. The caller closes it."""
        registry = start_registry(Path(tempfile.mkdtemp(dir=self.folder)))
        return registry, self._push_base(registry)

    def place(self, repository: str) -> str:
        return f"{self.registry.host}/bench/{repository}:latest"

    def edit(self, folder: Path) -> str:
        """Write the notebook into `folder` with one line changed; gives that line."""
        self.edits += 1
        line = f"edit = {self.edits}"
        (folder / NOTEBOOK).write_text(notebook(line))
        return line

    def close(self) -> None:
        self.registry.close()
        dockerd.remove(self.folder)


def _plan(found: Base, platform: str) -> ImagePlan:
    folders = [Entry("tmp", "dir", mode=0o1777), Entry("app", "dir")]
    layer = LayerPlan("folders", "bench-folders-1", lambda: folders)
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **found.env}
    return ImagePlan(found, (layer,), platform, env, {}, (), (found.python,), working_dir="/", user="0")


def notebook(line: str) -> str:
    """A notebook of 40 cells and some 25 KB that imports the whole stack; `line` is one of its lines."""
    sources = [FIRST, f"{line}\n", *(_cell(number) for number in range(38))]
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"cell{number}", "metadata": {}, "execution_count": None, "outputs": [],
         "source": source.splitlines(keepends=True)}
        for number, source in enumerate(sources)
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    whole = {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1)


FIRST = "import matplotlib.pyplot as plt\nimport numpy as np\nimport pandas as pd\nimport sklearn.datasets\n"


def _cell(number: int) -> str:
    lines = [f"def feature_{number}(frame):", f'    """Column {number}, scaled to zero mean and unit variance."""']
    lines += [f"    part_{step} = np.asarray(frame.iloc[:, {step}], dtype=float)" for step in range(6)]
    return "\n".join([*lines, "    return (part_0 - part_0.mean()) / part_0.std()"]) + "\n"
