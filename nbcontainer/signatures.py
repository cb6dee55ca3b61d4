"""What a form can ask before anything runs: parameters with their types, functions that can be served.

What this is: pure, by reading cells. What it is not: the check of values that were given (api.py), or the signature of
the served function itself (runtime/describe.py).
In the flow: Notebook + converted cells -> *what an inspection tells*.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nbcontainer.script import Converted, Expression


@dataclass(frozen=True)
class Parameter:
    """One name of the parameters cell. An expression's default is its source text, its type "json"."""

    name: str
    type: str  # "int" | "float" | "bool" | "str" | "json" | "null"
    default: Any  # as JSON has it

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "type": self.type, "default": self.default}


@dataclass(frozen=True)
class Function:
    """A function that a cell defines at its top level."""

    name: str
    parameters: tuple[str, ...]  # names; neither *args nor **kwargs
    doc: str  # the docstring's first line

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "parameters": list(self.parameters), "doc": self.doc}


def parameters(defaults: Mapping[str, Any]) -> tuple[Parameter, ...]:
    return tuple(_parameter(name, value) for name, value in defaults.items())


def _parameter(name: str, value: Any) -> Parameter:
    if isinstance(value, Expression):
        return Parameter(name, "json", str(value))
    try:
        plain = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):  # bytes, a set, an infinity
        return Parameter(name, "json", repr(value))
    kinds = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}
    return Parameter(name, kinds.get(type(plain), "json"), plain)


def functions(cells: Iterable[Converted]) -> tuple[Function, ...]:
    """The public functions of `cells` in order; one that is defined again counts where it is defined last."""
    found: dict[str, Function] = {}
    for cell in cells:
        if "def " not in cell.text:
            continue
        for node in _statements(cell.text):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
                found.pop(node.name, None)
                found[node.name] = _function(node)
    return tuple(found.values())


def _statements(text: str) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes
        try:
            return ast.parse(text).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    takes = node.args
    names = [each.arg for each in (*takes.posonlyargs, *takes.args, *takes.kwonlyargs)]
    lines = (ast.get_docstring(node) or "").strip().splitlines()
    return Function(node.name, tuple(names), lines[0].strip() if lines else "")
