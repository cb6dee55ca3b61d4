"""The statements of a script that a name needs.

What this is: a slice: the statements that bind a name, those that bind what they read, and so on; run once, in order,
in a worker's `__main__`. What it is not: a whole run: a statement that only changes something isn't in it.
"""

from __future__ import annotations

import ast
import asyncio
import dis
from types import CodeType, ModuleType
from typing import Any

from . import cells, inert, parameters, places, shown, worker

_made: Definitions | None = None


def of(module: ModuleType) -> Definitions:
    """The definitions for this process, made once."""
    global _made
    if _made is None or _made.module is not module:
        inert.install()
        found = places.settings()
        values = parameters.given()
        injected = parameters.source(values) if values else ""
        _made = Definitions(places.script(found), places.table(found), module, injected)
        shown.install(module, False)
        module.__file__ = _made.runner.path
    return _made


class Definitions:
    """A script's top-level statements, by the names that they bind."""

    def __init__(self, path: str, table: list[cells.Cell], module: ModuleType, injected: str) -> None:
        self.module = module
        self.runner = cells.Runner(path, table, module)
        self.statements: list[tuple[str, ast.stmt]] = []
        after = next((cell["number"] for cell in table if "parameters" in cell["tags"]), 0)
        at, statement = worker.position(module)
        if not after:
            self._take(injected, cells.INJECTED, 1)
        for cell in table:
            self._take(self.runner.text(cell), path, cell["first"], statement if cell["number"] == at else None)
            if cell["number"] == at:
                break
            if cell["number"] == after:
                self._take(injected, cells.INJECTED, 1)
        self._done: set[int] = set()
        self._binders: dict[str, list[int]] = {}
        for index, (_, each) in enumerate(self.statements):
            for name in bound(each):
                self._binders.setdefault(name, []).append(index)

    def _take(self, text: str, filename: str, first: int, until: int | None = None) -> None:
        tree = compile("\n" * (first - 1) + text, filename, "exec", cells.TREE, dont_inherit=True)
        self.statements += [(filename, each) for each in tree.body[:until]]

    def get(self, name: str) -> Any:
        """The value of `name`, its statements run now. Raises AttributeError for a name that the script never binds."""
        if name not in self._binders:
            raise AttributeError(f"the notebook has no {name!r} at its top level")
        for index in sorted(self._needed(name)):
            if index not in self._done:
                self._done.add(index)
                self._run(*self.statements[index])
        try:
            return self.module.__dict__[name]
        except KeyError:
            raise AttributeError(f"the notebook binds {name!r} in a way that a worker can't repeat") from None

    def _needed(self, name: str) -> set[int]:
        found: set[int] = set()
        asked, queue = {name}, [name]
        while queue:
            for index in self._binders.get(queue.pop(), ()):
                if index in found:
                    continue
                found.add(index)
                queue += self._reads(index) - asked
                asked.update(queue)
        return found | {i for i, (_, each) in enumerate(self.statements) if _future(each)}

    def _reads(self, index: int) -> set[str]:
        filename, statement = self.statements[index]
        return reads(self.runner.code(statement, filename, "exec"))

    def _run(self, filename: str, statement: ast.stmt) -> None:
        code = self.runner.code(statement, filename, "exec")
        if "get_ipython" in reads(code) and "get_ipython" not in self.module.__dict__:
            shown.install(self.module, True)
        left = eval(code, self.module.__dict__)
        if cells.is_coroutine(code):
            asyncio.run(left)


def _future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def reads(code: CodeType) -> set[str]:
    """The global names that code reads, in itself or in what it defines."""
    found = {each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_NAME", "LOAD_GLOBAL")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= reads(constant)
    return found


def bound(statement: ast.stmt) -> set[str]:
    """The names that a statement binds at the top level."""
    found: set[str] = set()
    queue: list[ast.AST] = [statement]
    while queue:
        each = queue.pop()
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(each.name)
            continue
        if isinstance(each, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            continue
        if isinstance(each, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in each.names}
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            found.add(each.id)
        queue += list(ast.iter_child_nodes(each))
    return found
