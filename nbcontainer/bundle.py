"""What the notebook, runtime and state layers hold.

What this is: pure: entries from a notebook, a script and a state. What it is not: the code that reads them in the image
(runtime/). In the flow: Notebook + Script + State -> *entries* -> ImagePlan.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from nbcontainer import notebook as notebooks
from nbcontainer import script as scripts
from nbcontainer.model import APP, RUNTIME, Entry, Notebook, Script, State

SETTINGS = "opt/nbcontainer/notebook.json"
STATE = "opt/nbcontainer/state"
PACKAGE = "nbcontainer_runtime"
_OUTSIDE = {"run.py": "run.py", "standin.py": "nbcontainer.py"}  # beside the package, under these names
_WRITES = re.compile(r"""cell_magic\(['"](?:writefile|file)['"],\s*['"][^'"]*\.py['"]""")


def notebook_entries(notebook: Notebook, script: Script) -> list[Entry]:
    """The layer that an edited cell changes: script, stripped notebook, settings of the runtime."""
    return [
        Entry(f"{APP}/{script.name}", source=script.text.encode("utf-8", "surrogatepass")),
        Entry(f"{APP}/{notebook.path.name}", source=notebooks.stripped(notebook.path)),
        Entry(SETTINGS, source=json.dumps(settings(notebook, script), sort_keys=True, indent=1).encode()),
    ]


def settings(notebook: Notebook, script: Script) -> dict[str, Any]:
    """{script, notebook, writes_modules, cells: [{number, first, last, tags, ipython, source}]}.

    Lines are the script's, from 1. `source` is there where a notebook's run takes other text than the saved cell.
    """
    saved = {cell.number: cell.source for cell in notebook.code}
    cells = []
    for each in scripts.table(notebook):
        cell: dict[str, Any] = {
            "number": each.cell.number,
            "first": each.first,
            "last": each.last,
            "tags": sorted(each.cell.tags),
            "ipython": bool(each.ipython),
        }
        if each.plain.rstrip("\n") != saved[each.cell.number].rstrip("\n"):
            cell["source"] = each.plain
        cells.append(cell)
    return {
        "script": script.name,
        "notebook": notebook.path.name,
        "writes_modules": bool(_WRITES.search(script.text)),
        "cells": cells,
    }


def runtime_entries() -> list[Entry]:
    """The runtime, the same for every notebook."""
    folder = Path(__file__).parent / "runtime"
    entries = []
    for file in sorted(folder.glob("*.py")):
        name = _OUTSIDE.get(file.name, f"{PACKAGE}/{file.name}")
        entries.append(Entry(f"{RUNTIME}/{name}", source=file.read_bytes()))
    return entries


def state_entries(state: State) -> list[Entry]:
    """The served callable, and the cloudpickle that made it: the notebook's own comes first where it has one."""
    described = {"name": state.name, "parameters": list(state.parameters)}
    return [
        Entry(f"{STATE}/state.pickle", source=state.pickle),
        Entry(f"{STATE}/state.json", source=json.dumps(described, sort_keys=True).encode()),
        *cloudpickle_entries(),
    ]


def cloudpickle_entries() -> list[Entry]:
    """cloudpickle beside the runtime, so that the notebook's environment needs none."""
    import cloudpickle

    folder = Path(cloudpickle.__file__).parent
    files = sorted(folder.glob("*.py"))
    return [Entry(f"{RUNTIME}/cloudpickle/{file.name}", source=file.read_bytes()) for file in files]
