"""What a browser asks for: a verb, a notebook and its options, as the api takes them.

What this is: the strict reading of a request's JSON, by the options types and checks of all doors. What it is not: a
second set of options: a new option of options.py is one here too.
In the flow: JSON -> *Request* -> tasks, equivalent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from nbcontainer import given
from nbcontainer.errors import UsageError
from nbcontainer.options import VERBS, env_pair, parameter
from nbcontainer.server.places import Places

TASKS = ("build", "train", "serve", "manifest")  # the verbs that take time and make something
FIELDS: Mapping[str, Any] = {"verb": str, "notebook": str, "options": dict}  # of a request's body

# What only someone at a terminal of this machine may ask for, or what a task has no use for.
REFUSED: Mapping[str, tuple[str, str]] = {
    "notebook": ("the request names the notebook beside its options", ""),
    "output": ("a browser can't write files on the server's machine", "nbcontainer build --output does, in a terminal"),
    "dry_run": ("a task makes something", "the inspection of the notebook tells what would be built"),
    "check": ("a task makes something", "the inspection of the notebook tells what would fail"),
    "follow": ("a task ends when the run is submitted", "follow its log"),
    "wait": ("a task ends when the run is submitted", "watch the run"),
}


@dataclass(frozen=True)
class Request:
    """`notebook` is the path on the server; `options` are the verb's, with the notebook's absolute path."""

    verb: str
    notebook: str
    options: Any
    given: Mapping[str, Any]  # as asked, without env
    env_names: tuple[str, ...]

    @property
    def path(self) -> Path:
        return Path(self.options.notebook)


def read(body: Mapping[str, Any], places: Places) -> Request:
    """The request in `body` (FIELDS). Raises UsageError that names the option, or NotebookError."""
    verb, notebook, asked = body["verb"], body["notebook"], body["options"]
    if verb not in TASKS:
        raise UsageError(f"no verb {verb!r} here", f"one of: {', '.join(TASKS)}")
    known = offered(verb)
    for name, value in asked.items():
        if name in REFUSED:
            raise UsageError(f"{name}: {REFUSED[name][0]}", REFUSED[name][1])
        if name not in known:
            raise UsageError(f"no option {name!r}", f"known: {', '.join(sorted(known))}")
        _shaped(known[name], value)
    path = places.notebook(notebook)
    options = given.options(VERBS[verb][0], {**asked, "notebook": str(path)})
    if (verb == "serve" or (verb == "manifest" and options.kind == "inference")) and "@" not in options.image:
        _callable(options.callable)
    env = asked.get("env", {})
    return Request(verb, notebook, options, {k: v for k, v in asked.items() if k != "env"}, tuple(env))


def offered(verb: str) -> dict[str, Field[Any]]:
    """The verb's options that a request may say, by name."""
    every = fields(VERBS[verb][0])
    return {each.name: each for each in every
            if each.name not in REFUSED and (each.metadata or each.name == "callable")}


def _shaped(option: Field[Any], value: Any) -> None:
    """Raise unless `value` has the JSON type of `option`; what it says is judged where all doors' values are."""
    kind = option.metadata.get("argparse", {}).get("type")
    wanted: tuple[type, ...]
    if isinstance(option.default, tuple):
        wanted, called = ((dict,), "an object") if kind in (env_pair, parameter) else ((list,), "a list of texts")
    elif isinstance(option.default, bool):
        wanted, called = (bool,), "true or false"
    elif isinstance(option.default, int):
        wanted, called = (int,), "a whole number"
    elif isinstance(option.default, float):
        wanted, called = (int, float), "a number of seconds"
    else:
        wanted, called = (str,), "text"
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted != (bool,)):
        raise UsageError(f"{option.name}: it must be {called}")


def _callable(name: str) -> None:
    if not name:
        raise UsageError("callable: which function is to be served?", "name one that a cell defines")
    if not name.isidentifier():
        raise UsageError(f"callable: {name!r} can't name a function")
