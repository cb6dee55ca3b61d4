"""An engine for a machine that has none: podman from Debian's packages, by root; else the one command is said.

What this is: what `python -m nbcontainer.orchestrators.local --install` does. What it is not: called by any verb;
nothing is installed or left running behind a person's back.
In the flow: before everything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from nbcontainer.errors import NbcontainerError, TargetError, one_line
from nbcontainer.orchestrators.local import podman
from nbcontainer.orchestrators.local.engine import Engine, NoEngine, command


def answering(url: str = "") -> str:
    """'docker 20.10.24 at unix:///var/run/docker.sock', of the engine that answers. Raises NoEngine."""
    engine = Engine(url)
    version = engine.version
    return f"{version} at {engine.url}"


def install() -> str:
    """Make an engine answer; gives what answers. Raises NoEngine or TargetError, with the command to run."""
    try:
        return answering()
    except NoEngine as error:
        if error.named or not may_install():
            raise
    _apt(packages())
    return answering()


def may_install() -> bool:
    return sys.platform.startswith("linux") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def packages() -> list[str]:
    """What podman needs here. Its recommended packages (another runtime, a rootless network) are left out."""
    found = ["podman", "containernetworking-plugins", "iptables", "ca-certificates"]
    return [*found, "runc" if podman.needs_runc() else "crun"]


def _installed(name: str) -> bool:
    asked = ["dpkg-query", "-W", "-f", "${db:Status-Status}", name]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout == "installed"


def _apt(names: list[str]) -> None:
    names = [name for name in names if not _installed(name)] or names
    print(f"== installing {' '.join(names)} from this system's packages", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *names]):
        done = subprocess.run(["apt-get", *step], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        if done.returncode:
            said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise TargetError(f"apt-get {step[0]} failed: {one_line(said[-1] if said else '', 300)}",
                              f"install an engine by hand: {command()}")


def main(arguments: list[str]) -> int:
    """The command; gives its exit code."""
    if arguments not in ([], ["--install"]):
        print("usage: python -m nbcontainer.orchestrators.local [--install]", file=sys.stderr)
        return 2
    try:
        found = install() if arguments else answering()
    except NbcontainerError as error:
        print(f"nbcontainer: {error.message}" + (f" — {error.hint}" if error.hint else ""), file=sys.stderr)
        return error.exit_code
    print(f"== container engine: {found}")
    return 0
