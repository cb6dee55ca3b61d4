"""Kernelspecs as files: where Jupyter looks for them, and which prefix holds one.

What this is: kernel.json found and read without jupyter_client, whose own environment may be another one (pipx, a uv
tool). What it is not: the choice of an interpreter (interpreter.py).
In the flow: a kernelspec's name -> *argv, env and prefix* -> Interpreter.
"""

from __future__ import annotations

import json
import os
import string
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbcontainer.errors import RequirementError


@dataclass(frozen=True)
class Kernelspec:
    place: Path  # of its kernel.json
    argv: tuple[str, ...]
    env: Mapping[str, str]
    prefix: Path | None  # the environment whose share/jupyter holds it, None for a user's own


def find(name: str) -> Kernelspec | None:
    """The kernelspec `name`, by Jupyter's order; case doesn't count. Raises RequirementError for one that is odd."""
    for folder, prefix in _folders():
        for place in _in(folder):
            if place.parent.name.lower() == name.lower():
                return _read(place, prefix)
    return None


def known() -> list[str]:
    """The names of all kernelspecs."""
    return sorted({place.parent.name for folder, _ in _folders() for place in _in(folder)})


def active_prefix() -> Path | None:
    """The environment that the shell has activated."""
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        value = os.environ.get(name)
        if value and os.path.isdir(value):
            return Path(value)
    return None


def python_of(prefix: Path) -> str:
    """The path that an environment's Python has; it need not exist."""
    if os.name == "nt":
        scripts = prefix / "Scripts" / "python.exe"
        return str(scripts if scripts.exists() else prefix / "python.exe")
    return str(prefix / "bin" / "python")


def _folders() -> list[tuple[Path, Path | None]]:
    """[(folder of kernelspecs, prefix that holds it)], in the order of the search."""
    found: list[tuple[Path, Path | None]] = []
    for entry in os.environ.get("JUPYTER_PATH", "").split(os.pathsep):
        if entry:
            data = Path(entry)
            prefix = data.parents[1] if data.parts[-2:] == ("share", "jupyter") and len(data.parents) > 1 else None
            found.append((data / "kernels", prefix))
    active = active_prefix()
    if active:
        found.append((active / "share/jupyter/kernels", active))
    found.append((_user() / "kernels", None))
    for prefix in (Path(sys.prefix), Path("/usr/local"), Path("/usr")):
        found.append((prefix / "share/jupyter/kernels", prefix))
    return list(dict.fromkeys(found))


def _user() -> Path:
    if os.environ.get("JUPYTER_DATA_DIR"):
        return Path(os.environ["JUPYTER_DATA_DIR"])
    home = Path(os.path.expanduser("~"))
    if sys.platform == "darwin":
        return home / "Library/Jupyter"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "jupyter"


def _in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*/kernel.json"))
    except OSError:
        return []


def _read(place: Path, prefix: Path | None) -> Kernelspec:
    hint = "install the kernel again, or name the interpreter with --python PATH"
    try:
        held: Any = json.loads(place.read_bytes())
        argv, env = held["argv"], held.get("env") or {}
        if not argv or not all(isinstance(part, str) for part in argv):
            raise ValueError("argv is no list of texts")
        given = {str(key): string.Template(str(value)).safe_substitute(os.environ) for key, value in env.items()}
    except OSError as error:
        raise RequirementError(f"the kernelspec {place} can't be read: {error.strerror}", hint) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RequirementError(f"{place} is no kernelspec: it needs a list 'argv'", hint) from None
    filled = tuple(part.replace("{resource_dir}", str(place.parent)) for part in argv)
    return Kernelspec(place, filled, given, prefix)
