"""`__main__` of a process that multiprocessing spawned: the notebook's definitions, each made when it is asked for.

What this is: what spawn imports by name in place of the script; the name tells which statement ran at that moment.
What it is not: a second run: nothing runs at import. Unpickling asks for a name, and only the statements that it needs
then run: a notebook needs no `if __name__ == "__main__"`, and no worker repeats a training loop or a top-level await.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import CodeType
from typing import Any

__path__: Any = []  # a package, so that spawn can import what is below
_BELOW = "nbcontainer_runtime.worker.at_"
_SOURCE = "from nbcontainer_runtime.worker import lookup as __getattr__\n"


def spec(cell: int, statement: int, path: str) -> ModuleSpec:
    """The spec of a `__main__` that runs a cell's statement (from 0) of the script at `path`."""
    return ModuleSpec(f"{_BELOW}{cell}_{statement}", Finder, origin=path)  # type: ignore[arg-type]


def position(module: Any) -> tuple[int, int]:
    """(cell, statement) that ran in the process that started this one."""
    cell, statement = module.__spec__.name[len(_BELOW) :].split("_")
    return int(cell), int(statement)


def lookup(name: str) -> Any:
    """A name of `__main__` that isn't made yet. Raises AttributeError."""
    if name.startswith("__"):
        raise AttributeError(name)
    from nbcontainer_runtime import definitions  # type: ignore[import-not-found]

    return definitions.of(sys.modules["__main__"]).get(name)


class Finder:
    """Finds every module of ours that spawn may ask for."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, Finder, origin=name) if name.startswith(_BELOW) else None  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> Any:
        return None

    @staticmethod
    def get_code(name: str) -> CodeType:
        return compile(_SOURCE, name, "exec", dont_inherit=True)

    @staticmethod
    def exec_module(module: Any) -> None:
        exec(Finder.get_code(module.__name__), module.__dict__)


sys.meta_path.append(Finder)
