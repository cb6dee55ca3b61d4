"""The roots of an environment: what cells, and the local modules that they import at any depth, ask for.

What this is: the walk over imports and opened files. What it is not: what the roots require in turn (detect.closed), or
the search below a folder (local.py). In the flow: Notebook -> *roots with reasons, local modules and files*.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from nbcontainer.environment import detect
from nbcontainer.environment.local import Locals, Module
from nbcontainer.environment.memory import Memory
from nbcontainer.errors import RequirementError
from nbcontainer.model import Interpreter, Notebook

if TYPE_CHECKING:
    from nbcontainer.environment.imports import Import

SKIP = "skip-container"  # the tag of cells that stay out
_OURS = "nbcontainer"
_ALWAYS = {"__main__", "__future__"}


class Roots:
    """One notebook's roots; walk() fills them."""

    def __init__(
        self, notebook: Notebook, python: Interpreter, installed: detect.Installed, max_file: int, cache_dir: Path
    ) -> None:
        self.cells = [cell for cell in notebook.code if SKIP not in cell.tags]
        self.installed = installed
        self.memory = Memory(cache_dir, notebook.path)
        self.reasons: detect.Reasons = {}
        self.notes: list[str] = []
        self._missing: list[tuple[str, str]] = []
        self._made: set[str] = set()  # modules that a cell writes
        self._followed: set[str] = set()
        self._queue: list[tuple[Module, str]] = []
        self._found = [(cell, *self.memory.cell(cell.source)) for cell in self.cells]
        self.nearby = self._locals(str(notebook.path.parent), python, max_file)

    def walk(self, modules: Iterable[str]) -> None:
        """Fill reasons, files and notes. Raises RequirementError for imports that nothing provides."""
        for cell, (found, _, _), written in self._found:
            self._made |= {os.path.basename(name)[:-3] for name in written if name.endswith(".py")}
            for each in found:
                self._resolve(each, f"cell {cell.number}", f"cell {cell.number}, line {each[1]}")
        for name in modules:
            self._resolve((name, 0, True, 0), "the served callable", "the served callable", "uses")
        self._follow()
        self._files()
        self.memory.keep()
        if self._missing:
            raise detect.missing(self._missing, self.installed)

    def need(self, key: str, name: str, why: str) -> None:
        """A distribution that is needed for another reason than an import. Raises RequirementError."""
        if key not in self.installed.by_id:
            raise RequirementError(
                f"{why}, and {name} is not installed in {self.installed.executable}",
                f"install it there: {self.installed.executable} -m pip install {key}",
            )
        self.reasons.setdefault(key, []).insert(0, why)

    # ------------------------------------------------------------ one import
    def _resolve(self, each: Import, who: str, where: str, verb: str = "imports") -> None:
        """Find who provides an import: the standard library, someone's own module, an installed distribution."""
        name, _, guarded, _ = each
        top = name.split(".")[0]
        if top in self.installed.stdlib or top in _ALWAYS:
            self._hidden(top)
            return
        why = f"{who} {verb} {top}"
        chain = [] if top == _OURS else self.nearby.early(name)
        providers = [] if chain else self.installed.providers(name)
        if not chain and not providers and top != _OURS:
            chain = self.nearby.late(name) or self._loose(name)
        if chain:
            self._local(chain, why)
        for key in providers:
            self._because(key, why)
        if not chain and not providers and top != _OURS and top not in self._made and verb == "imports":
            self._unprovided(name, guarded, where)

    def _because(self, key: str, why: str) -> None:
        if why not in self.reasons.setdefault(key, []):
            self.reasons[key].append(why)

    def _unprovided(self, name: str, guarded: bool, where: str) -> None:
        called = self.installed.unprovided(name)
        if guarded:
            self.notes.append(f"{where}: '{called}' isn't installed; its import is guarded, so it is left out")
        else:
            self._missing.append((called, where))

    def _hidden(self, top: str) -> None:
        """The standard library's module is taken: a kernel has most of them loaded before a cell runs."""
        place = os.path.join(self.nearby.folder, f"{top}.py")
        if os.path.isfile(place):
            self.notes.append(f"{top}.py beside the notebook has a standard module's name and is not taken: rename it")

    def _loose(self, name: str) -> list[Module]:
        chain = self.nearby.loose(name, self.installed.sites)
        if chain:
            self.notes.append(f"{chain[0].file} belongs to no installed distribution; it is taken as a local module")
        return chain

    # ------------------------------------------------------------ local modules
    def _local(self, chain: list[Module], why: str) -> None:
        key = self.installed.editable(chain[-1].file)
        if key:  # its metadata and requirements travel as a distribution, its source as a local module
            self._because(key, why)
        self.nearby.take_module(chain, why)
        for module in chain:
            if module.file not in self._followed:
                self._followed.add(module.file)
                self._queue.append((module, why))

    def _follow(self) -> None:
        """Resolve what local modules import, at any depth."""
        while self._queue:
            module, _ = self._queue.pop(0)
            if not module.file.endswith(".py"):
                continue
            found = self.memory.file(module.file)
            for name, line, guarded, level in found[0]:
                absolute = module.absolute(name, level)
                inside = level > 0 or absolute.split(".")[0] == module.name.split(".")[0]
                if absolute and not (inside and self._inside(module, absolute)) and not level:
                    self._resolve((absolute, line, guarded, 0), module.path, f"{module.path}, line {line}")
            for script in self.nearby.take_files(found[1], module.path, module):
                self._run(script)

    def _inside(self, module: Module, name: str) -> bool:
        """Follow a package's own module, in the folder that the package came from; whether it is there."""
        depth = module.name.count(".") + (2 if module.package else 1)
        root = module.file
        for _ in range(depth):
            root = os.path.dirname(root)
        chain = self.nearby.below(root, name)
        if chain:
            self._local(chain, f"{module.path} imports {name}")
        return bool(chain)

    def _run(self, script: str) -> None:
        """What a script imports that a cell runs with %run or a shell line."""
        taken = self.nearby.taken[script]
        if taken.source not in self._followed:
            self._followed.add(taken.source)
            self._queue.append((Module(taken.source, "__main__", script, False), taken.why))

    def _files(self) -> None:
        for cell, (_, named, _), _ in self._found:
            for script in self.nearby.take_files(named, f"cell {cell.number}"):
                self._run(script)
        self._follow()

    # ------------------------------------------------------------ places
    def _locals(self, folder: str, python: Interpreter, max_file: int) -> Locals:
        """The places of someone's own code on sys.path; the notebook's folder is first, as in its kernel."""
        before, after = [folder], list[str]()
        behind = False
        bases = (python.stdlib, python.platstdlib)
        inside = tuple(base + os.sep for base in bases)
        sites = set(self.installed.sites)
        for entry in python.sys_path:
            if entry in sites or os.path.basename(entry) in ("site-packages", "dist-packages"):
                behind = True
            elif entry not in bases and not entry.startswith(inside) and os.path.isdir(entry):
                (after if behind else before).append(entry)
        for _, (_, _, paths), _ in self._found:
            for text in paths:
                place = os.path.normpath(os.path.join(folder, text[1:]))
                if text[1:] and os.path.isdir(place):
                    (before if text[0] == "<" else after).append(place)
        return Locals(folder, list(dict.fromkeys(before)), list(dict.fromkeys(after)), self.installed.mapped, max_file)
