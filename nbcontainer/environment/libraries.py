"""The shared libraries that ELF files need, found as glibc's loader finds them and judged by the image's own layout.

What this is: DT_NEEDED followed through RPATH, LD_LIBRARY_PATH, RUNPATH, the loader's table and its default folders;
a library that a file finds inside the image is not taken from this machine. What it is not: a layer (host.py).
In the flow: interpreter, tools and distributions' ELF files -> *libraries to take* -> host base.
"""

from __future__ import annotations

import os
import posixpath
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nbcontainer.environment import elf, loadercache
from nbcontainer.environment.elf import Elf

MOVED = "opt/python"  # where a Python that isn't the system's lies in the image
OTHERS = "opt/nbcontainer/lib"  # libraries from folders of a person
_KEPT = ("/usr/", "/opt/", "/nix/", "/gnu/", "/etc/", "/var/lib/")
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "ppc64le": "powerpc64le-linux-gnu",
             "riscv64": "riscv64-linux-gnu"}


@dataclass(frozen=True)
class Layout:
    """Where paths of this machine lie in the image: the system's where they are, a Python of its own in /opt/python."""

    prefix: str  # of the Python that everything stands on

    @property
    def moved(self) -> bool:
        return self.prefix not in ("/usr", "/")

    def place(self, host: str) -> str:
        """The image path of a file: links of its folder followed, its own name kept."""
        folder, name = os.path.split(host)
        path = os.path.join(os.path.realpath(folder), name)
        if self.moved and path.startswith(os.path.realpath(self.prefix) + os.sep):
            return f"{MOVED}/{os.path.relpath(path, os.path.realpath(self.prefix))}"
        if path.startswith(("/bin/", "/sbin/", "/lib/", "/lib64/", "/lib32/")):
            return f"usr{path}"
        return path[1:] if path.startswith(_KEPT) else f"{OTHERS}/{name}"


@dataclass
class Found:
    """What is in the image as far as the loader cares; plain data, so that it can be kept as JSON."""

    present: dict[str, str] = field(default_factory=dict)  # image path -> path here, of every ELF file
    taken: dict[str, str] = field(default_factory=dict)  # of them, the libraries of this machine
    named: dict[str, str] = field(default_factory=dict)  # name -> image path: the image's loader table
    aside: dict[str, str] = field(default_factory=dict)  # the same, of those found by an RPATH alone
    missing: dict[str, str] = field(default_factory=dict)  # name -> image path of the file that asks

    def table(self, architecture: str) -> bytes:
        return loadercache.written({n: f"/{p}" for n, p in {**self.aside, **self.named}.items()}, architecture)


@dataclass(frozen=True)
class _Object:
    path: str  # in the image
    host: str
    facts: Elf
    rpaths: tuple[tuple[str, str], ...] = ()  # (folder in the image, folder here) of those that loaded it


class Search:
    """A search that goes on from what `found` holds."""

    def __init__(self, found: Found, layout: Layout, architecture: str, library_path: str = "") -> None:
        self.found, self.layout = found, layout
        self._table = loadercache.read(architecture)
        triplet = _TRIPLETS.get(architecture, "")
        folders = [f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib64", "/usr/lib64", "/lib", "/usr/lib"]
        self._defaults = [folder for folder in folders if os.path.isdir(folder)]
        self._asked = [folder for folder in library_path.split(":") if os.path.isabs(folder)]
        self._by_host = {os.path.realpath(host): path for path, host in found.present.items()}
        self._facts: dict[str, Elf] = {}

    def add(self, roots: Mapping[str, str], known: Mapping[str, Elf] | None = None) -> None:
        """Take what the files `roots` ({image path: path here}) need. `known`: their facts by image path."""
        for path, host in roots.items():
            self.found.present[path] = host
            self._by_host.setdefault(os.path.realpath(host), path)
        objects = [_Object(path, host, (known or {}).get(path) or self._read(host)) for path, host in roots.items()]
        self._follow(sorted(objects, key=lambda each: each.path))

    def settle(self) -> None:
        """What was found so far is what the name means from here on: Python's own libraries come before others."""
        self.found.named.update(self.found.aside)
        self.found.aside.clear()

    def add_named(self, names: Iterable[str]) -> None:
        """Take libraries by name, with what they need; those that this machine lacks are left out."""
        for name in names:
            at = self._of_system(name, "")
            if at:
                self._follow([self._take(name, at, self.found.named, ())])

    def _follow(self, objects: Iterable[_Object]) -> None:
        queue = deque(objects)
        while queue:
            each = queue.popleft()
            for name in each.facts.needed:
                more = self._needed(name, each)
                if more:
                    queue.append(more)
        within = {posixpath.basename(path) for path in self.found.present}
        for name in within.intersection(self.found.missing):  # its user loads it first, as torch does
            del self.found.missing[name]

    def _needed(self, name: str, by: _Object) -> _Object | None:
        """The library to follow next; None when it was followed before, or isn't there."""
        own = tuple(_expanded(by.facts.rpath, by)) if not by.facts.runpath else ()
        chain = () if by.facts.runpath else (*own, *by.rpaths)
        for folders in (chain, [("", folder) for folder in self._asked], _expanded(by.facts.runpath, by)):
            for inside, here in folders:
                if inside and f"{inside}/{name}" in self.found.present:
                    return None
                if self._fits(f"{here}/{name}", by.facts.machine):
                    table = self.found.aside if inside else self.found.named
                    return self._take(name, f"{here}/{name}", table, chain)
        if name in self.found.named:
            return None
        at = self._of_system(name, by.facts.machine)
        if at:
            return self._take(name, at, self.found.named, chain)
        self.found.missing.setdefault(name, by.path)
        return None

    def _take(self, name: str, host: str, table: dict[str, str], chain: tuple[tuple[str, str], ...]) -> _Object:
        real = os.path.realpath(host)
        path = self._by_host.get(real, "")
        new = not path
        if new or posixpath.basename(path) != name:
            path, new = self.layout.place(host), self.layout.place(host) not in self.found.present
        table.setdefault(name, path)
        if not new:
            return _Object(path, real, Elf())
        self.found.present[path] = self.found.taken[path] = real
        self._by_host.setdefault(real, path)
        return _Object(path, real, self._read(real), chain)

    def _of_system(self, name: str, machine: str) -> str:
        asked = [f"{folder}/{name}" for folder in self._asked]
        candidates = [*asked, self._table.get(name, ""), *(f"{folder}/{name}" for folder in self._defaults)]
        return next((at for at in candidates if at and self._fits(at, machine)), "")

    def _fits(self, path: str, machine: str) -> bool:
        if not os.path.isfile(path):
            return False
        found = self._read(os.path.realpath(path)).machine
        return bool(found) and (not machine or found == machine)

    def _read(self, path: str) -> Elf:
        if path not in self._facts:
            try:
                self._facts[path] = elf.read(path)
            except OSError:
                self._facts[path] = Elf()
        return self._facts[path]


def _expanded(folders: Iterable[str], by: _Object) -> Iterator[tuple[str, str]]:
    """(folder in the image, folder here) of an object's search path."""
    for folder in folders:
        pair = []
        for origin in (f"/{posixpath.dirname(by.path)}", os.path.dirname(by.host)):
            text = folder.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)
            pair.append(os.path.normpath(text) if os.path.isabs(text) else "/nonexistent")
        yield pair[0][1:], pair[1]
