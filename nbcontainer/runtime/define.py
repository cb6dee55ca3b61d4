"""`define NAME FOLDER`: run the script once and leave the callable's pickle in FOLDER.

What this is: how a service gets its function where no kernel lives: started by the host in a scratch folder. What it is
not: anything that an image runs. Answers by files: state.pickle, and state.json with {parameters, modules} or {error}.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from . import failure, pickling, places, train

PROGRESS = "NBCONTAINER_PROGRESS"  # the file that names the cell which runs


def main(name: str, folder: str) -> int:
    """Run all cells, then pickle `name`. Gives the script's code, 3 when only the pickling failed."""
    found = places.settings()
    places.prepare(found)
    runner = train.runner_of(found)
    failure.on_terminate(lambda: sys.exit(failure.TERMINATED))
    runner.step = lambda cell: _tell(cell["number"])
    try:
        code = train.run(runner)
    except SystemExit as ended:
        if name not in runner.module.__dict__:
            return _answer(folder, {"error": f"cell {runner.cell} ends the script (exit {ended.code!r})"})
        code = 0
    return code or _keep(name, runner.module.__dict__, folder)


def _tell(number: int) -> None:
    path = os.environ.get(PROGRESS, "")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(number))


def _keep(name: str, namespace: dict[str, Any], folder: str) -> int:
    why = pickling.missing(name, namespace)
    if why:
        return _answer(folder, {"error": why})
    try:
        data, modules = pickling.dumps(name, namespace[name])
    except pickling.Unpicklable as error:
        return _answer(folder, {"error": str(error)})
    with open(os.path.join(folder, "state.pickle"), "wb") as file:
        file.write(data)
    _answer(folder, {"parameters": pickling.parameter_names(namespace[name]), "modules": modules})
    return 0


def _answer(folder: str, found: dict[str, Any]) -> int:
    with open(os.path.join(folder, "state.json"), "w", encoding="utf-8") as file:
        json.dump(found, file)
    return 3
