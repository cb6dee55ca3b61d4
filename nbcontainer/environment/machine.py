"""What is taken of this machine, layer by layer.

What this is: the entries, found anew each time that it is asked. What it is not: a memory of them, or keys (host.py).
In the flow: stdlib, system and libraries -> *entries* -> host base.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from nbcontainer.environment import elf, libraries, loadercache, stdlib, system
from nbcontainer.environment.elf import Elf
from nbcontainer.environment.libraries import Found, Search
from nbcontainer.model import Entry, Interpreter

# What programs open by name at run time: threads, name lookup, ctypes; and what nearly every extension needs.
_BY_NAME = ("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1",
            "libutil.so.1", "libresolv.so.2", "libnss_files.so.2", "libnss_dns.so.2")
_TABLE = loadercache.PLACE[1:]


@dataclass(frozen=True)
class Taken:
    """Layers bottom to top, what the loader knows of, and the paths that change when any of it changes."""

    layers: tuple[tuple[str, list[Entry]], ...]  # (what a person reads, entries)
    found: Found
    watched: tuple[str, ...]


def taken(python: Interpreter, library_path: str) -> Taken:
    """The layers that don't depend on the notebook: libraries, tools and system files, Python."""
    own = stdlib.entries(python)
    architecture = python.platform.split("/")[1]
    program = os.path.realpath(python.base_executable)
    found, at = Found(), ""
    loader = elf.read(program).loader
    if loader:  # first, so that a library that names it finds it where programs do
        at = stdlib.layout(python).place(loader)
        found.present[at] = found.taken[at] = os.path.realpath(loader)
        found.named[os.path.basename(loader)] = at
    search = Search(found, stdlib.layout(python), architecture, library_path)
    search.add({stdlib.program(python): program})
    search.settle()
    search.add({each.path: str(each.source) for each in own if ".so" in each.path and isinstance(each.source, str)})
    search.add_named(_BY_NAME)
    search.add(system.tools())
    beside = {path: host for path, host in found.taken.items() if path.startswith(f"{libraries.MOVED}/")}
    own += _of(beside)
    shared = [*_of({path: host for path, host in found.taken.items() if path not in beside}),
              Entry(_TABLE, source=found.table(architecture))]
    shared = [each if each.path != at else Entry(at, source=each.source, mode=0o755) for each in shared]
    files = [*system.tool_entries(), *system.file_entries()]
    watched = {*stdlib.watched(python), *system.watched(), *found.taken.values(), loadercache.PLACE}
    layers = (("system libraries", shared), ("shell and system files", files), (f"Python {python.version}", own))
    return Taken(layers, found, tuple(sorted(watched)))


def beyond(
    python: Interpreter, found: Found, library_path: str, roots: Mapping[str, str], known: Mapping[str, Elf]
) -> Taken:
    """What the files `roots` ({image path: path here}) need and `found` doesn't hold: one layer or none."""
    before = set(found.taken)
    architecture = python.platform.split("/")[1]
    Search(found, stdlib.layout(python), architecture, library_path).add(roots, known)
    more = {path: host for path, host in found.taken.items() if path not in before}
    entries = [*_of(more), Entry(_TABLE, source=found.table(architecture))] if more else []
    layers = (("libraries of the distributions", entries),) if more else ()
    return Taken(layers, found, (*sorted(more.values()), loadercache.PLACE))


def _of(taken: Mapping[str, str]) -> list[Entry]:
    return [Entry(path, source=host) for path, host in taken.items()]
