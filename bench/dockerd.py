"""A Docker daemon of the run's own: private socket, private data, no network of its own.

What this is: start, wait, stop, and nothing left mounted. What it is not: the machine's daemon, which is neither
asked nor touched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from bench import measure

_PATIENCE = 30.0  # seconds to come up, and to end


def client() -> str:
    """A docker command line that can drive BuildKit. Raises Failed when there is none."""
    for program in dict.fromkeys(filter(None, ["/usr/bin/docker", shutil.which("docker")])):
        if not os.access(program, os.X_OK):
            continue
        said = measure.run([program, "--version"]).output
        major = int((re.search(r"version (\d+)", said) or ["", "99"])[1])
        if major < 23 or _buildx(program):  # since 23 BuildKit is driven by a plug-in
            return program
    raise measure.Failed("no docker command line that can drive BuildKit is installed")


def _buildx(program: str) -> bool:
    try:
        measure.run([program, "buildx", "version"])
    except measure.Failed:
        return False
    return True


class Daemon:
    """A running dockerd. Raises Failed when it can't be started; close() ends it and what it started."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("dockerd") or "/usr/sbin/dockerd"
        if not os.access(program, os.X_OK):
            raise measure.Failed("dockerd is not installed")
        if os.geteuid():
            raise measure.Failed("a private dockerd needs root")
        self.folder, self.version = folder, ""
        folder.mkdir()
        self.env = {"DOCKER_HOST": f"unix://{folder}/socket", "DOCKER_BUILDKIT": "1", "DOCKER_CONFIG": str(folder)}
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile",
                 f"{folder}/pid", "--host", f"unix://{folder}/socket", "--iptables=false", "--bridge=none"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(folder)},
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            try:
                asked = measure.run([client(), "version", "--format", "{{.Server.Version}}"], env=self.env)
            except measure.Failed:
                time.sleep(0.1)
            else:
                self.version = asked.output
                return
        last = (self.folder / "log").read_text(errors="replace").strip().splitlines()[-1:]
        self.close()
        raise measure.Failed(f"dockerd did not start: {' '.join(last)[-300:]}")

    def peak(self) -> float:
        """The daemon's own high-water mark in MB."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return int((re.search(r"VmHWM:\s+(\d+)", text) or ["", "0"])[1]) / 1024

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def mounted(folder: Path) -> list[str]:
    """What is mounted below `folder`, innermost first."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((each for each in mounts if each.startswith(f"{folder}/")), reverse=True)


def remove(folder: Path) -> None:
    """Remove the run's own folder; containers' storages keep themselves mounted, and nothing mounted is removed."""
    for place in mounted(folder):
        subprocess.run(["umount", place], check=False, capture_output=True)
    left = mounted(folder)
    if left:
        raise RuntimeError(f"{left[0]} is still mounted: {folder} is left there")
    shutil.rmtree(folder, ignore_errors=True)
