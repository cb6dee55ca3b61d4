"""Real engines on private sockets: a dockerd and a podman service, each with its own storage, ended by id.

What this is: how they are started on a machine without systemd, with cgroup v1 and without CAP_SYS_RESOURCE. What it is
not: anything that the package itself would do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from nbcontainer.orchestrators.local import podman
from tests.support import require

BRIDGE, NET = f"nbcl{os.getpid()}", f"10.199.{os.getpid() % 250}.1/24"  # tests may run side by side


@contextmanager
def dockerd(folder: Path) -> Iterator[str]:
    """A daemon that touches neither the machine's bridge nor its packet filter: ports are published by its proxy."""
    program = shutil.which("dockerd", path=os.environ["PATH"] + ":/usr/sbin")
    require(program and os.geteuid() == 0 and shutil.which("ip"), "dockerd, ip and root")
    _bridge()
    url = f"unix://{folder}/docker.sock"
    command = [
        str(program), "--host", url, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile",
        f"{folder}/pid", "--bridge", BRIDGE, "--iptables=false", "--exec-opt", "native.cgroupdriver=cgroupfs",
    ]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(url, process, folder / "log")
        yield url
        _empty(url)
    finally:
        process.terminate()
        process.wait(30)
        subprocess.run(["ip", "link", "del", BRIDGE], check=False)


def _bridge() -> None:
    subprocess.run(["ip", "link", "del", BRIDGE], check=False, stderr=subprocess.DEVNULL)
    for words in (f"link add {BRIDGE} type bridge", f"addr add {NET} dev {BRIDGE}", f"link set {BRIDGE} up"):
        subprocess.run(["ip", *words.split()], check=True)


@contextmanager
def podman_service(folder: Path) -> Iterator[str]:
    """The service as the package starts it, with a storage of its own."""
    require(shutil.which("podman") and os.geteuid() == 0, "podman and root")
    found = podman.service(("--root", f"{folder}/root", "--runroot", f"{folder}/run"))
    assert found is not None
    url = found.start()
    try:
        yield url
        _empty(url)
    finally:
        found.stop()
        subprocess.run(["umount", f"{folder}/root/overlay"], check=False, stderr=subprocess.DEVNULL)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 40
    while not podman.answers(Path(url.removeprefix("unix://"))):
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(log.read_text()[-2000:])
        time.sleep(0.1)


def _empty(url: str) -> None:
    """No container outlives the engine that a test started."""
    api = docker.APIClient(base_url=url, timeout=60)
    for each in api.containers(all=True):
        api.remove_container(each["Id"], v=True, force=True)
    api.close()
