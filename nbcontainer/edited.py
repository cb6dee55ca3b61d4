"""Helper modules whose memory differs from their file.

What this is: a look at someone's own modules, as functions of theirs go into a service by name and are read from the
file again. What it is not: a look at installed distributions.
"""

from __future__ import annotations

import ast
import inspect
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from typing import Any


def changed(names: Iterable[str]) -> list[str]:
    """A note for every module of `names`, or that one of them imports, that is not what its file says."""
    notes = []
    for module in _own(names):
        what = difference(module)
        if what:
            notes.append(
                f"{module.__file__}: {what} in memory is not what the file says; the service gets the file's: "
                "reload the module to see the same here"
            )
    return notes


def _own(names: Iterable[str]) -> Iterator[types.ModuleType]:
    """Loaded modules with a source file outside the installation, with those that they hold, each once."""
    paths = sysconfig.get_paths()
    outside = tuple({paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")})
    seen: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop(0)
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if name in seen or module is None or not isinstance(file, str) or not file.endswith(".py"):
            continue
        seen.add(name)
        if file.startswith(outside) or "-packages/" in file:
            continue
        yield module
        for held in list(vars(module).values()):
            other = held.__name__ if isinstance(held, types.ModuleType) else getattr(held, "__module__", None)
            if isinstance(other, str):
                queue.append(other)


def difference(module: types.ModuleType) -> str:
    """The first name of `module` whose value in memory isn't the file's, "" when there is none."""
    try:
        with open(str(module.__file__), "rb") as file:
            source = file.read()
        tree = ast.parse(source)
        code = compile(tree, str(module.__file__), "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return "the module"
    written = {each.co_name: each for each in code.co_consts if isinstance(each, types.CodeType)}
    again = _bound_again(tree)
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and any(getattr(t, "id", "") in again for t in statement.targets):
            continue
        name = _differs(statement, module, written)
        if name:
            return name
    return ""


def _bound_again(tree: ast.Module) -> set[str]:
    """Names that the module itself changes later, so that a difference says nothing."""
    found: list[str] = []
    for each in ast.walk(tree):
        if isinstance(each, ast.Global):
            found += each.names * 2
        elif isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            found.append(each.id)
    return {name for name in found if found.count(name) > 1}


def _differs(statement: ast.stmt, module: types.ModuleType, written: dict[str, types.CodeType]) -> str:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        held = vars(module).get(statement.name)
        if held is None:
            return statement.name
        if statement.decorator_list:
            held = inspect.unwrap(held)
            if not isinstance(held, types.FunctionType) or held.__name__ != statement.name:
                return ""
        same = isinstance(held, types.FunctionType) and _same(held.__code__, written[statement.name])
        return "" if same else statement.name
    if isinstance(statement, ast.ClassDef):
        return _class_differs(statement, vars(module).get(statement.name), written)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        try:
            value = ast.literal_eval(statement.value)
            hash(value)  # a list or a dict may be filled later
        except (ValueError, TypeError, SyntaxError):
            return ""
        name = statement.targets[0].id
        return "" if _equal(vars(module).get(name, module), value) else name
    return ""


def _class_differs(statement: ast.ClassDef, held: Any, written: dict[str, types.CodeType]) -> str:
    if not isinstance(held, type):
        return "" if statement.decorator_list else statement.name
    body = written.get(statement.name)
    for code in body.co_consts if body else ():
        if not isinstance(code, types.CodeType) or not code.co_name.isidentifier():
            continue
        own = vars(held).get(code.co_name)
        method = inspect.unwrap(getattr(own, "__func__", own) or len)
        if isinstance(method, types.FunctionType) and not _same(method.__code__, code):
            return f"{statement.name}.{code.co_name}"
    return ""


def _equal(held: Any, value: Any) -> bool:
    try:
        return type(held) is type(value) and bool(held == value)
    except Exception:
        return False


def _same(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two code objects do the same; lines and file names don't count."""
    return bool(_print(one) == _print(other))


def _print(code: types.CodeType) -> Any:
    constants = tuple(_print(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts)
    return (code.co_name, code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants)
