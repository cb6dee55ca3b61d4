"""The last used options of each notebook and verb, so that a form begins with them.

What this is: one small file per notebook. What it is not: history; and no value of env is ever in it, as those may be
secrets.
In the flow: a task's request -> *disk* -> the inspection's `last`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbcontainer.server import disk
from nbcontainer.server.requests import Request

VERBS = ("build", "train", "serve")
_MOST = 500  # notebooks
_LARGEST = 64 * 1024  # characters of parameters that are still worth remembering


class Remembered:
    def __init__(self, root: Path, log: logging.Logger) -> None:
        self.root = root / "last"
        self._log = log

    def last(self, notebook: str) -> dict[str, Any]:
        """{verb: options} of the notebook with this id."""
        found = disk.read(self.root / f"{notebook}.json") or {}
        return {verb: found[verb] for verb in VERBS if isinstance(found.get(verb), dict)}

    def remember(self, notebook: str, request: Request) -> None:
        if request.verb not in VERBS or len(repr(request.given)) > _LARGEST:
            return
        kept: Mapping[str, Any] = {**self.last(notebook), request.verb: dict(request.given)}
        try:
            disk.write(self.root / f"{notebook}.json", kept)
            self._bound()
        except OSError as error:  # a full or read-only disk costs a form its beginnings, no more
            self._log.warning("nbcontainer: last used options can't be kept: %s", error)

    def _bound(self) -> None:
        with os.scandir(self.root) as found:
            files = sorted((each for each in found if each.name.endswith(".json")), key=lambda e: e.stat().st_mtime)
        for old in files[:-_MOST]:
            os.unlink(old.path)
