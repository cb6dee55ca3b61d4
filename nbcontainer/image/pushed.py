"""What earlier pushes left in each repository: the last manifest and the blobs that it holds.

What this is: one small file per repository in the cache directory, a hint that a HEAD of that manifest confirms. What
it is not: the truth; a registry that has lost something is found out and the hint forgotten.
In the flow: read and written by push.py alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbcontainer.errors import BuildError
from nbcontainer.image.store import Store


@dataclass(frozen=True)
class Pushed:
    """`manifest` was the last to go to `repository`; it names `blobs`, which are there as long as it is."""

    repository: str
    manifest: str
    blobs: frozenset[str]


NOTHING = Pushed("", "", frozenset())


class Memory:
    """The pushes to one registry host. A file that can't be read or written makes a push slower, not wrong."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._folder: Path | None = None
        self._others: list[Pushed] | None = None  # read when first asked for
        with contextlib.suppress(BuildError):
            self._folder = Store().cache_dir("pushed") / _name(host)

    def last(self, repository: str) -> Pushed:
        """The last push to `repository`, NOTHING when none is known."""
        found = self._read(self._folder / _name(repository)) if self._folder else NOTHING
        return found if found.repository == repository else NOTHING

    def holder(self, digest: str, but: str) -> str:
        """Another repository of this host that was given the blob `digest`, "" when none is known."""
        if self._others is None:
            self._others = list(self._all())
        return next((each.repository for each in self._others if digest in each.blobs and each.repository != but), "")

    def remember(self, pushed: Pushed) -> None:
        text = json.dumps({"host": self._host, "repository": pushed.repository, "manifest": pushed.manifest,
                           "blobs": sorted(pushed.blobs)})
        with contextlib.suppress(OSError):
            if self._folder:
                self._folder.mkdir(parents=True, exist_ok=True)
                _replace(self._folder / _name(pushed.repository), text)

    def forget(self, repository: str) -> None:
        with contextlib.suppress(OSError):
            if self._folder:
                (self._folder / _name(repository)).unlink()

    def _all(self) -> Iterator[Pushed]:
        with contextlib.suppress(OSError):
            for file in sorted(self._folder.iterdir()) if self._folder else ():
                yield self._read(file)

    def _read(self, file: Path) -> Pushed:
        try:
            held = json.loads(file.read_bytes())
            if held["host"] == self._host:
                return Pushed(str(held["repository"]), str(held["manifest"]), frozenset(map(str, held["blobs"])))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return NOTHING


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _replace(place: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, place)
    except BaseException:
        os.unlink(name)
        raise
