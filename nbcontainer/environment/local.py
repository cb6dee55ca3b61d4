"""Local modules and data files: what the notebook uses of the folders that are someone's own.

What this is: the search for modules that no distribution brings, and for files that code names by a literal relative
path. What it is not: a copy of the folder; credentials, large files and links that lead out stay out and are named.
In the flow: imports of cells -> AppFiles.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbcontainer.environment import secret
from nbcontainer.model import AppFile

if TYPE_CHECKING:
    from nbcontainer.environment.imports import Named

_NEVER = {"__pycache__", "node_modules"}
_MOST_FILES = 2000  # of one package
_MOST_BYTES = 100 * 2**20  # of one package's data
_CODE = (".py", ".so", ".pyd")


class Module(NamedTuple):
    """A local module: its file, its dotted name, where it is in /app."""

    file: str
    name: str
    path: str
    package: bool

    def absolute(self, name: str, level: int) -> str:
        """The absolute name of a from-import with `level` dots in this module, "" when it leads out of the top."""
        if not level:
            return name
        parts = self.name.split(".") if self.package else self.name.split(".")[:-1]
        parts = parts[: len(parts) - (level - 1)]
        return ".".join([*parts, name] if name else parts) if parts else ""


class Locals:
    """The local side of one notebook: where modules are looked for, and what was taken.

    `folder` is the notebook's; `before` and `after` are the folders that sys.path has before the installed
    distributions (the notebook's own first) and behind them; `mapped` is {dotted name: source} of editable installs
    that hook imports.
    """

    def __init__(
        self, folder: str, before: Sequence[str], after: Sequence[str], mapped: Mapping[str, str], max_file: int
    ) -> None:
        self.folder, self.before, self.after, self.mapped, self.max_file = folder, before, after, mapped, max_file
        self.taken: dict[str, AppFile] = {}
        self.notes: list[str] = []
        self.loosened: list[str] = []  # folders of installed distributions that a module of nobody's was found in
        self._packages: set[str] = set()
        self._written: set[str] = set()
        self._names: dict[str, set[str]] = {}
        self._allowed: list[str] = []

    # ------------------------------------------------------------ modules
    def early(self, name: str) -> list[Module]:
        """The modules that an import of `name` runs, when a folder before the installed distributions has it."""
        for root in self.before:
            if found := self._regular(root, name):
                return found
        return self._of_map(name)

    def late(self, name: str) -> list[Module]:
        """The same, behind the installed distributions; folders without __init__.py last, as Python does."""
        for root in self.after:
            if found := self._regular(root, name):
                return found
        for root in (*self.before, *self.after):
            if found := self._chain(root, name.split("."), ""):
                return found
        return []

    def below(self, root: str, name: str) -> list[Module]:
        """The modules of a package's own `name`, whose root is known."""
        return self._chain(root, name.split("."), "")

    def loose(self, name: str, sites: Iterable[str]) -> list[Module]:
        """A module that lies among the installed distributions and belongs to none."""
        for site in sites:
            if found := self._regular(site, name):
                self.loosened.append(site)
                self._allowed = []
                return found
        return []

    def _regular(self, root: str, name: str) -> list[Module]:
        top = name.split(".")[0]
        names = self._listed(root)
        if f"{top}.py" in names or f"{top}.so" in names or "__init__.py" in self._listed(f"{root}/{top}"):
            return self._chain(root, name.split("."), "")
        return self._chain(root, name.split("."), "") if self._extension(names, top) else []

    def _of_map(self, name: str) -> list[Module]:
        parts = name.split(".")
        for depth in range(len(parts), 0, -1):
            place = self.mapped.get(".".join(parts[:depth]))
            if place:
                above = ".".join(parts[: depth - 1])
                first = os.path.basename(place).removesuffix(".py")
                return self._chain(os.path.dirname(place), [first, *parts[depth:]], above)
        return []

    def _chain(self, root: str, parts: list[str], above: str) -> list[Module]:
        """Packages and the module that a dotted name goes through below `root`; [] when it ends in none."""
        found: list[Module] = []
        at, path = root, above.replace(".", "/")
        for part in parts:
            names = self._listed(at)
            path = f"{path}/{part}" if path else part
            dotted = path.replace("/", ".")
            at = f"{at}/{part}"
            if "__init__.py" in self._listed(at):
                found.append(Module(f"{at}/__init__.py", dotted, f"{path}/__init__.py", True))
            elif f"{part}.py" in names:
                return [*found, Module(f"{at}.py", dotted, f"{path}.py", False)]
            elif extension := self._extension(names, part):
                folder = os.path.dirname(path)
                where = f"{folder}/{extension}" if folder else extension
                return [*found, Module(f"{os.path.dirname(at)}/{extension}", dotted, where, False)]
            elif not self._listed(at):
                break
        return found

    def _extension(self, names: set[str], part: str) -> str:
        return next((n for n in sorted(names) if n.startswith(f"{part}.") and n.endswith((".so", ".pyd"))), "")

    def _listed(self, folder: str) -> set[str]:
        if folder not in self._names:
            try:
                self._names[folder] = set(os.listdir(folder))
            except OSError:
                self._names[folder] = set()
        return self._names[folder]

    def take_module(self, chain: Sequence[Module], why: str) -> None:
        """Take a module's file, or its outermost package's folder with the small files beside its modules."""
        first = chain[0]
        if not first.package:
            self._take(first.file, first.path, why, module=True)
            return
        folder, path = os.path.dirname(first.file), os.path.dirname(first.path)
        if path in self._packages:
            return
        self._packages.add(path)
        files = list(self._walk(folder, path, {os.path.realpath(folder)}))
        data = [each for each in files if not each[0].endswith(_CODE)]
        size = sum(n for n in (os.path.getsize(p) for p, _ in data if os.path.exists(p)) if n <= self.max_file)
        if len(files) > _MOST_FILES or size > _MOST_BYTES:
            self.notes.append(f"{path} holds {len(data)} data files of {_mb(size)}: only its modules are taken")
            files = [each for each in files if each[0].endswith(_CODE)]
        for place, where in files:
            self._take(place, where, why, module=True)

    def _walk(self, folder: str, path: str, seen: set[str]) -> Iterator[tuple[str, str]]:
        for name in sorted(self._listed(folder)):
            place, where = f"{folder}/{name}", f"{path}/{name}"
            if os.path.isdir(place):
                real = os.path.realpath(place)
                skipped = name in _NEVER or name.startswith(".") or name.endswith((".egg-info", ".dist-info"))
                if skipped or real in seen or "pyvenv.cfg" in self._listed(place):
                    continue
                if self._inside(real, where):
                    yield from self._walk(place, where, {*seen, real})
            elif secret.is_secret(where) or not (name.endswith((".pyc", ".pyo")) or name.startswith(".")):
                yield place, where

    # ------------------------------------------------------------ files
    def take_files(self, named: Iterable[Named], where: str, beside: Module | None = None) -> list[str]:
        """Take the files that code in `where` opens; gives the scripts among them that it runs."""
        scripts = []
        for text, _, how in named:
            if not text or len(text) > 500 or os.path.isabs(text) or any(mark in text for mark in ("\n", "\0", "://")):
                continue
            path = os.path.normpath(text)
            if how == "written":
                self._written.update({path} - self.taken.keys())
            elif how == "listed":
                self._note_folder(path, where)
            elif path not in self._written:
                path = self._open(path, where, beside)
                scripts += [path] if how in ("run", "shell") and path.endswith(".py") else []
        return scripts

    def _open(self, text: str, where: str, beside: Module | None) -> str:
        """Take a file that lies at `text` from the notebook's folder, else from the module's; gives its path, or ""."""
        places = [(os.path.join(self.folder, text), text)]
        if beside:
            path = os.path.normpath(os.path.join(os.path.dirname(beside.path), text))
            places.append((os.path.join(os.path.dirname(beside.file), text), path))
        for place, path in places:
            if not os.path.isfile(place):
                continue
            if path.startswith(".."):
                self.notes.append(f"{where} opens {path}, which lies outside the notebook's folder and is not taken")
                return ""
            self._take(place, path, f"{where} opens it", module=False)
            return path if path in self.taken else ""
        return ""

    def _note_folder(self, path: str, where: str) -> None:
        folder = os.path.join(self.folder, os.path.dirname(path) if "*" in path else path)
        if path not in (".", "..") and "*" not in folder and os.path.isdir(folder):
            count = sum(os.path.isfile(os.path.join(folder, name)) for name in os.listdir(folder))
            if count:
                self.notes.append(f"{where} lists {path} ({count} files): only files named one by one are taken")

    def _take(self, place: str, path: str, why: str, *, module: bool) -> None:
        known = self.taken.get(path)
        real = os.path.realpath(place)
        if known:
            if known.source != real:
                self.notes.append(f"two files want to be {path}: {known.source} is taken, {real} is not")
            return
        if secret.is_secret(path) or secret.is_secret(os.path.basename(real)) or not self._inside(real, path):
            self._refused(path, real)
            return
        try:
            size = os.stat(real).st_size
        except OSError:
            self.notes.append(f"{path} is a link that leads nowhere and is not taken")
            return
        code = path.endswith(_CODE)
        if size > self.max_file and not code:
            self.notes.append(f"{path} ({_mb(size)}) is larger than max_file ({_mb(self.max_file)}) and is not taken")
        elif not code and secret.holds_key(real):
            self._refused(path, real)
        else:
            self.taken[path] = AppFile(path, real, size, why, module)

    def _refused(self, path: str, real: str) -> None:
        if secret.is_secret(path) or secret.is_secret(os.path.basename(real)) or secret.holds_key(real):
            self.notes.append(f"{path} looks like a credential and is not taken; give it to the pods as a secret")

    def _inside(self, real: str, path: str) -> bool:
        """Whether a resolved path is in one of the projects that code comes from; a note when it isn't."""
        if not self._allowed:
            editable = [os.path.dirname(place) for place in self.mapped.values()]
            places = [self.folder, *self.before, *self.after, *editable, *self.loosened]
            self._allowed = sorted({project(os.path.realpath(place)) for place in places})
        if any(real == root or real.startswith(root.rstrip("/") + "/") for root in self._allowed):
            return True
        self.notes.append(f"{path} is a link that leads out of the project ({real}) and is not taken")
        return False


def project(folder: str) -> str:
    """The git root above `folder`, else `folder`."""
    for up in (Path(folder), *Path(folder).parents):
        if (up / ".git").exists():
            return str(up)
    return folder


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
