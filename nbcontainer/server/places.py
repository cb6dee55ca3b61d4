"""Paths that a browser names, as files of this machine: never outside the server's root.

What this is: the check of every path that comes in, and the settings and targets that hold there. What it is not: the
contents API: nothing is read or written here but settings files.
In the flow: a request's `notebook` -> *an absolute path*, a Target -> options of the api.
"""

from __future__ import annotations

import os
from pathlib import Path

from nbcontainer import config
from nbcontainer.errors import NotebookError
from nbcontainer.model import Target


class Places:
    """What lies below the server's root."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    def notebook(self, path: str) -> Path:
        """The absolute path of an existing notebook. Raises NotebookError for all else.

        Its folder's links are followed, as locate does: one notebook has one path.
        """
        if not path:
            raise NotebookError("which notebook?", "name its path on the server")
        found = self._inside(path)
        if not found.name.endswith(".ipynb"):
            raise NotebookError(f"{path} is not a notebook", "a notebook's name ends in .ipynb")
        if not found.is_file():
            raise NotebookError(f"{path} is no file on this server", "save the notebook first")
        return found

    def folder(self, path: str) -> Path:
        """The folder of the notebook `path`, which need not exist (any more); the root where `path` is ""."""
        return self._inside(path).parent if path else self.root

    def settings(self, path: str) -> config.Settings:
        """The settings that hold for the notebook `path`."""
        return config.load(self.folder(path))

    def target(self, path: str, target: str = "", namespace: str = "") -> Target:
        """The target that these names mean beside the notebook `path`."""
        return self.settings(path).target(target, namespace=namespace)

    def _inside(self, path: str) -> Path:
        parts = path.split("/")
        if "\0" in path or path.startswith("/") or os.path.isabs(path) or ".." in parts or (os.sep != "/" and
                                                                                            os.sep in path):
            raise NotebookError(f"{path!r} is not a path below this server's root")
        try:
            place = self.root / path
            found = Path(os.path.realpath(place.parent)) / place.name
            real = Path(os.path.realpath(found))
            real.stat()
        except (FileNotFoundError, NotADirectoryError):  # told by who needs the file
            pass
        except (OSError, ValueError) as error:  # a name too long, a loop of links, a lone surrogate
            said = getattr(error, "strerror", None) or error
            raise NotebookError(f"{path[:200]!r} can't be a path: {said}") from None
        if not (found.is_relative_to(self.root) and real.is_relative_to(self.root)) or found == self.root:
            raise NotebookError(f"{path!r} leads out of this server's root")
        return found
