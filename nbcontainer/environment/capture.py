"""The environment by capture: what the notebook's own interpreter has installed of what the notebook needs.

What this is: the order of the steps. What it is not: the steps themselves (roots, detect, held).
In the flow: Notebook + Script + Interpreter -> *Environment* -> ImagePlan. Roots are the imports in cells and in the
local modules that they import, and pip lines; an import that nothing installed provides is an error with cell and line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nbcontainer.environment import answers, detect, held, interpreter
from nbcontainer.environment.roots import Roots
from nbcontainer.errors import NbcontainerError, RequirementError
from nbcontainer.model import Distribution, Environment, Interpreter, Notebook, Script

_FORMAT = 2
OURS = frozenset({"nbcontainer"})


def capture(
    notebook: Notebook,
    script: Script,
    python: Interpreter,
    *,
    modules: Iterable[str] = (),
    extra: Iterable[tuple[str, str]] = (),
    exclude: frozenset[str] = OURS,
    max_file: int = 10 * 2**20,
    cache_dir: Path,
    told: list[NbcontainerError] | None = None,
) -> Environment:
    """The Environment of `notebook`: distributions with reasons, local modules, files, notes.

    `modules` are import names that a served callable uses; `extra` are (requirement, reason) pairs; `exclude` are ids
    of distributions that stay out unless a pip line asks for them. `max_file` in bytes. Raises RequirementError for an
    import or a requirement that nothing installed provides; with a list `told` that goes there, and the rest is given.
    """
    _refuse_foreign(python)
    answer = interpreter.probed(python, cache_dir, notebook.path.parent)
    roots = Roots(notebook, python, detect.Installed(answer), max_file, cache_dir)
    with _telling(told):
        roots.walk(modules)
    if script.ipython:
        with _telling(told):
            roots.need("ipython", "IPython", script.ipython)
    asked = [(f"cell {number} installs it", line, f"cell {number}") for number, line in script.requirements]
    asked += [(why, line, why) for line, why in extra]
    reasons, notes = _closure(roots, asked, exclude, cache_dir, told)
    by_id = roots.installed.by_id
    found = [held.distribution(by_id[key], tuple(why), python, cache_dir) for key, why in reasons.items()]
    return Environment(
        interpreter=python,
        distributions=tuple(sorted(found, key=lambda d: detect.normal(d.name))),
        files=tuple(roots.nearby.taken[path] for path in sorted(roots.nearby.taken)),
        notes=tuple(dict.fromkeys([*roots.notes, *roots.nearby.notes, *notes, *_modified(found)])),
    )


@contextmanager
def _telling(told: list[NbcontainerError] | None) -> Iterator[None]:
    """Put what is missing into `told`, where there is such a list."""
    try:
        yield
    except RequirementError as error:
        if told is None:
            raise
        told.append(error)


def _refuse_foreign(python: Interpreter) -> None:
    if not python.platform.startswith("linux/"):
        raise RequirementError(
            f"{python.executable} runs on {python.platform}: what is installed there can't run in a Linux container",
            "build on Linux, or in a pod; wheels for another platform (resolve) come in a later version",
        )


def _modified(found: Iterable[Distribution]) -> list[str]:
    notes = []
    for each in found:
        count = len(each.modified)
        if count:
            names = ", ".join(each.modified[:3]) + (", …" if count > 3 else "")
            files, were = ("1 file", "was") if count == 1 else (f"{count} files", "were")
            notes.append(f"{files} of {each.name} {were} modified since install: {names}")
    return notes


def _closure(
    roots: Roots, asked: list[tuple[str, str, str]], exclude: frozenset[str], cache_dir: Path,
    told: list[NbcontainerError] | None = None,
) -> tuple[detect.Reasons, list[str]]:
    """Roots and asked-for requirements with all that they require; remembered, as reading requirements is slow."""
    installed = roots.installed
    metadata = [(key, each["version"], each["requires"]) for key, each in installed.by_id.items()]
    identity = json.dumps([_FORMAT, roots.reasons, asked, sorted(exclude), installed.markers, metadata])
    place = cache_dir / f"closure-{hashlib.sha256(identity.encode()).hexdigest()[:32]}.json"
    try:
        with open(place, encoding="utf-8") as file:
            known = json.load(file)
        return known["reasons"], known["notes"]
    except (OSError, ValueError, KeyError):
        pass
    reasons = {key: list(why) for key, why in roots.reasons.items() if key not in exclude}
    extras: dict[str, set[str]] = {}
    notes: list[str] = []
    before = len(told or ())
    for why, line, where in asked:
        with _telling(told):
            key, wanted, note = detect.requirement(line, where, installed)
            if key:
                reasons.setdefault(key, []).append(why)
                extras.setdefault(key, set()).update(wanted)
                notes += [note] if note else []
    found, missing = detect.closed(reasons, extras, installed)
    found = {key: why for key, why in found.items() if key not in exclude or key in reasons}
    if len(told or ()) == before:
        answers.write(place, json.dumps({"reasons": found, "notes": notes + missing}).encode())
    return found, notes + missing
