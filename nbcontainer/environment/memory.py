"""What was read out of cells and files before, by their content, or by their size and time.

What this is: so that an edit parses one cell. What it is not: the reading (imports.py).
In the flow: roots.py asks it for the imports of cells and local modules.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nbcontainer.environment import answers

if TYPE_CHECKING:
    from nbcontainer.environment.imports import Found

_FORMAT = 2


class Memory:
    """The memory of one notebook and its local modules."""

    def __init__(self, cache_dir: Path, notebook: Path) -> None:
        name = hashlib.sha256(f"{_FORMAT}\0{sys.version}\0{notebook}".encode("utf-8", "surrogateescape")).hexdigest()
        self._place = cache_dir / "code" / name[:32]
        try:
            self._known = marshal.loads(self._place.read_bytes())
        except (OSError, ValueError, EOFError, TypeError):
            self._known = {}
        self._kept = frozenset(self._known)
        self._used: dict[object, object] = {}

    def cell(self, source: str) -> tuple[Found, tuple[str, ...]]:
        if source not in self._known:
            from nbcontainer.environment import imports

            self._known[source] = imports.of_cell(source)
        self._used[source] = self._known[source]
        found: tuple[Found, tuple[str, ...]] = self._known[source]
        return found

    def file(self, path: str) -> Found:
        try:
            facts = os.stat(path)
            key = (path, facts.st_size, facts.st_mtime_ns)
            if key not in self._known:
                from nbcontainer.environment import imports

                with open(path, encoding="utf-8", errors="replace") as file:
                    self._known[key] = imports.of_code(file.read())
        except OSError:
            return (), (), ()
        self._used[key] = self._known[key]
        found: Found = self._known[key]
        return found

    def keep(self) -> None:
        """Remember what this build used, when it isn't what was remembered."""
        if self._used.keys() != self._kept:
            answers.write(self._place, marshal.dumps(self._used))
