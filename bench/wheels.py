"""The wheels that every tool gets: of the very versions that this interpreter has installed, fetched once.

What this is: a pinned list made of the environment, and a folder of wheels under the user's cache directory, named by
the list's hash. What it is not: an index; rivals get the folder over HTTP on loopback.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import importlib.metadata
import shutil
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench import measure
from nbcontainer.image.store import cache_root

ROOTS = ("numpy", "pandas", "scikit-learn", "matplotlib")
UV = "uv==0.13.9"
_CACHE = cache_root() / "bench"  # the user's own: the run sets NBCONTAINER_CACHE to a folder that goes with it


def pins() -> list[str]:
    """["numpy==2.4.6", …]: what this interpreter has of ROOTS and all that they require."""
    found: dict[str, str] = {}
    queue = list(ROOTS)
    while queue:
        name = canonicalize_name(queue.pop())
        if name in found:
            continue
        distribution = importlib.metadata.distribution(name)
        found[name] = f"{name}=={distribution.version}"
        for line in distribution.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return [found[name] for name in sorted(found)]


def wheelhouse() -> Path:
    """The folder of the pinned wheels, filled by pip the first time. Raises Failed when they can't be had."""
    return _fetched(pins())


def pip() -> Path:
    """A wheel of pip: Python runs it as it is."""
    return next(_fetched([f"pip=={importlib.metadata.version('pip')}"]).glob("pip-*.whl"))


def uv(into: Path) -> Path:
    """The uv program, put into the folder `into`. Raises Failed when it can't be had."""
    wheel = next(_fetched([UV]).glob("uv-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith("/scripts/uv"))
        (into / "uv").write_bytes(archive.read(name))
    (into / "uv").chmod(0o755)
    return into / "uv"


def _fetched(wanted: list[str]) -> Path:
    text = "\n".join([sys.implementation.cache_tag or "", *wanted])
    folder = _CACHE / hashlib.sha256(text.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:", "--dest", str(scratch), *wanted]
    try:
        measure.run(command)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Server:
    """The wheelhouse at `url`, on loopback, until close()."""

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(_Quiet, directory=str(folder))
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
