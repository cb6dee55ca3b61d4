"""Real parts for these tests: wheels written by hand, virtual environments, installs by pip, notebooks."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.environment import capture, interpreter
from nbcontainer.model import Cell, Entry, Environment, Notebook, Script
from tests.support import require

PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
ELF = b"\x7fELF" + b"\0" * 60


def wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str | bytes] | None = None,
    *,
    requires: Sequence[str] = (),
    extras: Sequence[str] = (),
    scripts: Mapping[str, str] | None = None,
) -> Path:
    """A wheel as a build backend would write it; pip makes the RECORD that counts when it installs it."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {line}" for line in requires] + [f"Provides-Extra: {line}" for line in extras]
    content: dict[str, str | bytes] = dict(files if files is not None else {f"{module}/__init__.py": f"{module} = 1\n"})
    content[f"{info}/METADATA"] = "\n".join(metadata) + "\n\nA long description\nName: not a header\n"
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if scripts:
        lines = "".join(f"{key} = {value}\n" for key, value in scripts.items())
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}"
    place = folder / f"{module}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place, "w") as archive:
        for path, data in content.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/RECORD", "".join(f'"{path}",,\n' for path in (*content, f"{info}/RECORD")))
    return place


def venv(place: Path, python: str = sys.executable, *flags: str) -> Path:
    """The Python of a new virtual environment without pip."""
    subprocess.run([python, "-I", "-m", "venv", "--without-pip", *flags, str(place)], check=True, capture_output=True)
    return place / "bin" / "python"


def pip(python: Path, *words: str | Path) -> None:
    """Install into `python`'s environment with this environment's pip, without any index."""
    require(importlib.util.find_spec("pip"), "pip is not installed here")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "-q"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", *map(str, words)], capture_output=True, text=True, check=False,
        env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"},
    )
    assert done.returncode == 0, done.stderr


def pyenv(version: str) -> str:
    """The Python `version` ("3.8") of pyenv, of PATH, or a skip."""
    found = sorted(PYENV.glob(f"{version}.*/bin/python")) if PYENV.is_dir() else []
    path = str(found[-1]) if found else shutil.which(f"python{version}") or ""
    if not path:  # not in CI either: a fresh machine has one Python
        pytest.skip(f"no Python {version} on this machine")
    return path


def debian_python(module: str) -> str:
    """/usr/bin/python3 when Debian's package of `module` is installed, or a skip."""
    system = Path("/usr/bin/python3")
    there = system.exists() and Path(f"/usr/lib/python3/dist-packages/{module}").exists()
    if not there:
        pytest.skip(f"Debian's package with {module} is not installed")
    return str(system)


def notebook(folder: Path, *cells: str | tuple[str, str], kernel: str = "") -> Notebook:
    """A notebook of code cells; a pair is (source, tag)."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, cell in enumerate(cells, 1):
        source, tags = (cell, frozenset[str]()) if isinstance(cell, str) else (cell[0], frozenset({cell[1]}))
        made.append(Cell(number, "code", source, tags))
    return Notebook(folder / "nb.ipynb", tuple(made), kernel)


def captured(
    book: Notebook, python: Path | str, cache: Path, script: Script | None = None, **options: Any
) -> Environment:
    chosen = interpreter.choose(book, python=str(python))
    return capture.capture(book, script or Script("nb.py", ""), chosen, cache_dir=cache, **options)


def why(environment: Environment) -> dict[str, tuple[str, ...]]:
    return {each.name: each.why for each in environment.distributions}


def content(entry: Entry) -> bytes:
    """What the packer would put in the image."""
    if entry.kind == "link":
        return b"-> " + str(entry.source).encode()
    return Path(entry.source).read_bytes() if isinstance(entry.source, str) else entry.source


def image(environment: Environment, name: str) -> dict[str, tuple[int, bytes]]:
    """{path: (mode, content)} of one distribution's entries."""
    each = next(d for d in environment.distributions if d.name == name)
    found = {entry.path: (entry.mode, content(entry)) for entry in each.entries()}
    assert len(found) == len(list(each.entries())), "a path twice"
    return found


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no active environment."""
    monkeypatch.setenv("NBCONTAINER_CACHE", str(tmp_path / "cache"))
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "JUPYTER_PATH", "JUPYTER_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    place = tmp_path / "cache" / "environment"
    place.mkdir(parents=True)
    return place
