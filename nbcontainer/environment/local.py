"""Someone's own code and files: modules beside the notebook or on sys.path, files that cells open by a relative path.

What this is: the search below folders, and what is taken to /app. What it is not: which imports there are (roots.py).
In the flow: imports and file names -> *AppFiles and notes* -> Environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbcontainer.environment import secret
from nbcontainer.model import AppFile

if TYPE_CHECKING:
    from nbcontainer.environment.imports import Named

_NO_SCRIPT = {".py", ".ipy"}


@dataclass(frozen=True)
class Module:
    """A module of someone's own: its file here, its import name, its place in /app."""

    file: str
    name: str
    path: str
    package: bool

    def absolute(self, name: str, level: int) -> str:
        """The absolute name of an import in this module, "" when it leads out of its package."""
        if not level:
            return name
        parts = self.name.split(".")
        parts = parts if self.package else parts[:-1]
        if level - 1 >= len(parts):
            return ""
        return ".".join(filter(None, [*parts[: len(parts) - (level - 1)], name]))


class Locals:
    """The places of someone's own code, and what of it is taken."""

    def __init__(
        self, folder: str, before: Sequence[str], after: Sequence[str], mapped: Mapping[str, str], max_file: int
    ) -> None:
        self.folder = folder
        self.taken: dict[str, AppFile] = {}  # by path in /app
        self.notes: list[str] = []
        self._before, self._after, self._mapped, self._max = before, after, mapped, max_file

    # ------------------------------------------------------------ modules
    def early(self, name: str) -> list[Module]:
        """The module `name` in the folders that come before installed distributions, packages first; [] for none."""
        return self._first(self._before, name) or self._of_finder(name)

    def late(self, name: str) -> list[Module]:
        return self._first(self._after, name)

    def loose(self, name: str, sites: Iterable[str]) -> list[Module]:
        """A file among the installed distributions that none of them owns."""
        return self._first(sites, name)

    def _first(self, roots: Iterable[str], name: str) -> list[Module]:
        for root in roots:
            chain = self.below(root, name)
            if chain:
                return chain
        return []

    def below(self, root: str, name: str) -> list[Module]:
        """The packages and the module that importing `name` from the folder `root` runs, as far as there are any."""
        chain: list[Module] = []
        parts, folder = name.split("."), root
        for depth, part in enumerate(parts, 1):
            place, dotted = os.path.join(folder, part), ".".join(parts[:depth])
            inside = os.path.join(place, "__init__.py")
            if os.path.isfile(inside):
                chain.append(self._module(inside, dotted, root, True))
            elif not os.path.isdir(place) or os.path.isfile(f"{place}.py"):
                file = _file(folder, part)
                return [*chain, self._module(file, dotted, root, False)] if file else chain
            folder = place
        return chain

    def _of_finder(self, name: str) -> list[Module]:
        """A module that an editable install's finder knows the place of."""
        top = name.split(".")[0]
        place = self._mapped.get(top, "")
        if not place:
            return []
        root = os.path.dirname(place)
        if os.path.isdir(place) and os.path.basename(place) == top:
            return self.below(root, name)
        file = os.path.join(place, "__init__.py") if os.path.isdir(place) else place
        if not os.path.isfile(file):
            return []
        path = f"{top}/__init__.py" if os.path.isdir(place) else f"{top}.py"
        return [Module(file, top, path, os.path.isdir(place))]

    def _module(self, file: str, name: str, root: str, package: bool) -> Module:
        return Module(file, name, os.path.relpath(file, root).replace(os.sep, "/"), package)

    def take_module(self, chain: Iterable[Module], why: str) -> None:
        for module in chain:
            if module.path not in self.taken:
                size = os.path.getsize(module.file)
                self.taken[module.path] = AppFile(module.path, module.file, size, why, module=True)

    # ------------------------------------------------------------ files
    def take_files(self, named: Iterable[Named], who: str, module: Module | None = None) -> list[str]:
        """Take the files that code names and that are there; gives those of them that are scripts which it runs."""
        scripts = []
        for text, _, kind in named:
            place = self._place(text, module)
            if not place:
                continue
            source, path = place
            if path in self.taken:
                known = True
            else:
                known = self._take(source, path, text, f"{who} {'runs' if kind == 'run' else 'opens'} {text}", who)
            if known and kind in ("run", "shell") and os.path.splitext(path)[1] in _NO_SCRIPT:
                scripts.append(path)
        return scripts

    def _place(self, text: str, module: Module | None) -> tuple[str, str] | None:
        """(file here, path in /app) of a relative path: from the notebook's folder, else from the module's own."""
        if not text or os.path.isabs(text) or text.startswith(("~", "-", "$")):
            return None
        bases = [(self.folder, "")]
        if module:
            bases.append((os.path.dirname(module.file), os.path.dirname(module.path)))
        for base, inside in bases:
            source = os.path.normpath(os.path.join(base, text))
            if not os.path.isfile(source):
                continue
            path = os.path.normpath(os.path.join(inside, text)).replace(os.sep, "/")
            if path.startswith(".."):
                self._note(f"{text} lies above the notebook's folder and is not taken: move it beside the notebook")
                return None
            return source, path
        return None

    def _take(self, source: str, path: str, text: str, why: str, who: str) -> bool:
        if secret.looks_secret(source):
            self._note(f"{who} opens {text}, which looks like credentials: it is not taken; use --secret NAME")
            return False
        size = os.path.getsize(source)
        if size > self._max:
            limit = f"{self._max / 2**20:.0f} MB"
            self._note(f"{who} opens {text} ({size / 2**20:.1f} MB), larger than max_file ({limit}): it is not taken")
            return False
        self.taken[path] = AppFile(path, source, size, why)
        return True

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _file(folder: str, name: str) -> str:
    """The file of a module that is no package: Python, or compiled; "" for none."""
    if os.path.isfile(os.path.join(folder, f"{name}.py")):
        return os.path.join(folder, f"{name}.py")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return ""
    compiled = [each for each in names if each.startswith(f"{name}.") and each.endswith(".so")]
    return os.path.join(folder, compiled[0]) if compiled else ""
