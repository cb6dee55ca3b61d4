"""The script, run cell by cell in the real `__main__` module.

What this is: what a kernel does with a cell's code, without a kernel: top-level await, the last expression shown, line
numbers that are the script file's. What it is not: the conversion of the notebook, or the report of a failure.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import functools
import inspect
import io
import linecache
import re
import sys
import tokenize
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any, Dict  # noqa: UP035

from . import worker

INJECTED = "<parameters>"
TREE = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUTURES = functools.reduce(  # the compiler flags that `from __future__ import ...` sets
    lambda flags, name: flags | getattr(__future__, name).compiler_flag, __future__.all_feature_names, 0
)
_FUTURES &= ~0x10  # CO_NESTED: an old feature's flag that every nested function has
_NEEDS_LOOP = re.compile(r"\b(create_task|ensure_future|get_running_loop)\b")

Cell = Dict[str, Any]  # noqa: UP006 (3.8)  {"number", "first", "last", "tags", "ipython"}


class Runner:
    """Runs a script's cells in `module`; `cell` is the number of the one that runs, 0 for none."""

    def __init__(self, path: str, cells: list[Cell], module: ModuleType) -> None:
        with open(path, encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.path, self.cells, self.module = path, cells, module
        self.cell = 0
        self.step: Callable[[Cell], None] = lambda cell: None
        self._flags = 0

    def run(self, injected: str = "") -> None:
        """Run all cells; what they raise comes through."""
        if self._awaits() or _NEEDS_LOOP.search("\n".join(self.lines)):  # a kernel's cells run in a loop, all of them
            asyncio.run(self._in_loop(injected))
            return
        for _ in self._parts(injected):
            pass

    def _awaits(self) -> bool:
        """Whether a cell awaits at its top level."""
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        try:
            return any(
                ("await" in text or "async" in text) and is_coroutine(compile(text, self.path, "exec", flags, True))
                for text in map(self.text, self.cells)
            )
        except SyntaxError:  # told when that cell runs
            return False

    def text(self, cell: Cell) -> str:
        return "\n".join(self.lines[cell["first"] - 1 : cell["last"]])

    async def _in_loop(self, injected: str) -> None:
        for coroutine in self._parts(injected):
            await coroutine
            await asyncio.sleep(0)  # tasks of earlier cells go on between cells

    def _parts(self, injected: str) -> Any:
        """Run each cell; a generator of what is left to await."""
        after = next((cell["number"] for cell in self.cells if "parameters" in cell["tags"]), 0)
        if injected and not after:
            yield from self._inject(injected)
        for cell in self.cells:
            self.cell = cell["number"]
            self.step(cell)
            yield from self._execute(self.text(cell), self.path, cell["first"])
            if injected and cell["number"] == after:
                yield from self._inject(injected)
        self.cell = 0

    def _inject(self, injected: str) -> Any:
        linecache.cache[INJECTED] = (len(injected), None, injected.splitlines(True), INJECTED)
        yield from self._execute(injected, INJECTED, 1)

    def _execute(self, text: str, filename: str, first: int) -> Any:
        tree = compile("\n" * (first - 1) + text, filename, "exec", TREE | self._flags, dont_inherit=True)
        shows = not silenced(text)
        for index, statement in enumerate(tree.body):
            self.module.__spec__ = worker.spec(self.cell, index, self.path)  # what a process spawned now takes
            last = shows and statement is tree.body[-1] and isinstance(statement, ast.Expr)
            code = self.code(statement, filename, "single" if last else "exec")
            left = eval(code, self.module.__dict__)
            if is_coroutine(code):
                yield left

    def code(self, statement: ast.stmt, filename: str, mode: str) -> CodeType:
        """A statement's code; what it imports from __future__ holds for later ones too, as in a kernel."""
        tree = ast.Interactive([statement]) if mode == "single" else ast.Module([statement], [])
        flags = self._flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        made: CodeType = compile(tree, filename, mode, flags, dont_inherit=True)
        self._flags |= made.co_flags & _FUTURES
        return made


def silenced(text: str) -> bool:
    """Whether a cell ends in a semicolon, which hides its last value."""
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.INDENT,
                                  tokenize.DEDENT):
                last = token.string
    except (tokenize.TokenError, SyntaxError):
        return False
    return last == ";"


def main_module(path: str) -> ModuleType:
    """A fresh `__main__` with the script as its file, found again by spawned workers (worker.py)."""
    module = ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    module.__spec__ = worker.spec(0, 0, path)
    sys.modules["__main__"] = module
    return module


def is_coroutine(code: CodeType) -> bool:
    """Whether running `code` gives something to await."""
    return bool(code.co_flags & inspect.CO_COROUTINE)
