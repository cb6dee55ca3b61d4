"""The server's own files: small JSON, only this user's, never half written.

What this is: where state is kept, and reading and writing there. What it is not: what is kept (journal.py,
remembered.py); or the cache, which may be emptied at any time.
In the flow: beside it.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def state_root() -> Path:
    """NBCONTAINER_STATE, else nbcontainer's folder below XDG_STATE_HOME or ~/.local/state."""
    if os.environ.get("NBCONTAINER_STATE"):
        return Path(os.environ["NBCONTAINER_STATE"])
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "nbcontainer"


def folder(place: Path) -> Path:
    """`place`, made with all above it if need be; what we make is only this user's."""
    if not place.is_dir():
        folder(place.parent)
        place.mkdir(mode=0o700, exist_ok=True)
    return place


def write(place: Path, value: Any) -> None:
    """Write `value` aside, then put it in its place. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=folder(place.parent), prefix=".", suffix=".part")  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, place)
    except BaseException:
        os.unlink(name)
        raise


def read(place: Path) -> dict[str, Any] | None:
    """The object in a file; None where there is none that can be read."""
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
