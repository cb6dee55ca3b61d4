"""The files of distributions that have no RECORD: conda's, Debian's, old egg-info installs.

What this is: a list of paths, from the package manager's own books where there are any, else by walking what the
distribution provides. What it is not: hashing (files.py).
In the flow: the probe's answer -> *paths* -> rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbcontainer.environment import probe


def listed(found: dict[str, Any]) -> list[str]:
    """Paths relative to the location, or absolute; sorted."""
    location, info = found["location"], found["info"]
    owned = _of_conda(found) if found["kind"] == "conda" else []
    owned = owned or [os.path.relpath(path, location) for path in probe.of_dpkg(info) if os.path.isfile(path)]
    owned = owned or _installed_files(info, location)
    if not owned:
        owned = [path for name in found["provides"] for path in _of_module(location, name)]
    owned += [os.path.relpath(path, location) for path in _below(info)]
    return sorted(dict.fromkeys(owned))


def _of_conda(found: dict[str, Any]) -> list[str]:
    """What conda-meta says; only files among the Python packages and programs."""
    prefix = Path(found["location"]).parents[2] if len(Path(found["location"]).parents) > 2 else Path("/")
    for place in sorted((prefix / "conda-meta").glob("*.json")):
        try:
            held = json.loads(place.read_bytes())
        except (OSError, ValueError):
            continue
        if probe.normal(str(held.get("name", ""))) == found["id"]:
            files = [str(prefix / name) for name in held.get("files", ()) if "site-packages/" in name or
                     name.startswith("bin/")]
            return [os.path.relpath(name, found["location"]) for name in files if os.path.isfile(name)]
    return []


def _installed_files(info: str, location: str) -> list[str]:
    """installed-files.txt of an old pip: relative to the egg-info."""
    try:
        with open(os.path.join(info, "installed-files.txt"), encoding="utf-8", errors="replace") as file:
            names = [line.strip() for line in file if line.strip()]
    except OSError:
        return []
    return [os.path.relpath(os.path.normpath(os.path.join(info, name)), location) for name in names]


def _of_module(location: str, name: str) -> list[str]:
    base = os.path.join(location, *name.split("."))
    if os.path.isdir(base):
        return [os.path.relpath(path, location) for path in _below(base)]
    folder, last = os.path.split(base)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    files = [each for each in names if each.split(".")[0] == last and each.endswith((".py", ".so"))]
    return [os.path.relpath(os.path.join(folder, each), location) for each in files]


def _below(place: str) -> Iterator[str]:
    """Every file below a folder, or the file itself."""
    if os.path.isfile(place):
        yield place
    for folder, names, files in os.walk(place):
        names[:] = sorted(name for name in names if name != "__pycache__")
        for name in sorted(files):
            yield os.path.join(folder, name)
