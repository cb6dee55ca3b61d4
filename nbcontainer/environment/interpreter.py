"""Which Python runs the notebook.

What this is: the choice, and the Interpreter made of the probe's answer. What it is not: what is installed.
In the flow: Notebook -> *Interpreter* -> Environment. The order: the live kernel; --python; --kernel; the notebook's
kernelspec, where an absolute Python is that Python, a bare `python` is the prefix that holds the spec, then the active
VIRTUAL_ENV or CONDA_PREFIX, and any other program is a wrapper that is started once and asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbcontainer.environment import answers, kernelspec
from nbcontainer.environment.kernelspec import Kernelspec
from nbcontainer.errors import RequirementError
from nbcontainer.image.store import Store
from nbcontainer.model import Interpreter, Notebook

_PYTHON = r"(python|pypy)w?(\d+(\.\d+)?t?)?(\.exe)?"
_FIELDS = ("executable", "version", "platform", "libc", "prefix", "base_prefix", "base_executable", "stdlib",
           "platstdlib", "cache_tag")
_answers: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}


def live() -> Interpreter:
    """The Python of this process."""
    return _made(answers.live(_cache()), "the live kernel")


def choose(notebook: Notebook, *, python: str = "", kernel: str = "") -> Interpreter:
    """The Python that `notebook` would run in. Raises RequirementError that names what to say instead."""
    cwd = notebook.path.parent if notebook.path.parent.is_dir() else Path.cwd()
    if python:
        return _made(answers.ask(_program(python), {}, _cache(), cwd), "--python")
    name = kernel or notebook.kernel
    spec = kernelspec.find(name) if name else None
    if spec:
        return _of_spec(spec, f"{'--kernel' if kernel else 'the kernelspec'} '{name}'", cwd)
    prefix = kernelspec.active_prefix()
    if prefix and name in ("", "python3", "python"):  # what ipykernel calls the environment's own
        return _made(answers.ask(kernelspec.python_of(prefix), {}, _cache(), cwd), f"the active environment {prefix}")
    if name:
        where = f"--kernel {name}" if kernel else f"{notebook.path.name} names the kernelspec '{name}'"
        known = ", ".join(kernelspec.known()) or "none"
        raise RequirementError(f"{where}: there is none of that name", f"known: {known}; or say --python PATH")
    raise RequirementError(
        f"which Python runs {notebook.path.name}? It names no kernelspec, and no environment is active",
        "name it with --python PATH",
    )


def probed(interpreter: Interpreter, cache_dir: Path, cwd: Path) -> dict[str, Any]:
    """The whole answer behind an Interpreter that live() or choose() gave, or of its program."""
    known = _answers.get((interpreter.executable, interpreter.sys_path))
    return known or answers.ask(interpreter.executable, interpreter.env, cache_dir, cwd)


def _made(answer: dict[str, Any], chosen_by: str, env: Mapping[str, str] | None = None) -> Interpreter:
    made = Interpreter(
        **{name: answer[name] for name in _FIELDS},
        sys_path=tuple(answer["sys_path"]),
        env=env or {},
        chosen_by=chosen_by,
    )
    _answers[made.executable, made.sys_path] = answer
    return made


def _cache() -> Path:
    return Store().cache_dir("environment")


def _program(python: str) -> str:
    """The absolute path of --python's value: a path, a name on PATH, or an environment's folder."""
    import shutil

    path = os.path.abspath(os.path.expanduser(python))
    if os.path.isdir(path):
        path = kernelspec.python_of(Path(path))
    found = path if os.sep in python or os.path.isfile(path) else shutil.which(python)
    if not found or not os.path.isfile(found):
        raise RequirementError(f"--python {python}: there is no such program", "give the path of a Python")
    return os.path.abspath(found)


def _of_spec(spec: Kernelspec, chosen_by: str, cwd: Path) -> Interpreter:
    program = spec.argv[0]
    if not re.fullmatch(_PYTHON, os.path.basename(program)):
        return _made(answers.ask_wrapper(spec.argv, spec.env, _cache(), cwd), chosen_by, spec.env)
    if not os.path.isabs(program):
        program = _bare(spec)
    flags = spec.argv[1 : spec.argv.index("-m")] if "-m" in spec.argv else ()
    return _made(answers.ask(program, spec.env, _cache(), cwd, flags), chosen_by, spec.env)


def _bare(spec: Kernelspec) -> str:
    """The program of a bare `python`: of the prefix that holds the spec, not whatever is first on PATH."""
    for prefix in (spec.prefix, kernelspec.active_prefix()):
        if prefix and os.path.exists(kernelspec.python_of(prefix)):
            return kernelspec.python_of(prefix)
    raise RequirementError(
        f"the kernelspec {spec.place} starts a bare '{spec.argv[0]}' and belongs to no environment",
        "name it with --python PATH",
    )
