"""A served callable as bytes: from the live kernel, or from one run of the script.

What this is: the two ways to a State. What it is not: the pickling itself (runtime/pickling.py), or the server.
In the flow: Notebook + a callable's name -> *State* -> a layer of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbcontainer import bundle, edited, scratch
from nbcontainer.errors import StateError
from nbcontainer.model import RUNTIME, Emit, Entry, Interpreter, Notebook, Progress, Script, State
from nbcontainer.runtime import define, pickling

_HINT = "make it inside the function, or leave it out of what the function uses"
_HINTS = {"can't be pickled": _HINT, "ends the script": "tag that cell 'skip-container', or leave the exit out"}


def from_namespace(name: str, namespace: Mapping[str, Any], *, notebook: Notebook) -> State:
    """The callable of a live kernel. Raises StateError when it isn't there or can't be pickled."""
    held = dict(namespace)
    why = pickling.missing(name, held, "this kernel has no")  # restarted, or not run yet
    if why:
        raise StateError(f"{notebook.path.name}: {why}", "run the cell that defines it, then serve again")
    try:
        data, modules = pickling.dumps(name, held[name])
    except pickling.Unpicklable as error:
        raise StateError(str(error), _HINT) from None
    notes = edited.changed(modules)
    return State(data, name, tuple(pickling.parameter_names(held[name])), tuple(modules), tuple(notes))


def from_script(
    notebook: Notebook, script: Script, name: str, python: Interpreter, *, timeout: float, emit: Emit
) -> State:
    """Run the script once in `python`, in a scratch copy of the notebook's folder, and take `name` from it.

    `timeout` in seconds. Raises StateError: the script failed, took too long, or its callable can't be pickled.
    """
    with tempfile.TemporaryDirectory(prefix="nbcontainer-") as folder:
        root = Path(folder)
        linked = scratch.copy(notebook.path.parent, root / "work", leave_out=notebook.path.name)
        for each in linked:
            emit(Progress("note", f"{each} is linked, not copied: what the notebook writes there is the original"))
        entries = [*bundle.notebook_entries(notebook, script), *bundle.runtime_entries(), *bundle.cloudpickle_entries()]
        _lay_out(entries, root)
        (root / "outputs").mkdir()
        said = _run(root, name, python, timeout, notebook, emit)
        return _state(root, name, notebook, said)


def _lay_out(entries: list[Entry], root: Path) -> None:
    for entry in entries:
        place = root / entry.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(entry.source if isinstance(entry.source, bytes) else Path(entry.source).read_bytes())


def _run(root: Path, name: str, python: Interpreter, timeout: float, notebook: Notebook, emit: Emit) -> str:
    """Run the script to its end; gives what it wrote on stderr."""
    progress = root / "progress"
    environment = {
        **os.environ, **python.env, "NBCONTAINER_ROOT": str(root), define.PROGRESS: str(progress),
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
    }
    environment.pop("NBCONTAINER_PARAMETERS", None)
    command = [python.executable, "-u", str(root / RUNTIME / "run.py"), "define", name, str(root)]
    with open(root / "stderr", "w+b") as errors, _ended(
        subprocess.Popen(
            command, cwd=root / "work", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=errors, start_new_session=True,
        )
    ) as process:
        _follow(process, progress, timeout, notebook, emit)
        errors.seek(0)
        return errors.read().decode("utf-8", "replace")


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The process; it and all that it started are gone in the end."""
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _follow(process: subprocess.Popen[bytes], progress: Path, timeout: float, notebook: Notebook, emit: Emit) -> None:
    """Tell which cell runs until the process ends. Raises StateError after `timeout`."""
    total = max((cell.number for cell in notebook.code), default=0)
    until = time.monotonic() + timeout
    told = 0
    while process.poll() is None:
        cell = _number(progress)
        if cell and cell != told:  # 0: none has begun, or the file is being written
            told = cell
            emit(Progress("notebook", f"running {notebook.path.name}: cell {cell} of {total}", cell, total))
        left = until - time.monotonic()
        if left <= 0:
            where = f"in cell {told}" if told else "before its first cell"
            raise StateError(
                f"{notebook.path.name} was still running after {timeout:g} s, {where}", "give it more with --timeout"
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(left, 0.1))


def _number(progress: Path) -> int:
    try:
        return int(progress.read_text() or 0)
    except (OSError, ValueError):
        return 0


def _state(root: Path, name: str, notebook: Notebook, said: str) -> State:
    try:
        found = json.loads((root / "state.json").read_text(encoding="utf-8"))
    except OSError:
        lines = [line for line in said.splitlines() if line.strip()] or ["it ended without a word"]
        reason = lines[-1].removeprefix("nbcontainer: ")
        raise StateError(
            f"{notebook.path.name} failed before {name} could be taken: {reason}",
            "run the notebook to its end first",
        ) from None
    if "error" in found:
        known = (hint for words, hint in _HINTS.items() if words in found["error"])
        raise StateError(f"{notebook.path.name}: {found['error']}", next(known, "name a function that a cell defines"))
    return State((root / "state.pickle").read_bytes(), name, tuple(found["parameters"]), tuple(found["modules"]))
