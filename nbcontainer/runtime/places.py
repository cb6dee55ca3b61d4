"""Where things are inside the image, and the working folder.

What this is: the paths, the notebook's settings, and the copy of /app's files into /work. What it is not: the writer of
the settings (nbcontainer/bundle.py). NBCONTAINER_ROOT puts another folder before every path: a run outside an image.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from typing import Any

LINKED = 10 * 2**20  # bytes: a larger file is linked, not copied


def place(path: str) -> str:
    """An absolute path of the image, below NBCONTAINER_ROOT when that is set."""
    root = os.environ.get("NBCONTAINER_ROOT", "").rstrip("/")
    return root + path


def app() -> str:
    return place("/app")


def work() -> str:
    return place("/work")


def outputs() -> str:
    return place("/outputs")


def settings() -> dict[str, Any]:
    """What the build says of the notebook: see bundle.settings."""
    with open(place("/opt/nbcontainer/notebook.json"), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def state() -> str:
    """The folder of the served function's pickle."""
    return place("/opt/nbcontainer/state")


def script(found: dict[str, Any]) -> str:
    return os.path.join(app(), found["script"])


def prepare(found: dict[str, Any] | None) -> None:
    """Copy the notebook's files into the working folder, go there, and set sys.path as the kernel's was."""
    names = (found["script"], found["notebook"]) if found else ()
    folder = work() if os.access(work(), os.W_OK) else tempfile.mkdtemp(prefix="work-")
    if os.path.isdir(app()):
        stage(app(), folder, names)
    os.chdir(folder)
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    first = [app(), folder]
    if found and found.get("writes_modules"):  # a cell's own %%writefile wins over the file that the build found
        first.reverse()
    rest = [entry for entry in sys.path if entry not in ("", ours, *first)]
    sys.path[:] = [*first, *rest, ours]


def name_user() -> None:
    """Give a user without a passwd entry a name, which getpass and what stands on it ask for."""
    import pwd

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ.setdefault("USER", "nbcontainer")
        os.environ.setdefault("LOGNAME", "nbcontainer")


def stage(source: str, target: str, leave_out: Any = ()) -> None:
    """Copy files below `source` to `target`, link large ones; what is there already stays."""
    for folder, folders, files in os.walk(source):
        inside = os.path.relpath(folder, source)
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        os.makedirs(os.path.join(target, inside), exist_ok=True)
        for name in files:
            here, there = os.path.join(folder, name), os.path.normpath(os.path.join(target, inside, name))
            if os.path.lexists(there) or (inside == "." and name in leave_out):
                continue
            if os.path.getsize(here) > LINKED:
                os.symlink(here, there)
            else:
                shutil.copyfile(here, there)
                os.chmod(there, 0o755 if os.access(here, os.X_OK) else 0o644)


def table(found: dict[str, Any]) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = found["cells"]
    return cells
