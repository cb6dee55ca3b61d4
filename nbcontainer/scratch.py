"""A copy of the notebook's folder to run in.

What this is: files copied, so that a run's writes don't touch the originals; what is too much is linked, and said.
What it is not: a snapshot of folders beside it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

COPIED = 512 * 2**20  # bytes in all
FILES = 5000  # in one subfolder
_LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", ".ipynb_checkpoints", "__pycache__", "node_modules", ".tox", ".mypy_cache",
     ".pytest_cache", ".ruff_cache", ".venv", "venv"}
)


def copy(source: Path, target: Path, *, leave_out: str = "") -> list[str]:
    """Copy `source` to `target`; gives the names that were linked because they are large."""
    target.mkdir(parents=True)
    linked: list[str] = []
    room = COPIED
    names = sorted(os.scandir(source), key=lambda entry: (entry.is_dir(), entry.name))
    for entry in names:
        place = target / entry.name
        if entry.name in _LEFT_OUT or entry.name == leave_out:
            continue
        size = _size(Path(entry.path), room)
        if size is None:
            os.symlink(os.path.abspath(entry.path), place)
            linked.append(entry.name)
        elif entry.is_dir():
            room -= size
            shutil.copytree(entry.path, place, ignore=_ignored, ignore_dangling_symlinks=True, symlinks=False)
        elif entry.is_file():
            room -= size
            shutil.copy2(entry.path, place)
    return linked


def _ignored(folder: str, names: list[str]) -> list[str]:
    """Names to leave out: caches, and what is no plain file or folder."""
    kinds = (os.path.isfile, os.path.isdir)
    return [n for n in names if n in _LEFT_OUT or not any(kind(os.path.join(folder, n)) for kind in kinds)]


def _size(path: Path, room: int) -> int | None:
    """Bytes below `path`, None when that is more than `room` or too many files."""
    if not path.is_dir():
        size = path.stat().st_size if path.is_file() else 0
        return size if size <= room else None
    total = count = 0
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in files:
            place = os.path.join(folder, name)
            total += os.path.getsize(place) if os.path.isfile(place) else 0
            count += 1
        if total > room or count > FILES:
            return None
    return total
