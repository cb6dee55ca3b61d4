"""Podman's API service, started on demand and ended with this process.

What this is: the service in a private folder, and the choices that a bare machine asks for (no systemd, cgroup v1, a
root without all capabilities). What it is not: a daemon; containers live on without it.
In the flow: below engine.py.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from nbcontainer.errors import TargetError, one_line

IDLE = 300  # seconds without a request after which a service whose starter was killed ends by itself
START = 20.0  # seconds that a start may take: the first one lays out the storage
_RESOURCE = 24  # CAP_SYS_RESOURCE

_running: dict[tuple[str, ...], Service] = {}
_lock = threading.Lock()


class Service:
    """One `podman system service` for this process."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._folder = ""
        self._process: subprocess.Popen[bytes] | None = None

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start it unless it runs; gives its URL. Raises TargetError."""
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="nbcontainer-podman-")  # 0700
            atexit.register(self.stop)
        place = Path(self._folder) / "podman.sock"
        if self.alive():
            return f"unix://{place}"
        place.unlink(missing_ok=True)
        with open(Path(self._folder) / "log", "wb") as log:
            self._process = subprocess.Popen(
                [*self._arguments, "system", "service", "--time", str(IDLE), f"unix://{place}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self._folder,  # conmon leaves a file `oom` where it was started
            )
        until = time.monotonic() + START
        while not answers(place):
            if not self.alive() or time.monotonic() > until:
                raise TargetError(f"podman's service doesn't start: {self._said()}", "does `podman info` work?")
            time.sleep(0.02)
        return f"unix://{place}"

    def _said(self) -> str:
        lines = (Path(self._folder) / "log").read_text("utf-8", "replace").split("\n")
        return one_line(" ".join(line for line in lines[-5:] if line) or "it says nothing", 400)

    def stop(self) -> None:
        if self._process is not None and self.alive():
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = ""


def answers(place: Path) -> bool:
    """Whether somebody listens at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(place))
        except OSError:
            return False
    return True


def service(extra: tuple[str, ...] = ()) -> Service | None:
    """This process's service, not started yet; None without podman. `extra` are options of podman itself."""
    program = shutil.which("podman")
    if program is None or not sys.platform.startswith("linux"):
        return None
    key = (program, *options(), *extra)
    with _lock:
        if key not in _running:
            _running[key] = Service(list(key))
        return _running[key]


def options() -> tuple[str, ...]:
    """What podman has to be told where there is no systemd, or cgroup v1, which crun refuses."""
    found: list[str] = []
    if needs_runc() and shutil.which("runc", path=_path()):
        found += ["--runtime", "runc"]
    if not os.path.isdir("/run/systemd/system"):
        found += ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]
    return tuple(found)


def needs_runc() -> bool:
    """Whether control groups are of version 1 (or both)."""
    return sys.platform.startswith("linux") and not os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def ulimits(url: str) -> list[dict[str, Any]]:
    """Limits for containers of the service at `url` where podman's own defaults can't be set; else none.

    Without CAP_SYS_RESOURCE nothing may be above what the service itself has, and it lowers some of its own.
    """
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or _can_raise_limits():
        return []
    found = []
    for name, title in (("nofile", "Max open files"), ("nproc", "Max processes")):
        hard = _limit_of(url, title)
        if hard:
            found.append({"Name": name, "Soft": hard, "Hard": hard})
    return found


def _limit_of(url: str, title: str) -> int:
    """The hard limit `title` of the process that listens at `url`, 0 when there is none to be told."""
    try:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(url.removeprefix("unix://"))
            process = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        limits = Path(f"/proc/{process}/limits").read_text()
        line = next(line for line in limits.splitlines() if line.startswith(title))
        return int(line[len(title) :].split()[1])
    except (OSError, StopIteration, ValueError):
        return 0


def _can_raise_limits() -> bool:
    try:
        status = Path("/proc/self/status").read_text()
        effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
        return bool(int(effective.split()[1], 16) >> _RESOURCE & 1)
    except (OSError, StopIteration, ValueError):
        return True


def _path() -> str:
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin:/sbin"
