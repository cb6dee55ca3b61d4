"""The interpreter and its standard library as entries of a layer.

What this is: what is taken of a Python and what isn't, and where it lies in the image. What it is not: its shared
libraries (libraries.py), or its compiled files (image/pyc.py).
In the flow: Interpreter -> *entries* -> host base. The system's Python stays in /usr, others move to /opt/python.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator

from nbcontainer.environment.libraries import MOVED, Layout
from nbcontainer.model import Entry, Interpreter

_LEFT = {"__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "turtledemo", "tkinter",
         "_bundled"}
_LEFT_FILES = re.compile(
    r".*\.(pyc|pyo|a|o|exe|pickle)|turtle\.py|_tkinter\..*|_test\w*\..*|_ctypes_test\..*|_xx\w*\..*|xx\w*\.\w.*\.so"
    r"|libpython.*"
)
_BUILT = "/usr/src/python"  # where a build says that it was built


def layout(python: Interpreter) -> Layout:
    return Layout(python.base_prefix)


def program(python: Interpreter) -> str:
    """The interpreter's path in the image, without its leading slash."""
    name = f"python{python.minor}"
    return f"{MOVED}/bin/{name}" if layout(python).moved else f"usr/bin/{name}"


def folders(python: Interpreter) -> list[tuple[str, str]]:
    """[(folder here, folder in the image)] of the standard library."""
    found: dict[str, str] = {}
    for place in (python.stdlib, python.platstdlib):
        real = os.path.realpath(place)
        found.setdefault(real, posixpath.dirname(layout(python).place(real + "/x")))
    return sorted((here, inside) for here, inside in found.items() if os.path.isdir(here))


def entries(python: Interpreter) -> list[Entry]:
    """The program, its links, the standard library and what sysconfig reads; files of a build's place are rewritten."""
    path = program(python)
    places = _places(python)
    found = [Entry(path, source=os.path.realpath(python.base_executable), mode=0o755)]
    found += [Entry(posixpath.join(posixpath.dirname(path), name), "link", posixpath.basename(path))
              for name in ("python3", "python")]
    for here, inside in folders(python):
        for file, place in _files(here, inside):
            name = posixpath.basename(place)
            if name.startswith("_sysconfigdata") or name == "Makefile":
                found.append(Entry(place, source=_rewritten(file, places)))
            else:
                found.append(Entry(place, source=os.path.realpath(file)))
    header = os.path.join(python.base_prefix, "include", f"python{python.minor}", "pyconfig.h")
    if os.path.isfile(header):
        found.append(Entry(layout(python).place(header), source=os.path.realpath(header)))
    return found


def watched(python: Interpreter) -> list[str]:
    """What changes when any of it changes: every file taken and every folder."""
    found = [python.base_executable]
    for here, _ in folders(python):
        for folder, names, files in os.walk(here):
            names[:] = [name for name in names if name not in _LEFT]
            found.append(folder)
            found += [os.path.join(folder, name) for name in files if not _LEFT_FILES.fullmatch(name)]
    return sorted(found)


def _files(here: str, inside: str) -> Iterator[tuple[str, str]]:
    for folder, names, files in os.walk(here):
        names[:] = sorted(name for name in names if name not in _LEFT)
        at = posixpath.normpath(posixpath.join(inside, os.path.relpath(folder, here)))
        configuration = posixpath.basename(at).startswith("config-")
        for name in sorted(files):
            path = os.path.join(folder, name)
            wanted = name == "Makefile" if configuration else not _LEFT_FILES.fullmatch(name)
            if wanted and os.path.isfile(path):
                yield path, f"{at}/{name}"


def _places(python: Interpreter) -> list[tuple[str, str]]:
    """[(place of this machine, what stands in its stead)], the longest first."""
    found = {}
    if layout(python).moved:
        found = dict.fromkeys((python.base_prefix, os.path.realpath(python.base_prefix)), f"/{MOVED}")
    for here, _ in folders(python):
        for name in os.listdir(here):
            if name.startswith("_sysconfigdata") and name.endswith(".py"):
                with open(os.path.join(here, name), encoding="utf-8", errors="surrogateescape") as file:
                    for built in re.findall(r"'abs_(?:src|build)dir': '(/[^']+)'", file.read()):
                        found.setdefault(built, _BUILT)
    return sorted(found.items(), key=lambda pair: (-len(pair[0]), pair[0]))


def _rewritten(file: str, places: list[tuple[str, str]]) -> bytes:
    with open(file, "rb") as opened:
        data = opened.read()
    for old, new in places:
        data = re.sub(re.escape(os.fsencode(old)) + rb"(?![\w.-])", os.fsencode(new), data)
    return data
